"""What a worker may read: the interpreter, shared libraries and a short list of distributions.

An image is a Python prefix made of symbolic links, so it costs no disk space and is made in a few
milliseconds: the standard library, of site-packages only what belongs to the allowed distributions
and what they need, and a private copy of `autograder/worker`. `trees` are the real files behind it;
a jail shows nothing else. The repository, a course directory, an editable install or a .pth file is
never among them.

Root's interpreter often lies below a directory that only root may pass (its own home), and tier C
gives up root's identity. So there the links go through descriptors that root opened before:
`/proc/self/fd/7/torch` is found without a step through /root. That widens nothing: Landlock still
decides, by the real file, what may be opened.
"""

from __future__ import annotations

import contextlib
import csv
import importlib.metadata
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import Distribution
from pathlib import Path
from typing import Self

from autograder.errors import SandboxError

DISTRIBUTIONS = ("torch", "numpy")

_PREFIX = "gradlab-image-"  # of the folders of images
_PARTS = ({"root"}, {"root", "image"})  # what such a folder holds
_PACKAGE = Path(__file__).parent.parent
_SYSTEM_FILES = (
    Path("/etc/ld.so.cache"),
    # torch chooses its kernels by the processor that it finds here. Without, it takes slower ones,
    # whose results differ in the last bits from those of the trusted side.
    Path("/proc/cpuinfo"),
    Path("/sys/devices/system/cpu"),
)
_FOREIGN = ("site-packages", "dist-packages")  # what others installed, wherever it lies


