"""A platform's own CSV file, of which a few cells change and every other byte stays.

Platforms differ in separators, quoting, line ends and encoding, and recognise what they wrote. So
the file is never written anew: each cell knows where it stands, and only the cells that were set
are replaced.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import ConfigError
from autograder.models import frozen

_BYTES = 32 << 20
_ROWS = 100_000
_DELIMITERS = ",;\t"
_BOMS = (  # with the codec that neither reads nor writes the mark itself
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@frozen
class Cell:
    """One cell, and where it stands in the text; its quotes belong to it."""

    value: str
    start: int
    end: int
    quoted: bool = False


@frozen
class Row:
    """One line of the table."""

    number: int  # of its first line in the file, counted from 1
    cells: tuple[Cell, ...]

    def __getitem__(self, column: int) -> str:
        """Return a cell's text, in NFC and without space around it."""
        return unicodedata.normalize("NFC", self.cells[column].value).strip()


@dataclass
class Table:
    """A CSV file: the cells of its header, its rows, and what was set in them."""

    name: str  # of the file, for messages
    header: Row
    rows: tuple[Row, ...]
    delimiter: str
    encoding: str
    notes: list[str] = field(default_factory=list)
    _bom: bytes = b""
    _text: str = ""
    _set: dict[tuple[int, int], tuple[Cell, str]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The names in the header."""
        return [self.header[index] for index in range(len(self.header.cells))]

    def where(self, row: Row) -> str:
        """Name a row by its file and line."""
        return f"{self.name}:{row.number}"

    def put(self, row: Row, column: int, value: str) -> None:
        """Set a cell; one that already reads so is left as it is, quotes and all."""
        cell = row.cells[column]
        self._set.pop((cell.start, cell.end), None)
        if value != cell.value:
            self._set[cell.start, cell.end] = (cell, value)

    def data(self) -> bytes:
        """Return the file's bytes: as it came, but for the cells that were set."""
        pieces, at = [], 0
        for (start, end), (cell, value) in sorted(self._set.items()):
            pieces += [self._text[at:start], self._quoted(cell, value)]
            at = end
        text = "".join([*pieces, self._text[at:]])
        return self._bom + text.encode(self.encoding, "replace")

    def _quoted(self, cell: Cell, value: str) -> str:
        special = any(mark in value for mark in (*_DELIMITERS, '"', "\n", "\r"))
        if cell.quoted or special or value != value.strip():
            return '"' + value.replace('"', '""') + '"'
        return value


def read_table(path: Path) -> Table:
    """Read a CSV file of a platform.

    Raises:
        ConfigError: If it is no table: one line, with the place.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a CSV file, got {error.strerror}. Check the path."
        ) from None
    return parse_table(data, path.name)


def parse_table(data: bytes, name: str) -> Table:
    """Read a CSV file from its bytes; see `read_table`."""
    if len(data) > _BYTES:
        raise ConfigError(
            f"{name}: expected a table of at most {_BYTES >> 20} MiB, got more. Check the file."
        )
    bom, encoding, text, notes = _decoded(data, name)
    delimiter = _delimiter(text)
    rows = list(_rows(text, delimiter, name))
    if not rows:
        raise ConfigError(f"{name}: expected a table, got an empty file. Download it again.")
    header, *body = rows
    for row in body:
        if len(row.cells) != len(header.cells):
            raise ConfigError(
                f"{name}:{row.number}: expected {len(header.cells)} cells as in the header, got "
                f"{len(row.cells)}. Download it again, and save nothing from a spreadsheet."
            )
    return Table(
        name=name,
        header=header,
        rows=tuple(body),
        delimiter=delimiter,
        encoding=encoding,
        notes=notes,
        _bom=bom,
        _text=text,
    )


def _decoded(data: bytes, name: str) -> tuple[bytes, str, str, list[str]]:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                return bom, encoding, data[len(bom) :].decode(encoding), []
            except UnicodeDecodeError as error:
                raise _undecodable(data, name, encoding, error.start + len(bom)) from None
    try:
        return b"", "utf-8", data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        place = error.start
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise _undecodable(data, name, "utf-8", place) from None
    return b"", "cp1252", text, [f"{name}: not UTF-8; read and kept as Windows-1252."]


def _undecodable(data: bytes, name: str, encoding: str, place: int) -> ConfigError:
    line = data.count(b"\n", 0, place) + 1
    return ConfigError(
        f"{name}:{line}: expected {encoding.upper()}, got the byte {data[place]:#04x}. "
        f"Download it again."
    )


def _delimiter(text: str) -> str:
    """Return what separates the header's cells; spreadsheets and languages differ in it."""
    outside, quoted = [], False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif not quoted:
            if character in "\r\n":
                break
            outside.append(character)
    return max(_DELIMITERS, key=outside.count)


def _rows(text: str, delimiter: str, name: str) -> Iterator[Row]:
    """Cut text into rows; a line without anything in it is no row."""
    at, line, count = 0, 1, 0
    while at < len(text):
        start_line, cells = line, []
        while True:
            cell = _cell(text, at, delimiter)
            cells.append(cell)
            line += text.count("\n", cell.start, cell.end)
            at = cell.end
            if at >= len(text) or text[at] != delimiter:
                break
            at += 1
        if at < len(text):
            at += 2 if text.startswith("\r\n", at) else 1
            line += 1
        if len(cells) > 1 or cells[0].value:
            count += 1
            yield Row(number=start_line, cells=tuple(cells))
        if count > _ROWS:
            raise ConfigError(f"{name}:{line}: expected at most {_ROWS} rows, got more.")


def _cell(text: str, at: int, delimiter: str) -> Cell:
    """Read one cell. A quote inside quotes that ends nothing is a quote: PHP writes such cells."""
    ends = (delimiter, "\r", "\n")
    if not text.startswith('"', at):
        end = at
        while end < len(text) and text[end] not in ends:
            end += 1
        return Cell(value=text[at:end], start=at, end=end)
    pieces, piece, end = [], at + 1, at + 1
    while True:
        end = text.find('"', end)
        if end < 0:  # never closed: the rest of the file is this cell, and its row too short
            return Cell(value=text[at:], start=at, end=len(text))
        follows = text[end + 1 : end + 2]
        if not follows or follows in ends:
            pieces.append(text[piece:end])
            return Cell(value="".join(pieces), start=at, end=end + 1, quoted=True)
        pieces.append(text[piece:end] + '"')
        end += 2 if follows == '"' else 1
        piece = end
