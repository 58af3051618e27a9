"""Whatever is killed, whenever: nothing is lost or left over, and the same grades come out."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from tests.autograder.layers import Desk
from tests.crash import crowd
from tests.crash.processes import (
    count,
    graders_of,
    start,
    wait_until,
    workers_of,
    zygote_of,
)

SEED = int(os.environ.get("CRASH_SEED", "2026"))  # another one kills at other points
COLLECTED = ("submissions/blobs", "submissions/layers")
EXAMINED = ("records/layers",)

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Desk:
    """Return the class of three hundred, not graded."""
    return crowd.gather(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def undisturbed(whole, tmp_path_factory) -> Desk:
    """Return the class of three hundred, graded in peace."""
    desk = whole.copy(tmp_path_factory.mktemp("undisturbed"))
    desk.grade("--jobs", "2")
    return desk


def living(running: subprocess.Popen, who: str) -> list[int]:
    """Return the processes of one kind."""
    if who == "parent":
        return [running.pid]
    return {"grader": graders_of, "worker": workers_of, "zygote": zygote_of}[who](running)


def kill(running: subprocess.Popen, who: str, moments: random.Random) -> None:
    """Kill one process of a kind, as soon as there is one."""
    while True:
        wait_until(lambda: bool(living(running, who)), running)
        found = living(running, who)
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(moments.choice(found), signal.SIGKILL)
            return


def plan(moments: random.Random) -> list[list[tuple[str, int]]]:
    """Return, for each run, whom to kill after how much progress; the last kill ends the run."""
    collecting = [[("parent", moments.randrange(1, 600))] for _ in range(2)]
    examining = []
    for number in range(6):
        points = sorted(moments.sample(range(40 * number + 1, 40 * number + 40), 8))
        whom = [moments.choice(("worker", "worker", "grader")) for _ in points[1:]]
        examining.append(
            list(zip([*whom, moments.choice(("parent", "zygote"))], points, strict=True))
        )
    return collecting + examining


def wait_for(desk: Desk, folders: tuple[str, ...], point: int, running: subprocess.Popen) -> None:
    wait_until(lambda: count(desk, *folders) >= point, running)


def hidden(desk: Desk) -> list[str]:
    return sorted(path.name for path in desk.out.rglob(".*"))


def test_fifty_kills_cost_nobody_anything(whole, undisturbed, tmp_path, leftovers):
    desk = whole.copy(tmp_path / "desk")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    moments = random.Random(SEED)
    runs = plan(moments)
    assert sum(map(len, runs)) == 50
    for run in runs:
        folders = COLLECTED if len(run) == 1 else EXAMINED
        running = start(desk, "--jobs", "2", TMPDIR=str(temporary))
        for who, point in run:
            wait_for(desk, folders, point, running)
            time.sleep(moments.uniform(0, 0.02))
            kill(running, who, moments)
        _, complaints = running.communicate(timeout=120)
        said = f"CRASH_SEED={SEED}, killed {run}: {complaints}"
        assert running.returncode == (-signal.SIGKILL if who == "parent" else 3), said
        assert "Traceback" not in complaints, said
        assert leftovers() == [], said
    done = desk.grade("--jobs", "2", TMPDIR=str(temporary))
    said = f"CRASH_SEED={SEED}: {runs}"
    assert "not changed, so not examined again" in done.stderr, said
    assert "counts as absent" not in done.stdout, said
    assert desk.files() == undisturbed.files(), said
    assert list(desk.grades()) == sorted(["absent", *(p.name for p in desk.source.iterdir())])
    assert hidden(desk) == [".lock"], said
    assert list(temporary.iterdir()) == [], said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stop_at_any_moment_says_so_and_goes_on_later(
    few, few_graded, tmp_path, leftovers, number
):
    desk = few.copy(tmp_path / "desk")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    moments = random.Random(SEED)
    points = [(COLLECTED, 1), (COLLECTED, 60), (("",), 3), (EXAMINED, 12), (EXAMINED, 25)]
    for folders, point in points:
        running = start(desk, "--jobs", "2", TMPDIR=str(temporary))
        wait_for(desk, folders, point, running)
        time.sleep(moments.uniform(0, 1.5) if folders == ("",) else moments.uniform(0, 0.05))
        os.killpg(running.pid, number)
        printed, complaints = running.communicate(timeout=60)
        said = f"CRASH_SEED={SEED}, {point} of {folders}: {complaints}"
        assert running.returncode == 128 + number, said
        assert printed == "", said
        assert complaints.splitlines()[-1].startswith("Stopped. What was done is kept; the"), said
        assert "Traceback" not in complaints, said
        assert leftovers() == [], said
        assert not (desk.out / "grades.csv").exists(), said
        assert hidden(desk) in ([], [".lock"]), said
    desk.grade("--jobs", "2", TMPDIR=str(temporary))
    assert desk.files() == few_graded.files()
    assert list(temporary.iterdir()) == []


def test_a_worker_that_is_killed_each_time_costs_no_point_and_needs_a_person(
    few, few_graded, tmp_path, leftovers
):
    desk = few.copy(tmp_path)
    mine = "student-002"  # right, and slow
    for other in desk.source.iterdir():
        if other.name != mine:
            shutil.rmtree(other)
    running = start(desk, "--jobs", "1")
    while running.poll() is None:
        for pid in workers_of(running) if graders_of(running) else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)
    printed, complaints = running.communicate()
    assert running.returncode == 3, complaints
    assert "The grader itself failed for 1 of them." in printed
    assert "Traceback" not in complaints
    assert leftovers() == []
    assert (desk.grades()[mine]["status"], desk.grades()[mine]["score"]) == ("internal_error", "")
    desk.grade()
    assert desk.grades()[mine]["score"] == few_graded.grades()[mine]["score"] == "4"


def test_a_second_stop_does_not_interrupt_the_tidying_up(few, tmp_path, leftovers):
    desk = few.copy(tmp_path)
    running = start(desk, "--jobs", "2")
    wait_for(desk, EXAMINED, 5, running)
    for _ in range(20):
        os.killpg(running.pid, signal.SIGTERM)
    _, complaints = running.communicate(timeout=60)
    assert running.returncode == 143
    assert "Traceback" not in complaints
    assert leftovers() == []
