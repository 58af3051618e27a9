"""Two graders and one OUT: the second says who is at work and touches nothing."""

import re
import signal
import socket

import pytest

from tests.autograder import layers
from tests.crash.processes import count, start, wait_until

pytestmark = pytest.mark.prove

_NO_LOCKS = """
import errno, fcntl, os

def lockf(*arguments):
    raise OSError(errno.{name}, os.strerror(errno.{name}))

fcntl.lockf = lockf
"""


def test_the_second_of_two_graders_says_who_is_at_work_and_damages_nothing(
    few, few_graded, tmp_path, leftovers
):
    desk = few.copy(tmp_path)
    deciding = ["student-000", "--kind", "excuse", "--why", "ill", "--by", "sam"]
    first = start(desk, "--jobs", "2")
    wait_until(lambda: count(desk, "records/layers") >= 5, first)
    for command in (
        desk.grading(),
        desk.arguments("collect", str(desk.source)),
        desk.arguments("adjust", *deciding),
    ):
        first.send_signal(signal.SIGSTOP)  # so that it is still there
        done = layers.gradlab(*command)
        first.send_signal(signal.SIGCONT)
        assert done.returncode == 2
        assert re.fullmatch(
            rf"{desk.out}: expected no other grader at work here, got process {first.pid} on"
            rf" {socket.gethostname()} since 20\S+\. Wait for it, or grade into another folder\.\n",
            done.stderr,
        ), done.stderr
    _, complaints = first.communicate(timeout=200)
    assert first.returncode == 0, complaints
    assert leftovers() == []
    assert desk.files() == few_graded.files()


def test_the_lock_of_a_dead_grader_is_in_nobodys_way(few, few_graded, tmp_path, leftovers):
    desk = few.copy(tmp_path)
    first = start(desk, "--jobs", "2")
    wait_until(lambda: count(desk, "records/layers") >= 5, first)
    first.kill()
    second = desk.grade("--jobs", "2")  # at once, while what belonged to the first is still dying
    first.communicate()
    assert "not changed, so not examined again" in second.stderr
    assert leftovers() == []
    assert desk.files() == few_graded.files()


@pytest.mark.parametrize("name", ["ENOLCK", "EOPNOTSUPP"])
def test_a_network_folder_without_locks_is_one_line(few, tmp_path, name):
    """Such a folder cannot be mounted here: the call that asks for the lock answers as there."""
    desk = few.copy(tmp_path / "desk")
    (tmp_path / "sitecustomize.py").write_text(_NO_LOCKS.format(name=name))
    path = f"{tmp_path}:{layers.ENVIRONMENT['PYTHONPATH']}"
    done = layers.gradlab(*desk.grading(), PYTHONPATH=path)
    assert done.returncode == 2
    assert f"{desk.out}: expected a file system with locks, got" in done.stderr
    assert done.stderr.endswith("Grade into a local folder.\n")
