"""Faults of ours are tried again and cost nobody a point; graders do one job at a time."""

import json
import subprocess
import sys
import textwrap

import pytest

from autograder.sandbox import tiers
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


# --- isolation that is lost on the way ------------------------------------------------------------

# The batch of a machine whose kernel stops giving out namespaces once the fork server stands.
_LOSES_TIER_A = """
import sys
from autograder.cli import main
from autograder.sandbox.client import Sandbox
from tests.autograder.sandbox.test_client import allow_no_more_namespaces

wait_ready = Sandbox.wait_ready


def lose(sandbox):
    wait_ready(sandbox)
    allow_no_more_namespaces(sandbox)


Sandbox.wait_ready = lose
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.prove
def test_a_batch_that_loses_its_tier_stops_with_one_line_and_grades_nobody(tmp_path):
    if fault := tiers.attempt("A").fault:
        pytest.skip(f"tier A: {fault}")
    desk = layers.desk(tmp_path, "own-class", "stub")
    script = [sys.executable, "-c", _LOSES_TIER_A, *desk.grading()]
    done = subprocess.run(
        script, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 3, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("isolation: expected every worker in the tier decided at the start, got")
    assert "No space left on device" in last
    assert "Nothing ran outside of it" in last
    assert "Traceback" not in done.stderr
    assert list(desk.out.glob("results/**/*.json")) == []
    desk.grade()  # the same command, on a machine that has it again
    assert desk.grades()["own-class"]["status"] == "graded"
