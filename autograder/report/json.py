"""Results as documents: what OUT's files say, and what a student may see of it.

`gradlab/result/v1` is the instructor's, `gradlab/feedback/v1` the student's; `docs/schemas/` has
their JSON Schemas. A `RunRecord` keeps its points exact ("3/4"); in documents they are numbers.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from autograder.models import (
    Attempt,
    CaseResult,
    ExerciseResult,
    Grade,
    Isolation,
    PartResult,
    RunRecord,
    RunStatus,
    Score,
    Status,
    Submission,
    Visibility,
    frozen,
)

Document = dict[str, Any]

RESULT = "gradlab/result/v1"
FEEDBACK = "gradlab/feedback/v1"
RECORD = "gradlab/record/v1"

GRADE_COLUMNS = (
    "student_id",
    "name",
    "assignment",
    "score",
    "raw",
    "cap",
    "status",
    "submitted_at",
    "graded_at",
    "submission_sha256",
)
# What a spreadsheet takes for a formula; some read the wide forms of East Asian keyboards too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_AS_IS = frozenset({str, int, float, bool, NoneType})  # exactly these are the same in JSON
_OUR_FAULT = "the grader failed here; no points are lost, and a person will look at it"


@frozen
class Environment:
    """Where a batch ran, and under which rules."""

    isolation: Isolation
    python: str
    torch: str
    device: str
    seed: int
    policy_sha256: str


# --- bytes -------------------------------------------------------------------------------------


def dump(document: Document) -> bytes:
    """Return the same bytes for the same document; lone surrogates survive as JSON escapes."""
    indent = None if document.get("schema") == RECORD else 2  # records are many, and for programs
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def parse(data: bytes, schema: str) -> Document:
    """Return a document of the named schema.

    Raises:
        ValueError: If `data` is not JSON, cut short, or of another schema.
    """
    document = json.loads(data)
    found = document.get("schema") if isinstance(document, dict) else None
    if found != schema:
        raise ValueError(f"expected the schema {schema!r}, got {found!r}")
    assert isinstance(document, dict)
    return document


def sealed(document: Document) -> Document:
    """Return a document with the SHA-256 of its own content."""
    return {**document, "sha256": hashlib.sha256(dump(document)).hexdigest()}


def unsealed(document: Document) -> Document:
    """Return what was sealed.

    Raises:
        ValueError: If a single byte of it has changed since, or if it was never sealed.
    """
    content = {key: value for key, value in document.items() if key != "sha256"}
    if sealed(content)["sha256"] != document.get("sha256"):
        raise ValueError("its content does not have the SHA-256 that it carries")
    return content


# --- the nouns, exactly ------------------------------------------------------------------------


def to_json(value: Any) -> Any:
    """Return a noun of `models` as plain JSON, from which `from_json` makes an equal one."""
    kind: Any = type(value)
    if kind in _AS_IS:
        return value
    if names := _field_names(kind):
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    assert isinstance(value, Fraction | StrEnum | Path), value
    return str(value)


def from_json(kind: Any, data: Any) -> Any:
    """Return the `kind` (a dataclass of `models`, or the type of one of its fields) in `data`.

    A field that `data` lacks takes its default, so that files outlive an added field.

    Raises:
        ValueError: If `data` is anything else.
    """
    return _reader(kind)(data)


@functools.cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind)) if is_dataclass(kind) else ()


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return the function that reads a `kind`: types are looked through once, not per value."""
    if kind is Any:
        return lambda data: data
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return partial(_read_noun, kind, {name: _reader(hint) for name, hint in hints.items()})
    inner = [_reader(item) for item in get_args(kind) if item is not Ellipsis]
    if get_origin(kind) is tuple:
        return lambda data: tuple(map(inner[0], _of(list, data)))
    if get_origin(kind) is dict:
        return lambda data: {key: inner[1](item) for key, item in _of(dict, data).items()}
    if inner:  # X | None
        return lambda data: None if data is None else inner[0](data)
    return _scalar_reader(kind)


def _scalar_reader(kind: Any) -> Callable[[Any], Any]:
    if kind is float:
        return lambda data: float(data) if type(data) is int else _of(float, data)
    if kind is datetime:
        return _moment
    if kind is Fraction:
        return _fraction
    if kind is timedelta:
        return lambda data: timedelta(seconds=from_json(float, data))
    if kind in _AS_IS:
        return partial(_of, kind)
    assert issubclass(kind, StrEnum | Path), kind
    return lambda data: kind(_of(str, data))


def _moment(data: Any) -> datetime:
    moment = datetime.fromisoformat(_of(str, data))
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with an offset, got {data!r}")
    return moment


def _fraction(data: Any) -> Fraction:
    if not re.fullmatch(r"-?[0-9]{1,400}(/[0-9]{1,400})?", _of(str, data)):  # 1e999999999 is too
        raise ValueError(f"expected a number such as 3 or 3/4, got {data[:40]!r}")
    return Fraction(data)


