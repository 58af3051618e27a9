"""OUT: every file that a course's grading leaves behind, written whole or not at all.

    run.json                                              the run's seed
    submissions/<assignment>/<student_id>.json            attempts, accumulated
    submissions/blobs/<sha256>                            what they hold, byte for byte
    records/<assignment>/<student_id>/<attempt>.json      what each attempt did
    results/  feedback/  private/<assignment>/<student_id>.json
    history/<assignment>/<student_id>.json                every grade so far, oldest first
    grades.csv

A file that cannot be read back counts as absent, with a note, so that it is made again. What grades
rest on (run.json, submissions, records) carries the SHA-256 of its content: a changed byte is
noticed, never believed. Everything that names a student must be in that student's place.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import re
import secrets
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from autograder.errors import ConfigError, GraderError
from autograder.models import Attempt, RunRecord, Submission, SubmittedFile
from autograder.report.json import (
    FEEDBACK,
    RECORD,
    RESULT,
    Document,
    dump,
    from_json,
    grade_row,
    grades_csv,
    parse,
    past_grade,
    read_record,
    record_document,
    sealed,
    to_json,
    unsealed,
)

RUN = "gradlab/run/v1"
SUBMISSION = "gradlab/submission/v1"
PRIVATE = "gradlab/private/v1"
HISTORY = "gradlab/history/v1"
SEALED = frozenset({RUN, SUBMISSION, RECORD, HISTORY})  # they carry the SHA-256 of their content

_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
_HALF = re.compile(r"\..+\.[0-9]+\.tmp")  # what a killed grader was writing: `_temporary`
_ADVICE = {  # where a lost file cannot simply be made again
    "run.json": "With another seed, which is drawn now, all is examined again.",
    "submissions": "Collect again; look in a backup for attempts that are no longer in SOURCE.",
    "history": "Earlier grades are lost; look in a backup.",
}
_SEED_BITS = 53  # every JSON reader keeps such an integer exact


class Store:
    """The files of one OUT. Anyone may read them; who writes holds `lock`."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.notes: list[str] = []  # what could not be read back
        self.unreadable: dict[Path, str] = {}  # the same, and why
        self._holder: int | None = None

    @classmethod
    def existing(cls, out: Path) -> Store:
        """Return the files of an OUT that something was collected into.

        Raises:
            ConfigError: If there is no such folder.
        """
        store = cls(out)
        if not store.assignments():
            raise ConfigError(
                f"{out}: expected a folder that `gradlab grade` has written, got none."
                " Name it, or grade first."
            )
        return store

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other grader out of OUT; a dead grader's lock is gone with it.

        Raises:
            ConfigError: If OUT is a file.
            GraderError: If another process holds it, or OUT cannot be written.
        """
        assert self._holder is None, "OUT is locked once: closing a second lock drops the first"
        path = self.out / ".lock"
        if self.out.exists() and not self.out.is_dir():
            raise ConfigError(f"{self.out}: expected a folder, got a file. Name another one: -o.")
        with explained(path):
            self.out.mkdir(parents=True, exist_ok=True)
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._take(opened)
            self._holder = os.getpid()
            with explained(self.out):
                self._sweep()
            yield
        finally:
            self._holder = None
            os.close(opened)

    def _take(self, opened: int) -> None:
        try:
            # POSIX locks are not inherited: forked graders that outlive us do not keep OUT locked.
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            holder = os.read(opened, 200).decode(errors="replace").strip()
            raise GraderError(
                f"{self.out}: expected no other grader at work here, got {holder or 'one'}. "
                f"Wait for it, or grade into another folder."
            ) from None
        except OSError as error:
            raise GraderError(
                f"{self.out}: expected a file system with locks, got {error.strerror!r}. "
                f"Grade into a local folder."
            ) from None
        since = datetime.now(UTC).isoformat(timespec="seconds")
        host = socket.gethostname() or "this machine"  # a name may be missing
        holder = f"process {os.getpid()} on {host} since {since}"
        with suppress(OSError):  # no room: then others are told only that somebody is at work
            os.ftruncate(opened, 0)
            os.pwrite(opened, f"{holder}\n".encode(), 0)

    def _sweep(self) -> None:
        """Delete the halves of files that killed graders left."""
        kinds = ("submissions", "records", "results", "feedback", "private", "history")
        folders = [self.out, *(self.out / kind for kind in kinds)]
        while folders:
            folder = folders.pop()
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
                for entry in entries:
                    if folder != self.out and entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    elif _HALF.fullmatch(entry.name):
                        Path(entry.path).unlink()

    # --- the run ---

    def run_seed(self, seed: int | None = None) -> int:
        """Return the run's seed: `seed`, or a random one, when OUT is new; then always the same.

        Raises:
            ConfigError: If `seed` is not the one that OUT was begun with.
        """
        path = self.out / "run.json"
        document = self._read(path, RUN)
        known = document.get("seed") if document else None
        if type(known) is not int:
            known = secrets.randbits(_SEED_BITS) if seed is None else seed
            self._write(path, {"schema": RUN, "seed": known})
        if seed is not None and seed != known:
            raise ConfigError(
                f"{path}: expected the seed {known} that this run began with, got {seed}. "
                f"Leave --seed out, or grade into another folder."
            )
        return known

    # --- attempts ---

    def keep(self, name: str, chunks: Iterable[bytes]) -> SubmittedFile:
        """Store the bytes of one submitted file under their own SHA-256."""
        assert self._holder == os.getpid(), "OUT is written under its lock"
        digest, size = hashlib.sha256(), 0
        folder = self.out / "submissions" / "blobs"
        with _temporary(folder / "blob") as (stream, temporary):
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
            blob = folder / digest.hexdigest()
            if not _holds(blob, size, digest.hexdigest()):
                _settle(stream, temporary, blob)
        return SubmittedFile(name=name, sha256=digest.hexdigest(), size=size, blob=blob)

    def record_attempts(self, submissions: Iterable[Submission]) -> None:
        """Add attempts to what OUT knows; nothing that was recorded is ever taken away.

        The same files handed in again are the same attempt, at the earliest time that is known.
        """
        for submission in submissions:
            path = self._path("submissions", submission.assignment, submission.student_id)
            known = self._recorded(path)
            if known is None and path.exists():
                aside = _unused(path.with_suffix(".json.unreadable"))
                with explained(aside):
                    path.replace(aside)
                self.notes.append(f"{path}: set aside as {aside.name}. Look for lost attempts.")
            merged = _merged(known, submission)
            if merged != known:
                self._write(path, {"schema": SUBMISSION, **to_json(_with_blobs(merged, Path()))})

    def submissions(self, assignment: str) -> list[Submission]:
        """Return every student's recorded attempts, sorted by student id."""
        folder = self.out / "submissions" / assignment
        found = (self._recorded(path) for path in sorted(folder.glob("*.json")))
        blobs = self.out / "submissions" / "blobs"
        submissions = [_with_blobs(item, blobs) for item in found if item is not None]
        return sorted(map(_checked, submissions), key=lambda submission: submission.student_id)

    def assignments(self) -> list[str]:
        """Return the assignments that anything was collected for."""
        folders = {path.parent.name for path in (self.out / "submissions").glob("*/*.json")}
        return sorted(folders)

    def students(self) -> list[str]:
        """Return the ids of everybody who is known to any assignment, sorted."""
        return sorted({path.stem for path in (self.out / "submissions").glob("*/*.json")})

    def _recorded(self, path: Path) -> Submission | None:
        document = self._read(path, SUBMISSION)
        if document is None:
            return None
        del document["schema"]
        try:
            submission = from_json(Submission, document)
        except ValueError as error:
            self._note(path, error)
            return None
        assert isinstance(submission, Submission)
        return submission

    # --- what attempts did ---

    def record(
        self, assignment: str, student_id: str, attempt_sha256: str, run_sha256: str
    ) -> RunRecord | None:
        """Return what an attempt did in this very run, if that is known and final.

        Its `private` part is left in OUT/private; where that cannot be read, both are made again.
        """
        record = self._record(self._path("records", assignment, student_id, attempt_sha256))
        if record is None or not record.is_final or record.run_sha256 != run_sha256:
            return None
        private = self._path("private", assignment, student_id)
        is_whole = attempt_sha256 in self._privates(private) or not private.exists()
        return record if is_whole else None

    def records(self, assignment: str, student_id: str) -> dict[str, RunRecord]:
        """Return what each attempt of one student did last, by its SHA-256, in whichever run."""
        folder = self._path("records", assignment, student_id).with_suffix("")
        found = (self._record(path) for path in sorted(folder.glob("*.json")))
        return {record.attempt_sha256: record for record in found if record is not None}

    def _record(self, path: Path) -> RunRecord | None:
        document = self._read(path, RECORD)
        if document is None:
            return None
        try:
            return read_record(document)
        except ValueError as error:
            self._note(path, error)
            return None

    def write_record(self, assignment: str, student_id: str, record: RunRecord) -> None:
        """Keep what an attempt did; its tracebacks and prints go to OUT/private only."""
        document = record_document(record)
        path = self._path("private", assignment, student_id)
        attempts = self._privates(path) | {record.attempt_sha256: document["private"]}
        self._write(
            path,
            {
                "schema": PRIVATE,
                "assignment": assignment,
                "student_id": student_id,
                "attempts": dict(sorted(attempts.items())),
            },
        )
        document["private"] = {}
        self._write(self._path("records", assignment, student_id, record.attempt_sha256), document)

    def private(self, assignment: str, student_id: str, attempt_sha256: str) -> Document:
        """Return the tracebacks and prints of an attempt; empty if there are none."""
        found = self._privates(self._path("private", assignment, student_id)).get(attempt_sha256)
        return found if isinstance(found, dict) else {}

    def _privates(self, path: Path) -> Document:
        found = (self._read(path, PRIVATE) or {}).get("attempts")
        return found if isinstance(found, dict) else {}

    # --- results ---

    def write_result(self, result: Document, feedback: Document) -> None:
        """Write what the instructor and what the student sees of one grade."""
        where = (result["assignment"], result["student_id"])
        self._remember(result)
        self._write(self._path("feedback", *where), feedback)
        self._write(self._path("results", *where), result)

    def _remember(self, result: Document) -> None:
        """Add a grade to its student's history, unless it is the one that stands there last."""
        assignment, student_id = result["assignment"], result["student_id"]
        known, grade = self.history(assignment, student_id), past_grade(result)
        if known and {**known[-1], "graded_at": ""} == {**grade, "graded_at": ""}:
            return
        self._write(
            self._path("history", assignment, student_id),
            {
                "schema": HISTORY,
                "assignment": assignment,
                "student_id": student_id,
                "grades": [*known, grade],
            },
        )

    def history(self, assignment: str, student_id: str) -> list[Document]:
        """Return every grade that one student has had at an assignment, oldest first."""
        found = (self._read(self._path("history", assignment, student_id), HISTORY) or {}).get(
            "grades"
        )
        return found if isinstance(found, list) else []

    def result(self, assignment: str, student_id: str) -> Document | None:
        """Return the `gradlab/result/v1` document of one student, if there is one."""
        return self._read(self._path("results", assignment, student_id), RESULT)

    def feedback(self, assignment: str, student_id: str) -> Document | None:
        """Return the `gradlab/feedback/v1` document of one student, if there is one."""
        return self._read(self._path("feedback", assignment, student_id), FEEDBACK)

    def write_grades(self) -> None:
        """Write grades.csv from all results; students without one are pending."""
        rows = []
        for assignment in self.assignments():
            for submission in self.submissions(assignment):
                result = self.result(assignment, submission.student_id)
                try:
                    rows.append(grade_row(submission, result))
                except (LookupError, TypeError, AttributeError, ValueError) as error:
                    self._note(self._path("results", assignment, submission.student_id), error)
                    rows.append(grade_row(submission, None))
        self._write_bytes(self.out / "grades.csv", grades_csv(rows))

    # --- files ---

    def _path(self, kind: str, *names: str) -> Path:
        assert all(map(_NAME.fullmatch, names)), names
        return self.out.joinpath(kind, *names[:-1], f"{names[-1]}.json")

    def _read(self, path: Path, schema: str) -> Document | None:
        try:
            document = parse(path.read_bytes(), schema)
            _check_place(path, document)
            return unsealed(document) if schema in SEALED else document
        except FileNotFoundError:
            return None
        except (
            ValueError,
            RecursionError,
        ) as error:  # not JSON, not UTF-8, cut short, another schema
            self._note(path, error)
            return None
        except OSError as error:
            raise GraderError(
                f"{path}: expected a file to read, got {error.strerror!r}."
                " Move it away, or mend its permissions."
            ) from None

    def _note(self, path: Path, error: Exception) -> None:
        self.unreadable[path] = str(error)
        advice = _ADVICE.get(path.relative_to(self.out).parts[0], "It is made again.")
        self.notes.append(f"{path}: unreadable, so it counts as absent ({error}). {advice}")

    def _write(self, path: Path, document: Document) -> None:
        is_sealed = document["schema"] in SEALED
        self._write_bytes(path, dump(sealed(document) if is_sealed else document))

    def _write_bytes(self, path: Path, data: bytes) -> None:
        assert self._holder == os.getpid(), "OUT is written under its lock"
        write_atomically(path, data)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads it finds the old bytes or the new, never a part.

    Raises:
        GraderError: If the disk is full or the folder not writable; the old file is still there.
    """
    with _temporary(path) as (stream, temporary):
        stream.write(data)
        _settle(stream, temporary, path)


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Open a hidden file beside `path`; it is gone afterwards unless it was settled."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                yield stream, temporary
        finally:
            with suppress(OSError):
                temporary.unlink()


def _settle(stream: IO[bytes], temporary: Path, path: Path) -> None:
    stream.flush()
    os.fsync(stream.fileno())  # the bytes first, then the name: a power cut leaves one or the other
    temporary.replace(path)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say in one line what keeps `path` from being written.

    Raises:
        GraderError: Instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise GraderError(
            f"{path}: expected room and leave to write, got {error.strerror!r}. "
            f"Mend that and run again; what is finished is kept."
        ) from None


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except (OSError, ValueError):  # not there, or no name that a file can have
        return False


def _holds(path: Path, size: int, sha256: str) -> bool:
    """Tell whether a file has a content: a damaged one has the size, too."""
    if not _has_size(path, size):
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256


def _unused(path: Path) -> Path:
    """Return `path`, or the first of its successors that is not there yet."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], numbered) if not one.exists())


