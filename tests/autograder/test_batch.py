"""Whatever is killed, whenever: nothing is lost or left over, and the same bytes come out."""

import contextlib
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.sandbox import tiers
from tests.autograder import layers
from tests.autograder.layers import COMMAND, ENVIRONMENT, Desk

_PR_SET_CHILD_SUBREAPER = 36
_SLOW = "import time\n\ntime.sleep(0.2)\n"


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


@pytest.fixture(scope="module")
def slow(tmp_path_factory) -> Desk:
    """Return a class whose files take their time, not graded."""
    desk = layers.desk(tmp_path_factory.mktemp("slow"))
    text = (desk.source / "own-class" / "layers.py").read_text()
    for number in range(12):
        desk.write(f"slow-{number:02}", text + f"\n\n# {number}\n" + _SLOW)
    return desk


@pytest.fixture(scope="module")
def undisturbed(slow, tmp_path_factory) -> Desk:
    """Return the slow class, graded in peace."""
    desk = slow.copy(tmp_path_factory.mktemp("undisturbed"))
    desk.grade("--jobs", "2")
    return desk


def start(desk: Desk, *more: str) -> subprocess.Popen:
    """Start grading in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [*COMMAND, *desk.grading(*more)],
        cwd=desk.folder,
        env=ENVIRONMENT,
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
    while not condition():
        assert running.poll() is None, running.communicate()
        time.sleep(0.001)


def count(desk: Desk, what: str) -> int:
    return len(list(desk.out.glob(what)))


def children(pid: int) -> list[int]:
    try:
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except FileNotFoundError:
        return ""


def graders_of(running: subprocess.Popen) -> list[int]:
    return [pid for pid in children(running.pid) if "autograder.cli" in command_of(pid)]


def zygote_of(running: subprocess.Popen) -> int:
    (pid,) = (pid for pid in children(running.pid) if "autograder.worker" in command_of(pid))
    return pid


# --- killed, and started again ----------------------------------------------------------------


@pytest.mark.prove
def test_a_run_that_is_killed_again_and_again_loses_nothing(slow, undisturbed, tmp_path, leftovers):
    desk = slow.copy(tmp_path)
    for what, number in (
        (".lock", 1),
        ("submissions/blobs/*", 2),
        ("submissions/layers/*.json", 20),
        ("run.json", 1),
        ("records/*/*/*.json", 1),
        ("records/*/*/*.json", 9),
        ("records/*/*/*.json", 17),
    ):
        running = start(desk, "--jobs", "2")
        wait_until(lambda what=what, number=number: count(desk, what) >= number, running)
        running.kill()
        running.communicate()
        assert leftovers() == []
    done = desk.grade("--jobs", "2")
    known = int(re.search(r"; (\d+) not changed", done.stderr).group(1))
    assert known >= 17
    assert desk.files() == undisturbed.files()


@pytest.mark.prove
def test_a_run_that_is_killed_at_any_moment_leaves_whole_files(
    slow, undisturbed, tmp_path, leftovers
):
    desk = slow.copy(tmp_path)
    moments = random.Random(5)
    for _ in range(6):
        with start(desk, "--jobs", "2") as running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(moments.uniform(2.0, 6.0))
            running.kill()
        assert leftovers() == []
        assert not list(desk.out.rglob("*.unreadable"))
    assert "counts as absent" not in desk.grade("--jobs", "2").stdout
    assert desk.files() == undisturbed.files()


@pytest.mark.prove
def test_ctrl_c_stops_at_once_says_so_and_goes_on_later(slow, undisturbed, tmp_path, leftovers):
    desk = slow.copy(tmp_path)
    running = start(desk, "--jobs", "2")
    wait_until(lambda: count(desk, "records/*/*/*.json") >= 12, running)
    os.killpg(running.pid, signal.SIGINT)
    printed, complaints = running.communicate(timeout=20)
    assert running.returncode == 130
    assert printed == ""
    assert complaints.splitlines()[-1].startswith(
        "Stopped. What was done is kept; the same command"
    )
    assert "Traceback" not in complaints
    assert leftovers() == []
    assert not (desk.out / "grades.csv").exists()
    desk.grade("--jobs", "2")
    assert desk.files() == undisturbed.files()


@pytest.mark.prove
@pytest.mark.parametrize("delay_s", [0.0, 1.0, 2.0])
def test_ctrl_c_during_the_start_stops_as_quietly(slow, tmp_path, leftovers, delay_s):
    desk = slow.copy(tmp_path)
    running = start(desk)
    wait_until(lambda: count(desk, "run.json") == 1, running)
    time.sleep(delay_s)
    os.killpg(running.pid, signal.SIGINT)
    _, complaints = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "Traceback" not in complaints
    assert leftovers() == []


@pytest.mark.prove
def test_graders_that_are_killed_are_replaced(slow, undisturbed, tmp_path, leftovers):
    desk = slow.copy(tmp_path)
    running = start(desk, "--jobs", "2")
    for records in (1, 7, 13):
        wait_until(lambda records=records: count(desk, "records/*/*/*.json") >= records, running)
        os.kill(graders_of(running)[-1], signal.SIGKILL)
    _, complaints = running.communicate()
    assert running.returncode == 0, complaints
    assert "Traceback" not in complaints
    assert leftovers() == []
    assert desk.files() == undisturbed.files()


@pytest.mark.prove
def test_a_fork_server_that_is_killed_stops_the_run_and_costs_nobody_anything(
    slow, undisturbed, tmp_path, leftovers
):
    desk = slow.copy(tmp_path)
    running = start(desk, "--jobs", "2")
    wait_until(lambda: count(desk, "records/*/*/*.json") >= 10, running)
    os.kill(zygote_of(running), signal.SIGKILL)
    _, complaints = running.communicate(timeout=60)
    assert running.returncode == 3
    assert "Traceback" not in complaints
    assert "what was graded is kept" in complaints.splitlines()[-1]
    assert leftovers() == []
    desk.grade("--jobs", "2")
    assert desk.files() == undisturbed.files()


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


# --- the same bytes ---------------------------------------------------------------------------


@pytest.mark.prove
def test_neither_the_number_of_graders_nor_the_order_changes_a_byte(graded, tmp_path):
    alone = layers.desk(tmp_path / "alone")
    alone.grade("--jobs", "1")
    assert alone.files() == graded.files()

    backwards = layers.desk(tmp_path / "backwards", "stub")
    (backwards.course / "roster.csv").write_text((alone.course / "roster.csv").read_text())
    for student in sorted((path.name for path in alone.source.iterdir()), reverse=True):
        shutil.rmtree(backwards.source)
        shutil.copytree(alone.source / student, backwards.source / student)
        backwards.collect()
    shutil.rmtree(backwards.source)
    shutil.copytree(alone.source, backwards.source)
    backwards.grade("--jobs", "3", "--force")
    assert backwards.files() == graded.files()


@pytest.mark.prove
def test_another_seed_draws_other_hidden_inputs_and_gives_the_same_scores(graded, tmp_path):
    desk = layers.desk(tmp_path)
    done = layers.gradlab(
        *desk.arguments("grade", str(desk.source), "--roster", str(desk.course / "roster.csv")),
        "--seed",
        "8",
    )
    assert done.returncode == 0
    scores = {name: row["score"] for name, row in graded.grades().items()}
    assert {name: row["score"] for name, row in desk.grades().items()} == scores
    assert desk.files() != graded.files()


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
