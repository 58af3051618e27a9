"""Compare submissions by what they hold, shut in: bytes come by stdin, numbers go by stdout.

compare50 tokenizes with pygments and matches k-grams of tokens by winnowing, twice: `exact`, the
tokens as they are, and `structure`, without comments and with all names and numbers alike. What
stands in the handout does not count. compare50 1.0 asks pkg_resources, which setuptools has
dropped, for its version and for one path; both answers are given here.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import resource
import sys
import types
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autograder.worker import jail, landlock

CPU_S = 600
_MEMORY_BYTES = 4 << 30
_FILE_BYTES = 4 << 20  # of one file, unpacked
_FILES = 50  # of one submission
PASSES = ("exact", "structure")


def main(parent: int) -> None:
    """Import, shut this process in, and only then read what students wrote."""
    compare50 = _compare50()
    from pygments.lexers.python import PythonLexer  # noqa: PLC0415 -- loaded while files can be

    compare50.File.read = _Texts.read
    compare50.File.lexer = lambda _: PythonLexer()
    _warm_up(compare50)
    _shut_in(parent)
    task = json.loads(sys.stdin.buffer.read())
    texts = [_texts(files) for files in task["submissions"]]
    answer = {
        "readable": [bool(one) for one in texts],
        "passes": {name: _pairs(compare50, name, texts, task["handout"]) for name in PASSES},
    }
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()


def _compare50() -> Any:
    stub = types.ModuleType("pkg_resources")
    stub.__dict__.update(
        DistributionNotFound=LookupError,
        get_distribution=_distribution,
        resource_filename=_resource,
    )
    sys.modules.setdefault("pkg_resources", stub)
    import compare50  # noqa: PLC0415 -- after the stub
    from compare50 import _api  # noqa: PLC0415

    _api.progress_bar = types.SimpleNamespace(remaining_percentage=0, update=lambda _: None)
    return compare50


def _warm_up(compare50: Any) -> None:
    """Do all of it once, with a text of ours: Python loads codecs and lexers when first used."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("warm.py", "def f(x):\n    return x + 1  # one\n" * 40)
    files = [{"name": "0.zip", "data": base64.b64encode(packed.getvalue()).decode()}]
    text = _texts(files)
    for name in PASSES:
        _pairs(compare50, name, [text, text], [])
    _Texts.known.clear()


def _distribution(name: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(version=version(name), location=_resource(name, ".."))


def _resource(package: str, name: str) -> str:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / name)


def _shut_in(parent: int) -> None:
    """Give up files, network, other processes and root: what student text could abuse."""
    limits = {
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_AS: _MEMORY_BYTES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, allowed))
    jail.no_new_privileges()
    landlock.restrict(read=())
    if len(sys.argv) > 2:
        jail.become(int(sys.argv[2]))
    jail.die_with(parent)
    jail.seal(changes_files=False)


# --- texts -----------------------------------------------------------------------------------


class _Texts:
    """Takes the place of the file system for compare50."""

    known: dict[str, str] = {}  # noqa: RUF012 -- filled once, before anything is compared

    @staticmethod
    def read(file: Any, size: int = -1) -> str:
        text = _Texts.known[str(file.path)]
        return text if size < 0 else text[:size]


def _texts(files: list[dict[str, str]]) -> list[str]:
    """Return the Python text of a submission's files; what cannot be read is left out."""
    found: list[str] = []
    for file in files[:_FILES]:
        data = base64.b64decode(file["data"])
        members = (
            _unpacked(data) if file["name"].lower().endswith(".zip") else [(file["name"], data)]
        )
        for name, content in members:
            text = _text(name, content)
            if text.strip():
                found.append(text)
    return found[:_FILES]


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist()[:_FILES]:
                if member.filename.lower().endswith((".py", ".ipynb")):
                    with archive.open(member) as stream:
                        yield member.filename, stream.read(_FILE_BYTES)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return


def _text(name: str, data: bytes) -> str:
    if name.lower().endswith(".py"):
        return data[:_FILE_BYTES].decode("utf-8", "replace")
    if not name.lower().endswith(".ipynb"):
        return ""
    try:
        cells = json.loads(data)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return "\n".join(sources)


# --- pairs -----------------------------------------------------------------------------------


def _pairs(
    compare50: Any, name: str, texts: list[list[str]], handout: list[str]
) -> list[tuple[int, int, int, int, int]]:
    """Return (first, second, fingerprints in common, the first's, the second's) of each pair."""
    kind = getattr(compare50.passes, name)

    def process(tokens: Any) -> Any:
        for step in kind.preprocessors:
            tokens = step(tokens)
        return tokens

    comparator = kind.comparator
    index_of = sys.modules[type(comparator).__module__].__dict__["ScoreIndex"]
    ignored = index_of(comparator.k, comparator.t)
    for one in _submission(compare50, f"/{name}/handout", handout, process):
        ignored.include(one)
    index = index_of(comparator.k, comparator.t)
    numbers: dict[int, int] = {}
    for number, files in enumerate(texts):
        submission = _submission(compare50, f"/{name}/{number}", files, process)
        numbers[submission.id] = number
        for one in submission:
            index.include(one)
    index.ignore_all(ignored)
    own: Counter[int] = Counter()
    for owners in index._index.values():  # noqa: SLF001 -- compare50 has no other way to count
        own.update(owners)
    return [
        (
            numbers[score.sub_a.id],
            numbers[score.sub_b.id],
            int(score.score),
            own[score.sub_a.id],
            own[score.sub_b.id],
        )
        for score in index.compare(index)
    ]


def _submission(compare50: Any, path: str, texts: list[str], process: Any) -> Any:
    names = [f"{number}.py" for number in range(len(texts))]
    for file, text in zip(names, texts, strict=True):
        _Texts.known[os.path.join(path, file)] = text  # noqa: PTH118 -- no file, only its name
    return compare50.Submission(path, names, preprocessor=process)
