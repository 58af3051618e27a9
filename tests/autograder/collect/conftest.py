"""Search a platform's download, given as bytes or as a folder."""

from datetime import UTC
from fractions import Fraction

import pytest

from autograder.collect import Found, Roster, Student, find_submissions
from autograder.models import Assignment, Exercise, Schedule, ScoreRules
from autograder.report.store import Store

ASSIGNMENT = Assignment(
    id="tp1",
    title="Losses",
    exercises=(Exercise(id="softmax", topic="losses", points=Fraction(1)),),
    rules=ScoreRules(),
    schedule=Schedule(),
    files=("losses.py", "losses.ipynb"),
)


@pytest.fixture
def search(tmp_path):
    """Return a function that searches a download; `worksheet` may be bytes, too."""
    store = Store(tmp_path / "out")

    def run(source, **options) -> Found:
        if isinstance(source, bytes):
            (tmp_path / "download.zip").write_bytes(source)
            source = tmp_path / "download.zip"
        if isinstance(options.get("worksheet"), bytes):
            (tmp_path / "worksheet.csv").write_bytes(options["worksheet"])
            options["worksheet"] = tmp_path / "worksheet.csv"
        options.setdefault("timezone", "Europe/Paris")
        found = find_submissions(source, assignment=ASSIGNMENT, keep=store.keep, **options)
        store.record_attempts(found.submissions)
        return found

    with store.lock():
        run.store = store
        yield run


@pytest.fixture
def seen():
    """Return a function that shows what was found: names of files, by student and attempt."""

    def show(found: Found) -> dict[str, list[list[str]]]:
        return {
            one.student_id: [[file.name for file in attempt.files] for attempt in one.attempts]
            for one in found.submissions
        }

    return show


@pytest.fixture
def times():
    """Return a function that shows the times of attempts in UTC, by student."""

    def show(found: Found) -> dict[str, list[str]]:
        return {
            one.student_id: [
                f"{a.submitted_at.astimezone(UTC):%d %H:%M} {a.time_source}"
                if a.submitted_at
                else str(a.time_source)
                for a in one.attempts
            ]
            for one in found.submissions
        }

    return show


@pytest.fixture
def roster():
    """Return a function that makes a roster of "id", "Full Name" and aliases."""

    def make(*students) -> Roster:
        made = [Student(student_id=i, name=name, aliases=tuple(a)) for i, name, *a in students]
        return Roster(students={one.student_id: one for one in made})

    return make