def _check_place(path: Path, document: Document) -> None:
    """Check that what names a student lies where that student's files do.

    Raises:
        ValueError: If it is somebody else's.
    """
    place = {"assignment": path.parent.name, "student_id": path.stem}
    for name, expected in place.items():
        if document.get(name, expected) != expected:
            raise ValueError(f"expected the {name} {expected!r}, got {document[name]!r}")


# --- attempts ----------------------------------------------------------------------------------


def _merged(known: Submission | None, new: Submission) -> Submission:
    if known is None:
        known = replace(new, attempts=())
    attempts: dict[str, Attempt] = {}
    for attempt in (*known.attempts, *new.attempts):
        first = attempts.setdefault(attempt.sha256, attempt)
        is_known = attempt.submitted_at is not None
        if is_known and (first.submitted_at is None or attempt.when < first.when):
            attempts[attempt.sha256] = attempt
    return replace(
        known,
        attempts=tuple(sorted(attempts.values(), key=lambda attempt: attempt.when)),
        name=new.name or known.name,
        section=new.section or known.section,
        accounts=tuple(dict.fromkeys((*known.accounts, *new.accounts))),
        aliases=tuple(dict.fromkeys((*known.aliases, *new.aliases))),
    )


def _with_blobs(submission: Submission, folder: Path) -> Submission:
    """Say where the bytes are; on disk this is only a name, so that OUT can be moved."""
    attempts = tuple(
        replace(attempt, files=tuple(replace(f, blob=folder / f.sha256) for f in attempt.files))
        for attempt in submission.attempts
    )
    return replace(submission, attempts=attempts)


def _checked(submission: Submission) -> Submission:
    """Mark attempts whose bytes are gone from OUT."""
    attempts = []
    for attempt in submission.attempts:
        lost = [file.name for file in attempt.files if not _has_size(file.blob, file.size)]
        if lost and not attempt.problem:
            problem = f"{lost[0]}: its bytes are gone from submissions/blobs. Collect it again."
            attempts.append(replace(attempt, problem=problem))
        else:
            attempts.append(attempt)
    return replace(submission, attempts=tuple(attempts))
