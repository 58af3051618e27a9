"""What was handed in, unpacked: zip members as bytes in memory, within caps, nothing on disk.

`zipfile` alone stops neither bombs nor odd names, so every member is judged by its own name and
type and read with a bound; the sizes that an archive declares are only believed when they refuse.
"""

from __future__ import annotations

import io
import lzma
import re
import stat
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import PurePosixPath

SOURCES = (".py", ".ipynb")
_FOREIGN = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_IGNORED = ("__MACOSX", "__pycache__", "site-packages", "node_modules")
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class File:
    """One file, read: its name as the student sees it ("work.zip/my work/losses.py")."""

    name: str
    data: bytes = field(repr=False)
    date: tuple[int, ...] = ()  # of a zip member; a file handed in by itself has none

    @property
    def suffix(self) -> str:
        """Its ending, in lower case."""
        return PurePosixPath(self.name).suffix.lower()


@dataclass(frozen=True, slots=True)
class Caps:
    """Bounds on what is unpacked; far above any honest submission."""

    depth: int = 2  # a zip in a zip
    members: int = 1000
    source_bytes: int = 64 << 20  # a notebook with its pictures
    data_bytes: int = 1 << 20  # one data file; larger ones are left out
    total_bytes: int = 128 << 20
    ratio: int = 500  # of a member above `data_bytes`; text packs 3 to 100 times


class _TooMuch(Exception):  # noqa: N818 - ends the unpacking, is nobody's fault
    """The caps are reached: what was unpacked so far is all there is."""


def unpack(
    files: list[tuple[str, bytes]], caps: Caps | None = None
) -> tuple[list[File], list[str]]:
    """Return the files that were handed in, zips replaced by their members, and the problems.

    Returns:
        The files in the order they came (sources and small data files), and one sentence
        ``name: what is wrong. What to do.`` for each thing that was refused.
    """
    unpacker = _Unpacker(caps or Caps())
    try:
        for name, data in files:
            unpacker.add(File(clean(name), data), depth=0)
    except _TooMuch as error:
        unpacker.problems.append(str(error))
    return unpacker.kept, unpacker.problems


def clean(text: str) -> str:
    """Return `text` in NFC, without anything that UTF-8 cannot carry."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))


class _Unpacker:
    """The state of one unpacking: what was kept, what was refused, how much there was."""

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.kept: list[File] = []
        self.problems: list[str] = []
        self._bytes = 0

    def add(self, file: File, depth: int) -> None:
        """Keep `file`, or the members of the zip that it is."""
        if _is_ignored(file.name):
            return
        if file.suffix in _FOREIGN:
            self.problems.append(
                f"{file.name}: expected .py, .ipynb or .zip, got {file.suffix}."
                " Hand in the files themselves, or a zip."
            )
        elif file.suffix == ".zip":
            self._open(file, depth)
        elif file.suffix in SOURCES or len(file.data) <= self.caps.data_bytes:
            self.kept.append(file)

    def _open(self, archive: File, depth: int) -> None:
        if depth >= self.caps.depth:
            self.problems.append(
                f"{archive.name}: expected at most {self.caps.depth} zips inside each other, got"
                " more. Hand in one zip."
            )
            return
        try:
            opened = zipfile.ZipFile(io.BytesIO(archive.data))
        except (*_BROKEN, RuntimeError) as error:
            self.problems.append(_not_a_zip(archive.name, error))
            return
        with opened:
            for info in opened.infolist():
                member = self._member(archive.name, opened, info)
                if member is not None:
                    self.add(member, depth + 1)

    def _member(self, archive: str, opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> File | None:
        name = clean(f"{archive}/{info.filename}")
        # Not `is_dir`, which wants a name to have letters.
        if info.filename.endswith("/") or _is_ignored(name):
            return None
        refusal = _refusal(info) or self._size_refusal(info, name)
        if refusal:
            self.problems.append(f"{name}: {refusal}")
            return None
        limit = self._limit(name)
        if info.file_size > limit:  # a large data file: nothing that a grader needs
            return None
        try:
            with opened.open(info) as stream:
                data = stream.read(limit + 1)
        except (*_BROKEN, RuntimeError) as error:  # RuntimeError: encrypted, unknown compression
            self.problems.append(_not_a_zip(name, error))
            return None
        self._count(archive, data)
        return File(name, data, info.date_time) if len(data) <= limit else None

    def _limit(self, name: str) -> int:
        is_read = PurePosixPath(name).suffix.lower() in (*SOURCES, ".zip")
        return self.caps.source_bytes if is_read else self.caps.data_bytes

    def _size_refusal(self, info: zipfile.ZipInfo, name: str) -> str | None:
        limit = self._limit(name)
        if limit == self.caps.source_bytes and info.file_size > limit:
            return (
                f"expected at most {limit >> 20} MiB, got {info.file_size >> 20} MiB."
                " Clear the outputs of the notebook and save it again."
            )
        packed = max(info.compress_size, 1)
        if info.file_size > self.caps.data_bytes and info.file_size // packed > self.caps.ratio:
            return (
                f"expected a file that packs at most {self.caps.ratio} times, got"
                f" {info.file_size // packed} times. Hand in the file itself."
            )
        return None

    def _count(self, archive: str, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > self.caps.total_bytes or len(self.kept) >= self.caps.members:
            raise _TooMuch(
                f"{archive}: expected at most {self.caps.members} files and"
                f" {self.caps.total_bytes >> 20} MiB in all, got more; the rest was not read."
                " Hand in your own files only."
            )


def _is_ignored(name: str) -> bool:
    """Whether a file belongs to a system or an editor, and not to the student."""
    parts = PurePosixPath(name).parts
    return any(part in _IGNORED or (part[0] == "." and part != "..") for part in parts)


def _refusal(info: zipfile.ZipInfo) -> str | None:
    """Return why a member is not a plain file inside the archive, or None."""
    name = info.orig_filename  # `filename` is already cut at a NUL
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not name or set(name) & {"\\", "\0"} or re.match(r"/|[A-Za-z]:", name):
        return "expected a plain relative name. Pack the folder again."
    if ".." in name.split("/"):
        return 'expected a name inside the archive, got "..". Pack the folder again.'
    if kind not in (0, stat.S_IFREG):
        return "expected a regular file, got a link or a device. Pack the file itself."
    return None


def _not_a_zip(name: str, error: Exception) -> str:
    if "encrypted" in str(error):
        return f"{name}: expected a readable file, got an encrypted one. Pack it without password."
    reason = clean(str(error))[:100] or type(error).__name__
    return f"{name}: expected an intact zip, got a broken one ({reason}). Pack it again."
