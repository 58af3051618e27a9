"""Canvas: fill one column of the gradebook that it exported itself.

Canvas finds students by ID, then by SIS and login ids, and compares grades at two decimals. An
empty cell takes a grade away there, so a cell without a new grade stays as Canvas wrote it. Cells
with EX (excused) or N/A (not assigned) are Canvas's own business.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import PurePosixPath

from autograder.errors import ConfigError
from autograder.lms.canvas import Column, Gradebook
from autograder.lms.numbers import read_number, scaled, write_number
from autograder.lms.people import Claim
from autograder.models import Assignment
from autograder.publish.plan import Change, Plan, Skip
from autograder.publish.results import Result, key, matched, note_scales, who

_LEFT_ALONE = {"EX": "excused in Canvas", "N/A": "not assigned to this student in Canvas"}


def fill(
    book: Gradebook, results: Sequence[Result], assignment: Assignment, named: str | None = None
) -> Plan:
    """Fill an assignment's column of a gradebook.

    Args:
        book: As it was exported; its table is changed.
        results: Everybody's result.
        assignment: Whose column is sought, by id or title.
        named: The column's name instead, with or without Canvas's id.

    Raises:
        ConfigError: If there is no such column, or no grades can be written into it.
    """
    column = _column(book, assignment, named)
    assert column.points is not None
    plan = Plan(notes=[*book.table.notes, f"the column is {column.name!r}."])
    plan.notes += note_scales(results, {column.points})
    claims = [
        Claim(ids=(key("canvas", line.id), line.id, *line.ids), name=line.name)
        for line in book.lines
    ]
    by_id = {one.student_id: one for one in results}
    used = set()
    comma = _comma(book)
    for line, found in zip(book.lines, matched(results, claims), strict=True):
        where = book.table.where(line.row)
        result = by_id.get(found.student_id or "")
        if result is None:
            plan.skips.append(Skip(where=where, who=line.name, reason=found.reason))
            continue
        used.add(result.student_id)
        before = line.row[column.index]
        after, reason = _after(result, before, column.points, comma=comma)
        if reason:
            plan.skips.append(Skip(where=where, who=who(result), reason=reason))
        if after is not None:
            book.table.put(line.row, column.index, after)
            plan.changes.append(
                Change(
                    where=where, who=who(result), column=column.title, before=before, after=after
                )
            )
    plan.skips.extend(
        Skip(where=book.table.name, who=who(result), reason="in no row of the gradebook")
        for result in results
        if result.student_id not in used
    )
    plan.files[PurePosixPath(book.table.name)] = book.table.data()
    return plan


def _after(result: Result, before: str, points: Fraction, *, comma: bool) -> tuple[str | None, str]:
    """Return a cell's new text, or None and why it stays."""
    if before.upper() in _LEFT_ALONE:
        return None, f"{_LEFT_ALONE[before.upper()]}; the cell stays"
    if result.score is None or result.scale is None:
        return None, f"no grade: {result.why_none}; the cell stays"
    value = scaled(result.score, result.scale, points)
    known = read_number(before)
    if known is not None and _shown(known) == _shown(value):
        return None, "the grade is the same; Canvas passes over it"
    return write_number(value, comma=comma), ""


def _shown(value: Fraction) -> int:
    """Return a grade in hundredths: what Canvas shows and compares."""
    return int(value * 100 + Fraction(1, 2))


def _column(book: Gradebook, assignment: Assignment, named: str | None) -> Column:
    wanted = {named} if named is not None else {assignment.id, assignment.title}
    folded = {one.casefold().strip() for one in wanted}
    found = [
        one
        for one in book.columns
        if one.title.casefold() in folded or one.name.casefold() in folded
    ]
    if len(found) != 1:
        known = ", ".join(repr(one.name) for one in book.columns) or "none"
        raise ConfigError(
            f"{book.table.name}:1: expected one column {' or '.join(map(repr, sorted(wanted)))}, "
            f"got {len(found)} in {known}. Name one: --column."
        )
    (column,) = found
    if column.read_only:
        raise ConfigError(
            f"{book.table.name}:1: expected a column to fill, got {column.name!r}, which is read "
            f"only in Canvas. Name another: --column."
        )
    if not column.points:
        raise ConfigError(
            f"{book.table.name}:1: expected points above 0 for {column.name!r}, got none. "
            f"Set them in Canvas, and export again."
        )
    return column


def _comma(book: Gradebook) -> bool:
    """Say whether this gradebook writes 3,25: as its numbers do."""
    cells = [row[column.index] for row in book.table.rows for column in book.columns]
    numbers = [cell for cell in cells if read_number(cell) is not None]
    commas = sum("," in number for number in numbers)
    return commas > sum("." in number for number in numbers)
