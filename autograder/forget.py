"""Remove every trace of one student from OUT, and search OUT for what is left.

Files of others stay as they are, byte for byte. What is made of everybody (grades.csv, course.csv,
the gradebook) is made again. A run that was interrupted is finished by the next one: what says
which bytes and which name are the student's goes last.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from autograder import course, gradebook, ledger
from autograder.anonymous import KEY_NAME, aliases
from autograder.models import GradingConfig, frozen
from autograder.report.store import Store, explained, write_atomically

_OF_ONE = ("records", "results", "feedback", "private", "history")  # <kind>/<assignment>/<student>
_SHA256 = re.compile(rb"[0-9a-f]{64}")
_MADE_AGAIN = ("grades.csv", course.FILE_NAME, gradebook.FILE_NAME)
_KEPT = ("submissions", *_OF_ONE, course.EXTERNAL, ledger.LEDGER_NAME, "run.json", ".lock")


@frozen
class Traces:
    """What OUT holds of one student; paths are relative to OUT."""

    files: tuple[str, ...]  # the student's own, and pages that show them; folders, too
    rows: tuple[str, ...]  # tables of which only the student's lines go
    shared: tuple[str, ...]  # bytes that somebody else has handed in, too; they stay
    names: tuple[str, ...]


@frozen
class Forgotten:
    """What was removed, and where the id or the name still stands: in the words of others."""

    removed: Traces
    left: tuple[str, ...]


def find(store: Store, student_id: str) -> Traces:
    """Return what OUT holds of a student."""
    out = store.out
    own = _submissions(out, student_id)
    blobs, shared = _blobs(out, student_id, own)
    names = _names(own)
    files = [path for kind in _OF_ONE for path in _of_one(out / kind, student_id)]
    seen = _Words((student_id, *names, *_alias(store, student_id)))
    pages, rows = _elsewhere(out, seen)
    rows += [path for path in _tables(out) if _cut(path, (student_id,)) is not None]
    return Traces(
        files=_relative(out, [*files, *pages, *blobs, *own]),
        rows=_relative(out, rows),
        shared=_relative(out, shared),
        names=names,
    )


def is_known(store: Store, student_id: str) -> bool:
    """Say whether OUT holds anything of a student, if only a row that is about to be made again."""
    found = find(store, student_id)
    tables = [store.out / name for name in _MADE_AGAIN if name.endswith(".csv")]
    return bool(found.files or found.rows) or any(
        path.exists() and _cut(path, (student_id,)) is not None for path in tables
    )


def forget(store: Store, configured: GradingConfig, student_id: str) -> Forgotten:
    """Remove every trace of a student from OUT; the caller holds its lock.

    Args:
        store: The files of OUT.
        configured: The course; its tables are made again.
        student_id: Whom to forget; somebody whom OUT does not know is forgotten already.

    Raises:
        GraderError: If there is no room or leave to write; the same call goes on from there.
    """
    out = store.out
    with explained(out):
        for half in list(out.rglob(".*.tmp")):  # what a killed run was writing
            half.unlink()
        traces = find(store, student_id)
        _remove(out, traces, student_id)
    if store.assignments() or (out / "grades.csv").exists():
        store.write_grades()
        gradebook.rebuild(configured, store)
    words = _Words((student_id, *traces.names))
    return Forgotten(removed=traces, left=_relative(out, words.places(out)))


def _remove(out: Path, traces: Traces, student_id: str) -> None:
    for path in (out / one for one in traces.rows):
        names = () if path in _tables(out) else traces.names  # ours have ids
        kept = _cut(path, (student_id, *names))
        if kept is not None:
            write_atomically(path, kept)
    for path in (out / one for one in traces.files):  # the student's submissions stand last
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


# --- whose is what ---------------------------------------------------------------------------


def _submissions(out: Path, student_id: str) -> list[Path]:
    """Return the student's lists of attempts, set-aside ones included."""
    names = (f"{student_id}.json", f"{student_id}.json.unreadable")
    return sorted(path for name in names for path in (out / "submissions").glob(f"*/{name}"))


