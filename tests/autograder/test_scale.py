"""Many classes in one run: each copy gets its original's verdict, and memory stays flat.

`make prove` grades eighty copies, `make scale` two hundred, which takes a quarter of an hour.

The assignment is short, so that the run is: one exercise that most of the class wrote, and those in
which its endless loop and its memory bomb sit. The student who sleeps costs seconds of waiting each
time, and is copied less often.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.autograder.layers import ENVIRONMENT, ROOT

CLASS = ROOT / "tests" / "submissions"
COPIES, OF_THE_SLEEPER = int(os.environ.get("SCALE_COPIES", "80")), 10
EARLY = 20  # copies after which memory is first looked at
EXERCISES = ("softmax", "cross_entropy", "mlp_backward")
_BLOCK = """
  scale:
    title: "A short assignment for a long run"
    class_end: 2026-02-09 18:30
    closes: 2026-03-02 23:59
    sections: {evening: {class_end: 2026-02-10 20:30}}
    limits: {call_cpu_s: 0.3, exercise_cpu_s: 0.4, import_cpu_s: 0.5}
    exercises: [losses.softmax, losses.cross_entropy, mlp.mlp_backward]
"""
_GRADE = """
import json, os, sys
from pathlib import Path
from autograder import pipeline

def resident(pid):
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

def graders():
    me = os.getpid()
    born = Path(f"/proc/{me}/task/{me}/children").read_text().split()
    mine = Path("/proc/self/cmdline").read_bytes()
    return [pid for pid in born if Path(f"/proc/{pid}/cmdline").read_bytes() == mine]

class Watch:
    def __init__(self):
        self.samples = []
    def begin(self, isolation, total, known):
        pass
    def examined(self, student, record):
        self.samples.append((resident(os.getpid()), max(map(resident, graders()), default=0)))

folder = Path(sys.argv[1])
watch = Watch()
summary = pipeline.grade(pipeline.Request(
    course_dir=folder / "course", source=folder / "class", assignment="scale", out=folder / "out",
    roster=folder / "roster.csv", seed=7, jobs=3), watch)
assert not summary.faults
(folder / "samples.json").write_text(json.dumps(watch.samples))
"""


def copies_of(student: str) -> int:
    return OF_THE_SLEEPER if student == "sleeps" else COPIES


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> Path:
    """Grade all copies in one process of their own; return its folder."""
    folder = tmp_path_factory.mktemp("scale")
    students = sorted(path.name for path in CLASS.iterdir() if path.is_dir())
    course(folder / "course")
    for student in students:
        for number in range(copies_of(student)):
            target = folder / "class" / copy(number, student)
            shutil.copytree(CLASS / student, target, ignore=shutil.ignore_patterns("expected.json"))
    many(CLASS / "roster.csv", folder / "roster.csv", path=False)
    many(CLASS / "submissions.csv", folder / "class" / "submissions.csv", path=True)
    subprocess.run(
        [sys.executable, "-c", _GRADE, str(folder)], env=ENVIRONMENT, check=True, timeout=3000
    )
    return folder


def course(folder: Path) -> None:
    """Make a course of this one's topics with the short assignment."""
    folder.mkdir()
    for name in ("reference", "tests"):
        (folder / name).symlink_to(ROOT / name)
    text = (ROOT / "grading_config.yml").read_text(encoding="utf-8")
    (folder / "grading_config.yml").write_text(text + _BLOCK, encoding="utf-8")


def copy(number: int, student: str) -> str:
    return f"{number:03}-{student}"  # so that a class is graded before the next one begins


def many(table: Path, target: Path, *, path: bool) -> None:
    """Repeat each student's rows for each copy."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for row in rows:
            for number in range(copies_of(row["student_id"])):
                mine = {**row, "student_id": copy(number, row["student_id"])}
                if path:
                    mine["path"] = copy(number, row["path"]) if row["path"] else ""
                writer.writerow(mine)


def verdict(document: dict) -> str:
    """Return all that a result says about the work, as text."""
    kept = {key: document[key] for key in ("status", "score", "exercises")}
    for exercise in kept["exercises"]:
        for case in exercise["cases"]:
            del case["duration_s"]
    return json.dumps(kept, sort_keys=True)


@pytest.mark.prove
def test_each_copy_gets_the_verdict_of_its_original(graded):
    verdicts: dict[str, Counter] = {}
    for path in (graded / "out" / "results" / "scale").glob("*.json"):
        student = path.stem.partition("-")[2]
        document = json.loads(path.read_text(encoding="utf-8"))
        verdicts.setdefault(student, Counter())[verdict(document)] += 1
    assert {student: sorted(found.values()) for student, found in verdicts.items()} == {
        student: [copies_of(student)] for student in verdicts
    }
    expected = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in CLASS.glob("*/expected.json")
    }
    assert verdicts.keys() == expected.keys()
    for student, wanted in expected.items():
        found = json.loads(next(iter(verdicts[student])))
        outcomes = {one["id"]: one["outcome"] for one in found["exercises"]}
        assert found["status"] == wanted["status"]
        for exercise, outcome in wanted.get("exercises", {}).items():
            assert outcomes.get(exercise, outcome) == outcome, (student, exercise)


@pytest.mark.prove
def test_memory_stays_flat(graded):
    samples = json.loads((graded / "samples.json").read_text(encoding="utf-8"))
    early = samples[len(samples) * EARLY // COPIES]
    for before, after in zip(early, samples[-1], strict=True):
        assert 0 < after < 1.05 * before
