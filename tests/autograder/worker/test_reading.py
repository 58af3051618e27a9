"""Bytes to facts: what a submission holds, before any of it runs."""

import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.worker.reading import read

STUB = '''\
import torch


def softmax(z: torch.Tensor) -> torch.Tensor:
    """Return the softmax."""
    raise NotImplementedError("softmax: write this function")


def relu(z: torch.Tensor) -> torch.Tensor:
    """Return the ReLU."""
    raise NotImplementedError("relu: write this function")


class Value:
    """A number."""

    def __init__(self, data):
        self.data = data

    def backward(self):
        """Fill in the gradients."""
        raise NotImplementedError("Value.backward: write this function")
'''
SOFTMAX = 'raise NotImplementedError("softmax: write this function")'
RELU = 'raise NotImplementedError("relu: write this function")'
BACKWARD = 'raise NotImplementedError("Value.backward: write this function")'
FORBIDDEN = [
    {"name": "softmax", "names": ["torch.softmax"], "operators": ["aten::_softmax"]},
    {"name": "autograd", "names": [], "operators": [], "autograd": True},
]
SPEC = {
    "exercises": [
        {"id": "softmax", "topic": "losses", "forbidden": FORBIDDEN},
        {"id": "relu", "topic": "losses", "forbidden": []},
        {"id": "Value.backward", "topic": "losses", "forbidden": []},
    ],
    "stubs": {"losses": STUB},
    "names": ["losses.py", "losses.ipynb"],
    "modules": ["torch", "numpy"],
}
DONE = STUB.replace(SOFTMAX, "return z.exp() / z.exp().sum()")


def facts_of(*files):
    """Return the facts as they cross the wire; contents are text, bytes or cells."""
    facts = read([(name, encoded(content)) for name, content in files], SPEC).as_dict()
    assert json.loads(json.dumps(facts)) == facts
    return facts


def encoded(content):
    if isinstance(content, list):
        cells = [{"cell_type": "code", "source": cell} for cell in content]
        content = json.dumps({"cells": cells})
    return content if isinstance(content, bytes) else content.encode()


