"""Git checkouts, one folder for each student, and when their last commit was made.

A checkout may come from a student, `.git` and all, and Git runs what a repository's configuration
names: hooks, `core.fsmonitor`, a program that checks signatures, filters. So Git never sees that
repository. It gets an empty one of our own, without hooks and with our configuration, and the
student's folder of objects to look the one commit up in (`GIT_OBJECT_DIRECTORY`). It prints that
commit, and only the line of the committer's time is read. Everything else stays unopened.

The time is what the computer said on which the commit was made: a student can set it.
"""

from __future__ import annotations

import os
import re
import resource
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from autograder.collect.handed import Handed, Look, below, by_top, files
from autograder.collect.source import open_beneath
from autograder.models import Account, TimeSource

_SHA = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = re.compile(rb"ref: (refs/heads/[A-Za-z0-9._/+@-]{1,200})")
_COMMITTED = re.compile(rb"committer [^\n]*> (\d{1,12}) [+-]\d{4}")
_SMALL, _PACKED = 4096, 4 << 20  # bytes of HEAD and a branch; of packed-refs
_COMMIT = 64 << 10  # bytes of a commit before its message; of all that is read
_TIMEOUT_S = 10.0
_MEMORY, _CPU_S = 1 << 30, 10
_CONFIG = """\
[core]
repositoryformatversion = {version}
bare = true
fsmonitor = false
hooksPath = /dev/null
[gc]
auto = 0
{extensions}"""


def recognises(look: Look) -> bool:
    """Say whether every folder of SOURCE is a checkout.

    One checkout among others is a student's own, whose times are worth no more than theirs.
    """
    folders = _folders(look)
    return bool(folders) and all(_is_checkout(look.root / name) for name in folders)


def handed_in(look: Look) -> list[Handed]:
    """Return what stands in every student's checkout, as of its last commit."""
    folders = _folders(look)
    if folders:
        look.notes.append(
            "Times are those of commits, which students can set: for rules about time, collect at "
            "the end of class."
        )
    look.notes.extend(f"{name}: no checkout; left out." for name in by_top(look.entries)
                      if name not in folders)  # fmt: skip
    return [_of_checkout(name, look.root / name, look) for name in folders]


def account(name: str, assignment: str) -> Account:
    """Return the account in a repository's name: "tp1-ana", or "class-tp1-ana" (Classroom 50)."""
    before, mark, user = f"-{name}".partition(f"-{assignment}-")
    return Account(
        platform="github", id=user if mark and user else name, name=name if mark else before[1:]
    )


def _folders(look: Look) -> list[str]:
    if not look.root.is_dir():
        return []
    return [
        name
        for name, group in by_top(look.entries).items()
        if any(len(one.parts) > 1 or one.is_folder for one in group)
    ]


def _is_checkout(folder: Path) -> bool:
    return (folder / ".git").is_dir() and not folder.is_symlink()


def _of_checkout(name: str, folder: Path, look: Look) -> Handed:
    entries = files(below(by_top(look.entries)[name], 1))
    moment = committed_at(folder) if _is_checkout(folder) else None
    if moment is None:
        look.notes.append(f"{name}: its last commit cannot be read; the time is unknown.")
    who = account(name, look.assignment.id)
    return Handed(
        account=who,
        student_id=who.id,
        ids=(who.id, name),
        where=name,
        entries=entries,
        time=moment,
        source=TimeSource.GIT if moment else TimeSource.UNKNOWN,
    )


def committed_at(checkout: Path) -> datetime | None:
    """Return the committer's time of the commit that HEAD names; None if there is none to be had.

    Nothing that the repository configures is read by us or by Git, and nothing of it is run.
    """
    commit = _head(checkout)
    objects = checkout / ".git" / "objects"
    git = shutil.which("git")
    if commit is None or git is None or not objects.is_dir() or objects.is_symlink():
        return None
    with tempfile.TemporaryDirectory() as name:
        printed = _cat(git, Path(name), objects, commit)
    header = printed.partition(b"\n\n")[0]
    found = next(filter(None, map(_COMMITTED.fullmatch, header.split(b"\n"))), None)
    if found is None:
        return None
    with suppress(OverflowError, OSError, ValueError):
        moment = datetime.fromtimestamp(int(found[1]), UTC)
        if 1970 < moment.year < 9999:
            return moment
    return None


