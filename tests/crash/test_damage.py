"""Whatever lies damaged in OUT: it is made again, or one line says what is lost and what to do."""

import json
import random
import shutil

import pytest

from tests.autograder.layers import Desk
from tests.crash.test_kills import SEED, hidden

pytestmark = pytest.mark.prove

MADE_AGAIN = ("records", "results", "feedback", "private")
STUDENT, OTHER = "student-000", "student-001"


def cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def zeros(data: bytes, dice: random.Random) -> bytes:
    return bytes(len(data))


def flipped(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def another_schema(data: bytes, dice: random.Random) -> bytes:
    return b'{"schema": "gradlab/other/v1", "status": "graded", "score": {"value": 4}}'


DAMAGE = (cut, zeros, flipped, another_schema)


def file_of(desk: Desk, kind: str, student: str):
    """Return one file of a student."""
    found = desk.out / kind / "layers" / student
    return next(found.iterdir()) if kind == "records" else found.with_suffix(".json")


def unwrapped(text: str) -> str:
    """Return text without the spaces and line ends among which long paths are broken."""
    return "".join(text.split())


@pytest.fixture(scope="module")
def graded(few, tmp_path_factory) -> Desk:
    """Return a handful of the class, graded."""
    desk = few.copy(tmp_path_factory.mktemp("handful"))
    for number, folder in enumerate(sorted(desk.source.iterdir())):
        if number >= 6:
            shutil.rmtree(folder)
    desk.grade("--jobs", "2")
    return desk


def test_what_can_be_made_again_is_made_again(graded, tmp_path):
    """Every kind at once, each student damaged in another way."""
    desk = graded.copy(tmp_path)
    dice = random.Random(SEED)
    students = sorted(path.name for path in desk.source.iterdir())
    for kind in MADE_AGAIN:
        paths = [file_of(desk, kind, student) for student in students]
        for path, damage in zip(paths, DAMAGE, strict=False):
            path.write_bytes(damage(path.read_bytes(), dice))
        paths[4].write_bytes(paths[5].read_bytes())  # somebody else's
    blob = next((desk.out / "submissions" / "blobs").iterdir())
    blob.write_bytes(flipped(blob.read_bytes(), dice))
    (desk.out / "grades.csv").write_bytes(b"\0" * 50)
    (desk.out / ".lock").write_bytes(b"\xff" * 500)
    done = desk.grade("--jobs", "2")
    assert "counts as absent" in done.stdout
    assert desk.files() == graded.files(), f"CRASH_SEED={SEED}"


@pytest.mark.parametrize("damage", DAMAGE)
def test_attempts_that_are_damaged_are_set_aside_and_said_to_be_lost(graded, tmp_path, damage):
    desk = graded.copy(tmp_path)
    path = file_of(desk, "submissions", STUDENT)
    path.write_bytes(damage(path.read_bytes(), random.Random(SEED)))
    said = unwrapped(desk.grade().stdout)
    name = f"{STUDENT}.json"
    assert unwrapped(f"submissions/layers/{name}: unreadable, so it counts as absent (") in said
    assert unwrapped(f"set aside as {name}.unreadable. Look for lost attempts.") in said
    assert path.with_name(f"{STUDENT}.json.unreadable").exists()
    found = desk.files()
    del found[f"submissions/layers/{STUDENT}.json.unreadable"]
    assert found == graded.files()  # SOURCE still has them all


def test_a_lost_seed_is_said_and_the_scores_stay(graded, tmp_path):
    desk = graded.copy(tmp_path)
    path = desk.out / "run.json"
    path.write_bytes(flipped(path.read_bytes(), random.Random(SEED)))
    said = unwrapped(desk.grade().stdout)
    assert unwrapped("run.json: unreadable, so it counts as absent") in said
    assert desk.files() == graded.files()  # with --seed, as before


def test_a_damaged_ledger_stops_and_says_which_line(graded, tmp_path):
    desk = graded.copy(tmp_path)
    entry = {
        "kind": "override",
        "student_id": STUDENT,
        "assignment": "layers",
        "by": "sam",
        "at": "2026-02-12T09:30:00+01:00",
        "why": "viva",
        "value": "3.5",
    }
    ledger = desk.out / "ledger.jsonl"
    right = (json.dumps(entry) + "\n").encode()
    before = desk.grades()
    for data in (right + right[:40], bytes(50), right[1:], b'{"schema": "gradlab/other/v1"}\n'):
        ledger.write_bytes(data)
        done = desk.grade(code=2)
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"{ledger}:{1 + data.startswith(right)}: "), data
        assert last.endswith("Mend the line."), data
        assert desk.grades() == before
    ledger.unlink()
    ledger.mkdir()
    assert "Bring the ledger back" in desk.grade(code=2).stderr.splitlines()[-1]
    ledger.rmdir()
    ledger.write_bytes(right)
    desk.grade()
    assert desk.grades()[STUDENT]["score"] == "3.5"


FOLDERS = (
    *(f"{kind}/layers/{STUDENT}.json" for kind in (*MADE_AGAIN[1:], "submissions")),
    "run.json",
    "grades.csv",
    ".lock",
)


def test_a_folder_in_the_place_of_a_file_is_one_line(graded, tmp_path):
    desk = graded.copy(tmp_path)
    record = str(file_of(desk, "records", STUDENT).relative_to(desk.out))
    for name in (*FOLDERS, record):
        path = desk.out / name
        kept = path.rename(tmp_path / "kept")
        path.mkdir()
        done = desk.grade(code=2)
        last = done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert last.startswith(f"{path}: expected"), name
        assert "'Is a directory'" in last, name
        path.rmdir()
        kept.rename(path)
    desk.grade()
    assert desk.files() == graded.files()
    assert hidden(desk) == [".lock"]
