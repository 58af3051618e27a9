"""Canvas's gradebook as CSV: who is in which row, and which cells are for grades."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from autograder.errors import ConfigError
from autograder.lms.numbers import read_number
from autograder.lms.table import Row, Table, read_table
from autograder.models import frozen

_POINTS = "Points Possible"
_IDS = ("SIS User ID", "SIS Login ID", "Integration ID")
_FIXED = ("Student", "LastName", "FirstName", "ID", *_IDS, "Root Account", "Section")
_TITLE = re.compile(r"(?P<title>.+) \((?P<id>\d{1,20})\)", re.DOTALL)
_POSTING = re.compile(r"\s*(Muted|Manual Posting.*)?\s*", re.IGNORECASE)
_READ_ONLY = re.compile(r"read\s+only", re.IGNORECASE)


@frozen
class Column:
    """One assignment in the gradebook."""

    index: int
    name: str  # as in the header, with Canvas's id
    title: str
    points: Fraction | None
    read_only: bool


@frozen
class Line:
    """One student in the gradebook."""

    row: Row
    id: str  # Canvas's own
    name: str
    ids: tuple[str, ...]  # SIS and login ids


@frozen
class Gradebook:
    """A gradebook that was exported from Canvas."""

    table: Table
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def is_gradebook(table: Table) -> bool:
    """Say whether a table begins as Canvas's gradebook does."""
    columns = table.columns
    return "ID" in columns[1:3] and columns[0] in {"Student", "LastName"} and "Section" in columns


def read_gradebook(path: Path) -> Gradebook:
    """Read a gradebook that was exported from Canvas.

    Raises:
        ConfigError: If it is none; one line for each fault, with its place.
    """
    return gradebook(read_table(path))


def gradebook(table: Table) -> Gradebook:
    """Read a gradebook from its table; see `read_gradebook`."""
    if not is_gradebook(table):
        raise ConfigError(
            f"{table.name}:1: expected Canvas's gradebook with the columns Student, ID and "
            f"Section, got {', '.join(table.columns)[:80]!r}. Export it: Gradebook > Export."
        )
    points = next((row for row in table.rows if _POINTS in row[0]), None)
    if points is None:
        raise ConfigError(
            f"{table.name}: expected a row that begins with {_POINTS}, got none. "
            f"Export the gradebook again."
        )
    return Gradebook(
        table=table, columns=tuple(_columns(table, points)), lines=_lines(table, points)
    )


def _columns(table: Table, points: Row) -> list[Column]:
    found = []
    for index, name in enumerate(table.columns):
        match = _TITLE.fullmatch(name)
        if match and name not in _FIXED:
            column = Column(
                index=index,
                name=name,
                title=match["title"],
                points=read_number(points[index]),
                read_only=bool(_READ_ONLY.search(points[index])),
            )
            found.append(column)
    return found


def _lines(table: Table, points: Row) -> tuple[Line, ...]:
    columns = table.columns
    at = columns.index("ID")
    others = [columns.index(name) for name in _IDS if name in columns]
    faults: list[str] = []
    seen: dict[str, int] = {}
    lines = []
    for row in table.rows:
        cells = [row[index] for index in range(len(columns))]
        if row is points or all(_POSTING.fullmatch(cell) for cell in cells):
            continue
        if (first := seen.get(row[at])) and row[at]:
            got = f"got {row[at]} as on line {first}. Export it again."
            faults.append(f"{table.where(row)}: expected each ID once, {got}")
        seen.setdefault(row[at], row.number)
        name = f"{row[1]} {row[0]}" if columns[0] == "LastName" else row[0]
        ids = tuple(row[index] for index in others if row[index])
        lines.append(Line(row=row, id=row[at], name=name, ids=ids))
    if faults:
        raise ConfigError("\n".join(faults))
    return tuple(lines)
