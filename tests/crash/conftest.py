import contextlib
import ctypes
import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests.autograder.layers import Desk
from tests.crash import crowd
from tests.crash.processes import children, command_of

_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def leftovers() -> Iterator[Callable[[], list[str]]]:
    """Become the parent of every orphan; return what is still alive some seconds after."""
    before = children(os.getpid())  # other tests' sandboxes live as long as the session
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def alive() -> list[str]:
        deadline = time.monotonic() + 20
        while (found := _born_since(before)) and time.monotonic() < deadline:
            for pid in found:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.02)
        return [command_of(pid) for pid in found]

    yield alive
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _born_since(before: list[int]) -> list[int]:
    return [pid for pid in children(os.getpid()) if pid not in before]


@pytest.fixture(scope="session")
def few(tmp_path_factory) -> Desk:
    """Return the first forty of the class, not graded."""
    return crowd.gather(tmp_path_factory.mktemp("few"), 40)


@pytest.fixture(scope="session")
def few_graded(few, tmp_path_factory) -> Desk:
    """Return the first forty of the class, graded in peace."""
    desk = few.copy(tmp_path_factory.mktemp("few-graded"))
    desk.grade("--jobs", "2")
    return desk
