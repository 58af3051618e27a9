"""Find the attempts of every student among the files of SOURCE."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.collect import platforms
from autograder.collect.handed import Handed, Look, below, by_top, files
from autograder.collect.source import (
    Caps,
    Entry,
    LostError,
    UnreadableError,
    listing,
    read_chunks,
)
from autograder.collect.tables import STUDENT_ID, Roster, Student, bad_id, read_lines, read_time
from autograder.errors import ConfigError
from autograder.models import (
    Account,
    Assignment,
    Attempt,
    Submission,
    SubmittedFile,
    TimeSource,
    frozen,
)

Keep = Callable[[str, Iterable[bytes]], SubmittedFile]  # stores one file (see `store.Store.keep`)

_TABLE = "submissions.csv"
_SUFFIXES = (".zip", ".py", ".ipynb")
_ZIP_TAIL = 22 + 65_535  # where an archive's end record must be: itself, and its comment
_NUMBERED = re.compile(r"attempt[-_ ]?(\d{1,6})", re.ASCII | re.IGNORECASE)
_DATED = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T_ ](\d\d)[-:.h](\d\d)(?:[-:.](\d\d))?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_EXPORT = re.compile(r"assignment_\d{1,20}_export", re.ASCII)  # Gradescope's own folder
_COPY_MARK = re.compile(r"( ?\(\d+\)|-\d+)$", re.ASCII)  # "losses (1)", "losses-1"


@frozen
class Found:
    """What SOURCE holds, and what a person should know about it."""

    submissions: tuple[Submission, ...]  # sorted by student id
    notes: tuple[str, ...]


def find_submissions(  # noqa: PLR0913 -- one parameter for each thing said about SOURCE
    source: Path,
    *,
    assignment: Assignment,
    keep: Keep,
    timezone: str,
    roster: Roster | None = None,
    at: datetime | None = None,
    caps: Caps | None = None,
    origin: str | None = None,
    worksheet: Path | None = None,
    known: Sequence[Submission] = (),
) -> Found:
    """Find every student's attempts in a folder or zip archive.

    Args:
        source: A folder or a zip archive, in one of the layouts above, or a platform's download.
        assignment: Gives the id, and the file names that are no student's name.
        keep: Stores the bytes of one file and says where.
        timezone: IANA name of the course's timezone, for times that name none.
        roster: Who is expected; students without files get a submission without attempts.
        at: The time of attempts that have no better one (`gradlab collect --at`).
        caps: Bounds on sizes and counts.
        origin: The platform that SOURCE comes from, or "folder"; recognised, if left out.
        worksheet: The platform's own table of students.
        known: What OUT knows already, so that accounts keep their students.

    Raises:
        ConfigError: If SOURCE cannot be listed, holds nothing, or a table is wrong.
    """
    caps = caps or Caps()
    with listing(source, caps) as (entries, notes):
        look = Look(
            root=source,
            entries=tuple(entries),
            assignment=assignment,
            zone=ZoneInfo(timezone),
            caps=caps,
            worksheet=worksheet,
            notes=notes,
        )
        origin, look = _origin(origin, look)
        search = _Search(
            assignment=assignment,
            keep=keep,
            zone=ZoneInfo(timezone),
            roster=roster,
            ids=roster.ids | {team: team for team in roster.teams} if roster else {},
            at=at,
            caps=caps,
            notes=notes,
        )
        if origin == platforms.FOLDER:
            submissions = search.submissions(entries)
        else:
            handed = platforms.handed_in(origin, look)
            submissions = search.of_platform(platforms.identified(handed, roster, known, notes))
    _check_some(submissions, source, notes)
    return Found(submissions=submissions, notes=tuple(notes))


def _check_some(submissions: Sequence[Submission], source: Path, notes: Sequence[str]) -> None:
    """Let nobody take a wrong folder for a class that handed in nothing.

    Raises:
        ConfigError: If there is no attempt at all.
    """
    if not any(submission.attempts for submission in submissions):
        said = "".join(f"\n{note}" for note in notes)
        raise ConfigError(
            f"{source}: expected a folder or a .zip, .py or .ipynb file named after each student, "
            f"got none. Name them after the students' ids.{said}"
        )


def _origin(named: str | None, look: Look) -> tuple[str, Look]:
    """Return the platform, and the look at its layout.

    What stands deeper may be a student's own, made to look like a platform's: it is looked at only
    if a platform is named, or the folder has the name that Gradescope gives it.
    """
    tables = (_is_table(name, group) for name, group in by_top(look.entries).items())
    if named == platforms.FOLDER or (named is None and any(tables)):
        return platforms.FOLDER, look
    inside: Look | None = look
    while inside is not None:
        found = platforms.recognised(inside, named)
        if found is not None:
            return found, inside
        inside = _inside(inside, named)
    if named is None and look.worksheet is not None:
        raise ConfigError(
            f"{look.root}: expected a download of Moodle or Canvas to go with --worksheet, got "
            f"files named otherwise. Say which it is: --from."
        )
    return named or platforms.FOLDER, look


def _inside(look: Look, named: str | None) -> Look | None:
    """Look into a folder that holds everything, if it can be a download's."""
    tops = list(by_top(look.entries))
    if len(tops) != 1 or not (named or _EXPORT.fullmatch(tops[0])):
        return None
    entries = tuple(below(look.entries, 1))
    return replace(look, root=look.root / tops[0], entries=entries) if entries else None


