"""Read the tables that come with submissions: the roster, and times."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.errors import ConfigError
from autograder.models import frozen

STUDENT_ID = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")  # safe as a file name


@frozen
class Student:
    """One line of the roster."""

    student_id: str
    name: str = ""
    section: str | None = None
    team: str | None = None  # who hands in together
    aliases: tuple[str, ...] = ()  # other names of the same student: LMS ids, logins, folders


@frozen
class Roster:
    """The students of a course."""

    students: dict[str, Student]  # by student id

    @property
    def ids(self) -> dict[str, str]:
        """Every id and every alias, with the student id that it stands for."""
        aliases = {alias: s.student_id for s in self.students.values() for alias in s.aliases}
        return aliases | {student_id: student_id for student_id in self.students}

    @property
    def teams(self) -> dict[str, tuple[str, ...]]:
        """The ids of every team's members, by the team's id."""
        members: dict[str, tuple[str, ...]] = {}
        for student in self.students.values():
            if student.team is not None:
                members[student.team] = (*members.get(student.team, ()), student.student_id)
        return members


def read_time(text: str, zone: ZoneInfo, *, where: str) -> datetime:
    """Return an ISO date and time; one without an offset is in the course's timezone.

    An hour that the end of summer time repeats is read as its first pass, in the student's favour.

    Raises:
        ConfigError: If `text` is not a date with a time of day.
    """
    problem = ConfigError(
        f"{where}: expected a date and time such as 2026-02-09T18:20, got {text!r}. Correct it."
    )
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise problem from None
    if _is_date(text.strip()) or not 1970 < moment.year < 9999:
        raise problem
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@frozen
class Line:
    """One line of a table, with its number."""

    number: int
    cells: dict[str, str]  # by lower-case column name

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def read_roster(path: Path, sections: Collection[str] = ()) -> Roster:
    """Read `student_id,name[,section][,team][,aliases...]`; columns of any other name hold aliases.

    Args:
        path: A CSV file.
        sections: All that have dates of their own, in any assignment: one roster serves them all.
            Where there are none, a section is only a word.

    Raises:
        ConfigError: One line for each fault, with its line number.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a CSV file, got {error.strerror}. Check --roster."
        ) from None
    lines = list(read_lines(data, path.name, ("student_id", "name")))
    students = [_student(line) for line in lines]
    faults = [
        f"{path.name}:{line.number}: {fault}"
        for line, fault in sorted(
            (*_roster_faults(lines, students), *_section_faults(lines, sections)),
            key=lambda pair: pair[0].number,
        )
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    return Roster(students={student.student_id: student for student in students})


def _student(line: Line) -> Student:
    own = {"name", "section", "team"}
    named = {key: cell for key, cell in line.cells.items() if key not in own}
    aliases = dict.fromkeys(named.values())
    return Student(
        student_id=line["student_id"],
        name=line["name"],
        section=line["section"] or None,
        team=line["team"] or None,
        aliases=tuple(alias for alias in aliases if alias and alias != line["student_id"]),
    )


def _roster_faults(lines: list[Line], students: list[Student]) -> Iterator[tuple[Line, str]]:
    owners: dict[str, int] = {}
    for line, student in zip(lines, students, strict=True):
        if not STUDENT_ID.fullmatch(student.student_id):
            yield line, _no_id("a student id", student.student_id)
        elif first := owners.get(student.student_id):
            yield line, f"expected each id once, got {student.student_id!r} as on line {first}."
        owners.setdefault(student.student_id, line.number)
    for line, student in zip(lines, students, strict=True):
        for alias in student.aliases:
            if first := owners.get(alias):
                yield line, f"expected an alias of one student, got one of line {first} again."
            owners.setdefault(alias, line.number)
    yield from _team_faults(lines, students, owners)


def _section_faults(lines: list[Line], sections: Collection[str]) -> Iterator[tuple[Line, str]]:
    """Let nobody have the wrong dates because a name is misspelt."""
    for line in lines:
        section = line["section"]
        if section and sections and section not in sections:
            known = ", ".join(sections)
            advice = (
                "Correct it, leave it empty, or add it to the sections of an assignment in"
                f" grading_config.yml; without dates (`{section}: {{}}`), it has the assignment's."
            )
            yield line, f"expected a section out of {known}, got {section!r}. {advice}"


def _team_faults(
    lines: list[Line], students: list[Student], owners: dict[str, int]
) -> Iterator[tuple[Line, str]]:
    for line, student in zip(lines, students, strict=True):
        if student.team is None:
            continue
        if not STUDENT_ID.fullmatch(student.team):
            yield line, _no_id("a team's id", student.team)
        elif first := owners.get(student.team):
            got = f"got {student.team!r} as on line {first}."
            yield line, f"expected a team's id that is no student's, {got}"


_NUMBER = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,9})?")  # many spreadsheets write 2,5


