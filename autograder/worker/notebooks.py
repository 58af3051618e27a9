"""Notebooks: the code cells of a .ipynb file, read with `json` alone, magics made inert.

A cell keeps its own line numbers, so "cell 3, line 2" is where the student finds it. Cells are
counted as Jupyter numbers them after "Restart and run all": code cells that are not blank.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from autograder.worker.source import (
    SOURCE_LIMIT,
    Piece,
    Source,
    Unreadable,
    check_length,
    decode,
    parse,
    syntax_tree,
)

_LINE_MAGIC = re.compile(r"^(?P<indent>\s*)(?:[%!?]|\w[\w.]*\s*\?{1,2}\s*$)")
# A target begins with no space: a line of spaces could be cut in two in as many ways as it is long.
_TARGET = r"[\w.,\[\]][\w.,\s\[\]]*=\s*"
_TIMED = re.compile(rf"^(?P<head>\s*(?:{_TARGET})?)%time\s+(?P<code>\S.*)$")
_ASSIGNED = re.compile(rf"^(?P<head>\s*{_TARGET})[%!].*$")
_TRANSPARENT = frozenset({"time", "timeit", "capture", "prun", "memit"})  # the body is Python
_MOST_MAGICS = 200  # of one cell; each costs one attempt to parse it


def read_notebook(
    name: str, data: bytes, date: tuple[int, ...] = (), limit: int = SOURCE_LIMIT
) -> Source:
    """Read the code of a .ipynb file; outputs, pictures and metadata are passed over.

    A cell that does not parse becomes a remark, and the other cells live.

    Raises:
        Unreadable: If the file is not a notebook at all, or has too much code.
    """
    pieces: list[Piece] = []
    unread: list[tuple[str, str]] = []
    text, remarks = decode(name, data)
    cells = list(_code_cells(_document(name, text)))
    check_length(name, sum(map(len, cells)), limit)
    for number, cell in enumerate(cells, start=1):
        try:
            pieces.append(_piece(_without_cell_magic(cell), f"{name}, cell {number}", number))
        except Unreadable as error:
            unread.append((cell, str(error)))
            remarks.append(f"{error} The other cells were read.")
    return Source(name, "notebook", tuple(pieces), tuple(remarks), date, tuple(unread))


def _document(name: str, text: str) -> dict[str, Any]:
    """Return the JSON object that a notebook is."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply, or too large"
        raise Unreadable(
            f"{name}: expected a notebook, got broken JSON ({reason[:100]})."
            " Open it in Jupyter, save it and hand it in again."
        ) from None
    if not isinstance(document, dict) or not {"cells", "worksheets"} & document.keys():
        raise Unreadable(
            f"{name}: expected a notebook, got other JSON. Save it from Jupyter and hand it in."
        )
    return document


def _code_cells(document: dict[str, Any]) -> Iterator[str]:
    """Yield the text of each code cell that is not blank, of format 4, 3 or 2."""
    sheets = [document, *_dicts(document.get("worksheets"))]
    for cell in (cell for sheet in sheets for cell in _dicts(sheet.get("cells"))):
        if cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            if isinstance(source, list):
                source = "".join(line for line in source if isinstance(line, str))
            if isinstance(source, str) and source.strip():
                yield _plain(source)


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _plain(source: str) -> str:
    """Return a cell's text as a file would hold it: no lone surrogates, one kind of line end."""
    text = source.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_cell_magic(source: str) -> str:
    """Blank out a leading `%%magic` line, and the body too where it is not Python."""
    lines = source.split("\n")
    first = next(index for index, line in enumerate(lines) if line.strip())
    if not lines[first].startswith("%%"):
        return source
    magic = re.match(r"%%(\w*)", lines[first])
    if magic is None or magic[1] not in _TRANSPARENT:
        return ""
    return "\n".join([*lines[:first], "", *lines[first + 1 :]])


def _piece(source: str, filename: str, number: int) -> Piece:
    """Parse one cell, each line that only IPython understands replaced until it parses."""
    lines = source.split("\n")
    for _ in range(_MOST_MAGICS):
        try:
            text = "\n".join(lines)
            return Piece(filename, text, syntax_tree(text, filename), number)
        except SyntaxError as error:
            if not _make_inert(lines, (error.lineno or 1) - 1):
                break
    text = "\n".join(lines)
    return Piece(filename, text, parse(text, filename), number)


def _make_inert(lines: list[str], index: int) -> bool:
    """Replace the magic that stands at `index` by harmless Python; False if there is none.

    Only lines at which Python stumbles are touched, so a `%` at the start of a continued
    expression, or in a text, stays what it is.
    """
    if not 0 <= index < len(lines):
        return False
    line = lines[index]
    timed, assigned = _TIMED.match(line), _ASSIGNED.match(line)
    if timed:  # `%time y = f(x)` and `y = %time f(x)` bind y
        lines[index] = timed["head"] + timed["code"]
        return True
    if assigned:
        replacement = assigned["head"] + "None"
    elif match := _LINE_MAGIC.match(line):
        replacement = match["indent"] + "pass"
    else:
        return False
    while line.endswith("\\") and index + 1 < len(lines):  # !pip install a \
        lines[index] = ""
        index += 1
        line = lines[index]
    lines[index] = replacement
    return True
