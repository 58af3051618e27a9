"""Canvas's "Download Submissions": one flat archive, no times, only a mark for what came late.

doejane_1234_567890_tp1.ipynb             a file: user 1234, attachment 567890
doejane_LATE_1234_567890_tp1-1.ipynb      handed in late, for the second time
anon_9XyZq_567890_tp1.ipynb               anonymous grading
doejane_1234_text.html                    text typed into Canvas
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from autograder.collect.handed import Handed, Look, by_top
from autograder.collect.source import Entry
from autograder.lms.canvas import Gradebook, Line, read_gradebook
from autograder.models import Account, frozen

_WHO = re.compile(r"(?P<late>LATE_)?(?P<id>anon_[A-Za-z0-9]+|[0-9]{1,20})_", re.ASCII)
_WHAT = re.compile(r"(?:[0-9]{1,20}_(?P<file>.+)|(?P<typed>text\.html|link\.html))", re.DOTALL)


@frozen
class _Reading:
    """One way to read the name of a file."""

    name: str  # the student's, squeezed
    id: str
    file: str
    late: bool


def recognises(look: Look) -> bool:
    """Say whether everything in SOURCE is a file that is named as Canvas does."""
    tops = by_top(look.entries)
    return bool(tops) and all(_is_file(group) and _readings(top) for top, group in tops.items())


def handed_in(look: Look) -> list[Handed]:
    """Return what everybody handed in; with a gradebook, also who did not.

    Raises:
        ConfigError: If the gradebook is none.
    """
    book = read_gradebook(look.worksheet) if look.worksheet is not None else None
    lines = {line.id: line for line in book.lines} if book else {}
    handed: dict[str, Handed] = {}
    doubts: dict[str, str] = {}
    look.notes.append(
        "Canvas's download tells no times, so no time rule applies: write them into a "
        "submissions.csv beside the unpacked files, or give --at."
    )
    for top, group in by_top(look.entries).items():
        readings = _readings(top) if _is_file(group) else []
        possible = _possible(top, readings, lines, look.notes)
        if len(possible) != 1:
            whose = " or ".join(one.id for one in possible)
            doubt = f"{top}: of user {whose}? The names fit; left out. Look in Canvas."
            doubts |= dict.fromkeys((one.id for one in possible), doubt)
            continue
        (reading,) = possible
        entry = replace(group[0], parts=(reading.file,))
        known = handed.get(reading.id)
        handed[reading.id] = _more(known, entry) if known else _first(reading, top, entry)
        if reading.late:
            look.notes.append(f"{top}: late, says Canvas; by how much it does not say.")
    return _joined(handed, doubts, book, look) if book else list(handed.values())


def _is_file(group: Sequence[Entry]) -> bool:
    return len(group) == 1 and len(group[0].parts) == 1 and not group[0].is_folder


def _readings(top: str) -> list[_Reading]:
    """Return every way to read a file's name, the one with the shortest student's name first."""
    return list(_each_reading(top))


def _each_reading(top: str) -> Iterator[_Reading]:
    for start in (0, *(match.end() for match in re.finditer("_", top))):
        who = _WHO.match(top, start)
        what = _WHAT.fullmatch(top, who.end()) if who else None
        if who and what and not (who["late"] is None and top[:start].endswith("LATE_")):
            yield _Reading(
                name=top[:start].rstrip("_"),
                id=who["id"],
                file=what["file"] or what["typed"],
                late=who["late"] is not None,
            )


def _possible(
    top: str, readings: Sequence[_Reading], lines: Mapping[str, Line], notes: list[str]
) -> list[_Reading]:
    """Return the readings that the gradebook allows; without it, the first, and say so."""
    if not readings:
        notes.append(f"{top}: not named as Canvas does; left out.")
        return []
    named = [one for one in readings if one.id in lines and _fits(one, lines[one.id])]
    fitting = named or [one for one in readings if one.id in lines]
    if not fitting and len(readings) > 1:
        whose = " or ".join(one.id for one in readings)
        notes.append(
            f"{top}: of user {whose}? Taken as the first: a file's name may begin with a number. "
            f"Canvas's gradebook tells: --worksheet."
        )
    return fitting or list(readings[:1])


def _fits(reading: _Reading, line: Line) -> bool:
    """Say whether a squeezed name is that of a line: "Doe, Jane" is doejane."""
    first, _, last = line.name.rpartition(" ")
    return reading.name in {_squeezed(line.name), _squeezed(f"{last}{first}")}


def _squeezed(name: str) -> str:
    return re.sub(r"\W", "", name.lower())


def _first(reading: _Reading, top: str, entry: Entry) -> Handed:
    return Handed(
        account=Account(platform="canvas", id=reading.id, name=reading.name),
        student_id=_student_id(reading.id),
        ids=(_student_id(reading.id),),
        where=top,
        entries=(entry,),
    )


def _more(known: Handed, entry: Entry) -> Handed:
    """Add a file; two of one name (an attachment twice) are told apart by a number."""
    taken = {one.parts[0] for one in known.entries}
    name, number = entry.parts[0], 2
    while name in taken:
        stem, dot, suffix = entry.parts[0].rpartition(".")
        name = f"{stem}-{number}{dot}{suffix}" if stem else f"{suffix}-{number}"
        number += 1
    entries = (*known.entries, replace(entry, parts=(name,)))
    return replace(known, entries=tuple(sorted(entries, key=lambda one: one.parts)))


def _student_id(number: str) -> str:
    return number if number.startswith("anon_") else f"canvas-{number}"


def _joined(
    handed: dict[str, Handed], doubts: Mapping[str, str], book: Gradebook, look: Look
) -> list[Handed]:
    look.notes.extend(book.table.notes)
    found = []
    for line in book.lines:
        known = handed.pop(line.id, None)
        if line.id:
            found.append(_of_line(line, known, doubts.get(line.id, "")))
    for one in handed.values():
        look.notes.append(f"{one.where}: {book.table.name} has nobody of this ID.")
        found.append(one)
    return found


def _of_line(line: Line, known: Handed | None, doubt: str) -> Handed:
    account = Account(platform="canvas", id=line.id, name=line.name)
    student_id = _student_id(line.id)
    ids = (student_id, *line.ids)
    if known is None:
        where = line.name
        return Handed(account=account, student_id=student_id, ids=ids, where=where, problem=doubt)
    return replace(known, account=account, ids=ids)