def _head(checkout: Path) -> bytes | None:
    """Return the commit that HEAD names, from the plain files that say so."""
    head = _bytes(checkout, ("HEAD",), _SMALL).strip()
    branch = _BRANCH.fullmatch(head)
    if branch is None:
        return head if _SHA.fullmatch(head) else None
    names = branch[1].decode().split("/")
    if any(name in {"", ".", ".."} for name in names):
        return None
    loose = _bytes(checkout, tuple(names), _SMALL).strip()
    if _SHA.fullmatch(loose):
        return loose
    packed = _bytes(checkout, ("packed-refs",), _PACKED).splitlines()
    lines = (line.split(b" ", 1) for line in packed if line.endswith(b" " + branch[1]))
    return next((line[0] for line in lines if _SHA.fullmatch(line[0])), None)


def _bytes(checkout: Path, names: tuple[str, ...], most: int) -> bytes:
    """Read a small file below .git, through no link; empty if there is none, or it is too large."""
    data = b""
    with suppress(OSError):
        opened = open_beneath(checkout, (".git", *names), os.O_NONBLOCK)
        try:
            data = os.read(opened, most + 1)  # of a regular file, all at once
        finally:
            os.close(opened)
    return data if len(data) <= most else b""


def _cat(git: str, ours: Path, objects: Path, commit: bytes) -> bytes:
    """Let Git print a commit out of a folder of objects, in a repository of our own."""
    sha256 = len(commit) == 64
    extensions = "[extensions]\nobjectformat = sha256\n" if sha256 else ""
    for folder in ("refs", "objects"):
        (ours / folder).mkdir()
    (ours / "HEAD").write_text("ref: refs/heads/none\n")
    config = _CONFIG.format(version=int(sha256), extensions=extensions)
    (ours / "config").write_text(config)
    command = [
        git,
        "--no-optional-locks",
        "--no-replace-objects",
        "cat-file",
        "commit",
        commit.decode(),
    ]
    try:
        with subprocess.Popen(  # noqa: S603 -- our program, our arguments, our environment
            command,
            cwd=ours,
            env=dict(_environment(ours, objects)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=_limit,  # noqa: PLW1509 -- the collector has one thread
        ) as process:
            return _read(process)
    except OSError:
        return b""


def _environment(ours: Path, objects: Path) -> Iterator[tuple[str, str]]:
    yield "PATH", "/usr/bin:/bin"
    yield "HOME", str(ours)
    yield "GIT_DIR", str(ours)
    yield "GIT_OBJECT_DIRECTORY", str(objects.absolute())
    yield "GIT_CONFIG_NOSYSTEM", "1"
    yield "GIT_CONFIG_GLOBAL", "/dev/null"
    yield "GIT_ATTR_NOSYSTEM", "1"
    yield "GIT_NO_LAZY_FETCH", "1"
    yield "GIT_ALLOW_PROTOCOL", "none"
    yield "GIT_TERMINAL_PROMPT", "0"
    yield "GIT_OPTIONAL_LOCKS", "0"
    yield "LC_ALL", "C"


def _limit() -> None:
    """Bound what a hostile folder of objects can cost; nothing is ever written."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _read(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    deadline, data = time.monotonic() + _TIMEOUT_S, b""
    try:
        while len(data) < _COMMIT:
            ready, _, _ = select.select(
                [process.stdout], [], [], max(deadline - time.monotonic(), 0)
            )
            piece = os.read(process.stdout.fileno(), _COMMIT) if ready else b""
            if not piece:
                break
            data += piece
    finally:
        process.kill()
    return data
