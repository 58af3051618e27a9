"""The file to hand in: what a student's folder holds, zipped, and what a grader will see in it.

The zip is read back by the grader's own reader, in this process: what it refuses is refused here,
and what it would grade is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder import archive
from autograder.check import Report, check_files
from autograder.checks.local import Home, PublicData, read_files, reading_remarks
from autograder.errors import ConfigError, SubmissionError
from autograder.models import frozen

_DATA_BYTES = 1 << 20  # a grader takes no larger data file along
_GIVEN = ("README.md", "requirements.txt", "conftest.py")
_NO_DATA = (".zip", ".whl", ".rar", ".7z", ".tar", ".gz", ".pyc")
_SOURCES = (".py", ".ipynb")
_NO_WORK = frozenset({"tests", "venv", "env", "site-packages", "node_modules"})
_DEPTH = 3  # folders below the packed one
_MAGIC = re.compile(r"^\s*[%!]{1,2}\s*\w", re.MULTILINE)


@frozen
class Packed:
    """A zip to hand in, and what a grader reads in it before anything runs."""

    name: str
    data: bytes
    members: tuple[str, ...]
    graded: tuple[str, ...]  # the files that exercises are taken from, best first
    written: tuple[str, ...]  # exercises that differ from the stub
    unwritten: tuple[str, ...]
    notes: tuple[str, ...]
    homes: tuple[Home, ...]


def pack(path: Path) -> Packed:
    """Zip a folder's work and read it as a grader does; no code of the student's runs.

    Args:
        path: The folder of an assignment, the folder above those of several topics, or one file.

    Raises:
        ConfigError: If no assignment is there.
        SubmissionError: If a grader would refuse it; the message is the grader's.
        SuiteError: If the assignment's own files are damaged.
    """
    if not path.exists():
        raise SubmissionError(f"{path}: expected your file or its folder, got no such path.")
    root = path if path.is_dir() else path.parent
    homes = tuple(_homes(root))
    if not homes:
        raise ConfigError(
            f"{root}: expected the files of an assignment, got none."
            " Go to its folder; `gradlab start TOPIC` makes one."
        )
    files = dict(_files(root, homes))
    if path.is_file():
        twins = {f"{path.stem}{suffix}" for suffix in _SOURCES} - {path.name}
        files = {name: data for name, data in files.items() if name not in twins}
        files[path.name] = path.read_bytes()
    stem = path.stem if path.is_file() else root.resolve().name
    name = f"{stem or homes[0].data.topic}.zip"
    data = archive.zip_bytes(files)
    _, facts = read_files([(name, data)], homes, _names(stem, homes))
    graded = [index for variant in facts["variants"] for index in variant["candidates"]]
    remarks = reading_remarks(facts, graded)
    problems = [remark.removeprefix(f"{name}/") for remark in remarks]
    if not facts["variants"]:
        wanted = ", ".join(one["id"] for home in homes for one in home.data.exercises)
        raise SubmissionError(
            "; ".join(problems) or f"{path}: expected a definition of one of {wanted}, got none."
        )
    return _packed(name, data, files, facts, problems, homes)


def _packed(
    name: str,
    data: bytes,
    files: Mapping[str, bytes],
    facts: Any,
    notes: list[str],
    homes: tuple[Home, ...],
) -> Packed:
    written = {one for variant in facts["variants"] for one in variant["changed"]}
    ids = [one["id"] for home in homes for one in home.data.exercises]
    variants = [[_inside(name, facts, one) for one in v["candidates"]] for v in facts["variants"]]
    if len(variants) > 1:
        both = " and ".join(variant[0] for variant in variants)
        notes.append(f"{both} both hold work: both are graded, and the better one counts.")
    return Packed(
        name=name,
        data=data,
        members=tuple(sorted(files)),
        graded=tuple(one for variant in variants for one in variant),
        written=tuple(one for one in ids if one in written),
        unwritten=tuple(one for one in ids if one not in written),
        notes=(*notes, *_surprises(files)),
        homes=homes,
    )


def _inside(name: str, facts: Any, index: int) -> str:
    """Return the name of a candidate inside the zip."""
    found = next(one for one in facts["candidates"] if one["index"] == index)
    return str(found["name"]).removeprefix(f"{name}/")


def public_results(packed: Packed) -> list[list[Report]]:
    """Run the public tests on what was packed: for each graded file, a report for each topic."""
    stem = packed.name.removesuffix(".zip")
    names = _names(stem, packed.homes)
    return check_files([(packed.name, packed.data)], packed.homes, names)


def _names(stem: str, homes: Sequence[Home]) -> list[str]:
    """Return the names that a grader expects, most expected first."""
    stems = dict.fromkeys((stem, *(home.data.topic for home in homes)))
    return [f"{one}{suffix}" for one in stems for suffix in _SOURCES]


def _homes(root: Path) -> Iterator[Home]:
    """Yield the assignments that lie in a folder, or in the folders just below."""
    for folder in [root, *sorted(one for one in root.iterdir() if one.is_dir())]:
        for test in sorted(folder.glob("test_*.py")):
            data = test.with_name(f"{test.stem.removeprefix('test_')}.json")
            if data.is_file():
                yield Home(folder=folder, data=PublicData.load(data))


def _files(root: Path, homes: Sequence[Home], depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield a student's own files: modules, notebooks and small data; nothing that was given."""
    given = {f"test_{home.data.topic}.py" for home in homes}
    given |= {f"{home.data.topic}.json" for home in homes} | set(_GIVEN)
    for path in sorted(root.iterdir()):
        if path.name.startswith((".", "__")) or path.is_symlink():
            continue
        if path.is_dir():
            if path.name not in _NO_WORK and depth < _DEPTH:
                inside = _files(path, homes, depth + 1)
                yield from ((f"{path.name}/{name}", data) for name, data in inside)
        elif path.name not in given and _is_taken_along(path):
            yield path.name, path.read_bytes()


def _is_taken_along(path: Path) -> bool:
    suffix = path.suffix.lower()
    small = path.stat().st_size <= _DATA_BYTES
    return suffix in _SOURCES or (suffix not in _NO_DATA and small)


def _surprises(files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield what costs nothing and surprises all the same."""
    for name, data in files.items():
        if name.endswith(".ipynb") and any(map(_MAGIC.search, _cells(data))):
            yield f"{name}: lines with % or ! are skipped by the grader; do not count on them."


def _cells(notebook: bytes) -> Iterator[str]:
    try:
        cells = json.loads(notebook)["cells"]
        for cell in cells:
            if cell["cell_type"] == "code":
                yield "".join(cell["source"])
    except (ValueError, LookupError, TypeError, RecursionError):  # the reader has said so already
        return
