"""OUT/ledger.jsonl: human decisions, one JSON object a line, only ever appended to.

========================  =====================  ================================================
kind                      value                  what it does
========================  =====================  ================================================
``override``              points                 sets the score, or the points of one ``exercise``
``points``                points                 grades an ``exercise`` by hand; students read why
``extension``             a date with an offset  moves ``due`` and ``closes``, if that is later
``excuse``                none                   no class cap: nothing was due by class_end
``clear_forbidden``       none                   gives back what a forbidden use took away
``clear_review``          none                   says that a person has looked
========================  =====================  ================================================

The latest entry of a kind wins; the value ``withdrawn`` takes the earlier ones back. Blank lines
mean nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import Any

from autograder.errors import ConfigError
from autograder.models import Assignment, Decisions, LedgerEntry

LEDGER_NAME = "ledger.jsonl"
WITHDRAWN = "withdrawn"

_KINDS = ("override", "points", "extension", "excuse", "clear_forbidden", "clear_review")
_SETS_POINTS = ("override", "points")
_WHOLE = ("extension", "excuse")  # of the assignment, never of one exercise
_REQUIRED = ("kind", "student_id", "assignment", "by", "at", "why")
_OPTIONAL = ("exercise", "value")
_POINTS = r"[0-9]{1,9}(?:\.[0-9]{1,9})?|[0-9]{1,9}/[1-9][0-9]{0,8}"


def read(path: Path) -> tuple[LedgerEntry, ...]:
    """Return all entries, oldest first; none if there is no ledger yet.

    Raises:
        ConfigError: If it cannot be read, or a line is not an entry; one line for each.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a file to read, got {error.strerror!r}."
            " Bring the ledger back: it is the only copy of what people decided."
        ) from None
    entries, faults = [], []
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            if line.strip():
                entries.append(_entry(line))
        except ValueError as error:
            faults.append(f"{path}:{number}: {error} Mend the line.")
    if faults:
        raise ConfigError("\n".join(faults))
    return tuple(entries)


def append(path: Path, *entries: LedgerEntry) -> None:
    """Write entries behind all others, and wait until the disk has them.

    Whoever appends has read the ledger: what stands behind a broken line does not count.

    Raises:
        ConfigError: If one does not say what its kind needs, or the disk refuses; then none is
            written.
    """
    try:
        lines = [_line(check(entry)) for entry in entries]
    except ValueError as error:
        raise ConfigError(f"{path}: {error} Correct it.") from None
    try:
        with path.open("ab", buffering=0) as file:
            _append(file, _missing_newline(path) + "".join(lines).encode())
    except OSError as error:
        raise ConfigError(
            f"{path}: expected room and leave to write, got {error.strerror!r}."
            " Nothing was written. Mend that, then decide again."
        ) from None


def _append(file: FileIO, data: bytes) -> None:
    """Write all of `data` and wait until the disk has it, or leave the file as it was."""
    size = file.tell()
    try:
        while data:  # one write, so that two writers cannot mix; a full disk takes a part of it
            data = data[file.write(data) :]
        os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(size)
        raise


def _line(entry: LedgerEntry) -> str:
    data = asdict(entry) | {"at": entry.at.isoformat()}
    return json.dumps({key: value for key, value in data.items() if value is not None}) + "\n"


def decisions(entries: Sequence[LedgerEntry], assignment: Assignment, student_id: str) -> Decisions:
    """Return what holds for one student at one assignment."""
    mine = [
        entry
        for entry in entries
        if (entry.student_id, entry.assignment) == (student_id, assignment.id)
    ]
    whole = {entry.kind: entry.value for entry in mine if entry.exercise is None}
    points = _points(mine, assignment)
    score, extension = _standing(whole.get("override")), _standing(whole.get("extension"))
    return Decisions(
        score=None if score is None else Fraction(score),
        extension=None if extension is None else datetime.fromisoformat(extension),
        excused=whole.get("excuse", WITHDRAWN) != WITHDRAWN,
        points={key: Fraction(entry.value or 0) for key, entry in points.items()},
        comments={key: entry.why for key, entry in points.items() if entry.kind == "points"},
        cleared_forbidden=_cleared(mine, assignment, "clear_forbidden"),
        cleared_review=_cleared(mine, assignment, "clear_review"),
    )


