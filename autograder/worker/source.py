"""One module or notebook, read: bytes to text, once, and text to syntax trees.

The text that is parsed here is the text that `loading` compiles: nothing decodes it again.
"""

from __future__ import annotations

import ast
import codecs
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["module", "notebook"]
Function = ast.FunctionDef | ast.AsyncFunctionDef
# What a name stands for: a definition, the expression assigned to it, the dotted path of an import
# ("torch.nn.functional" for F), or None: a loop variable, one of several targets, ...
Value = Function | ast.ClassDef | ast.expr | str | None

SOURCE_LIMIT = 512 << 10  # characters; 600 KB of source can hold ast.parse for half a minute

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_TEXT_CODECS = ("utf", "ascii", "iso8859", "cp", "mac", "gb", "big5", "euc", "shift", "koi8")
_CONTROL_FLOW = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While)


class Unreadable(Exception):  # noqa: N818 - a fact about a file, not a fault of ours
    """A file that cannot be read; the message is the sentence that its author gets."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is compiled as one text: a whole module, or one cell of a notebook."""

    filename: str  # as tracebacks show it: "losses.py", or "losses.ipynb, cell 3"
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)
    cell: int | None = None

    def where(self, line: int) -> str:
        """Name a line as a person looks it up: "losses.ipynb, cell 3, line 2"."""
        return f"{self.filename}, line {line}"


