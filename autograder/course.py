"""The course grade: scores of assignments and from elsewhere, by the formula of the course.

What is not known, a grade that waits or an empty cell, makes the course grade pending, never lower.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from autograder import formula
from autograder.collect.tables import Line, read_lines, read_number, read_table
from autograder.errors import ConfigError
from autograder.models import CourseGrade, ExternalColumn, GradingConfig, Status, frozen
from autograder.report.json import number, text_cell
from autograder.report.store import Store, explained, write_atomically

FILE_NAME = "course.csv"
EXTERNAL = "external"  # the folder of OUT with scores from elsewhere

_COLUMNS = ("student_id", "score", "comment")


@frozen
class Part:
    """One score that a formula names."""

    score: Fraction
    scale: Fraction


@frozen
class CourseResult:
    """The course grade of one student."""

    student_id: str
    name: str
    score: Fraction | None  # None while something is not known
    parts: Mapping[str, Part | None]  # by name, in the formula's order
    explanation: str

    @property
    def status(self) -> Status:
        """Graded, or pending."""
        return Status.PENDING if self.score is None else Status.GRADED


@frozen
class ExternalScore:
    """One student's score from elsewhere."""

    student_id: str
    score: Fraction
    comment: str


# --- scores from elsewhere -------------------------------------------------------------------


