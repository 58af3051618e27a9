"""Canvas's "Download Submissions": one flat archive, no times, only a mark for what came late.

doejane_1234_567890_tp1.ipynb             a file: user 1234, attachment 567890
doejane_LATE_1234_567890_tp1-1.ipynb      handed in late, for the second time
anon_9XyZq_567890_tp1.ipynb               anonymous grading
doejane_1234_text.html                    text typed into Canvas
"""

from __future__ import annotations

import re
from dataclasses import replace

from autograder.collect.handed import Handed, Look, by_top
from autograder.collect.source import Entry
from autograder.lms.canvas import Gradebook, Line, read_gradebook
from autograder.models import Account

_TOP = re.compile(
    r"(?:(?P<name>\w*?)_)??(?P<late>LATE_)?(?P<id>anon_[A-Za-z0-9]+|[0-9]{1,20})_"
    r"(?:(?P<attachment>[0-9]{1,20})_(?P<file>.+)|(?P<typed>text\.html|link\.html))",
    re.DOTALL,
)


def recognises(look: Look) -> bool:
    """Say whether everything in SOURCE is a file that is named as Canvas does."""
    tops = by_top(look.entries)
    return bool(tops) and all(
        _TOP.fullmatch(name) and all(len(one.parts) == 1 and not one.is_folder for one in group)
        for name, group in tops.items()
    )


def handed_in(look: Look) -> list[Handed]:
    """Return what everybody handed in; with a gradebook, also who did not.

    Raises:
        ConfigError: If the gradebook is none.
    """
    book = read_gradebook(look.worksheet) if look.worksheet is not None else None
    handed: dict[str, Handed] = {}
    late: dict[str, None] = {}
    for top, group in by_top(look.entries).items():
        match = _TOP.fullmatch(top)
        if match is None or len(group) != 1 or group[0].is_folder:
            look.notes.append(f"{top}: not named as Canvas does; left out.")
            continue
        entry = replace(group[0], parts=(match["file"] or match["typed"],))
        known = handed.get(match["id"])
        handed[match["id"]] = _more(known, entry) if known else _first(match, top, entry)
        if match["late"]:
            late[top] = None
    look.notes.append(
        "Canvas's download tells no times, so no time rule applies: write them into a "
        "submissions.csv beside the unpacked files, or give --at."
    )
    look.notes.extend(f"{top}: late, says Canvas; by how much it does not say." for top in late)
    return _joined(handed, book, look) if book else list(handed.values())


def _first(match: re.Match[str], top: str, entry: Entry) -> Handed:
    number = match["id"]
    return Handed(
        account=Account(platform="canvas", id=number, name=match["name"] or ""),
        student_id=_student_id(number),
        ids=(_student_id(number),),
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


def _joined(handed: dict[str, Handed], book: Gradebook, look: Look) -> list[Handed]:
    look.notes.extend(book.table.notes)
    found = []
    for line in book.lines:
        known = handed.pop(line.id, None)
        if line.id:
            found.append(_of_line(line, known))
    for one in handed.values():
        look.notes.append(f"{one.where}: {book.table.name} has nobody of this ID.")
        found.append(one)
    return found


def _of_line(line: Line, known: Handed | None) -> Handed:
    account = Account(platform="canvas", id=line.id, name=line.name)
    student_id = _student_id(line.id)
    ids = (student_id, *line.ids)
    if known is None:
        return Handed(account=account, student_id=student_id, ids=ids, where=line.name)
    return replace(known, account=account, ids=ids)
