"""Does something leave the house that must not? Solutions, known mistakes, hidden tests.

What is secret is known by its lines. One line of code that stands in no stub and no public test is
enough to convict a handout, which is made of nothing else. In the tool's own source two adjacent
ones are needed: a single line may be anybody's idiom. Names of hidden tests count everywhere.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from autograder.handout import stub_source
from autograder.models import frozen

_SHORT = 32  # characters; `return False` before `return True` stands in many a program
_ZIPS = (".zip", ".whl")


@frozen
class Secrets:
    """What a course keeps for itself."""

    lines: frozenset[str]
    pairs: frozenset[tuple[str, str]]  # adjacent lines of code
    names: frozenset[str]  # of hidden tests


def secrets_of(course_dir: Path) -> Secrets:
    """Return what must not leave a course: all that its stubs and public tests do not say."""
    masters = sorted(course_dir.glob("reference/*/solution.py"))
    hidden = sorted(course_dir.glob("tests/hidden/*.py"))
    support = sorted(course_dir.glob("reference/*/support.py"))
    public = [*sorted(course_dir.glob("tests/public/*.py")), *support]
    kept = [one for one in course_dir.glob("reference/*/*.py") if one not in support]
    stubs = [stub_source(_text(path), where=str(path)) for path in masters]
    said = [line for stub in stubs for line in lines("stub.py", stub)] + _file_lines(public)
    secret = _file_lines([*sorted(kept), *hidden])
    return Secrets(
        lines=frozenset(secret) - frozenset(said),
        pairs=_code_pairs(secret) - _code_pairs(said),
        names=_test_names(hidden) - _test_names(public),
    )


def find(files: Mapping[str, bytes], secrets: Secrets, *, tool: bool = False) -> list[str]:
    """Return a sentence for each file that says what must not be said; zips are opened.

    Args:
        files: Contents by name.
        secrets: Of the course.
        tool: Whether they are the tool's own: then lines count in pairs.
    """
    found = []
    for name, text in _texts(files):
        said = lines(name, text)
        leaked: set[object] = set(re.findall(r"\w+", f"{name}\n{text}")) & secrets.names
        leaked |= _code_pairs(said) & secrets.pairs
        if not tool:
            leaked |= set(said) & secrets.lines
        if leaked:
            found.append(
                f"{name}: expected nothing of solutions, mistakes or hidden tests,"
                f" got {min(map(repr, leaked))}. Take it out of what students get."
            )
    return found


def lines(name: str, text: str) -> list[str]:
    """Return the stripped, non-empty lines of a file, those inside JSON strings included."""
    if name.endswith((".ipynb", ".json")):
        text = "\n".join(_strings(json.loads(text)))
    return [line.strip() for line in text.splitlines() if line.strip()]


def _texts(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Yield each file as text; of a zip the members, the comments and the names."""
    for name, data in files.items():
        if name.endswith(_ZIPS):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                comments = [archive.comment, *(info.comment for info in archive.infolist())]
                yield name, "\n".join(one.decode("utf-8", "replace") for one in comments)
                inside = {f"{name}/{member}": archive.read(member) for member in archive.namelist()}
            yield from _texts(inside)
        else:
            yield name, data.decode("utf-8", "replace")


def _strings(value: object) -> Iterator[str]:
    """Yield all text in JSON data, keys included; lists of lines also as one text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield "".join(item for item in value if isinstance(item, str))
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)


def _code_pairs(found: list[str]) -> frozenset[tuple[str, str]]:
    code = [line for line in found if not line.startswith(("import ", "from ", "#", '"""', ")"))]
    return frozenset(pair for pair in pairwise(code) if len("".join(pair)) >= _SHORT)


def _file_lines(paths: Iterable[Path]) -> list[str]:
    return [line for path in paths for line in lines(path.name, _text(path))]


def _test_names(paths: Iterable[Path]) -> frozenset[str]:
    return frozenset(
        node.name
        for path in paths
        for node in ast.walk(ast.parse(_text(path)))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and "test" in node.name.lower()
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