@frozen
class _Row:
    """One line of submissions.csv."""

    line: int
    student_id: str
    path: tuple[str, ...]  # empty if the row names none
    time: datetime | None

    @property
    def where(self) -> str:
        return "/".join(self.path)


@frozen
class _Bundle:
    """The files of one attempt, before they are read."""

    student_id: str
    where: str  # its path in SOURCE
    entries: tuple[Entry, ...]  # no folders; empty if nothing was handed in
    time: datetime | None = None
    source: TimeSource = TimeSource.UNKNOWN
    problem: str = ""  # why it cannot be opened, whatever its files are


def _is_file(group: list[Entry]) -> bool:
    return all(len(entry.parts) == 1 and not entry.is_folder for entry in group)


def _is_table(name: str, group: list[Entry]) -> bool:
    return name.lower() == _TABLE and group[0].read is not None


def _stem(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot + suffix.lower() in _SUFFIXES else name


def _is_attempt(name: str) -> bool:
    return bool(_NUMBERED.fullmatch(name) or _DATED.fullmatch(name))


def _attempt_order(name: str) -> tuple[int, str]:
    number = _NUMBERED.fullmatch(name)
    return (int(number[1]) if number else 0, name)


def _digest(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 of names and contents; names hold no control characters."""
    lines = "".join(f"{name}\0{content}\n" for name, content in sorted(pairs))
    return hashlib.sha256(lines.encode()).hexdigest()


def _zip_problem(path: Path, where: str) -> str:
    """Say that a file cannot be a zip archive; all else about it is the worker's to find."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _ZIP_TAIL))
        if b"PK\x05\x06" in stream.read():
            return ""
    return (
        f"{where}: expected a zip archive, got a file without the end of one: "
        f"cut short, or another format. Hand it in again."
    )


def _lost(where: str, why: str) -> str:
    return (
        f"{where}: expected a file or folder that the grader can read, got {why!r}. This is no"
        f" fault of the student's: make it readable, then collect again."
    )


@frozen
class _Search:
    """One search through one SOURCE."""

    assignment: Assignment
    keep: Keep
    zone: ZoneInfo
    roster: Roster | None
    ids: dict[str, str]
    at: datetime | None
    caps: Caps
    notes: list[str]
    faults: list[tuple[int, str]] = field(default_factory=list)  # of submissions.csv, by line
    accounts: dict[str, list[Account]] = field(default_factory=dict)  # on platforms, by student id
    aliases: dict[str, list[str]] = field(default_factory=dict)

    def submissions(self, entries: list[Entry]) -> tuple[Submission, ...]:
        """Find, check, then read: nothing is stored when submissions.csv has a fault."""
        groups = by_top(self._without_wrapper(entries))
        tables = [name for name, group in groups.items() if _is_table(name, group)]
        rows = [row for name in tables for row in self._rows(groups.pop(name)[0])]
        bundles, rest = self._claimed(rows, [e for group in groups.values() for e in group])
        for name, group in by_top(rest).items():
            bundles += self._bundles_of(name, group)
        by_student: dict[str, list[_Bundle]] = {}
        for bundle in bundles:
            by_student.setdefault(bundle.student_id, []).append(bundle)
        self._set_times(rows, by_student)
        by_student = self._shared(by_student)
        if self.faults:
            lines = [f"{_TABLE}:{line}: {fault}" for line, fault in sorted(self.faults)]
            raise ConfigError("\n".join(lines))
        return self._read(by_student)

    def of_platform(self, pairs: Sequence[tuple[str, Handed]]) -> tuple[Submission, ...]:
        """Read what everybody handed in on a platform; who handed in nothing counts as well."""
        by_student: dict[str, list[_Bundle]] = {}
        for student_id, one in pairs:
            bundles = by_student.setdefault(student_id, [])
            self.accounts.setdefault(student_id, []).append(one.account)
            self.aliases.setdefault(student_id, []).extend(filter(None, one.ids))
            if one.problem:
                self.notes.append(one.problem)
            if one.entries or one.problem:
                bundle = _Bundle(
                    student_id=student_id,
                    where=one.where,
                    entries=one.entries,
                    time=one.time,
                    source=one.source,
                    problem=one.problem,
                )
                bundles.append(bundle)
        return self._read(by_student)

    def _without_wrapper(self, entries: list[Entry]) -> list[Entry]:
        """Step into a single folder that holds the students ("class.zip" with "class/ana")."""
        groups = by_top(entries)
        if len(groups) != 1:
            return entries
        (name,) = groups
        inside = by_top(below(entries, 1))
        if self._holds_students(name, inside):
            self.notes.append(f"{name}/: read as the folder that holds the students.")
            return self._without_wrapper(below(entries, 1))
        if not self.roster and any(len(entry.parts) > 2 for entry in entries):
            self.notes.append(
                f"{name}/: the only folder, read as one student. "
                f"If it holds the students, name them with --roster."
            )
        return entries

    def _holds_students(self, name: str, inside: dict[str, list[Entry]]) -> bool:
        if name in self.ids:  # a student's folder, whatever the student has put into it
            return False
        if any(_is_table(child, group) for child, group in inside.items()):
            return True
        if self.roster:
            return any(_stem(child) in self.ids for child in inside)
        students = [
            not _is_attempt(child) and (not _is_file(group) or child.lower().endswith(".zip"))
            for child, group in inside.items()
        ]
        return all(students) and len(students) >= (2 if STUDENT_ID.fullmatch(name) else 1)

    # --- submissions.csv ---

    def _rows(self, table: Entry) -> Iterator[_Row]:
        try:
            data = b"".join(read_chunks(table, self.caps.file_bytes))
        except UnreadableError as error:
            raise ConfigError(f"{_TABLE}: expected CSV, got {error}. Write it anew.") from None
        for line in read_lines(data, _TABLE, ("student_id", "submitted_at")):
            student_id = self.ids.get(line["student_id"], line["student_id"])
            if not STUDENT_ID.fullmatch(student_id):
                self.faults.append((line.number, bad_id(student_id)))
            time = None
            try:
                if line["submitted_at"]:
                    time = read_time(line["submitted_at"], self.zone, where=_TABLE)
            except ConfigError as error:
                self.faults.append((line.number, str(error).removeprefix(f"{_TABLE}: ")))
            names = line["path"].replace("\\", "/").split("/")
            path = tuple(name for name in names if name not in {"", "."})
            yield _Row(line=line.number, student_id=student_id, path=path, time=time)

    def _claimed(self, rows: list[_Row], entries: list[Entry]) -> tuple[list[_Bundle], list[Entry]]:
        """Give the entries that a row names to its student; return the others too."""
        claims: dict[tuple[str, ...], list[Entry]] = {row.path: [] for row in rows if row.path}
        rest: list[Entry] = []
        for entry in entries:
            prefixes = (entry.parts[:depth] for depth in range(1, len(entry.parts) + 1))
            path = next((prefix for prefix in prefixes if prefix in claims), None)
            (rest if path is None else claims[path]).append(entry)
        bundles = []
        previous: _Row | None = None
        for row in sorted((row for row in rows if row.path), key=lambda row: row.path):
            if previous and row.path[: len(previous.path)] == previous.path:
                got = f"got {row.where!r}, which line {previous.line} has. Drop one."
                self.faults.append((row.line, f"expected each file once, {got}"))
                continue
            previous = row
            bundles.append(self._claim(row, claims[row.path]))
        return bundles, rest

    def _claim(self, row: _Row, entries: list[Entry]) -> _Bundle:
        top = row.path[0]
        owner = self.ids.get(top, self.ids.get(_stem(top), row.student_id))
        if owner != row.student_id:
            got = f"got {row.where!r} of {owner}. Correct it."
            self.faults.append((row.line, f"expected a path of {row.student_id}, {got}"))
        elif not entries:
            self.faults.append(
                (row.line, f"expected a path in SOURCE, got {row.where!r}. Correct it.")
            )
        is_file = any(e.parts == row.path and not e.is_folder for e in entries)
        return _Bundle(
            student_id=row.student_id,
            where=row.where,
            entries=files(below(entries, len(row.path) - is_file)),
            time=row.time,
            source=TimeSource.TABLE if row.time else TimeSource.UNKNOWN,
        )

    def _set_times(self, rows: list[_Row], by_student: dict[str, list[_Bundle]]) -> None:
        """Apply the rows without a path, each to the only attempt of its student."""
        lines: dict[str, int] = {}
        for row in rows:
            if row.path or not row.time:
                continue
            who, bundles = row.student_id, by_student.get(row.student_id, [])
            attempts = [bundle for bundle in bundles if bundle.entries]
            if first := lines.get(who):
                got = f"expected one line for {who}, got another on line {first}. Name their paths."
                self.faults.append((row.line, got))
            elif len(attempts) > 1:
                paths = ", ".join(bundle.where for bundle in attempts)
                got = f"expected one attempt of {who}, got {paths}. Add a path column."
                self.faults.append((row.line, got))
            elif attempts:
                timed = replace(attempts[0], time=row.time, source=TimeSource.TABLE)
                by_student[who] = [timed]
            else:
                self.notes.append(f"{_TABLE}:{row.line}: SOURCE has nothing of {who}.")
            lines.setdefault(who, row.line)

    # --- teams ---

    def _shared(self, by_student: dict[str, list[_Bundle]]) -> dict[str, list[_Bundle]]:
        """Give what a team or one of its members handed in to every member."""
        teams = self.roster.teams if self.roster else {}
        team_of = {member: team for team, members in teams.items() for member in members}
        shared: dict[str, list[_Bundle]] = {}
        for who, bundles in by_student.items():
            team = who if who in teams else team_of.get(who, "")
            for bundle in bundles:
                if who in teams and not bundle.entries:
                    self.notes.append(f"{bundle.where}: an empty folder; nothing was handed in.")
                    continue
                for member in teams[team] if team and bundle.entries else (who,):
                    own = bundle if member == who else self._of_team(bundle, member, team)
                    shared.setdefault(member, []).append(own)
        return shared

    def _of_team(self, bundle: _Bundle, member: str, team: str) -> _Bundle:
        """Return another member's view of a hand-in: it names the team, and nobody who is in it."""
        entries = []
        for entry in bundle.entries:
            stem = _stem(entry.path)
            if self.ids.get(stem) == bundle.student_id:  # ben.py
                entries.append(replace(entry, parts=(team + entry.path.removeprefix(stem),)))
            else:
                entries.append(entry)
        return replace(bundle, student_id=member, where=team, entries=tuple(entries))

    # --- layouts ---

    def _bundles_of(self, name: str, group: list[Entry]) -> list[_Bundle]:
        """Split what stands under one top-level name into attempts."""
        student_id = self._student_id(name, group)
        if student_id is None:
            return []
        if _is_file(group):
            return [_Bundle(student_id=student_id, where=name, entries=tuple(group))]
        inside = by_top(below(group, 1))
        dated = [child for child in inside if _is_attempt(child) and not _is_file(inside[child])]
        loose = files(e for child in inside if child not in dated for e in inside[child])
        bundles = []
        if loose or not dated:
            bundles.append(_Bundle(student_id=student_id, where=name, entries=loose))
        if loose and dated:
            self.notes.append(f"{name}: files beside {dated[0]} are an attempt of their own.")
        for child in sorted(dated, key=_attempt_order):
            entries = files(below(inside[child], 1))
            bundles.append(self._dated(student_id, f"{name}/{child}", child, entries))
        return bundles

    def _student_id(self, name: str, group: list[Entry]) -> str | None:
        is_file = _is_file(group)
        stem = _stem(name) if is_file else name
        if known := self.ids.get(name, self.ids.get(stem)):
            return known
        if is_file and stem == name and not group[0].refused:
            self.notes.append(f"{name}: not a folder, .zip, .py or .ipynb of a student; left out.")
        elif is_file and _COPY_MARK.sub("", stem) in map(_stem, self.assignment.files):
            self.notes.append(
                f"{name}: expected a file named after a student, got the assignment's own name; "
                f"left out. Put it into a folder named after the student."
            )
        elif not STUDENT_ID.fullmatch(stem):
            self.notes.append(f"{name}: {bad_id(stem)}")
        else:
            return stem
        return None

    def _dated(self, student_id: str, where: str, name: str, entries: tuple[Entry, ...]) -> _Bundle:
        """Make an attempt of a folder that is named by its time or number."""
        bundle = _Bundle(student_id=student_id, where=where, entries=entries)
        match = _DATED.fullmatch(name)
        if match is None:
            return bundle
        day, hour, minute, second, offset = match.groups()
        text = f"{day}T{hour}:{minute}:{second or '00'}{offset or ''}" if hour else day
        try:
            time = read_time(text, self.zone, where=where)
        except ConfigError as error:
            self.notes.append(f"{error} Until then it is an attempt without a time.")
            return bundle
        return replace(bundle, time=time, source=TimeSource.ATTEMPT)

    # --- reading ---

    def _read(self, by_student: dict[str, list[_Bundle]]) -> tuple[Submission, ...]:
        students = self.roster.students if self.roster else {}
        submissions = []
        for student_id in sorted({*by_student, *students}):
            student = students.get(student_id, Student(student_id=student_id))
            bundles = by_student.get(student_id, [])
            self._remark_on(student_id, bundles)
            attempts = [self._attempt(one) for one in bundles if one.entries or one.problem]
            accounts = self.accounts.get(student_id, [])
            aliases = dict.fromkeys((*student.aliases, *self.aliases.get(student_id, [])))
            submission = Submission(
                student_id=student_id,
                assignment=self.assignment.id,
                attempts=tuple(sorted(attempts, key=lambda attempt: attempt.when)),
                name=student.name or next((one.name for one in accounts), ""),
                section=student.section,
                accounts=tuple(accounts),
                aliases=tuple(alias for alias in aliases if alias != student_id),
            )
            submissions.append(submission)
        return tuple(submissions)

    def _remark_on(self, student_id: str, bundles: list[_Bundle]) -> None:
        is_known = student_id in self.accounts  # then it is said already who it is
        if self.roster and student_id not in self.roster.students and not is_known:
            self.notes.append(f"{student_id}: not in the roster; graded all the same.")
        handed_in = any(bundle.entries for bundle in bundles)
        for bundle in bundles:
            if not bundle.entries and not handed_in and not bundle.problem:
                self.notes.append(f"{bundle.where}: an empty folder; nothing was handed in.")
        unlisted = [bundle for bundle in bundles if bundle.source is not TimeSource.TABLE]
        if len(unlisted) < len(bundles):
            self.notes.extend(
                f"{bundle.where}: files that are not in {_TABLE} are an attempt of their own."
                for bundle in unlisted
                if bundle.entries
            )
        tops = dict.fromkeys(bundle.where.partition("/")[0] for bundle in unlisted)
        if len(tops) > 1:
            self.notes.append(f"{student_id}: handed in as {', '.join(tops)}; each is an attempt.")

    def _attempt(self, bundle: _Bundle) -> Attempt:
        kept, problem = self._stored(bundle) if bundle.entries else ([], bundle.problem)
        time, source = bundle.time, bundle.source
        if time is None and self.at is not None:
            time, source = self.at, TimeSource.COLLECTED
        contents = [(file.name, file.sha256) for file in kept]
        lost = [(one.path, str(one.size)) for one in bundle.entries] or [(problem, "")]
        return Attempt(
            files=tuple(kept),
            sha256=_digest(contents or lost),
            submitted_at=time,
            time_source=source,
            problem=problem or None,
        )

    def _stored(self, bundle: _Bundle) -> tuple[list[SubmittedFile], str]:
        """Store the files of one attempt; say what keeps it from being opened at all.

        What the grader itself cannot read is never left out: it may be what earns the points.
        """
        entries, complaints = self._readable(bundle)
        lost = next((entry for entry in bundle.entries if entry.is_lost), None)
        problem = _lost(_at(bundle, lost), lost.refused) if lost else ""
        if problem := problem or self._too_much(bundle.where, entries):
            self.notes.append(problem)
            return [], problem
        kept: list[SubmittedFile] = []
        for entry in entries:
            try:
                kept.append(self.keep(entry.path, read_chunks(entry, self.caps.file_bytes)))
            except LostError as error:
                problem = _lost(_at(bundle, entry), str(error))
                self.notes.append(problem)
                return [], problem
            except UnreadableError as error:
                where = _at(bundle, entry)
                complaints.append(f"{where}: cannot be read ({error}). Fetch it again.")
        self.notes.extend(complaints)
        if not kept:
            return [], complaints[0]
        if len(kept) == 1 and kept[0].name.lower().endswith(".zip"):
            problem = _zip_problem(kept[0].blob, _at(bundle, entries[0]))
            self.notes.extend([problem] if problem else [])
        return kept, problem

    def _readable(self, bundle: _Bundle) -> tuple[list[Entry], list[str]]:
        """Leave out what cannot or should not be read, each with a sentence."""
        readable: dict[str, Entry] = {}
        complaints = []
        for entry in bundle.entries:
            where = _at(bundle, entry)
            if entry.refused:
                complaints.append(f"{where}: {entry.refused}; left out. Hand in the file itself.")
            elif len(entry.path) > self.caps.name_chars:
                complaints.append(f"{where[:60]}...: too long a name; left out. Shorten it.")
            elif entry.size > self.caps.file_bytes:
                complaints.append(
                    f"{where}: expected at most {self.caps.file_bytes >> 20} MiB, "
                    f"got {entry.size >> 20} MiB; left out. Hand in code, not data."
                )
            else:
                if entry.path in readable:
                    complaints.append(f"{where}: there twice; the last one counts.")
                readable[entry.path] = entry
        return list(readable.values()), complaints

    def _too_much(self, where: str, entries: list[Entry]) -> str:
        size = sum(entry.size for entry in entries)
        if len(entries) > self.caps.files:
            got = f"at most {self.caps.files} files, got {len(entries)}"
        elif size > self.caps.attempt_bytes:
            got = f"at most {self.caps.attempt_bytes >> 20} MiB in all, got {size >> 20} MiB"
        else:
            return ""
        return f"{where}: expected {got}. Hand in notebooks and modules only."


def _at(bundle: _Bundle, entry: Entry) -> str:
    """Name a file by its place in SOURCE."""
    if bundle.where.rpartition("/")[2] == entry.path:
        return bundle.where
    return f"{bundle.where}/{entry.path}"
