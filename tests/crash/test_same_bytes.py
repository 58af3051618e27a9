"""The same seed, the same bytes: whatever the number of graders, the order, the user, the clock."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.autograder import layers
from tests.autograder.layers import ENVIRONMENT, Desk
from tests.crash.elsewhere import elsewhere
from tests.crash.processes import count, start, wait_until

pytestmark = pytest.mark.prove

# A module that Python imports by itself at its start: the clock of everything after is wrong.
_ANOTHER_CLOCK = """
import datetime, os, time

_SHIFT = float(os.environ["CLOCK_SHIFT"])
_now, _time, _real = datetime.datetime.now, time.time, datetime.datetime

class _Shifted(type(_real)):
    def __instancecheck__(cls, one):
        return isinstance(one, _real)

time.time = lambda: _time() + _SHIFT

class datetime_(_real, metaclass=_Shifted):
    @classmethod
    def now(cls, tz=None):
        return _now(tz) + datetime.timedelta(seconds=_SHIFT)

datetime.datetime = datetime_
"""


def keep(desk: Desk, students: int) -> Desk:
    """Leave only the first students in SOURCE."""
    for folder in sorted(desk.source.iterdir())[students:]:
        shutil.rmtree(folder)
    return desk


@pytest.fixture(scope="module")
def small(few, tmp_path_factory) -> Desk:
    """Return fourteen students, one of each kind, not graded."""
    return keep(few.copy(tmp_path_factory.mktemp("small")), 14)


@pytest.fixture(scope="module")
def graded(small, tmp_path_factory) -> Desk:
    """Return them graded, by two graders."""
    desk = small.copy(tmp_path_factory.mktemp("graded"))
    desk.grade("--jobs", "2")
    return desk


def bytes_of(desk: Desk) -> dict[str, str]:
    """Return all files as text, in the order of their keys, times aside."""
    return {name: json.dumps(found, default=repr) for name, found in desk.files().items()}


def without_history(desk: Desk) -> dict[str, str]:
    """Return all files but what tells of earlier grades, which who came later has more of."""
    left_out = ("history/", "gradebook.sqlite")
    return {name: one for name, one in bytes_of(desk).items() if not name.startswith(left_out)}


def test_neither_order_nor_graders_nor_surroundings_change_a_byte(small, graded, tmp_path):
    desk = small.copy(tmp_path / "alone")
    desk.grade("--jobs", "1", PYTHONHASHSEED="1", TZ="Pacific/Auckland")
    assert bytes_of(desk) == bytes_of(graded)

    desk = small.copy(tmp_path / "many")
    strange = {"PYTHONHASHSEED": "2", "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}
    before = os.umask(0o077)
    try:
        done = layers.gradlab(*desk.grading("--jobs", "4"), cwd=Path("/"), **strange)
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    assert bytes_of(desk) == bytes_of(graded)


def test_collected_backwards_and_one_by_one_it_is_the_same(small, graded, tmp_path):
    desk = small.copy(tmp_path / "desk")
    whole = desk.source.rename(tmp_path / "whole")
    for folder in sorted(whole.iterdir(), reverse=True):
        shutil.copytree(folder, desk.source / folder.name)
        if folder.name.endswith(("3", "7")):
            desk.collect()
    desk.grade("--jobs", "2")
    assert bytes_of(desk) == bytes_of(graded)


def test_a_run_that_goes_on_is_the_same_as_one_that_went_through(small, graded, tmp_path):
    desk = small.copy(tmp_path)
    for records in (3, 8):
        running = start(desk, "--jobs", "2")
        wait_until(lambda records=records: count(desk, "records/layers") >= records, running)
        running.kill()
        running.communicate()
    desk.grade("--jobs", "1")
    assert bytes_of(desk) == bytes_of(graded)


def test_another_seed_draws_other_inputs_and_gives_the_same_scores(small, graded, tmp_path):
    desk = small.copy(tmp_path)
    desk.grade("--jobs", "2", "--seed", "8")
    assert desk.files() != graded.files()
    scores = {name: row["score"] for name, row in graded.grades().items()}
    assert {name: row["score"] for name, row in desk.grades().items()} == scores


def without_isolation(desk: Desk) -> dict:
    """Return the results without where they ran, which the hash of a run says, too."""
    found = desk.documents("results")
    for document in found.values():
        del document["isolation"], document["environment"]["run_sha256"]
        del document["graded_at"]
        for case in (case for one in document["exercises"] for case in one["cases"]):
            del case["duration_s"]
    return found


def test_both_tiers_find_the_same(small, graded, tmp_path):
    desk = small.copy(tmp_path)
    tier = graded.document("results", "student-000")["isolation"]["tier"]
    other = {"A": "C", "C": "A"}[tier]
    command = [sys.executable, "-m", "tests.attacks.runner", other]
    done = subprocess.run(
        [*command, *desk.grading("--jobs", "2")],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    if f"expected tier {other}" in done.stderr:
        pytest.skip(f"this machine has no tier {other}")
    assert done.returncode == 0, done.stderr
    assert without_isolation(desk) == without_isolation(graded)
    assert desk.documents("feedback").keys() == graded.documents("feedback").keys()


def test_an_ordinary_user_finds_the_same(small, graded):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, elsewhere() as place:
        desk = small.copy(Path(name))
        place.let_nobody_in()
        place.run("chmod", "-R", "a+rwX", name)
        place.gradlab(*desk.grading("--jobs", "2"), nobody=True, HOME="/nowhere")
        assert without_isolation(desk) == without_isolation(graded)


# --- the clock --------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_changes_nothing(small, graded, tmp_path):
    desk = small.copy(tmp_path / "desk")
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(_ANOTHER_CLOCK)
    path = f"{tmp_path / 'clock'}:{ENVIRONMENT['PYTHONPATH']}"
    whole = desk.source.rename(tmp_path / "whole")
    desk.source.mkdir()
    for number, folder in enumerate(sorted(whole.iterdir())):
        if number % 2:
            shutil.copytree(folder, desk.source / folder.name)
    tomorrow = {"PYTHONPATH": path, "CLOCK_SHIFT": "86400"}
    desk.grade("--jobs", "2", **tomorrow)
    first = desk.documents("results")
    some = next(one for one in first if first[one]["attempts"])
    shutil.copytree(whole, desk.source, dirs_exist_ok=True)
    done = desk.grade("--jobs", "2", PYTHONPATH=path, CLOCK_SHIFT="-86400")
    assert "not changed, so not examined again" in done.stderr
    assert desk.documents("results")[some]["graded_at"] < first[some]["graded_at"]
    assert without_history(desk) == without_history(graded)
    histories = desk.documents("history")
    for student, right in graded.documents("history").items():
        assert histories[student]["grades"][-1] == right["grades"][-1] | {
            "graded_at": histories[student]["grades"][-1]["graded_at"]
        }