def _read_noun(kind: type, readers: dict[str, Callable[[Any], Any]], data: Any) -> Any:
    given = _of(dict, data)
    if unknown := given.keys() - readers.keys():
        raise ValueError(f"expected a {kind.__name__}, got a field {min(unknown)!r}")
    try:
        return kind(**{name: readers[name](item) for name, item in given.items()})
    except (TypeError, ArithmeticError) as error:  # a field is missing, "1/0", or 1 and 400 zeros
        raise ValueError(f"expected a {kind.__name__}: {error}") from None


def _of(kind: Any, data: Any) -> Any:
    if type(data) is not kind:
        raise ValueError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data


def record_document(record: RunRecord) -> Document:
    """Return a run record as a document, exactly."""
    return {"schema": RECORD, **to_json(record)}


def read_record(document: Document) -> RunRecord:
    """Return the run record in a document.

    Raises:
        ValueError: If it holds anything else.
    """
    given = {key: value for key, value in document.items() if key != "schema"}
    record = from_json(RunRecord, given)
    assert isinstance(record, RunRecord)
    return record


# --- what the instructor sees ------------------------------------------------------------------


def result_document(
    submission: Submission,
    grade: Grade,
    records: Mapping[str, RunRecord],
    environment: Environment,
    graded_at: datetime,
) -> Document:
    """Return `gradlab/result/v1`: all that is known about one student at one assignment.

    Args:
        submission: The student's attempts.
        grade: What they are worth; it says which attempt counts.
        records: What each attempt did, by the attempt's SHA-256; attempts may lack one.
        environment: Where they ran.
        graded_at: When this grade was made.
    """
    shown = _shown(submission, grade, records)
    return {
        "schema": RESULT,
        "assignment": submission.assignment,
        "student_id": submission.student_id,
        "status": grade.status.value,
        "attempts": [_attempt(attempt, records) for attempt in submission.attempts],
        "graded_attempt": grade.best_attempt,
        "isolation": {
            "tier": environment.isolation.tier,
            "missing": list(environment.isolation.missing),
        },
        "environment": {
            "python": environment.python,
            "torch": environment.torch,
            "device": environment.device,
            "seed": environment.seed,
            "run_sha256": shown.run_sha256 if shown else None,
            "policy_sha256": environment.policy_sha256,
        },
        "exercises": [exercise_document(result) for result in shown.exercises] if shown else [],
        "remarks": list(shown.remarks) if shown else [],
        "score": _score(grade.score),
        "explanation": grade.explanation,
        "waiting": [exercise.id for exercise in grade.waiting],
        "graded_at": graded_at.isoformat(),
    }


def exercise_document(result: ExerciseResult) -> Document:
    """Return one exercise as `gradlab/result/v1` has it."""
    mistakes = (diagnosis.mistake for diagnosis in result.diagnoses)
    return {
        **_exercise(result),
        "review": result.review,
        "mistake": next((mistake for mistake in mistakes if mistake is not None), None),
        "cases": [_case(case) for case in result.cases],
    }


def _exercise(result: ExerciseResult) -> Document:
    hints = (hint for diagnosis in result.diagnoses for hint in diagnosis.hints)
    return {
        "id": result.exercise.id,
        "title": result.title,
        "starred": result.exercise.starred,
        "points": number(result.points),
        "max_points": number(result.exercise.points),
        "outcome": result.outcome.value,
        "parts": [_part(part) for part in result.parts],
        "hints": list(dict.fromkeys(hints)),
        "remarks": list(result.remarks),
    }


def _part(part: PartResult) -> Document:
    return {
        "name": part.name,
        "points": number(part.points),
        "max_points": number(part.max_points),
    }


def _case(case: CaseResult) -> Document:
    return {
        "id": case.id,
        "title": case.title,
        "visibility": case.visibility.value,
        "part": case.part,
        "outcome": case.outcome.value,
        "reason": case.reason.value if case.reason else None,
        "message": case.message,
        "called": case.called,
        "duration_s": case.duration_s,
    }


def _attempt(attempt: Attempt, records: Mapping[str, RunRecord]) -> Document:
    record = records.get(attempt.sha256)
    return {
        "files": [file.name for file in attempt.files],
        "graded_file": record.graded_file or None if record else None,
        "sha256": attempt.sha256,
        "submitted_at": attempt.submitted_at.isoformat() if attempt.submitted_at else None,
        "time_source": attempt.time_source.value,
        "problem": attempt.problem or (record.message or None if record else None),
    }


def _score(score: Score | None) -> Document | None:
    if score is None:
        return None
    return {
        "value": number(score.value),
        "scale": number(score.scale),
        "core": number(score.core),
        "starred": number(score.starred),
        "raw": number(score.raw),
        "late_penalty": number(score.late_penalty),
        "caps": [{"limit": number(cap.limit), "reason": cap.reason} for cap in score.caps],
        "explanation": score.explanation,
    }