def _standing(value: str | None) -> str | None:
    return None if value == WITHDRAWN else value


def _points(entries: Sequence[LedgerEntry], assignment: Assignment) -> dict[str, LedgerEntry]:
    """Return the entry that sets the points of an exercise, by its key."""
    points: dict[str, LedgerEntry] = {}
    for entry in entries:
        if entry.kind in _SETS_POINTS and entry.exercise is not None:
            for key in _keys(entry, assignment):
                points.pop(key, None)
                if entry.value != WITHDRAWN:
                    points[key] = entry
    return points


def _cleared(entries: Sequence[LedgerEntry], assignment: Assignment, kind: str) -> frozenset[str]:
    cleared: set[str] = set()
    for entry in entries:
        if entry.kind == kind:
            keys = _keys(entry, assignment)
            cleared = cleared - keys if entry.value == WITHDRAWN else cleared | keys
    return frozenset(cleared)


def _keys(entry: LedgerEntry, assignment: Assignment) -> set[str]:
    """Return the exercises that an entry is about: one, or all."""
    return {
        exercise.key
        for exercise in assignment.exercises
        if entry.exercise in (None, exercise.id, exercise.key)
    }


def _entry(line: bytes) -> LedgerEntry:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or nothing but brackets
        raise ValueError(f"expected a JSON object, got {len(line)} bytes.") from None
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {len(line)} bytes.")  # noqa: TRY004  # one type for all faults of a line
    for key in data:
        if key not in (*_REQUIRED, *_OPTIONAL):
            raise ValueError(f"unknown key {key!r}.")
    for key in _REQUIRED:
        if key not in data:
            raise ValueError(f"expected the key {key!r}, got none.")
    for key, value in data.items():
        if not isinstance(value, str) and not (value is None and key in _OPTIONAL):
            raise ValueError(f"{key}: expected text, got {json.dumps(value)}.")
    return check(LedgerEntry(**(data | {"at": _date(data["at"], "at")})))


def check(entry: LedgerEntry) -> LedgerEntry:
    """Return an entry that says what its kind needs.

    Raises:
        ValueError: If it does not; the message begins with the name of the field.
    """
    if entry.kind not in _KINDS:
        raise ValueError(f"kind: expected {', '.join(_KINDS)}, got {entry.kind!r}.")
    for name in ("student_id", "assignment", "by", "why"):
        if not getattr(entry, name).strip():
            raise ValueError(f"{name}: expected text, got none.")
    if entry.at.tzinfo is None:
        raise ValueError(f"at: expected a date with an offset, got {entry.at.isoformat()!r}.")
    if entry.exercise is not None and entry.kind in _WHOLE:
        raise ValueError(f"exercise: expected none for {entry.kind}, got {entry.exercise!r}.")
    if entry.exercise is None and entry.kind == "points":
        raise ValueError("exercise: expected one for points, got none.")
    _check_value(entry.kind, entry.value)
    return entry


def _check_value(kind: str, value: str | None) -> None:
    if value == WITHDRAWN:
        return
    if kind in _SETS_POINTS:
        if value is None or not re.fullmatch(_POINTS, value):
            raise ValueError(f"value: expected points, such as 3.5, got {_shown(value)}.")
    elif kind == "extension":
        _date(value, "value")
    elif value is not None:
        raise ValueError(f"value: expected none for {kind}, got {value!r}.")


def _date(value: Any, name: str) -> datetime:
    """Return a time that says its offset, so that it means the same wherever it is read."""
    try:
        date = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        date = None
    if date is None or date.tzinfo is None:
        raise ValueError(
            f"{name}: expected a date with an offset, such as 2026-02-16T23:59:00+01:00,"
            f" got {_shown(value)}."
        )
    return date


def _shown(value: Any) -> str:
    return "none" if value is None else repr(value)


def _missing_newline(path: Path) -> bytes:
    """Return the newline that an interrupted write has left out."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return b""
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"
