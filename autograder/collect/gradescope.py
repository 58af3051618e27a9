"""Gradescope's "Download Submissions": a folder for each submission, and who and when beside them.

    submission_metadata.yml
    submission_123456789/tp1.ipynb

The metadata also hold results, in which students' prints may stand. They are cut out by their
indentation before anything is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from autograder.collect.handed import Handed, Look, below, by_top, files
from autograder.collect.source import Entry, UnreadableError, read_chunks
from autograder.errors import ConfigError
from autograder.lms.when import read_local_time
from autograder.models import Account, TimeSource

_METADATA = "submission_metadata.yml"
_WANTED = (":submitters:", ":created_at:")
_SUBMITTED = re.compile(r"submission_\w{1,40}", re.ASCII)
_BYTES = 64 << 20  # all results of the class are in it
_LINES = 200_000  # of what is wanted


def recognises(look: Look) -> bool:
    """Say whether Gradescope's metadata are there."""
    return any(entry.parts == (_METADATA,) and entry.read for entry in look.entries)


def handed_in(look: Look) -> list[Handed]:
    """Return what everybody handed in; the members of a group each get the group's work.

    Raises:
        ConfigError: If the metadata are missing or not Gradescope's.
    """
    groups = by_top(look.entries)
    metadata = groups.pop(_METADATA, [])
    if len(metadata) != 1 or metadata[0].read is None:
        raise ConfigError(
            f"{look.root}: expected Gradescope's {_METADATA}, got none. Download the submissions "
            f"again: Review Grades > Export Submissions."
        )
    handed: list[Handed] = []
    for name, facts in _metadata(metadata[0]).items():
        entries = files(below(groups.pop(name, []), 1))
        handed += _of_submission(name, facts, entries, look)
    look.notes.extend(f"{top}: not in {_METADATA}; left out." for top in groups)
    return handed


def _of_submission(name: str, facts: Any, entries: tuple[Entry, ...], look: Look) -> list[Handed]:
    people = facts.get(":submitters") if isinstance(facts, dict) else None
    if not isinstance(people, list) or not all(isinstance(one, dict) for one in people):
        raise ConfigError(
            f"{_METADATA}: expected the submitters of {name}, got something else. "
            f"Download the submissions again."
        )
    time = _time(facts.get(":created_at"), look)
    if time is None:
        look.notes.append(f"{name}: {_METADATA} tells no time that is certain.")
    return [_of_person(name, one, entries, time) for one in people]


def _of_person(
    where: str, person: Mapping[str, Any], entries: tuple[Entry, ...], time: datetime | None
) -> Handed:
    email, number = (str(person.get(key) or "").strip() for key in (":email", ":sid"))
    fallback = re.sub(r"[^A-Za-z0-9._-]", "-", number or email).lstrip(".")[:64]
    return Handed(
        account=Account(
            platform="gradescope",
            id=email or number or where,
            name=" ".join(str(person.get(":name") or "").split())[:200],
        ),
        student_id=fallback or where,
        ids=(email, number),
        where=where,
        entries=entries,
        time=time,
        source=TimeSource.LMS if time else TimeSource.UNKNOWN,
        problem="" if entries else f"{where}: the download holds no file of it. Download again.",
    )


def _time(value: object, look: Look) -> datetime | None:
    if isinstance(value, datetime):  # YAML reads a time with an offset as UTC, and drops it
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return read_local_time(str(value), look.zone) if value else None


def _metadata(entry: Entry) -> dict[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 -- only where it is used
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        text = b"".join(read_chunks(entry, _BYTES)).decode("utf-8-sig")
    except (UnreadableError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{_METADATA}: expected YAML in UTF-8, got {error}. Download the submissions again."
        ) from None
    wanted = _cut(text)
    try:
        found = YAML(typ="safe", pure=True).load(wanted)
    except (YAMLError, ValueError, RecursionError) as error:
        place = getattr(getattr(error, "problem_mark", None), "line", None)
        line = _line_in(text, wanted, place) if place is not None else 1
        raise ConfigError(
            f"{_METADATA}:{line}: expected Gradescope's YAML, got something else. "
            f"Download the submissions again."
        ) from None
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and _SUBMITTED.fullmatch(name) for name in found
    ):
        raise ConfigError(
            f"{_METADATA}:1: expected submission_<number> and its submitters, got something else. "
            f"Download the submissions again."
        )
    return found


def _cut(text: str) -> str:
    """Keep submissions' names, submitters and times; all else stands deeper, and is cut."""
    kept: list[str] = []
    wanted = False
    for line in text.split("\n"):  # and nowhere else: results may hold other ends of lines
        if not line.startswith(" ") and line.strip():
            wanted = True
        elif line.startswith("  ") and line[2:3] not in {"", " ", "-"}:
            wanted = line[2:].startswith(_WANTED)
        if wanted:
            kept.append(line)
        if len(kept) > _LINES:
            raise ConfigError(
                f"{_METADATA}: expected at most {_LINES} lines about submitters, got more."
            )
    return "\n".join(kept) + "\n"


def _line_in(text: str, wanted: str, place: int) -> int:
    """Return the number of the wanted text's line in the whole text."""
    lines = wanted.split("\n")
    sought = lines[min(place, len(lines) - 1)]
    return next((i for i, line in enumerate(text.split("\n"), 1) if line == sought), 1)
