"""Moodle's "Download all submissions", and the grading worksheet that says when and who.

    Full Name_4711_assignsubmission_file/tp1.ipynb       Moodle 4.1 and newer
    Full Name_4711_assignsubmission_file_/tp1.ipynb      older
    Full Name_4711_assignsubmission_file_tp1.ipynb       without "Download in folders"
    Participant_4711_assignsubmission_file/...           blind marking
    Group 3-Full Name_4711_...                           a group was chosen
    Group 3_52_assignsubmission_file/...                 handed in as a team: the team's number

The number is the participant's, in this assignment only. Names hold no underscore: Moodle writes a
space instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from autograder.collect.handed import Handed, Look, below, by_top, files
from autograder.collect.source import Entry
from autograder.errors import ConfigError
from autograder.lms.moodle import Line, Worksheet, agrees, file_name, read_worksheet
from autograder.models import Account, TimeSource, frozen

_TOP = re.compile(
    r"(?P<name>[^_]*)_(?P<id>\d{1,18})_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<rest>.*))?",
    re.ASCII | re.DOTALL,
)
_DRAFT = ("draft", "brouillon", "entwurf", "borrador")


def recognises(look: Look) -> bool:
    """Say whether most of SOURCE is named as Moodle does; the worksheet may lie beside it."""
    tops = by_top(look.entries)
    return 2 * sum(_TOP.fullmatch(name) is not None for name in tops) > len(tops)


def handed_in(look: Look) -> list[Handed]:
    """Return what everybody handed in; with a worksheet, also who did not.

    Raises:
        ConfigError: If the worksheet is none, or another assignment's.
    """
    sheet = read_worksheet(look.worksheet, look.zone) if look.worksheet is not None else None
    found = _folders(look)
    if sheet is None:
        look.notes.append(
            "Moodle's download tells no times: name its grading worksheet with --worksheet."
        )
        return [_alone(folder) for folder in found]
    look.notes.extend(sheet.table.notes)
    handed = _joined(found, sheet, look)
    _note_times(sheet, look)
    return handed


@frozen
class _Folder:
    """All that one number handed in."""

    name: str
    number: str
    where: str
    entries: tuple[Entry, ...]


def _folders(look: Look) -> list[_Folder]:
    """Gather the files and folders of each number."""
    found: dict[str, _Folder] = {}
    for top, group in by_top(look.entries).items():
        match = _TOP.fullmatch(top)
        if match is None:
            look.notes.append(f"{top}: not named as Moodle does; left out.")
            continue
        rest = match["rest"] or ""
        inside = [
            replace(one, parts=(rest,)) if rest else one for one in group if len(one.parts) == 1
        ]
        inside = [one for one in inside if rest or one.refused] + below(group, 1)
        known = found.get(match["id"])
        entries = (*(known.entries if known else ()), *files(inside))
        where = known.where if known else top
        found[match["id"]] = _Folder(
            name=match["name"], number=match["id"], where=where, entries=entries
        )
    return list(found.values())


def _alone(folder: _Folder) -> Handed:
    return Handed(
        account=Account(platform="moodle", id=folder.number, name=folder.name),
        student_id=f"participant-{folder.number}",
        ids=(f"participant-{folder.number}", f"Participant {folder.number}"),
        where=folder.where,
        entries=folder.entries,
    )


def _joined(found: Sequence[_Folder], sheet: Worksheet, look: Look) -> list[Handed]:
    """Find every folder's line, or the lines of its team; lines left over handed nothing in."""
    lines = {line.participant: line for line in sheet.lines}
    teams: dict[str, list[Line]] = {}
    for line in sheet.lines:
        if line.team:
            teams.setdefault(file_name(line.team), []).append(line)
    handed, strangers, done = [], [], set()
    for folder in found:
        own = lines.get(folder.number)
        members = teams.get(folder.name, [])
        if not members and own and agrees(folder.name, own.name) and (own.name or not teams):
            members = [own]  # with teams, a number alone may be the team's
        if not members:
            strangers.append(folder)
        for line in members:
            done.add(line.participant)
            handed.append(_of_line(line, folder))
    if strangers and not handed:
        raise ConfigError(
            f"{sheet.table.name}: expected the worksheet of this download, got one without "
            f"{strangers[0].where!r}. Download both from the same assignment."
        )
    for folder in strangers:
        look.notes.append(
            f"{folder.where}: {sheet.table.name} has nobody of this number and name; "
            f"its time is unknown."
        )
        handed.append(_alone(folder))
        done.add(folder.number)
    handed += [_of_line(line, None) for line in sheet.lines if line.participant not in done]
    return handed


def _of_line(line: Line, folder: _Folder | None) -> Handed:
    handed = _alone(
        folder or _Folder(name=line.name, number=line.participant, where=line.name, entries=())
    )
    problem = ""
    if not handed.entries and line.submitted_text:
        problem = (
            f"{line.name or handed.student_id}: Moodle has something of {line.submitted_text}, and "
            f"the download holds no file of it. Look at it in Moodle."
        )
    return replace(
        handed,
        account=Account(platform="moodle", id=line.participant, name=line.name),
        student_id=f"participant-{line.participant}",
        ids=(
            f"participant-{line.participant}",
            f"Participant {line.participant}",
            line.email,
            line.number,
            line.login,
        ),
        time=line.submitted_at,
        source=TimeSource.LMS if line.submitted_at else TimeSource.UNKNOWN,
        problem=problem,
    )


def _note_times(sheet: Worksheet, look: Look) -> None:
    unknown = [line for line in sheet.lines if line.submitted_text and line.submitted_at is None]
    if unknown:
        where = sheet.table.where(unknown[0].row)
        look.notes.append(
            f"{where}: {len(unknown)} dates such as {unknown[0].submitted_text!r} are in no format "
            f"that is certain; those times stay unknown."
        )
    if "submitted" not in sheet.columns:
        look.notes.append(f"{sheet.table.name}: it tells no times of submission.")
    status = sheet.columns.get("status")
    for line in sheet.lines:
        if status is not None and line.row[status].casefold().startswith(_DRAFT):
            look.notes.append(
                f"{line.name or line.participant}: a draft in Moodle, not submitted; "
                f"graded all the same."
            )
