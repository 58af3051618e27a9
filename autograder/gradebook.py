"""The gradebook: all that OUT knows, as tables; derived, and never the only copy of anything.

It is always made as a whole: from the same files the same tables come, byte for byte in SQLite. A
file takes the place of the older one in one step and is never written in place, so it needs no
write-ahead log beside it and whoever has it open keeps a whole one. In PostgreSQL the tables have a
schema of their own and change in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Double,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    insert,
    make_url,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from autograder import ledger
from autograder.course import results, scores, write
from autograder.errors import ConfigError
from autograder.models import Assignment, GradingConfig, Schedule, Status, Submission, frozen
from autograder.report.json import Document, past_grade
from autograder.report.store import Store, write_atomically

FILE_NAME = "gradebook.sqlite"
SCHEMA = "gradlab"  # of PostgreSQL: names as common as "students" may be taken elsewhere

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]  # by the name of the table

META = MetaData(schema=SCHEMA)


def _student() -> Column[str]:
    return Column("student_id", Text, ForeignKey(f"{SCHEMA}.students.student_id"), primary_key=True)


def _assignment() -> Column[str]:
    of = ForeignKey(f"{SCHEMA}.assignments.assignment")
    return Column("assignment", Text, of, primary_key=True)


def _score() -> tuple[Column[Any], ...]:
    """Return what `grades` and `past_grades` say about one grade; a score is empty, never 0."""
    return (
        Column("status", Text, nullable=False),
        Column("score", Double),
        Column("scale", Double),
        Column("raw", Double),
        Column("late_penalty", Double),
        Column("cap", Double),
        Column("explanation", Text),
        Column("attempt_sha256", Text),
        Column("graded_at", Text),
        Column("run_sha256", Text),
        Column("policy_sha256", Text),
        Column("tier", Text),
    )


# Times are ISO 8601 in UTC, as text: they sort, and are the same in both databases.
Table(
    "students", META,
    Column("student_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("section", Text),
)  # fmt: skip
Table(
    "assignments", META,
    Column("assignment", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("scale", Double),
    Column("class_end", Text),
    Column("due", Text),
    Column("closes", Text),
)  # fmt: skip
Table(
    "attempts", META, _student(), _assignment(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sha256", Text, nullable=False),
    Column("submitted_at", Text),
    Column("time_source", Text, nullable=False),
    Column("problem", Text),
)  # fmt: skip
Table("grades", META, _student(), _assignment(), *_score())
Table(
    "past_grades", META, _student(), _assignment(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    *_score(),
)  # fmt: skip
Table(
    "exercises", META,
    Column("student_id", Text, primary_key=True),
    Column("assignment", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("exercise", Text, nullable=False),
    Column("starred", Boolean, nullable=False),
    Column("points", Double, nullable=False),
    Column("max_points", Double, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("mistake", Text),
    Column("review", Text),
    ForeignKeyConstraint(
        ["student_id", "assignment"], [f"{SCHEMA}.grades.student_id", f"{SCHEMA}.grades.assignment"]
    ),
)  # fmt: skip
Table(
    "decisions", META,
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("student_id", Text, nullable=False),
    Column("assignment", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("exercise", Text),
    Column("value", Text),
    Column("why", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Text, nullable=False),
)  # fmt: skip
Table(
    "external_scores", META, _student(),
    Column("name", Text, primary_key=True),
    Column("score", Double, nullable=False),
    Column("scale", Double, nullable=False),
    Column("comment", Text, nullable=False),
)  # fmt: skip
Table(
    "course_grades", META, _student(),
    Column("status", Text, nullable=False),
    Column("score", Double),
    Column("scale", Double),
    Column("explanation", Text, nullable=False),
)  # fmt: skip


# --- from files to rows ----------------------------------------------------------------------


def rows(course: GradingConfig, store: Store) -> Rows:
    """Return every table's rows, in the order of their keys; they depend on OUT's files alone.

    Raises:
        ConfigError: If the ledger, or a table of scores from elsewhere, is damaged.
    """
    made: dict[str, list[Row]] = {table.name: [] for table in META.sorted_tables}
    students: dict[str, Row] = {}
    for name in store.assignments():
        made["assignments"].append(_assignment_row(name, course.assignments.get(name)))
        for submission in store.submissions(name):
            key = {"student_id": submission.student_id, "assignment": name}
            known = students.setdefault(submission.student_id, _student_row(submission))
            known |= {k: v for k, v in _student_row(submission).items() if v}
            made["attempts"] += _attempt_rows(key, submission)
            for table, more in _graded_rows(key, store).items():
                made[table] += more
    made["students"] = [students[student_id] for student_id in sorted(students)]
    made["decisions"] = [
        {
            "line": line,
            "student_id": entry.student_id,
            "assignment": entry.assignment,
            "kind": entry.kind,
            "exercise": entry.exercise,
            "value": entry.value,
            "why": entry.why,
            "decided_by": entry.by,
            "decided_at": _utc(entry.at),
        }
        for line, entry in enumerate(ledger.read(store.out / ledger.LEDGER_NAME), start=1)
    ]
    made["external_scores"] = [
        {
            "student_id": one.student_id,
            "name": column.name,
            "score": float(one.score),
            "scale": float(column.scale),
            "comment": one.comment,
        }
        for column in course.external.values()
        for one in scores(store, column)
        if one.student_id in students
    ]
    made["course_grades"] = [
        {
            "student_id": one.student_id,
            "status": one.status.value,
            "score": None if one.score is None else float(one.score),
            "scale": float(course.course_grade.scale) if course.course_grade else None,
            "explanation": one.explanation,
        }
        for one in results(course, store)
    ]
    return made


def _student_row(submission: Submission) -> Row:
    return {
        "student_id": submission.student_id,
        "name": submission.name,
        "section": submission.section,
    }


def _assignment_row(name: str, assignment: Assignment | None) -> Row:
    """Say what the course says about an assignment; it may have forgotten an old one."""
    dates = assignment.schedule if assignment is not None else Schedule()
    return {
        "assignment": name,
        "title": assignment.title if assignment is not None else name,
        "scale": float(assignment.rules.scale) if assignment is not None else None,
        "class_end": _utc(dates.class_end),
        "due": _utc(dates.due),
        "closes": _utc(dates.closes),
    }


def _attempt_rows(key: Row, submission: Submission) -> Iterator[Row]:
    for number, attempt in enumerate(submission.attempts, start=1):
        yield key | {
            "number": number,
            "sha256": attempt.sha256,
            "submitted_at": _utc(attempt.submitted_at),
            "time_source": attempt.time_source.value,
            "problem": attempt.problem,
        }


def _graded_rows(key: Row, store: Store) -> Rows:
    """Return what result and history say; a file that holds something else counts as absent."""
    where = (key["assignment"], key["student_id"])
    try:
        return _rows_of(key, store.result(*where), store.history(*where))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        store.notes.append(
            f"{'/'.join(where)}: result or history unreadable, so pending in the gradebook"
            f" ({error!r}). Grade again."
        )
        return _rows_of(key, None, ())


def _rows_of(key: Row, result: Document | None, past: Sequence[Document]) -> Rows:
    last = past_grade(result) if result is not None else {"status": Status.PENDING.value}
    return {
        "grades": [key | _grade(last)],
        "exercises": list(_exercise_rows(key, result)),
        "past_grades": [
            key | {"number": number} | _grade(grade) for number, grade in enumerate(past, start=1)
        ],
    }


def _grade(grade: Document) -> Row:
    score = grade.get("score") or {}
    environment = grade.get("environment") or {}
    limits = [cap["limit"] for cap in score.get("caps", ())]
    return {
        "status": grade["status"],
        "score": score.get("value"),
        "scale": score.get("scale"),
        "raw": score.get("raw"),
        "late_penalty": score.get("late_penalty"),
        "cap": min(limits, default=None),
        "explanation": score.get("explanation"),
        "attempt_sha256": grade.get("attempt_sha256"),
        "graded_at": _utc(grade.get("graded_at")),
        "run_sha256": environment.get("run_sha256"),
        "policy_sha256": environment.get("policy_sha256"),
        "tier": (grade.get("isolation") or {}).get("tier"),
    }


def _exercise_rows(key: Row, result: Document | None) -> Iterator[Row]:
    for number, exercise in enumerate(result["exercises"] if result else (), start=1):
        yield key | {
            "number": number,
            "exercise": exercise["id"],
            "starred": exercise["starred"],
            "points": exercise["points"],
            "max_points": exercise["max_points"],
            "outcome": exercise["outcome"],
            "mistake": exercise["mistake"],
            "review": exercise["review"],
        }


def _utc(time: datetime | str | None) -> str | None:
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    return time.astimezone(UTC).isoformat() if time is not None else None


# --- from rows to databases ------------------------------------------------------------------


def rebuild(course: GradingConfig, store: Store) -> None:
    """Make OUT/gradebook.sqlite and OUT/course.csv anew; the caller holds the lock of OUT.

    Raises:
        GraderError: If there is no room; the older file is still there.
    """
    write(course, store)
    write_atomically(store.out / FILE_NAME, as_sqlite(rows(course, store)))


def as_sqlite(tables: Rows) -> bytes:
    """Return an SQLite file that holds the tables: the same bytes for the same rows."""
    engine = create_engine("sqlite://").execution_options(schema_translate_map={SCHEMA: None})
    with engine.connect() as connection:
        _fill(connection, tables)
        connection.commit()
        file: Any = connection.connection.dbapi_connection
        data: bytes = file.serialize()
    engine.dispose()
    return data


def write_database(url: str, tables: Rows) -> None:
    """Replace the tables of a PostgreSQL database, in one transaction: all of them, or none.

    Args:
        url: postgresql+psycopg://user@host/database; never shown, it may hold a password.
        tables: What `rows` returns.

    Raises:
        ConfigError: If the URL is none, or the database cannot be written.
    """
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
            META.drop_all(connection)
            _fill(connection, tables)
    except SQLAlchemyError as error:
        said = " ".join(str(getattr(error, "orig", error)).split())
        raise ConfigError(
            f"--database: expected a database to write, got {said!r}. Nothing was changed in it."
        ) from None
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            return create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        pass
    raise ConfigError(
        "--database: expected postgresql+psycopg://user@host/database, got something else, or"
        " psycopg is missing. Correct it, or install gradlab[postgresql]."
    )


def _fill(connection: Connection, tables: Rows) -> None:
    META.create_all(connection)
    for table in META.sorted_tables:
        if tables[table.name]:
            rows = [{key: _storable(value) for key, value in one.items()}
                    for one in tables[table.name]]  # fmt: skip
            connection.execute(insert(table), rows)


def _storable(value: Any) -> Any:
    """Return text that every database takes: no lone surrogates, no NUL."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


