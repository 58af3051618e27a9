"""List SOURCE, a folder or a zip archive, and read its files as bytes, under caps."""

from __future__ import annotations

import errno
import lzma
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from autograder.errors import ConfigError
from autograder.models import frozen

_CHUNK = 1 << 20
_CLUTTER = ("__MACOSX", "__pycache__")
_CONTROL = ("Cc", "Cf", "Cs")  # control, invisible format (bidi) and surrogate characters
_DEPTH = 32  # of folders in folders

# What was listed is not there any more: somebody moves SOURCE, or its disk is gone.
_GONE = (errno.ENOENT, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN)
# What opening or reading a file raises, or a damaged, encrypted or exotic archive.
_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
# What an archive's damage looks like: a place before its start, or a bad stream of bzip2.
_DAMAGED = (errno.EINVAL, None)


@frozen
class Caps:
    """Bounds on what one SOURCE and one attempt may hold."""

    entries: int = 500_000  # files and folders of SOURCE
    files: int = 1000  # of one attempt
    file_bytes: int = 64 << 20
    attempt_bytes: int = 128 << 20
    name_chars: int = 400


@frozen
class Entry:
    """A file or folder of SOURCE, not yet read."""

    parts: tuple[str, ...]  # cleaned names, from SOURCE (later: from the attempt) down
    size: int = 0
    read: Callable[[], IO[bytes]] | None = None  # None for a folder and for what is refused
    refused: str = ""  # why it is not read
    is_lost: bool = False  # whether it is refused because the grader itself could not read it

    @property
    def path(self) -> str:
        """Its name, as people write it."""
        return "/".join(self.parts)

    @property
    def is_folder(self) -> bool:
        """Whether it is neither a file nor refused."""
        return self.read is None and not self.refused


@contextmanager
def listing(source: Path, caps: Caps) -> Iterator[tuple[list[Entry], list[str]]]:
    """List a folder or an archive, which stays open meanwhile."""
    notes: list[str] = []
    if source.is_dir():
        yield _at_most(_walk(source, ()), source, caps), notes
        return
    try:
        archive = zipfile.ZipFile(source)
    except FileNotFoundError:
        raise ConfigError(
            f"{source}: expected a folder or a zip archive, got nothing there. Check the path."
        ) from None
    except _READ_ERRORS as error:
        raise ConfigError(
            f"{source}: expected a folder or a zip archive, got a file that does not open as one "
            f"({error}). Unpack it first, or fetch it again."
        ) from None
    with archive:
        yield _at_most(_members(archive, notes), source, caps), notes


def _at_most(entries: Iterator[Entry], source: Path, caps: Caps) -> list[Entry]:
    listed = []
    for entry in entries:
        listed.append(entry)
        if len(listed) > caps.entries:
            raise ConfigError(
                f"{source}: expected at most {caps.entries} files and folders, got more. "
                f"Check that it is the folder of submissions."
            )
    return sorted(listed, key=lambda entry: entry.parts)


def _walk(root: Path, raw: tuple[str, ...]) -> Iterator[Entry]:
    """List the folder `raw` of `root`; links are named, not followed."""
    parts = tuple(map(_clean, raw))
    try:
        folder = open_beneath(root, raw, os.O_DIRECTORY)
        try:
            with os.scandir(folder) as items:
                inside = [
                    (item.name, item.stat(follow_symlinks=False))
                    for item in items
                    if not _is_clutter(item.name)
                ]
        finally:
            os.close(folder)
    except OSError as error:
        _check_still_there(error, "/".join((str(root), *parts)))
        if not raw:
            raise ConfigError(
                f"{root}: expected a folder to read, got {error.strerror}. Check its permissions."
            ) from None
        yield Entry(parts=parts, refused=error.strerror or "cannot be read", is_lost=True)
        return
    if raw:
        yield Entry(parts=parts)
    for name, status in inside:
        below = (*raw, name)
        if stat.S_ISDIR(status.st_mode) and len(below) <= _DEPTH:
            yield from _walk(root, below)
        elif stat.S_ISREG(status.st_mode):
            read = partial(_open_file, root, below)
            yield Entry(parts=(*parts, _clean(name)), size=status.st_size, read=read)
        else:
            kind = "too deep a folder" if stat.S_ISDIR(status.st_mode) else "a link or a device"
            yield Entry(parts=(*parts, _clean(name)), refused=f"{kind}, not a regular file")


