"""Faults of ours are tried again and cost nobody a point; graders do one job at a time."""

import json
import subprocess
import sys
import textwrap

import pytest

from tests.autograder import layers
from tests.autograder.layers import ENVIRONMENT, Desk

# --- faults of ours ---------------------------------------------------------------------------

# A suite is trusted code: this one breaks before any student value when it sees a certain file,
# and keeps count.
_BREAKS = """
import os
from pathlib import Path

def break_if_asked(student):
    files = getattr(student._transport, "_files", ())
    marker = os.environ.get("BREAKS_FOR")
    if marker and any(marker.encode() in content for _, content in files):
        with Path(os.environ["COUNT"]).open("a") as log:
            log.write("broken\\n")
        raise OSError("the disk is gone")

"""


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> tuple[Desk, str, int]:
    """Grade a class whose suite breaks for one student; return what was printed, and how often."""
    desk = layers.desk(tmp_path_factory.mktemp("broken"), "own-class", "tuple-cache", "einsum")
    suite = desk.course / "tests" / "hidden" / "test_layers.py"
    suite.write_text(_BREAKS + suite.read_text())
    desk.replace(
        "tests/hidden/test_layers.py",
        '"""random input"""\n        (x,) =',
        '"""random input"""\n        break_if_asked(student)\n        (x,) =',
    )
    log = desk.folder / "count"
    done = desk.grade(code=3, BREAKS_FOR="class Cache", COUNT=str(log))
    return desk, done.stdout, len(log.read_text().split())


def test_a_fault_of_the_suite_is_retried_twice_and_needs_a_person(broken):
    desk, printed, times = broken
    assert times == 3 * 2  # an exercise that does not pass is run once more, alone
    assert desk.grades()["own-class"]["status"] == "internal_error"
    assert desk.grades()["own-class"]["score"] == ""
    assert "The grader itself failed for 1 of them." in printed


def test_a_fault_of_ours_costs_the_others_nothing(broken):
    desk, _, _ = broken
    assert desk.grades()["tuple-cache"]["score"] == "4"
    assert desk.grades()["einsum"]["score"] == "2.8"


def test_the_instructor_learns_of_a_fault_what_the_student_does_not(broken):
    desk, _, _ = broken
    (attempt,) = desk.document("results", "own-class")["attempts"]
    assert attempt["problem"].startswith("hidden/test_layers.py::TestReluForward::test_random")
    assert "the disk is gone" in attempt["problem"]
    assert "disk" not in json.dumps(desk.document("feedback", "own-class"))


def test_the_next_run_tries_a_fault_again_and_nothing_else(broken, tmp_path):
    desk = broken[0].copy(tmp_path)
    done = desk.grade()
    assert "1 of 1 attempts" in done.stderr
    assert "attempts to examine: 1; 2 not changed" in done.stderr
    assert desk.grades()["own-class"]["score"] == "4"


# --- graders ----------------------------------------------------------------------------------


def run_script(body: str) -> str:
    """Run a script that forks graders: that needs a process with one thread."""
    script = "import os, signal, time\nfrom autograder.graders import Graders\n"
    command = [sys.executable, "-c", script + textwrap.dedent(body)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip() + done.stderr.strip()


def test_ctrl_c_in_a_graders_first_moment_does_not_make_a_second_parent_of_it():
    said = run_script("""
        fork = os.fork
        def forked():
            pid = fork()
            if pid == 0:
                os.kill(os.getpid(), signal.SIGINT)
            return pid
        os.fork = forked
        try:
            print(dict(Graders(lambda grader, job: b"done", jobs=1, graders=1)))
        except KeyboardInterrupt:
            print("a grader is here, where only its parent may be")
    """)
    assert said == "{0: b'done'}"


def test_attempts_that_make_a_grader_raise_use_up_no_spare_grader_and_are_printed_once():
    said = run_script("""
        def work(grader, job):
            if job % 2:
                raise RuntimeError("a fault of ours")
            return b"done"
        answers = dict(Graders(work, jobs=40, graders=2, spares=1))
        print(answers == {job: None if job % 2 else b"done" for job in range(40)})
    """)
    assert said.startswith("True")
    assert said.count("RuntimeError: a fault of ours") == 1


def test_why_the_sandbox_is_gone_is_said_once():
    said = run_script("""
        from autograder.errors import SandboxError
        def work(grader, job):
            raise SandboxError("sandbox: expected a fork server, got none.")
        try:
            list(Graders(work, jobs=40, graders=2, spares=3))
        except SandboxError as error:
            print(error)
    """)
    assert said == (
        "graders: expected them to live, got 5 that died. Run `gradlab doctor`, then grade again;"
        " what was graded is kept. Their last words: sandbox: expected a fork server, got none."
    )
