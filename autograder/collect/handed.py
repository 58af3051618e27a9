"""What a learning platform says was handed in, before it is known who is who in the course."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.collect.source import Caps, Entry
from autograder.models import Account, Assignment, TimeSource, frozen


@frozen
class Look:
    """One look at SOURCE, for the modules that recognise and read a platform's layout."""

    root: Path  # the folder or archive whose entries these are
    entries: tuple[Entry, ...]
    assignment: Assignment
    zone: ZoneInfo
    caps: Caps
    worksheet: Path | None  # the platform's own table of students
    notes: list[str]


@frozen
class Handed:
    """What one person of a platform handed in, as one attempt."""

    account: Account
    student_id: str  # who it is, as long as no roster says better
    ids: tuple[str, ...] = ()  # by which a roster may know the person
    where: str = ""  # its place in SOURCE
    entries: tuple[Entry, ...] = ()  # no folders; empty if nothing was handed in
    time: datetime | None = None
    source: TimeSource = TimeSource.UNKNOWN
    problem: str = ""  # why there is nothing to grade, though something was handed in


def below(entries: Iterable[Entry], depth: int) -> list[Entry]:
    """Name entries from `depth` levels further down; the folders passed on the way vanish."""
    return [replace(e, parts=e.parts[depth:]) for e in entries if len(e.parts) > depth]


def files(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Leave folders out."""
    return tuple(entry for entry in entries if not entry.is_folder)


def by_top(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Group entries by their first name."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.parts[0], []).append(entry)
    return groups