def number(value: Fraction) -> int | float:
    """Return points as people write them: at most six decimals, none for a whole number."""
    rounded = round(value, 6)
    return rounded.numerator if rounded.denominator == 1 else float(rounded)


def _shown(
    submission: Submission, grade: Grade, records: Mapping[str, RunRecord]
) -> RunRecord | None:
    """Return the record of the graded attempt, or else of the newest one that has any."""
    if grade.best_attempt is not None:
        return records.get(submission.attempts[grade.best_attempt].sha256)
    known = (records.get(attempt.sha256) for attempt in reversed(submission.attempts))
    return next((record for record in known if record is not None), None)


def past_grade(result: Document) -> Document:
    """Return what stays known of a `gradlab/result/v1` document when the next one replaces it."""
    index = result["graded_attempt"]
    return {
        "graded_at": result["graded_at"],
        "status": result["status"],
        "attempt_sha256": None if index is None else result["attempts"][index]["sha256"],
        "score": result["score"],
        "isolation": result["isolation"],
        "environment": result["environment"],
    }


# --- what the student sees ---------------------------------------------------------------------


def feedback_document(
    submission: Submission,
    grade: Grade,
    records: Mapping[str, RunRecord],
    graded_at: datetime,
) -> Document:
    """Return `gradlab/feedback/v1`: the result without what could carry a hidden input out.

    A hidden case has neither id (it names its shapes) nor message; what it has instead was written
    by the grader alone. Durations, the seed, hashes of the run, mistakes' ids and suspicions stay
    with the instructor.
    """
    is_known = grade.status is Status.GRADED or grade.waiting
    shown = _shown(submission, grade, records) if is_known else None
    return {
        "schema": FEEDBACK,
        "assignment": submission.assignment,
        "student_id": submission.student_id,
        "status": grade.status.value,
        "attempts": [_attempt_feedback(attempt, records) for attempt in submission.attempts],
        "graded_attempt": grade.best_attempt,
        "exercises": [_exercise_feedback(result) for result in shown.exercises] if shown else [],
        "remarks": list(shown.remarks) if shown else [],
        "score": _score(grade.score),
        "explanation": grade.explanation,
        "waiting": [exercise.id for exercise in grade.waiting],
        "graded_at": graded_at.isoformat(),
    }


def _attempt_feedback(attempt: Attempt, records: Mapping[str, RunRecord]) -> Document:
    document = _attempt(attempt, records)
    record = records.get(attempt.sha256)
    if record is not None and record.status is RunStatus.INTERNAL_ERROR:
        document["problem"] = _OUR_FAULT
    return document


def _exercise_feedback(result: ExerciseResult) -> Document:
    return {**_exercise(result), "cases": [_case_feedback(case) for case in result.cases]}


def _case_feedback(case: CaseResult) -> Document:
    is_public = case.visibility is Visibility.PUBLIC
    return {
        "id": case.id if is_public else None,
        "title": case.title,
        "visibility": case.visibility.value,
        "part": case.part,
        "outcome": case.outcome.value,
        "reason": case.reason.value if case.reason else None,
        "message": case.message if is_public else case.feedback,
        "called": case.called if is_public else "",
    }


# --- grades.csv --------------------------------------------------------------------------------


def grade_row(submission: Submission, result: Document | None) -> tuple[str, ...]:
    """Return one line of grades.csv; without a number, its cells are empty, never 0.

    Args:
        submission: Who it is about.
        result: The `gradlab/result/v1` document, or None while there is none.

    Raises:
        LookupError, TypeError: If `result` is not a whole document.
    """
    who = (
        text_cell(submission.student_id),
        text_cell(submission.name),
        text_cell(submission.assignment),
    )
    if result is None:
        return (*who, "", "", "", Status.PENDING.value, "", "", "")
    score = result["score"] if result["status"] in {Status.GRADED, Status.NOT_SUBMITTED} else None
    limits = [cap["limit"] for cap in score["caps"]] if score else []
    index = result["graded_attempt"]
    attempt = {} if index is None else result["attempts"][index]
    return (
        *who,
        str(score["value"]) if score else "",
        str(score["raw"]) if score else "",
        str(min(limits)) if limits else "",
        result["status"],
        attempt.get("submitted_at") or "",
        "" if result["status"] == Status.PENDING else result["graded_at"],
        attempt.get("sha256", ""),
    )


def grades_csv(rows: Iterable[tuple[str, ...]]) -> bytes:
    """Return grades.csv, one line per student and assignment, sorted."""
    ordered = sorted(rows, key=lambda row: (row[0], row[2]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(GRADE_COLUMNS)
    writer.writerows(ordered)
    return text.getvalue().encode("utf-8", "replace")


def text_cell(text: str) -> str:
    """Return text, in one line, that a spreadsheet will not run as a formula. Not for numbers."""
    inert = f"'{text}" if text.startswith(_FORMULA) else text
    return " ".join(inert.splitlines())