def keep_scores(store: Store, column: ExternalColumn, table: Path) -> list[str]:
    """Keep a table of scores as the column's, instead of an older one; OUT is locked.

    Args:
        store: Knows the students.
        column: Its name and its scale.
        table: A CSV file with student_id, score and, if there is one, comment; an empty score is
            not known yet.

    Returns:
        A note for each line about somebody whom OUT does not know; it is left out.

    Raises:
        ConfigError: One line for each fault, with its line number; then nothing is kept.
    """
    lines = read_table(table, _COLUMNS[:2])
    faults = [
        f"{table.name}:{line.number}: {fault} Correct it." for line, fault in _faults(lines, column)
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    known = names(store)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in sorted(lines, key=lambda one: one["student_id"]):
        if line["score"] and line["student_id"] in known:
            score = line["score"].replace(",", ".")
            writer.writerow((line["student_id"], score, text_cell(line["comment"])))
    write_atomically(_path(store, column.name), text.getvalue().encode())
    return [
        f"{table.name}:{line.number}: {line['student_id']}: nobody in {store.out}; left out."
        for line in lines
        if line["student_id"] not in known
    ]


def scores(store: Store, column: ExternalColumn) -> list[ExternalScore]:
    """Return what is known of a column, sorted by student.

    Raises:
        ConfigError: If the file in OUT is damaged, or of another scale.
    """
    path = _path(store, column.name)
    if not path.exists():
        return []
    lines = list(read_lines(path.read_bytes(), f"{EXTERNAL}/{path.name}", _COLUMNS[:2]))
    faults = [
        f"{EXTERNAL}/{path.name}:{line.number}: {fault}" for line, fault in _faults(lines, column)
    ]
    if faults:
        again = f"Give the table again: gradlab scores TABLE --column {column.name} -o {store.out}"
        raise ConfigError("\n".join(f"{fault} {again}" for fault in faults))
    return [
        ExternalScore(student_id=line["student_id"], score=score, comment=line["comment"])
        for line in lines
        if (score := read_number(line["score"])) is not None
    ]


def _faults(lines: Sequence[Line], column: ExternalColumn) -> Iterator[tuple[Line, str]]:
    seen: dict[str, int] = {}
    for line in lines:
        student, score = line["student_id"], line["score"]
        given = read_number(score)
        if score and (given is None or given > column.scale):
            yield line, f"expected a score from 0 to {number(column.scale)}, got {score!r}."
        first = seen.setdefault(student, line.number)
        if first != line.number:
            yield line, f"expected one line for {student}, got another on line {first}."


def _path(store: Store, column: str) -> Path:
    return store.out / EXTERNAL / f"{column}.csv"


# --- the course grade ------------------------------------------------------------------------


def results(course: GradingConfig, store: Store) -> tuple[CourseResult, ...]:
    """Return everybody's course grade, sorted by student; nothing, if the course has none."""
    if course.course_grade is None:
        return ()
    parsed = formula.parse(course.course_grade.formula)
    columns = {name: _column(name, course, store) for name in parsed.names}
    made = []
    for student_id, name in names(store).items():
        parts = {column: columns[column].get(student_id) for column in parsed.names}
        made.append(result(course.course_grade, parsed, student_id, name, parts))
    return tuple(made)


def result(
    rules: CourseGrade,
    parsed: formula.Formula,
    student_id: str,
    name: str,
    parts: Mapping[str, Part | None],
) -> CourseResult:
    """Return one student's course grade.

    Args:
        rules: The scale and the rounding.
        parsed: The formula.
        student_id: Whose.
        name: The student's.
        parts: The score of each name in the formula; None where it is not known.
    """
    missing = [column for column, part in parts.items() if part is None]
    known = {column: part for column, part in parts.items() if part is not None}
    said = [
        f"{column}: {number(part.score)} of {number(part.scale)}." for column, part in known.items()
    ]
    score = None
    if missing:
        said.append(f"No grade yet: {', '.join(missing)} not known.")
    else:
        exact = parsed.value({c: p.score / p.scale * rules.scale for c, p in known.items()})
        bounded = min(max(exact, Fraction(0)), rules.scale)
        score = math.floor(bounded / rules.rounding + Fraction(1, 2)) * rules.rounding
        limit = f", bounded from {number(exact)}" if bounded != exact else ""
        said.append(f"{parsed.text} = {number(score)} of {number(rules.scale)}{limit}.")
    return CourseResult(
        student_id=student_id, name=name, score=score, parts=dict(parts), explanation=" ".join(said)
    )


def _column(name: str, course: GradingConfig, store: Store) -> dict[str, Part]:
    """Return the known scores of one name, by student."""
    if name in course.external:
        scale = course.external[name].scale
        found = scores(store, course.external[name])
        return {one.student_id: Part(score=one.score, scale=scale) for one in found}
    parts = {}
    for submission in store.submissions(name):
        document = store.result(name, submission.student_id) or {}
        score = document.get("score")
        if document.get("status") in {Status.GRADED, Status.NOT_SUBMITTED} and score:
            exact = Fraction(str(score["value"])), Fraction(str(score["scale"]))
            parts[submission.student_id] = Part(score=exact[0], scale=exact[1])
    return parts


def names(store: Store) -> dict[str, str]:
    """Return every student in OUT with a name, sorted by id; the name may be empty."""
    found: dict[str, str] = {}
    for assignment in store.assignments():
        for submission in store.submissions(assignment):
            found[submission.student_id] = submission.name or found.get(submission.student_id, "")
    return dict(sorted(found.items()))


def write(course: GradingConfig, store: Store) -> tuple[CourseResult, ...]:
    """Write OUT/course.csv, if the course has a grade, and return what it says; OUT is locked.

    Raises:
        GraderError: If there is no room; the older file is still there.
    """
    found = results(course, store)
    if course.course_grade is not None:
        write_atomically(store.out / FILE_NAME, course_csv(found, course.course_grade))
    else:
        with explained(store.out):  # grades by a formula that no longer holds
            (store.out / FILE_NAME).unlink(missing_ok=True)
    return found


def course_csv(found: Iterable[CourseResult], rules: CourseGrade) -> bytes:
    """Return course.csv: one line for each student; what is not known is empty, never 0."""
    columns = formula.parse(rules.formula).names
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("student_id", "name", *columns, "grade", "status", "explanation"))
    for one in found:
        cells = [_cell(part.score) if (part := one.parts[name]) else "" for name in columns]
        writer.writerow(
            (
                text_cell(one.student_id),
                text_cell(one.name),
                *cells,
                "" if one.score is None else _cell(one.score),
                one.status.value,
                text_cell(one.explanation),
            )
        )
    return text.getvalue().encode("utf-8", "replace")


def document(one: CourseResult, rules: CourseGrade) -> dict[str, Any]:
    """Return a course grade as JSON."""
    return {
        "student_id": one.student_id,
        "name": one.name,
        "status": one.status.value,
        "score": None if one.score is None else number(one.score),
        "scale": number(rules.scale),
        "parts": {
            name: {"score": number(part.score), "scale": number(part.scale)} if part else None
            for name, part in one.parts.items()
        },
        "explanation": one.explanation,
    }


def _cell(score: Fraction) -> str:
    return str(number(score))