def open_beneath(root: Path, raw: tuple[str, ...], flags: int) -> int:
    """Open `raw` below `root`, refusing links in every component, even ones swapped in later."""
    opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for index, name in enumerate(raw):
        kind = flags if index == len(raw) - 1 else os.O_DIRECTORY
        try:
            inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | kind, dir_fd=opened)
        finally:
            os.close(opened)
        opened = inner
    return opened


def _open_file(root: Path, raw: tuple[str, ...]) -> IO[bytes]:
    opened = open_beneath(root, raw, os.O_NONBLOCK)  # so that a pipe put in its place cannot hang
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise LostError("no longer a regular file")
    return os.fdopen(opened, "rb")


def _check_still_there(error: Exception, where: str) -> None:
    """Let nobody have handed in nothing because the disk went away.

    Raises:
        ConfigError: If that is what `error` says.
    """
    if isinstance(error, OSError) and error.errno in _GONE:
        raise ConfigError(
            f"{where}: expected SOURCE to stay as it is while it is read, got {error.strerror!r}."
            " Nothing was recorded; run again when it is back."
        ) from None


def _members(archive: zipfile.ZipFile, notes: list[str]) -> Iterator[Entry]:
    """List an archive; a name that leaves its folder is left out with a note."""
    for info in archive.infolist():
        name = _member_name(info)
        parts = tuple(_clean(part) for part in name.split("/") if part not in {"", "."})
        if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:/", name):
            notes.append(f"{_clean(name)}: the name leaves the archive; left out.")
            continue
        if not parts or any(map(_is_clutter, parts)):
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir() or name.endswith("/") or kind == stat.S_IFDIR:
            yield Entry(parts=parts)
        elif kind in {0, stat.S_IFREG}:
            yield Entry(parts=parts, size=info.file_size, read=partial(archive.open, info))
        else:
            yield Entry(parts=parts, refused="a link or a device, not a regular file")


def _member_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name; many tools write UTF-8, or backslashes, without saying so."""
    name = info.filename
    if not info.flag_bits & 0x800:  # zipfile has read it as cp437, which loses no byte
        with suppress(UnicodeError):  # else really an old code page: shown as cp437
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _clean(name: str) -> str:
    """Return a name that can be shown and stored: NFC, and no control characters."""
    if any("\ud800" <= character <= "\udfff" for character in name):  # bytes that are not UTF-8
        name = name.encode("utf-8", "surrogateescape").decode("latin-1")
    name = unicodedata.normalize("NFC", name)
    return "".join("\ufffd" if unicodedata.category(c) in _CONTROL else c for c in name)


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name in _CLUTTER


class UnreadableError(Exception):
    """A file of SOURCE, or a member, cannot be read to its end."""


class LostError(UnreadableError):
    """It is the grader that cannot read it: its rights, a disk. What was handed in may be fine."""


def read_chunks(entry: Entry, limit: int) -> Iterator[bytes]:
    """Read a file in pieces; `limit` holds whatever its listed size says.

    Raises:
        UnreadableError: If it is damaged.
        LostError: If that is not the file's fault: it may not be read, or its disk fails.
        ConfigError: If it is gone.
    """
    assert entry.read is not None
    try:
        with entry.read() as stream:
            while chunk := stream.read(_CHUNK):
                limit -= len(chunk)
                if limit < 0:
                    raise UnreadableError("it grew while it was read")
                yield chunk
    except _READ_ERRORS as error:
        _check_still_there(error, entry.path)
        if isinstance(error, OSError) and error.errno not in _DAMAGED:
            raise LostError(error.strerror) from None
        raise UnreadableError(str(error)) from None