@dataclass(frozen=True, slots=True)
class Source:
    """A module or a notebook with all of its code that can be parsed."""

    name: str
    kind: Kind
    pieces: tuple[Piece, ...]
    remarks: tuple[str, ...] = ()
    date: tuple[int, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()  # of cells that do not parse: the text, and why

    @property
    def stem(self) -> str:
        """The file's name without folders and ending."""
        return PurePosixPath(self.name).stem

    @property
    def length(self) -> int:
        """How many characters of code it has."""
        return sum(len(piece.text) for piece in self.pieces)

    def statements(self) -> Iterator[tuple[Piece, ast.stmt]]:
        """Yield the statements of the top level, in the order in which they run."""
        for piece in self.pieces:
            for statement in piece.tree.body:
                yield piece, statement


@dataclass(frozen=True, slots=True)
class Binding:
    """What gives a name of the top level its value: the last one in the text wins."""

    value: Value
    statement: ast.stmt
    piece: Piece

    @property
    def line(self) -> int:
        """Where it stands in its piece."""
        return self.statement.lineno


def decode(name: str, data: bytes) -> tuple[str, list[str]]:
    """Return the text of a source file, lines ended by LF, and remarks about its encoding.

    Tried in turn: a byte order mark, the coding cookie, UTF-8, Windows-1252, Latin-1.

    Raises:
        Unreadable: If the file is empty or is not text.
    """
    if not data.strip():
        raise Unreadable(
            f"{name}: expected Python source, got an empty file. Hand in the file with your work."
        )
    text, remarks = _decode(name, data)
    if "\0" in text:
        raise Unreadable(
            f"{name}: expected Python source, got binary data (NUL bytes)."
            " Save it as a text file and hand it in again."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n"), remarks


def _decode(name: str, data: bytes) -> tuple[str, list[str]]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), [f"{name} is UTF-16; save it as UTF-8."]
    asked = _cookie(data)
    for encoding in (asked, "utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeError:
            continue
        is_guess = encoding not in (asked, "utf-8-sig")
        remarks = [f"{name} is not UTF-8; it was read as {encoding}."] if is_guess else []
        return text.removeprefix("\ufeff"), remarks
    return data.decode("latin-1"), [f"{name} is not UTF-8; it was read as Latin-1."]


def _cookie(data: bytes) -> str:
    """Return the encoding that a comment in the first two lines asks for, if it is a text codec."""
    for line in data.split(b"\n", 2)[:2]:
        match = _COOKIE.match(line)
        if match:
            try:
                found = codecs.lookup(match[1].decode("ascii", "replace")).name
            except LookupError:
                break
            return found if found.startswith(_TEXT_CODECS) else "utf-8-sig"
    return "utf-8-sig"


def parse(text: str, filename: str) -> ast.Module:
    """Return the syntax tree of one piece.

    Raises:
        Unreadable: If it is not Python 3, or nested so deeply that Python itself gives up.
    """
    try:
        return syntax_tree(text, filename)
    except SyntaxError as error:
        raise Unreadable(syntax_problem(filename, error)) from None


def syntax_tree(text: str, filename: str) -> ast.Module:
    """Return the syntax tree of `text`; what Python only warns of, like a stray backslash, passes.

    Raises:
        SyntaxError: If it is not Python 3.
        Unreadable: If it is nested so deeply that Python itself gives up.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text, filename)
        except (RecursionError, MemoryError, OverflowError):
            raise Unreadable(too_deep(filename)) from None


def too_deep(filename: str) -> str:
    """Say that Python, or our analysis, gave up on the nesting of a source."""
    return (
        f"{filename}: expected source that can be analysed, got expressions nested too deeply."
        " Split them into several statements."
    )


def syntax_problem(filename: str, error: SyntaxError) -> str:
    """Say in one line where a syntax error is, what stands there and what Python says."""
    line = (error.text or "").strip()
    shown = f"`{line[:80]}`" if line else "the end of the file"
    return (
        f"{filename}, line {error.lineno or 1}: expected Python 3, got {shown} ({error.msg})."
        " Mend the line and hand in again."
    )


def check_length(name: str, characters: int, limit: int) -> None:
    """Refuse more source than a parser can take in seconds.

    Raises:
        Unreadable: If there is more than `limit`, which is what is left of the submission's share.
    """
    if characters > limit:
        raise Unreadable(
            f"{name}: expected at most {SOURCE_LIMIT >> 10} KiB of source in all, got more."
            " Move data out of the source and hand in your own files only."
        )


def read_module(
    name: str, data: bytes, date: tuple[int, ...] = (), limit: int = SOURCE_LIMIT
) -> Source:
    """Read a .py file.

    Raises:
        Unreadable: If it is empty, binary, too long or has a syntax error.
    """
    text, remarks = decode(name, data)
    check_length(name, len(text), limit)
    text = text.encode("utf-8", "replace").decode("utf-8")
    piece = Piece(name, text, parse(text, name))
    return Source(name, "module", (piece,), tuple(remarks), date)


def bindings(source: Source) -> dict[str, Binding]:
    """Return what each name of the top level is bound to, "Class.method" included.

    Bodies of `if`, `try`, `with` and loops belong to the top level; the last definition wins.
    """
    found: dict[str, Binding] = {}
    for piece in source.pieces:
        for statement in flat(piece.tree.body):
            for name, value in bound(statement):
                found[name] = Binding(value, statement, piece)
                if isinstance(value, ast.ClassDef):
                    for method in flat(value.body):
                        for inner, inner_value in bound(method):
                            found[f"{name}.{inner}"] = Binding(inner_value, method, piece)
    return found


def flat(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements and those inside their control flow, but not those of functions."""
    for statement in statements:
        yield statement
        if isinstance(statement, _CONTROL_FLOW):
            for block in ("body", "handlers", "orelse", "finalbody"):
                for child in getattr(statement, block, []):
                    yield from flat(child.body if isinstance(child, ast.ExceptHandler) else [child])


def bound(statement: ast.stmt) -> Iterator[tuple[str, Value]]:
    """Yield the names that one statement itself binds, with what they stand for."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name, statement
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from _imported(statement)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _targets(target, statement.value)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield from _targets(statement.target, statement.value)
    elif isinstance(statement, ast.For | ast.AugAssign):
        yield from _targets(statement.target, None)
    elif isinstance(statement, ast.With):
        for item in statement.items:
            if item.optional_vars is not None:
                yield from _targets(item.optional_vars, None)


def _imported(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Yield local names and the dotted paths that they stand for; "*" with the module's path."""
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            head = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (head, head)
        elif alias.name == "*":
            yield "*", statement.module or ""
        else:
            path = f"{statement.module}.{alias.name}" if statement.module else alias.name
            yield alias.asname or alias.name, path


def _targets(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        yield f"{target.value.id}.{target.attr}", value  # Value.backward = backward
    elif isinstance(target, ast.Starred):
        yield from _targets(target.value, None)
    elif isinstance(target, ast.Tuple | ast.List):
        values: list[ast.expr | None] = [None] * len(target.elts)
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            values = list(value.elts)
        for element, part in zip(target.elts, values, strict=True):
            yield from _targets(element, part)
