"""Classroom 50's `gh teacher download`: a checkout for each student, and scores.csv beside them.

    scores.csv                     username, ..., datetime, submission_tag: one line a submission
    class-tp1-ana/tp1.ipynb        <classroom>-<assignment>-<username>

scores.csv is the teacher's own, so it says who is in the class and when the newest submission was
made. Without it (`--by-pattern`), the checkouts are read as any others.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime

from autograder.collect.handed import Handed, Look, below, by_top, files
from autograder.collect.source import Entry, UnreadableError, read_chunks
from autograder.collect.tables import Line, read_lines
from autograder.errors import ConfigError
from autograder.lms.when import read_local_time
from autograder.models import Account, TimeSource

_TABLE = "scores.csv"
_COLUMNS = ("username", "datetime", "submission_tag")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")  # what GitHub allows


def recognises(look: Look) -> bool:
    """Say whether scores.csv stands beside folders that end in its usernames."""
    table = _table(look)
    if table is None:
        return False
    try:
        head = next(iter(read_chunks(table, look.caps.file_bytes)), b"")[:4096]
    except UnreadableError:
        return False
    first = head.partition(b"\n")[0].decode("utf-8-sig", "replace").lower()
    return all(column in first for column in _COLUMNS)


def handed_in(look: Look) -> list[Handed]:
    """Return what everybody handed in, and who did not.

    Raises:
        ConfigError: If scores.csv is missing or wrong; one line, with its place.
    """
    table = _table(look)
    if table is None:
        raise ConfigError(
            f"{look.root}: expected {_TABLE} of `gh teacher download`, got none. Download again, "
            f"or read the checkouts alone: --from git."
        )
    groups = by_top(look.entries)
    groups.pop(_TABLE)
    times = _times(table, look)
    prefix = _prefix(list(groups), list(times), look)
    names = {name.lower(): name for name in groups}
    handed = []
    for user, (line, time) in times.items():
        name = names.get(f"{prefix}{user}".lower(), "")
        entries = files(below(groups.pop(name, []), 1))
        handed.append(_of_user(user, line, name, entries, time))
    look.notes.extend(f"{top}: nobody in {_TABLE}; left out." for top in groups)
    look.notes.append(
        f"Times are those of commits in {_TABLE}, which students can set: for rules about time, "
        f"collect at the end of class."
    )
    return handed


def _prefix(names: list[str], users: list[str], look: Look) -> str:
    """Return what stands before the username in all names: "class-tp1-"."""
    fitting = Counter(
        name[: -len(user)].lower()
        for name in names
        for user in users
        if name.lower().endswith(f"-{user.lower()}")
    )
    most = max(fitting.values(), default=0)
    best = [prefix for prefix, count in fitting.items() if count == most]
    if len(best) > 1:  # "class-tp1-b-ana" of b-ana, or of ana?
        best = [one for one in best if f"-{one}".endswith(f"-{look.assignment.id.lower()}-")]
    if len(best) != 1 and names:
        raise ConfigError(
            f"{look.root}: expected folders <classroom>-<assignment>-<username> of the usernames "
            f"in {_TABLE}, got {names[0]!r}. Download again."
        )
    return best[0] if best else ""


def _table(look: Look) -> Entry | None:
    return next((one for one in look.entries if one.parts == (_TABLE,) and one.read), None)


def _times(table: Entry, look: Look) -> dict[str, tuple[Line, datetime | None]]:
    """Return every user's newest line; a user without a submission has no time."""
    try:
        data = b"".join(read_chunks(table, look.caps.file_bytes))
    except UnreadableError as error:
        raise ConfigError(f"{_TABLE}: expected CSV, got {error}. Download it again.") from None
    found: dict[str, tuple[Line, datetime | None]] = {}
    for line in read_lines(data, _TABLE, _COLUMNS):
        user = line["username"]
        if not _LOGIN.fullmatch(user):
            raise ConfigError(
                f"{_TABLE}:{line.number}: expected a GitHub username, got {user[:80]!r}. "
                f"Download it again."
            )
        time = read_local_time(line["datetime"], look.zone) if line["datetime"] else None
        if line["datetime"] and time is None:
            look.notes.append(f"{_TABLE}:{line.number}: no time that is certain; it stays unknown.")
        known = found.get(user)
        if known is None or (time and (known[1] is None or time > known[1])):
            found[user] = (line, time)
    return found


def _of_user(
    user: str, line: Line, name: str, entries: tuple[Entry, ...], time: datetime | None
) -> Handed:
    person = f"{line['first_name']} {line['last_name']}".strip()
    problem = ""
    if not entries and line["submission_tag"]:
        problem = f"{user}: {_TABLE} has a submission, the download no file of it. Download again."
    return Handed(
        account=Account(platform="github", id=user, name=person),
        student_id=user,
        ids=(user, line["email"]),
        where=name or user,
        entries=entries,
        time=time,
        source=TimeSource.GIT if time else TimeSource.UNKNOWN,
        problem=problem,
    )
