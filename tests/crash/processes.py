"""`gradlab grade` in a process group of its own, and the processes that belong to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.autograder.layers import COMMAND, ENVIRONMENT, Desk


def start(desk: Desk, *more: str, **environment: str) -> subprocess.Popen:
    """Start grading, as a terminal does."""
    return subprocess.Popen(
        [*COMMAND, *desk.grading(*more)],
        cwd=desk.folder,
        env=ENVIRONMENT | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 -- this process has one thread
    )


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what runs in the background inherits deafness


def wait_until(condition: Callable[[], bool], running: subprocess.Popen) -> None:
    """Wait for something that happens while the command runs."""
    while not condition():
        assert running.poll() is None, running.communicate()
        time.sleep(0.001)


def count(desk: Desk, *folders: str) -> int:
    """Return how many files and folders there are in some folders of OUT."""
    total = 0
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            total += len(os.listdir(desk.out / folder))
    return total


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and not buried."""
    try:
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def command_of(pid: int) -> str:
    """Return the words that a process was started with."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def graders_of(running: subprocess.Popen) -> list[int]:
    """Return the forks that grade."""
    return [pid for pid in children(running.pid) if "autograder.cli" in command_of(pid)]


def zygote_of(running: subprocess.Popen) -> list[int]:
    """Return the fork server, once there is one."""
    return [pid for pid in children(running.pid) if "autograder.worker" in command_of(pid)]


def workers_of(running: subprocess.Popen) -> list[int]:
    """Return the processes that run student code at this moment."""
    found = []
    for zygote in zygote_of(running):
        for child in children(zygote):
            is_server = _depth(child) > _depth(zygote)  # tier A: the process tree of its own
            found += children(child) if is_server else [child]
    return found


def _depth(pid: int) -> int:
    """Return in how many process trees a process has a number."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return len(line.split())
    return 0
