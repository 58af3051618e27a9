"""What an export would do, row by row, before it does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from autograder.models import frozen


@frozen
class Change:
    """One cell that gets another text."""

    where: str  # "worksheet.csv:12"
    who: str
    column: str
    before: str
    after: str


@frozen
class Skip:
    """A row that stays as it is, or that the platform will pass over; and why."""

    where: str
    who: str
    reason: str


@dataclass
class Plan:
    """The files of an export, and what people should know before they upload them."""

    changes: list[Change] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[PurePosixPath, bytes] = field(default_factory=dict)  # the first is the main one
    gone: list[PurePosixPath] = field(default_factory=list)  # of an earlier export, now out of date
    is_folder: bool = False  # a file for each student: -o names a folder