# --- the history of a student ----------------------------------------------------------------


@frozen
class Event:
    """One thing that happened to a student's work."""

    at: str | None  # ISO 8601 in UTC; None for a hand-in whose time is not known
    assignment: str
    what: str  # handed_in | graded | decided
    text: str


def history(store: Store, student_id: str) -> tuple[Event, ...]:
    """Return every attempt, every grade and every decision of one student, in the order of time.

    Raises:
        ConfigError: If OUT knows nobody of that id.
    """
    events: list[Event] = []
    known = False
    for name in store.assignments():
        for submission in store.submissions(name):
            if submission.student_id == student_id:
                known = True
                events += _handed_in(submission)
                events += [_graded(name, one) for one in store.history(name, student_id)]
    for entry in ledger.read(store.out / ledger.LEDGER_NAME):
        if entry.student_id == student_id:
            about = f" of {entry.exercise}" if entry.exercise else ""
            value = f" {entry.value}" if entry.value is not None else ""
            text = f"{entry.kind}{about}{value}, by {entry.by}: {entry.why}"
            known = True
            events.append(
                Event(at=_utc(entry.at), assignment=entry.assignment, what="decided", text=text)
            )
    if not known:
        raise unknown(store, student_id)
    return tuple(sorted(events, key=lambda one: one.at or ""))


def unknown(store: Store, student_id: str) -> ConfigError:
    """Return what to raise where OUT knows nobody of an id."""
    return ConfigError(
        f"{store.out}: expected a student's id, got {student_id!r}. Correct it, or collect first."
    )


def _handed_in(submission: Submission) -> Iterator[Event]:
    for number, attempt in enumerate(submission.attempts, start=1):
        files = ", ".join(file.name for file in attempt.files) or "nothing that can be opened"
        text = f"attempt {number}: {files} ({attempt.time_source}, {attempt.sha256[:12]})"
        yield Event(
            at=_utc(attempt.submitted_at),
            assignment=submission.assignment,
            what="handed_in",
            text=text,
        )


def _graded(assignment: str, grade: Document) -> Event:
    score, run = grade["score"], grade["environment"]["run_sha256"]
    worth = f"{score['value']:g} of {score['scale']:g}" if score else grade["status"]
    ran = f" (run {run[:12]}, tier {grade['isolation']['tier']})" if run else ""
    said = f": {score['explanation']}" if score and score["explanation"] else ""
    return Event(
        at=_utc(grade["graded_at"]),
        assignment=assignment,
        what="graded",
        text=f"{worth}{ran}{said}",
    )
