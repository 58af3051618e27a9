"""Points that people give, from a table into the ledger: all of its lines, or none."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from autograder import ledger
from autograder.collect.tables import Line, read_number, read_table
from autograder.errors import ConfigError
from autograder.models import BY_PERSON, Assignment, Exercise, LedgerEntry, Submission, frozen
from autograder.report.json import text_cell
from autograder.report.store import Store

COLUMNS = ("student_id", "exercise", "points", "comment")


@frozen
class Given:
    """What became of a table of points."""

    new: int  # decisions written
    known: int  # lines that stand in the ledger already
    empty: int  # lines without points: nobody has graded them yet


def waiting(store: Store, assignment: Assignment) -> bytes:
    """Return a table to fill in: what was handed in and waits for a person's points.

    Raises:
        ConfigError: If the assignment has no exercise that a person grades.
    """
    exercises = _manual(assignment)
    entries = ledger.read(store.out / ledger.LEDGER_NAME)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for submission in store.submissions(assignment.id):
        decided = ledger.decisions(entries, assignment, submission.student_id).points
        for exercise in exercises if submission.attempts else ():
            if exercise.key not in decided:
                writer.writerow((text_cell(submission.student_id), exercise.id, "", ""))
    return table.getvalue().encode()


def give(store: Store, assignment: Assignment, table: Path, *, by: str) -> Given:
    """Write the points of a table into the ledger; the caller holds the lock of OUT.

    A table may be given again, with more of its lines filled in: what stands is not written twice.

    Args:
        store: Knows who handed something in.
        assignment: Has the exercises that people grade.
        table: A CSV file with `COLUMNS`; comment may be left out.
        by: Who decides.

    Raises:
        ConfigError: One line for each fault, with its line number; then nothing is written.
    """
    exercises = {name: one for one in _manual(assignment) for name in (one.id, one.key)}
    submissions = {one.student_id: one for one in store.submissions(assignment.id)}
    lines = read_table(table, COLUMNS[:3])
    faults = [
        f"{table.name}:{line.number}: {fault} Correct it."
        for line, fault in _faults(lines, exercises, submissions)
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    path = store.out / ledger.LEDGER_NAME
    entries = ledger.read(path)
    filled = [line for line in lines if line["points"]]
    new = [
        LedgerEntry(
            kind="points",
            student_id=line["student_id"],
            assignment=assignment.id,
            by=by,
            at=datetime.now(UTC),
            why=line["comment"] or BY_PERSON,
            exercise=exercises[line["exercise"]].key,
            value=line["points"].replace(",", "."),
        )
        for line in filled
        if not _stands(line, exercises[line["exercise"]], entries, assignment)
    ]
    if new:
        ledger.append(path, *new)
    return Given(new=len(new), known=len(filled) - len(new), empty=len(lines) - len(filled))


def _manual(assignment: Assignment) -> tuple[Exercise, ...]:
    found = tuple(one for one in assignment.exercises if one.manual)
    if not found:
        raise ConfigError(
            f"{assignment.id}: expected an exercise with `kind: manual`, got none."
            " Set points of others with: gradlab adjust --kind override --exercise NAME."
        )
    return found


def _faults(
    lines: Sequence[Line], exercises: dict[str, Exercise], submissions: dict[str, Submission]
) -> Iterator[tuple[Line, str]]:
    seen: dict[tuple[str, str], int] = {}
    for line in lines:
        student, name, points = line["student_id"], line["exercise"], line["points"]
        if student not in submissions:
            yield line, f"expected a student of the assignment, got {student!r}."
        elif points and not submissions[student].attempts:
            yield line, f"expected points for what was handed in, got some for {student}."
        if name not in exercises:
            known = ", ".join(one.id for one in dict.fromkeys(exercises.values()))
            yield line, f"expected an exercise out of {known}, got {name!r}."
            continue
        most = exercises[name].points
        given = read_number(points)
        if points and (given is None or given > most):
            yield line, f"expected points from 0 to {float(most):g}, got {points!r}."
        first = seen.setdefault((student, exercises[name].key), line.number)
        if first != line.number:
            yield line, f"expected one line for {student} and {name}, got another on line {first}."


def _stands(
    line: Line, exercise: Exercise, entries: Sequence[LedgerEntry], assignment: Assignment
) -> bool:
    """Say whether the ledger's latest word is what the line says."""
    decided = ledger.decisions(entries, assignment, line["student_id"])
    return (
        decided.points.get(exercise.key) == read_number(line["points"])
        and decided.comments.get(exercise.key) == (line["comment"] or BY_PERSON)
    )  # fmt: skip