def read_number(cell: str) -> Fraction | None:
    """Return a number that is not below 0, with a decimal point or comma; None if it is not one."""
    return Fraction(cell.replace(",", ".")) if _NUMBER.fullmatch(cell) else None


_RULE = 'of at most 64 letters, digits, ".", "_" or "-", not starting with "."'


def bad_id(name: str) -> str:
    """Say what a student id looks like, and that `name` is none."""
    advice = "Rename it, or make it an alias in the roster."
    return f"expected a student id {_RULE}, got {name!r}. {advice}"


def _no_id(what: str, cell: str) -> str:
    """Say the same of a cell of the roster, which may be a name and is not shown."""
    return f"expected {what} {_RULE}, got something else of {len(cell)} letters. Correct it."


def read_table(path: Path, required: tuple[str, ...]) -> list[Line]:
    """Return the lines of a CSV file that a person names.

    Raises:
        ConfigError: If it cannot be read, or lacks a column.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a CSV file, got {error.strerror}. Correct the name."
        ) from None
    return list(read_lines(data, path.name, required))


def read_lines(data: bytes, where: str, required: tuple[str, ...]) -> Iterator[Line]:
    """Yield the lines of a CSV file; "," ";" and TAB separate, as spreadsheets differ in it."""
    try:
        text = unicodedata.normalize("NFC", data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{where}:{line}: expected UTF-8, got the byte {data[error.start]:#04x}. "
            f"Save the file as CSV UTF-8."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{where}:{line}: expected text, got a NUL. Save the file as CSV UTF-8.")
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        names = _columns(next(reader, []), where, required, header.strip())
        for row in reader:
            cells = _without_empty_end(row)
            if len(cells) > len(names):
                raise ConfigError(
                    f"{where}:{reader.line_num}: expected {len(names)} columns, got {len(cells)}."
                    " Put text with commas in quotes."
                )
            if cells:
                named = dict(zip(names, cells, strict=False))
                yield Line(number=reader.line_num, cells=named)
    except csv.Error as error:
        raise ConfigError(
            f"{where}:{reader.line_num}: expected CSV, got {error}. Save the file as CSV UTF-8."
        ) from None


def _columns(row: list[str], where: str, required: tuple[str, ...], header: str) -> list[str]:
    """Return the names of the columns; one without a name is called by its number."""
    names = [name.lower() for name in _without_empty_end(row)]
    missing = [name for name in required if name not in names]
    if missing:
        raise ConfigError(
            f"{where}:1: expected the columns {', '.join(required)}, got {header!r}. "
            f"Add {', '.join(missing)} to the first line."
        )
    for index, name in enumerate(names):
        if name and name in names[:index]:
            raise ConfigError(
                f"{where}:1: expected each column once, got {name!r} twice. Drop one."
            )
    return [name or f"column {index}" for index, name in enumerate(names, start=1)]


def _without_empty_end(row: list[str]) -> list[str]:
    """Strip cells, and leave out the empty ones that spreadsheets write at the end of a line."""
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells
