"""Bytes to text, once, and text to syntax trees."""

import ast
import codecs

import pytest

from autograder.worker.source import (
    SOURCE_LIMIT,
    Unreadable,
    bindings,
    decode,
    flat,
    read_module,
)


@pytest.mark.parametrize(
    ("data", "remarks"),
    [
        ("é = 1\n".encode(), []),
        (codecs.BOM_UTF8 + "é = 1\n".encode(), []),
        ("# -*- coding: latin-1 -*-\né = 1\n".encode("latin-1"), []),
        ("#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\né = 1\n".encode("cp1252"), []),
        ("# coding: nonsense\né = 1\n".encode(), []),
        ("# coding: rot13\né = 1\n".encode(), []),
        ("é = 1\n".encode("cp1252"), ["a.py is not UTF-8; it was read as cp1252."]),
        (b"\xe9 = '\x81'\n", ["a.py is not UTF-8; it was read as Latin-1."]),
        ("é = 1\n".encode("utf-16"), ["a.py is UTF-16; save it as UTF-8."]),
        (b"# coding: utf-8\n\xe9 = 1\n", ["a.py is not UTF-8; it was read as cp1252."]),
    ],
)
def test_text_is_decoded_as_its_author_meant_it(data, remarks):
    text, said = decode("a.py", data)
    assert "é = " in text
    assert said == remarks


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_other_systems_are_line_ends(end):
    assert decode("a.py", f"x = 1{end}y = 2{end}".encode())[0] == "x = 1\ny = 2\n"


def test_the_text_that_is_analysed_is_the_text_that_is_compiled():
    source = read_module("a.py", "# coding: latin-1\nx = 'é'\n".encode("latin-1"))
    assert ast.unparse(source.pieces[0].tree) == "x = 'é'"
    assert "é" in source.pieces[0].text


@pytest.mark.parametrize("data", [b"", b"   \n\n"])
def test_an_empty_file_is_unreadable(data):
    with pytest.raises(Unreadable, match=r"^a\.py: expected Python source, got an empty file\."):
        read_module("a.py", data)


def test_binary_data_is_unreadable():
    with pytest.raises(Unreadable, match=r"^a\.py: expected Python source, got binary data"):
        read_module("a.py", b"\x7fELF\0\0")


def test_too_much_source_is_unreadable():
    with pytest.raises(Unreadable, match="expected at most 512 KiB of source in all, got more"):
        read_module("a.py", b"#" * (SOURCE_LIMIT + 1))
    assert read_module("a.py", b"#" * SOURCE_LIMIT).length == SOURCE_LIMIT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nprint 'a'\n", r"^a\.py, line 2: expected Python 3, got `print 'a'` \(Missing"),
        ("if x:\n\ty\n        z\n", r"^a\.py, line 3: .* \(inconsistent use of tabs"),
        ("def f(:\n", r"^a\.py, line 1: expected Python 3, got `def f\(:`"),
        ("(" * 300, "a.py"),
        ("-" * 50_000 + "1", r"^a\.py.*expected"),
    ],
)
def test_what_does_not_parse_is_unreadable_and_says_where(text, said):
    with pytest.raises(Unreadable, match=said):
        read_module("a.py", text.encode())


def bound_in(text):
    return bindings(read_module("a.py", text.encode()))


def test_definitions_inside_control_flow_belong_to_the_top_level():
    found = bound_in(
        "if True:\n    def f(): pass\n"
        "try:\n    g = 1\nexcept ValueError:\n    h = 2\nelse:\n    i = 3\nfinally:\n    j = 4\n"
        "with open('x') as k:\n    l = 5\n"
        "for m in range(3):\n    n = 6\n"
        "def outer():\n    inner = 7\n"
    )
    assert set(found) == {*"fghijklmn", "outer"}


def test_the_last_definition_of_a_name_wins():
    found = bound_in("def f(): return 1\nf = 2\ndef f(): return 3\n")
    assert found["f"].line == 3


def test_methods_have_the_name_of_their_class_wherever_they_are_bound():
    found = bound_in(
        "class Value:\n    def backward(self): pass\n    step = lambda self: 1\n"
        "def relu(self): pass\nValue.relu = relu\n"
    )
    assert {"Value.backward", "Value.step", "Value.relu"} <= set(found)


def test_imports_are_bound_to_the_path_that_they_stand_for():
    found = bound_in(
        "import torch.nn.functional as F\nimport torch.nn\nfrom torch import softmax as s\n"
        "from . import helpers\n(a, b), *c = x\nd, e = 1, 2\n"
    )
    assert {name: found[name].value for name in ("F", "torch", "s", "helpers")} == {
        "F": "torch.nn.functional",
        "torch": "torch",
        "s": "torch.softmax",
        "helpers": "helpers",
    }
    assert found["a"].value is None
    assert ast.unparse(found["e"].value) == "2"


def test_flat_does_not_enter_functions():
    tree = ast.parse("def f():\n    x = 1\nif a:\n    y = 2\n")
    assert [type(statement).__name__ for statement in flat(tree.body)] == [
        "FunctionDef",
        "If",
        "Assign",
    ]
