"""Notebooks: code cells in order, magics made inert, line and cell numbers kept."""

import json

import pytest

from autograder.worker.notebooks import read_notebook
from autograder.worker.source import Unreadable


def notebook(*cells, **rest):
    document = {"cells": [{"cell_type": "code", "source": cell} for cell in cells], **rest}
    return json.dumps(document).encode()


def texts(*cells):
    return [piece.text for piece in read_notebook("n.ipynb", notebook(*cells)).pieces]


def test_code_cells_come_in_order_and_blank_ones_are_not_counted():
    source = read_notebook("n.ipynb", notebook("x = 1", "  \n", ["y = 2\n", "z = 3"]))
    assert [(piece.text, piece.cell) for piece in source.pieces] == [
        ("x = 1", 1),
        ("y = 2\nz = 3", 2),
    ]
    assert source.pieces[1].where(2) == "n.ipynb, cell 2, line 2"
    assert source.kind == "notebook"


def test_format_3_is_read_too():
    cells = [
        {"cell_type": "markdown", "source": "# Title"},
        {"cell_type": "code", "input": ["x = 1\n", "y = 2"], "language": "python"},
    ]
    data = json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3}).encode()
    assert [piece.text for piece in read_notebook("n.ipynb", data).pieces] == ["x = 1\ny = 2"]


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "markdown", "source": "x = 1"},
        {"cell_type": "raw", "source": "x = 1"},
        {"cell_type": "code"},
        {"cell_type": "code", "source": None},
        {"cell_type": "code", "source": {"x": 1}},
        {"source": "x = 1"},
        {},
        "text",
        None,
    ],
)
def test_cells_without_code_are_passed_over(cell):
    data = json.dumps({"cells": [cell, {"cell_type": "code", "source": ["y = 2", 3]}]}).encode()
    assert [piece.text for piece in read_notebook("n.ipynb", data).pieces] == ["y = 2"]


def test_outputs_of_megabytes_cost_nothing_but_their_bytes():
    cell = {"cell_type": "code", "source": "x = 1", "outputs": [{"data": "A" * (4 << 20)}]}
    source = read_notebook("n.ipynb", json.dumps({"cells": [cell]}).encode())
    assert source.length == 5


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "got an empty file"),
        (b"{", "got broken JSON"),
        (b"[" * 100_000, "got broken JSON"),
        (b"[]", "got other JSON"),
        (b'{"a": 1}', "got other JSON"),
        (b'{"x": ' + b"9" * 5000 + b"}", "got broken JSON"),
    ],
)
def test_what_is_not_a_notebook_is_unreadable(data, said):
    with pytest.raises(Unreadable, match=f"^n.ipynb: expected .*{said}"):
        read_notebook("n.ipynb", data)


def test_too_much_code_is_unreadable():
    with pytest.raises(Unreadable, match="expected at most 512 KiB of source"):
        read_notebook("n.ipynb", notebook("x = 1"), limit=3)


def test_a_cell_that_does_not_parse_is_a_remark_and_the_others_live():
    source = read_notebook("n.ipynb", notebook("x = 1", "def f(:\n    pass", "y = 2"))
    assert [piece.cell for piece in source.pieces] == [1, 3]
    assert len(source.remarks) == 1
    assert source.remarks[0].startswith("n.ipynb, cell 2, line 1: expected Python 3, got `def f(:`")
    assert source.remarks[0].endswith("Mend the line and hand in again. The other cells were read.")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("!pip install torch\nx = 1", "pass\nx = 1"),
        ("x = 1\n?print\nprint?\nx.y??", "x = 1\npass\npass\npass"),
        ("if x:\n    !ls\n    %cd y\n", "if x:\n    pass\n    pass\n"),
        ("!pip install a \\\n    b\nx = 1", "\npass\nx = 1"),
        ("!echo it's\nx = 1", "pass\nx = 1"),
        ("!echo '''\nx = 1", "pass\nx = 1"),
        ("%time x = f(1)", "x = f(1)"),
        ("x = %time f(1)", "x = f(1)"),
        ("%timeit -n 3 f(1)", "pass"),
        ("files = !ls", "files = None"),
        ("x = %sql select", "x = None"),
        ("%%time\nx = 1", "\nx = 1"),
        ("\n%%timeit -n 3\nx = 1", "\n\nx = 1"),
        ("%%bash\nls -l\n", ""),
        ("%%writefile a.py\nx = (", ""),
        ("%%\nx", ""),
    ],
)
def test_magics_are_inert_and_lines_keep_their_numbers(cell, text):
    assert texts(cell) == [text]


def test_what_only_looks_like_a_magic_is_left_alone():
    cell = "x = (7\n% 2)\ntext = '''\n%time x\n!ls\n'''\ny = 5 % 3"
    assert texts(cell) == [cell]
    assert texts(cell + "\n%pylab") == [cell + "\npass"]


def test_lone_surrogates_and_nul_do_not_get_far():
    data = b'{"cells": [{"cell_type": "code", "source": "x = \'\\ud800\'"}]}'
    assert [piece.text for piece in read_notebook("n.ipynb", data).pieces] == ["x = '?'"]
    data = b'{"cells": [{"cell_type": "code", "source": "x = 1\\u0000"}]}'
    assert "n.ipynb, cell 1" in read_notebook("n.ipynb", data).remarks[0]


def test_a_cell_of_nothing_but_magics_ends():
    assert texts("%a\n" * 150)[0].count("pass") == 150
    assert read_notebook("n.ipynb", notebook("%a\n" * 300)).pieces == ()


def test_a_cell_nested_too_deeply_is_a_remark():
    source = read_notebook("n.ipynb", notebook("x = 1", "-" * 50_000 + "1"))
    assert [piece.cell for piece in source.pieces] == [1]
    assert len(source.remarks) == 1


def test_a_cell_whose_fault_lies_behind_its_last_line_is_a_remark():
    source = read_notebook("n.ipynb", notebook("x = 1", "if x:\n", "def f():\n    (1,\n"))
    assert [piece.cell for piece in source.pieces] == [1]
    assert len(source.remarks) == 2


@pytest.mark.parametrize("line", [" " * 300_000 + ")", "a" * 300_000 + " )", "a, " * 100_000 + ")"])
def test_a_long_line_that_is_no_python_is_read_in_one_go(line):
    # Where a pattern goes back and forth over it, this takes hours.
    source = read_notebook("n.ipynb", notebook(line, "x = 1"))
    assert [piece.text for piece in source.pieces if piece.cell == 2] == ["x = 1"]
