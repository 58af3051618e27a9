"""One export: from OUT to the files that a platform takes, with a plan of what changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.errors import ConfigError
from autograder.lms import moodle as worksheets
from autograder.models import Assignment, frozen
from autograder.publish import moodle
from autograder.publish.plan import Plan
from autograder.publish.results import Result, read_results
from autograder.report.store import Store, write_atomically


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


def _moodle(job: _Job) -> Plan:
    sheet = worksheets.read_worksheet(_into(job.order, "the grading worksheet"), job.zone)
    return moodle.fill(sheet, job.results, anonymous=job.order.anonymous)


_TARGETS: dict[str, Callable[[_Job], Plan]] = {
    "moodle": _moodle,
}
TARGETS = tuple(_TARGETS)


def plan(store: Store, assignment: Assignment, order: Order, zone: ZoneInfo) -> Plan:
    """Work out an export; nothing is written.

    Raises:
        ConfigError: If OUT has no results, or the platform's file is wrong.
    """
    results = read_results(store, assignment.id)
    if not results:
        raise ConfigError(
            f"{store.out}: expected results of {assignment.id}, got none. Grade first: "
            f"gradlab grade SOURCE -a {assignment.id} -o {store.out}"
        )
    job = _Job(order=order, results=results, assignment=assignment, zone=zone)
    made = _TARGETS[order.target](job)
    made.notes.extend(store.notes)
    return made


def write(made: Plan, folder: Path, main: Path | None) -> list[Path]:
    """Write the files of a plan, each whole or not at all.

    Args:
        made: The plan.
        folder: Where its files go.
        main: Another name for the first of them; the others go beside it, under its name.

    Raises:
        GraderError: If there is no room or leave to write; old files are still there then.
    """
    written = []
    for index, (name, data) in enumerate(made.files.items()):
        if main is None:
            path = folder / name
        else:
            path = main if index == 0 else main.with_name(f"{main.stem}-{name.name}")
        write_atomically(path, data)
        written.append(path)
    return written


def _into(order: Order, what: str) -> Path:
    if order.into is None:
        raise ConfigError(
            f"--into: expected {what} that {order.target.title()} wrote, got nothing. "
            f"Download it, and name it: --into FILE."
        )
    return order.into
