"""CSV files of which a few cells change, and not one byte more."""

import codecs
import csv
import io
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograder.errors import ConfigError
from autograder.lms import table as module
from autograder.lms.table import parse_table, read_table

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_ROWS = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(_TEXT, min_size=width, max_size=width), min_size=1, max_size=6)
)
_FORMS = [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")]


def written(rows, delimiter=",", newline="\r\n", quoting=csv.QUOTE_MINIMAL) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows(rows)
    return text.getvalue()


def values(table) -> list[list[str]]:
    return [[cell.value for cell in row.cells] for row in (table.header, *table.rows)]


@given(
    _ROWS,
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(_FORMS),
)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_a_table_reads_as_python_s_csv_does_and_comes_back_byte_for_byte(
    rows, delimiter, newline, quoting, form
):
    rows = [["id", *(f"c{i}" for i in range(len(rows[0]) - 1))], *rows]
    text = written(rows, delimiter, newline, quoting)
    assume(newline == "\r\n" or "\r" not in text)  # Python would write it without quotes
    bom, encoding = form
    data = bom + text.encode(encoding)
    table = parse_table(data, "t.csv")
    read = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    assert values(table) == [row for row in read if row]
    assert table.data() == data


@given(_ROWS, st.data())
@settings(derandomize=True, max_examples=100, deadline=None)
def test_a_set_cell_is_all_that_changes(rows, data):
    rows = [["id", *(f"c{i}" for i in range(len(rows[0]) - 1))], *rows]
    table = parse_table(written(rows).encode(), "t.csv")
    line = data.draw(st.integers(0, len(table.rows) - 1))
    column = data.draw(st.integers(0, len(rows[0]) - 1))
    new = data.draw(_TEXT)
    cell = table.rows[line].cells[column]
    before = table.data().decode()
    table.put(table.rows[line], column, new)
    after = table.data().decode()
    assert after.startswith(before[: cell.start])
    assert after.endswith(before[cell.end :])
    expected = values(table)
    expected[line + 1][column] = new
    assert values(parse_table(after.encode(), "t.csv")) == expected


def test_a_cell_that_already_reads_so_keeps_its_quotes_and_a_set_one_goes_back():
    data = b'a,b\n"1",2\n'
    table = parse_table(data, "t.csv")
    table.put(table.rows[0], 0, "1")
    assert table.data() == data
    table.put(table.rows[0], 0, "9")
    assert table.data() == b'a,b\n"9",2\n'
    table.put(table.rows[0], 0, "1")
    assert table.data() == data


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1,5", '"1,5"'), ('say "x"', '"say ""x"""'), ("a\nb", '"a\nb"'), (" a", '" a"'), ("1", "1")],
)
def test_a_cell_is_quoted_where_it_must_be(value, shown):
    table = parse_table(b"a,b\n1,2\n", "t.csv")
    table.put(table.rows[0], 1, value)
    assert table.data().decode() == f"a,b\n1,{shown}\n"


def test_a_quote_that_php_did_not_double_is_a_quote():
    table = parse_table(b'a,b\n"x \\" y",2\n', "t.csv")
    assert values(table)[1] == ['x \\" y', "2"]
    assert table.data() == b'a,b\n"x \\" y",2\n'


def test_windows_1252_is_kept_and_said(tmp_path):
    path = tmp_path / "w.csv"
    path.write_bytes("Nom;Note\nZoé;\n".encode("cp1252"))
    table = read_table(path)
    assert table.notes == ["w.csv: not UTF-8; read and kept as Windows-1252."]
    assert table.rows[0][0] == "Zoé"
    table.put(table.rows[0], 1, "café ✓")
    assert table.data() == "Nom;Note\nZoé;café ?\n".encode("cp1252")


def test_rows_know_their_lines():
    table = parse_table(b'a,b\n\n"x\ny",2\n3,4', "t.csv")
    assert [table.where(row) for row in table.rows] == ["t.csv:3", "t.csv:5"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "t.csv: expected a table, got an empty file. Download it again."),
        (b"\n\n", "t.csv: expected a table, got an empty file."),
        (b"a,b\n1\n", "t.csv:2: expected 2 cells as in the header, got 1. Download it again"),
        (b"a,b\n1,2\n1,2,3\n", "t.csv:3: expected 2 cells as in the header, got 3."),
        (b'a,b\n"1,2\n3,4\n', "t.csv:2: expected 2 cells as in the header, got 1."),
        (b"a,b\n\x81,1\n", "t.csv:2: expected UTF-8, got the byte 0x81."),
        (codecs.BOM_UTF8 + b"a,b\n\xff,1\n", "t.csv:2: expected UTF-8, got the byte 0xff."),
        (codecs.BOM_UTF16_LE + b"a\0,\0b", "t.csv:1: expected UTF-16-LE, got the byte 0x62."),
    ],
)
def test_what_is_no_table_is_said_with_its_place(data, said):
    with pytest.raises(ConfigError) as caught:
        parse_table(data, "t.csv")
    assert str(caught.value).startswith(said)


@given(st.binary(max_size=200))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_any_bytes_are_a_table_or_a_config_error(data):
    with suppress(ConfigError):
        assert parse_table(data, "t.csv").data() == data


def test_sizes_have_caps(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_BYTES", 10)
    path = tmp_path / "big.csv"
    path.write_bytes(b"a,b\n" * 4)
    with pytest.raises(ConfigError, match=r"big\.csv: expected a table of at most 0 MiB"):
        read_table(path)
    monkeypatch.setattr(module, "_ROWS", 2)
    with pytest.raises(ConfigError, match=r"^t\.csv:4: expected at most 2 rows, got more"):
        parse_table(b"a\n1\n2\n3\n", "t.csv")


def test_a_file_that_is_not_there_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match=r"nobody\.csv: expected a CSV file, got No such file"):
        read_table(tmp_path / "nobody.csv")