def _blobs(out: Path, student_id: str, own: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return the bytes that only this student handed in, and those that others have, too.

    Lists of attempts are searched as bytes, so that a damaged one counts as well.
    """
    mine = {sha.decode() for path in own for sha in _SHA256.findall(path.read_bytes())}
    theirs: set[str] = set()
    for path in (out / "submissions").glob("*/*.json*"):
        if path not in _submissions(out, student_id):
            theirs |= {sha.decode() for sha in _SHA256.findall(path.read_bytes())}
    folder = out / "submissions" / "blobs"
    found = sorted(folder / sha for sha in mine if (folder / sha).exists())
    return (
        [path for path in found if path.name not in theirs],
        [path for path in found if path.name in theirs],
    )


def _names(own: Iterable[Path]) -> tuple[str, ...]:
    """Return the student's names, here and on platforms, and e-mail addresses."""
    names: dict[str, None] = {}
    for path in own:
        try:
            found = json.loads(path.read_bytes())
            accounts = [account["name"] for account in found.get("accounts", ())]
            addresses = [alias for alias in found.get("aliases", ()) if "@" in alias]
            said = [found.get("name"), *accounts, *addresses]
        except (ValueError, AttributeError, TypeError, LookupError):
            continue
        names |= {one: None for one in said if isinstance(one, str) and one.strip()}
    return tuple(names)


def _alias(store: Store, student_id: str) -> tuple[str, ...]:
    """Return the student's alias, if any page may show it."""
    if not (store.out / "private" / KEY_NAME).exists() or student_id not in store.students():
        return ()
    return (aliases(store)[student_id],)


def _of_one(folder: Path, student_id: str) -> list[Path]:
    return [
        path
        for assignment in sorted(folder.glob("*/"))
        for path in (assignment / student_id, assignment / f"{student_id}.json")
        if path.exists()
    ]


def _tables(out: Path) -> list[Path]:
    """Return the files with lines of everybody that are not made again."""
    found = [out / ledger.LEDGER_NAME, *sorted((out / course.EXTERNAL).glob("*.csv"))]
    return [path for path in found if path.exists()]


def _elsewhere(out: Path, words: _Words) -> tuple[list[Path], list[Path]]:
    """Return what was made for people: files and folders that show the student, tables to cut."""
    found = [
        path
        for path in sorted(out.rglob("*"))
        if path.relative_to(out).parts[0] not in (*_KEPT, *_MADE_AGAIN) and words.are_in(path, out)
    ]
    tables = [path for path in found if path.suffix == ".csv" and not words.are_in_name(path, out)]
    return [path for path in found if path not in tables], tables


def _cut(path: Path, words: tuple[str, ...]) -> bytes | None:
    """Return a table without the lines about a student; None if there is no such line.

    Args:
        path: The ledger, or a CSV file.
        words: The student's id, then names by which a page may know the student.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    is_theirs = _is_entry_of if path.name == ledger.LEDGER_NAME else _is_row_of
    kept = [line for line in lines if not is_theirs(line, words)]
    return b"".join(kept) if len(kept) < len(lines) else None


def _is_entry_of(line: bytes, words: tuple[str, ...]) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("student_id") == words[0]


def _is_row_of(line: bytes, words: tuple[str, ...]) -> bool:
    """Say whether a row begins with the id, or has a name or an id that cannot be a score."""
    text = line.decode("utf-8", "replace")
    anywhere = {word for word in words if not re.fullmatch(r"[0-9.]{1,4}", word)}
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text), delimiter=separator):
            cells = [cell.strip() for cell in row]
            if cells[:1] == [words[0]] or anywhere & set(cells):
                return True
    return False


def _relative(out: Path, paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(str(path.relative_to(out)) for path in paths)


# --- the search ------------------------------------------------------------------------------


class _Words:
    """Words to look for, in every way in which a file may spell them."""

    def __init__(self, words: Iterable[str]) -> None:
        spelt = {form for word in words for form in _spellings(word)}
        either = b"|".join(re.escape(one.encode()) for one in sorted(spelt))
        self._pattern = re.compile(
            rb"(?<![A-Za-z0-9_-])(?:" + either + rb")(?![A-Za-z0-9_-])", re.IGNORECASE
        )

    def places(self, out: Path) -> Iterator[Path]:
        """Yield every file below `out` that has one of the words in its path or its contents."""
        yield from (path for path in sorted(out.rglob("*")) if self.are_in(path, out))

    def are_in(self, path: Path, out: Path) -> bool:
        if self.are_in_name(path, out):
            return True
        if not path.is_file():
            return False
        return self._pattern.search(path.read_bytes()) is not None or self._are_packed(path, out)

    def are_in_name(self, path: Path, out: Path) -> bool:
        return self._pattern.search(str(path.relative_to(out)).encode()) is not None

    def _are_packed(self, path: Path, out: Path) -> bool:
        """Look into archives that we made; those of students are bytes, and stay closed here."""
        if "submissions" in path.relative_to(out).parts or not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(
                self._pattern.search(name.encode()) or self._pattern.search(archive.read(name))
                for name in archive.namelist()
            )


def _spellings(word: str) -> Iterator[str]:
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, word)
        yield from (text, json.dumps(text)[1:-1], html.escape(text))