@dataclass(frozen=True, slots=True)
class Tree:
    """A real file, or a real directory with all that is in it but the holes."""

    path: Path
    holes: tuple[Path, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the tree of a library directory, without what others installed below it."""
        real = path.resolve()
        patterns = [f"{above}{name}" for above in ("", "python*/") for name in _FOREIGN]
        holes = {hole.resolve() for pattern in patterns for hole in real.glob(pattern)}
        return cls(real, tuple(sorted(hole for hole in holes if hole.is_relative_to(real))))


@dataclass(slots=True, kw_only=True)
class Image:
    """A Python prefix for workers; `close` takes it away."""

    folder: Path  # ours alone: holds the prefix and the directory on which tier A mounts its root
    by_descriptor: bool  # whether workers reach all files through descriptors, as in tier C
    trees: list[Tree] = field(default_factory=list)
    links: dict[Path, str] = field(default_factory=dict)  # on the way to the trees, with their text
    descriptors: dict[Path, int] = field(default_factory=dict)
    lock: int | None = None  # of the folder

    @classmethod
    def build(
        cls, distributions: Iterable[str] = DISTRIBUTIONS, *, by_descriptor: bool = False
    ) -> Self:
        """Make an image.

        Args:
            distributions: What students may import besides the standard library.
            by_descriptor: Whether workers reach all files through descriptors, as in tier C.

        Raises:
            SandboxError: If a distribution is not installed, or does not say what belongs to it, or
                if nothing can be written where temporary files go.
        """
        members = sorted({member for found in closure(distributions) for member in files_of(found)})
        with temporary_files():
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            _sweep(folder.parent)
            image = cls(folder=folder, by_descriptor=by_descriptor)
            try:
                image._hold()
                image._fill(members)
            except BaseException:  # Ctrl-C, too
                image.close()
                raise
        return image

    @property
    def prefix(self) -> Path:
        """The Python prefix, on our side."""
        return self.folder / "image"

    @property
    def root(self) -> Path:
        """An empty directory, on which tier A builds its file system."""
        return self.folder / "root"

    @property
    def home(self) -> str:
        """The Python prefix, as workers reach it."""
        return self._reach(self.prefix)

    @property
    def packages(self) -> str:
        """What can be imported beside the standard library, as workers reach it."""
        return f"{self.home}/{_library_name()}/site-packages"

    def close(self) -> None:
        """Close the descriptors and delete the links."""
        for descriptor in self.descriptors.values():
            os.close(descriptor)
        self.descriptors.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def _hold(self) -> None:
        """Keep others from sweeping the folder away, until we and all our forks are dead."""
        import fcntl  # noqa: PLC0415 -- `doctor` runs on systems that have none

        self.lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # a file system without locks: others cannot sweep
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _fill(self, members: list[tuple[Path, str]]) -> None:
        self.root.mkdir()
        library = self.prefix / _library_name()
        packages = library / "site-packages"
        _copy_worker(packages / "autograder")
        stdlib = Tree.of(Path(sysconfig.get_path("stdlib")))
        for entry in stdlib.path.iterdir():
            if entry not in stdlib.holes:
                self._link(library, stdlib.path, entry.name)
        for directory, name in members:
            self._link(packages, directory, name)
        _make_readable(self.prefix)
        libraries = list(_library_directories())
        self.trees = [
            Tree(self.prefix.resolve()),
            stdlib,
            *(Tree((directory / name).resolve()) for directory, name in members),
            *dict.fromkeys(Tree.of(directory) for directory in libraries),
            *(Tree(path) for path in _SYSTEM_FILES if path.exists()),
        ]
        self.links = {link: text for path in libraries for link, text in _links_on(path)}

    def _link(self, place: Path, directory: Path, name: str) -> None:
        link = place / name
        link.parent.mkdir(exist_ok=True)
        real = directory / name
        reached = f"{self._reach(directory)}/{name}" if self.by_descriptor else real.resolve()
        link.symlink_to(reached)

    def _reach(self, directory: Path) -> str:
        if not self.by_descriptor:
            return str(directory.resolve())
        if directory not in self.descriptors:
            self.descriptors[directory] = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self.descriptors[directory]}"


@contextlib.contextmanager
def temporary_files() -> Iterator[None]:
    """Say in one line that temporary files cannot be written.

    Raises:
        SandboxError: If they cannot.
    """
    try:
        yield
    except OSError as fault:
        raise SandboxError(
            f"{fault.filename or 'temporary files'}: expected room and leave to write, got"
            f" {fault.strerror!r}. Make room there, or name another folder: TMPDIR=/somewhere"
        ) from None


def _sweep(temporary: Path) -> None:
    """Delete the images of our own runs that were killed: nobody holds their locks."""
    import fcntl  # noqa: PLC0415 -- `doctor` runs on systems that have none

    for folder in temporary.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_ours = os.fstat(opened).st_uid == os.geteuid()
                # One that is empty is being made at this moment, and not held yet.
                if is_ours and {path.name for path in folder.iterdir()} in _PARTS:
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(opened)


def closure(names: Iterable[str]) -> list[Distribution]:
    """Return the named distributions and what they need, as far as it is installed.

    Raises:
        SandboxError: If a named one is not installed.
    """
    found: dict[str, Distribution] = {}
    for name in names:
        try:
            _add(name, found)
        except importlib.metadata.PackageNotFoundError as fault:
            raise SandboxError(
                f"{name}: expected an installed distribution, got none."
                f" Install it: {sys.executable} -m pip install {name}"
            ) from fault
    return list(found.values())


def files_of(distribution: Distribution) -> Iterator[tuple[Path, str]]:
    """Yield the directory and the name of each top-level entry that a distribution installed.

    Raises:
        SandboxError: If it keeps no list of its files.
    """
    directory = Path(str(distribution.locate_file(""))).resolve()
    for name in _top_level(distribution):
        ours = name and not name.endswith(".pth") and not name.startswith(("..", "__editable__"))
        if ours and (directory / name).exists():
            yield directory, name


def _add(name: str, found: dict[str, Distribution]) -> None:
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in found:
        return
    found[key] = importlib.metadata.distribution(name)
    for requirement in found[key].requires or ():
        needed = re.match(r"[\w.-]+", requirement)
        if needed and "extra ==" not in requirement:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                _add(needed[0], found)  # its marker did not hold where it is not installed


def _top_level(distribution: Distribution) -> set[str]:
    record = distribution.read_text("RECORD")
    if record:
        paths = [row[0].split("/") for row in csv.reader(record.splitlines()) if row]
        return {"/".join(path[: 2 if path[0] == "__pycache__" else 1]) for path in paths}
    listed = (distribution.read_text("top_level.txt") or "").split()
    if not listed:
        raise SandboxError(
            f"{distribution.name}: expected a list of its files (RECORD), got none."
            " Install it with pip."
        )
    return {f"{name}{suffix}" for name in listed for suffix in ("", ".py")}


def _copy_worker(place: Path) -> None:
    """Copy our side of the worker, under empty `__init__` files; nothing else of ours goes in."""
    sources = [*(_PACKAGE / "worker").glob("*.py"), _PACKAGE / "sandbox" / "wire.py"]
    for source in sources:
        target = place / source.relative_to(_PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for package in (place, place / "worker", place / "sandbox"):
        (package / "__init__.py").write_text("", encoding="utf-8")


def _make_readable(prefix: Path) -> None:
    """Undo our umask: the worker may be another user."""
    for path in (prefix, *prefix.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def _library_name() -> str:
    return f"{sys.platlibdir}/{Path(sysconfig.get_path('stdlib')).name}"


def _library_directories() -> Iterator[Path]:
    """Yield the directories that hold shared libraries, as the loader names them."""
    configured = [Path("/etc/ld.so.conf"), *Path("/etc/ld.so.conf.d").glob("*.conf")]
    lines = [line for file in configured if file.exists() for line in file.read_text().split()]
    named = [
        *("/lib", "/lib64", "/usr/lib", "/usr/lib64"),
        f"/lib/{sysconfig.get_config_var('MULTIARCH')}",
        *(line for line in lines if line.startswith("/") and "*" not in line),
        *os.environ.get("LD_LIBRARY_PATH", "").split(":"),
        f"{sys.base_prefix}/lib",
    ]
    for path in map(Path, dict.fromkeys(name for name in named if name)):
        if path.is_dir() and any(path.glob("*.so*")):
            yield path


def _links_on(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the symbolic links that are followed on the way to `path`, with their texts."""
    for part in reversed([path, *path.parents]):
        if part.is_symlink():
            text = str(part.readlink())
            yield part, text
            yield from _links_on(part.parent / text / path.relative_to(part))
            return
