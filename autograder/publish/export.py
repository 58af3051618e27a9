"""One export: from OUT to the files that a platform takes, with a plan of what changes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.anonymous import aliases
from autograder.errors import ConfigError
from autograder.lms import canvas as gradebooks
from autograder.lms import moodle as worksheets
from autograder.models import Assignment, frozen
from autograder.publish import canvas, classroom50, gradescope, junit, moodle, table
from autograder.publish.plan import Plan
from autograder.publish.results import Result, read_results
from autograder.report.store import Store, write_atomically
from autograder.report.text import count, ran_in


@frozen
class Order:
    """What to export, and how; one field for each option of `gradlab export`."""

    target: str
    into: Path | None = None
    column: str | None = None
    anonymous: bool = False


@frozen
class _Job:
    order: Order
    results: list[Result]
    assignment: Assignment
    zone: ZoneInfo
    names: dict[str, str]  # what students are called in what is written, by student id


def _moodle(job: _Job) -> Plan:
    sheet = worksheets.read_worksheet(_into(job.order, "the grading worksheet"), job.zone)
    return moodle.fill(sheet, job.results, anonymous=job.order.anonymous)


def _canvas(job: _Job) -> Plan:
    book = gradebooks.read_gradebook(_into(job.order, "the gradebook"))
    return canvas.fill(book, job.results, job.assignment, job.order.column)


_TARGETS: dict[str, Callable[[_Job], Plan]] = {
    "moodle": _moodle,
    "canvas": _canvas,
    "gradescope": lambda job: gradescope.results(
        job.results, names=job.names, anonymous=job.order.anonymous
    ),
    "classroom50": lambda job: classroom50.results(job.results, job.assignment.id, os.environ),
    "junit": lambda job: junit.reports(job.results, job.assignment.id, names=job.names),
    "csv": lambda job: table.grades(
        job.results, job.assignment, names=job.names if job.order.anonymous else None
    ),
}
TARGETS = tuple(_TARGETS)
FILLED = ("moodle", "canvas")  # a file of the platform's own, which --into names
_BY_NAME = ("canvas", "classroom50")


def plan(store: Store, assignment: Assignment, order: Order, zone: ZoneInfo) -> Plan:
    """Work out an export; nothing is written.

    Raises:
        ConfigError: If OUT has no results, the platform's file is wrong, or something is given that
            the target has no use for.
    """
    _check_used(order)
    results = read_results(store, assignment.id)
    if not results:
        raise ConfigError(
            f"{store.out}: expected results of {assignment.id}, got none. Grade first: "
            f"gradlab grade SOURCE -a {assignment.id} -o {store.out}"
        )
    names = _names(store, results, order)
    job = _Job(order=order, results=results, assignment=assignment, zone=zone, names=names)
    made = _TARGETS[order.target](job)
    isolations = Counter(one.isolation for one in results if one.isolation is not None)
    made.notes.extend(
        f"{count(number, 'student')}: {ran_in(isolation)}"
        for isolation, number in isolations.items()
    )
    made.notes.extend(store.notes)
    return made


def _check_used(order: Order) -> None:
    """Refuse a file or a column that the target would pass over."""
    given = {"--into": (order.into, FILLED), "--column": (order.column, ("canvas",))}
    for option, (value, targets) in given.items():
        if value is not None and order.target not in targets:
            raise ConfigError(
                f"{option}: expected it with --to {' or '.join(targets)}, got --to {order.target}."
                f" Leave it out."
            )


def _names(store: Store, results: Sequence[Result], order: Order) -> dict[str, str]:
    if not order.anonymous:
        return {one.student_id: one.student_id for one in results}
    if order.target in _BY_NAME:
        raise ConfigError(
            f"--anonymous: expected a target that needs no names, got {order.target}, which finds "
            f"students by them. Leave it out."
        )
    return aliases(store)


def write(made: Plan, folder: Path, path: Path | None) -> list[Path]:
    """Write the files of a plan, each whole or not at all; take away what an earlier one left.

    Args:
        made: The plan.
        folder: Where its files go, if nothing else is said.
        path: Where to instead: the main file, beside which the others go; or a folder, if there is
            a file for each student.

    Raises:
        ConfigError: If many files were to go into one.
        GraderError: If there is no room or leave to write; old files are still there then.
    """
    places = _places(made, folder, path)
    for place, data in places.items():
        write_atomically(place, data)
    for place in _gone(made, folder, path):
        place.unlink(missing_ok=True)
    return list(places)


def preview(made: Plan, folder: Path, path: Path | None) -> list[tuple[Path, str]]:
    """Return what `write` would do to each file: "new", "changed", "the same" or "removed".

    Raises:
        ConfigError: If many files were to go into one.
    """
    found = [
        (place, "new" if not place.exists() else "the same" if _holds(place, data) else "changed")
        for place, data in _places(made, folder, path).items()
    ]
    return found + [(place, "removed") for place in _gone(made, folder, path) if place.exists()]


def _holds(place: Path, data: bytes) -> bool:
    try:
        return place.read_bytes() == data
    except OSError:  # a folder, or nobody's to read: writing will say so
        return False


def _gone(made: Plan, folder: Path, path: Path | None) -> list[Path]:
    """Return where an earlier export may have left what is out of date now."""
    if path is not None and not made.is_folder:
        return []
    return [(path or folder) / name for name in made.gone]


def _places(made: Plan, folder: Path, path: Path | None) -> dict[Path, bytes]:
    if path is None or (made.is_folder and not path.suffix):
        return {(path or folder) / name: data for name, data in made.files.items()}
    (first, data), *others = made.files.items()
    if not made.is_folder:
        beside = {path.with_name(f"{path.stem}-{name.name}"): more for name, more in others}
        return {path: data} | beside
    if others and first.parent.name:  # no report of the class stands first
        raise ConfigError(
            f"-o: expected a folder for the files of {len(made.files)} students, got "
            f"{path.name!r}. Name a folder."
        )
    return {path: data}


def _into(order: Order, what: str) -> Path:
    if order.into is None:
        raise ConfigError(
            f"--into: expected {what} that {order.target.title()} wrote, got nothing. "
            f"Download it, and name it: --into FILE."
        )
    return order.into