def packed(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(name, encoded(content))
    return buffer.getvalue()


def changed(content):
    return facts_of(("losses.py", content))["candidates"][0]["changed"]


def test_the_stub_is_found_and_unchanged():
    facts = facts_of(("losses.py", STUB))
    assert facts["candidates"] == [
        {
            "index": 0,
            "name": "losses.py",
            "kind": "module",
            "defines": {"softmax": 4, "relu": 9, "Value.backward": 20},
            "changed": [],
            "remarks": [],
        }
    ]
    assert facts["variants"] == [
        {"kind": "module", "graded_file": "losses.py", "candidates": [0], "changed": []}
    ]
    assert facts["problems"] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Return the softmax."""', '"""My own words."""'),
        ("    " + '"""Return the softmax."""\n', ""),
        (SOFTMAX, "pass"),
        (SOFTMAX, "..."),
        (SOFTMAX, "raise NotImplementedError"),
        (SOFTMAX, SOFTMAX + "  # how?"),
        ("def softmax(z: torch.Tensor) -> torch.Tensor:", "def softmax(z):"),
        ("import torch\n", "import torch\n\nhelper = 1\n"),
    ],
)
def test_docstrings_annotations_comments_and_empty_bodies_are_no_change(old, new):
    assert old in STUB
    assert changed(STUB.replace(old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "ids"),
    [
        (SOFTMAX, "return z", ["softmax"]),
        ("def softmax(z:", "def softmax(x:", ["softmax"]),
        (SOFTMAX, "raise ValueError", ["softmax"]),
        (RELU, "return z.clamp(min=0)", ["relu"]),
        (BACKWARD, "self.grad = 1", ["Value.backward"]),
        ("self.data = data", "self.data = data + 1", []),
    ],
)
def test_work_on_one_exercise_changes_that_one(old, new, ids):
    assert old in STUB
    assert changed(STUB.replace(old, new)) == ids


def test_equal_numbers_of_other_types_are_a_change():
    spec = {**SPEC, "stubs": {"losses": "def softmax(z): return 1"}}
    for body, ids in (("1", ()), ("True", ("softmax",)), ("1.0", ("softmax",))):
        facts = read([("losses.py", f"def softmax(z): return {body}".encode())], spec)
        assert facts.candidates[0].changed == ids


def test_an_exercise_that_the_stub_has_not_counts_as_changed():
    facts = read([("losses.py", b"def softmax(z): pass")], {**SPEC, "stubs": {}})
    assert facts.candidates[0].changed == ("softmax",)


@pytest.mark.parametrize(
    "definition",
    [
        "softmax = lambda z: z",
        "softmax = make(3)",
        "if True:\n    def softmax(z): return z",
        "try:\n    import x\nexcept ImportError:\n    def softmax(z): return z",
        "async def softmax(z): return z",
    ],
)
def test_an_exercise_may_be_defined_in_any_way(definition):
    assert changed(definition) == ["softmax"]


@pytest.mark.parametrize(
    "text", ["from torch import softmax", "def f():\n    def softmax(z): pass"]
)
def test_an_import_and_an_inner_function_are_no_definition(text):
    facts = facts_of(("losses.py", text))
    assert facts["candidates"] == []
    assert facts["variants"] == []


# --- which file is graded


def graded(*files):
    return [variant["graded_file"] for variant in facts_of(*files)["variants"]]


def test_the_expected_name_comes_first():
    assert graded(("mine.py", DONE), ("LOSSES.py", DONE)) == ["LOSSES.py"]


def test_a_stub_that_lies_beside_the_work_is_not_graded():
    assert graded(("losses.py", STUB), ("losses (1).py", DONE)) == ["losses (1).py"]


def test_more_exercises_come_before_newer_files_and_newer_before_names():
    few = "def softmax(z): return z"
    assert graded(("a.py", few), ("b.py", DONE)) == ["b.py"]
    old = zipfile.ZipInfo("a.py", date_time=(2024, 1, 1, 0, 0, 0))
    new = zipfile.ZipInfo("b.py", date_time=(2024, 1, 2, 0, 0, 0))
    assert graded(("w.zip", packed((old, DONE), (new, DONE)))) == ["w.zip/b.py"]
    assert graded(("d.py", DONE), ("c.py", DONE)) == ["c.py"]


def test_each_exercise_comes_from_the_best_file_that_worked_on_it():
    other = STUB.replace(RELU, "return z.clamp(min=0)")
    facts = facts_of(("losses.py", DONE), ("extra.py", other), ("unused.py", other))
    assert facts["variants"] == [
        {
            "kind": "module",
            "graded_file": "losses.py",
            "candidates": [0, 1],
            "changed": ["softmax", "relu"],
        }
    ]


def test_a_module_and_a_notebook_are_both_graded_only_if_both_differ_from_the_stub():
    work = ["def softmax(z): return z"]
    assert graded(("losses.py", DONE), ("losses.ipynb", work)) == ["losses.py", "losses.ipynb"]
    assert graded(("losses.py", STUB), ("losses.ipynb", work)) == ["losses.ipynb"]
    assert graded(("losses.py", DONE), ("losses.ipynb", [STUB])) == ["losses.py"]
    assert graded(("losses.ipynb", [STUB]), ("losses.py", STUB)) == ["losses.py"]


def test_a_notebook_keeps_the_numbers_of_its_cells():
    cells = [
        "%matplotlib inline",
        "import torch",
        "def softmax(z):\n    return torch.softmax(z, -1)",
    ]
    facts = facts_of(("losses.ipynb", cells))
    assert facts["candidates"][0]["defines"] == {"softmax": 1}
    assert facts["by_hand"]["0"]["softmax"]["uses"] == [
        {
            "set": "softmax",
            "name": "torch.softmax",
            "line": 2,
            "where": "losses.ipynb, cell 3, line 2",
        }
    ]


# --- what cannot be read


def test_what_cannot_be_read_is_a_problem_and_the_rest_is_read():
    facts = facts_of(
        ("losses.py", DONE),
        ("empty.py", ""),
        ("__init__.py", ""),
        ("broken.ipynb", "{"),
        ("binary.py", b"\0\1"),
        ("syntax.py", "def f(:"),
        ("work.7z", b"7z"),
    )
    assert [candidate["name"] for candidate in facts["candidates"]] == ["losses.py"]
    assert {problem.partition(":")[0] for problem in facts["problems"]} == {
        "empty.py",
        "broken.ipynb",
        "binary.py",
        "syntax.py, line 1",
        "work.7z",
    }


def test_a_lost_cell_is_a_remark_of_its_notebook():
    facts = facts_of(("losses.ipynb", ["def softmax(z): return z", "def f(:"]))
    assert facts["problems"] == []
    assert "losses.ipynb, cell 2, line 1" in facts["candidates"][0]["remarks"][0]


def test_an_exercise_that_stands_in_a_lost_cell_is_named_with_the_reason():
    lost_cells = ["def softmax(z):\n    return (z", "class Value:\n  def backward(:", "def reluu(:"]
    lost = facts_of(("losses.ipynb", [STUB, *lost_cells]))["lost"]
    assert sorted(lost) == ["Value.backward", "softmax"]
    assert lost["softmax"].startswith("losses.ipynb, cell 2, line 2: expected Python 3, got")


def test_a_notebook_whose_exercises_are_all_lost_says_so():
    facts = facts_of(("losses.ipynb", ["x = 1", "def softmax(z:\n    return z"]))
    assert (facts["candidates"], facts["variants"]) == ([], [])
    assert "losses.ipynb, cell 2, line 1: expected Python 3" in facts["problems"][0]


@pytest.mark.parametrize("terms", [900, 3000])
def test_a_sum_of_very_many_terms_is_a_problem_or_goes_to_a_person(terms):
    facts = facts_of(("losses.py", "def softmax(z):\n    return " + " + ".join(["z"] * terms)))
    looked_at = [found["softmax"] for found in facts["by_hand"].values()]
    assert facts["problems"] or looked_at[0]["suspicious"] or looked_at[0]["uses"] == []


def test_source_is_bounded_over_all_files_and_the_expected_one_comes_first():
    filler = "#" * (400 << 10)
    facts = facts_of(("a.py", filler + "\n" + DONE), ("losses.py", filler + "\n" + DONE))
    assert [candidate["name"] for candidate in facts["candidates"]] == ["losses.py"]
    assert "a.py: expected at most 512 KiB of source in all" in facts["problems"][0]


def test_names_of_files_can_always_be_sent():
    facts = facts_of(("los\udcffses.py", DONE), ("e\u0301.py", DONE))
    assert [candidate["name"] for candidate in facts["candidates"]] == ["los?ses.py", "\u00e9.py"]


# --- siblings


def test_siblings_are_found_as_on_a_laptop():
    files = [
        ("w/losses.py", DONE),
        ("w/helpers.py", "x = 1"),
        ("w/pack/__init__.py", "y = 1"),
        ("w/pack/inner.py", "y = 1"),
        ("far/only.py", "z = 1"),
        ("w/torch.py", "x = 1"),
        ("w/sys.py", "x = 1"),
        ("w/code.py", "x = 1"),
        ("far/json.py", "x = 1"),
        ("twice/two.py", "x = 1"),
        ("again/two.py", "x = 1"),
        ("w/book.ipynb", ["x = 1"]),
    ]
    facts = read([(name, encoded(content)) for name, content in files], SPEC)
    source = facts.candidates[0].source

    def name(module):
        found = facts.sibling(source, module)
        return found and found.name

    assert name("helpers") == "w/helpers.py"
    assert name("pack") == "w/pack/__init__.py"
    assert name("pack.inner") == "w/pack/inner.py"
    assert name("only") == "far/only.py"
    assert name("code") == "w/code.py"  # it hides the standard library's, as on a laptop
    for module in ("torch", "torch.nn", "sys", "json", "two", "book", "nothing"):
        assert name(module) is None


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.sampled_from(["losses.py", "losses.ipynb", "w.zip"]))
def test_no_bytes_make_reading_raise(data, name):
    facts = facts_of((name, data))
    assert facts["candidates"] or facts["problems"] or facts["variants"] == []


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.just("code") | st.just("x = 1"),
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cells", "worksheets", "cell_type", "source", "input"]),
            part,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(derandomize=True, database=None, deadline=None, max_examples=150)
@given(st.dictionaries(st.sampled_from(["cells", "worksheets"]), JSON, min_size=1))
def test_no_json_makes_reading_a_notebook_raise(document):
    facts = facts_of(("losses.ipynb", json.dumps(document)))
    assert not any("Traceback" in problem for problem in facts["problems"])


def test_an_exercise_that_cannot_be_analysed_is_for_a_person():
    suspicious = []
    for depth in range(50, 450, 20):  # how deep that is, depends on who calls
        text = DONE.replace("return z.exp() / z.exp().sum()", f"return {'lambda: ' * depth}z")
        for by_hand in facts_of(("losses.py", text))["by_hand"].values():
            assert by_hand["softmax"]["uses"] == []
            suspicious += [one["what"] for one in by_hand["softmax"]["suspicious"]]
    assert set(suspicious) == {"is nested too deeply to be read"}


@pytest.mark.parametrize("odd", ["getattr(torch, '')", "__import__('torch.')"])
def test_an_empty_name_of_torch_stops_no_reading(odd):
    facts = facts_of(("losses.py", DONE.replace("return z.exp()", f"return {odd}, z.exp()")))
    assert facts["candidates"][0]["changed"] == ["softmax"]
    assert facts["by_hand"]["0"]["softmax"]["uses"] == []
