"""What a definition reaches through local code."""

import pytest

from autograder.worker.reach import reach, reach_top_level
from autograder.worker.source import read_module


def source(text, name="a.py"):
    return read_module(name, text.encode())


def paths(text, definition="f", find=lambda _: None):
    found = reach(source("import torch\n" + text), definition, find)
    return [path for path, _ in found.paths if path.startswith("torch")]


@pytest.mark.parametrize(
    "text",
    [
        "def g(z): return torch.exp(z)\ndef f(z): return g(z)",
        "def g(z): return h(z)\ndef h(z): return torch.exp(z)\nf = g",
        "g = lambda z: torch.exp(z)\ndef f(z): return g(z)",
        "def f(z):\n    def g(): return torch.exp(z)\n    return g()",
        "def f(z):\n    g = lambda: torch.exp(z)\n    return g()",
        "def f(z): return [torch.exp(x) for x in z]",
        "def f(z, g=torch.exp): return g(z)",
        "@torch.exp\ndef f(z): return z",
        "class C:\n    def m(self): return torch.exp(1)\ndef f(z): return C().m()",
        "class C:\n    def __call__(self): return torch.exp(1)\ndef f(z): return C()()",
        "class B:\n    def m(self): return torch.exp(1)\nclass C(B): pass\ndef f(): C().m()",
        "class C:\n    def m(self): return torch.exp(1)\nc = C()\ndef f(z): return c.m()",
        "import functools\ng = functools.partial(torch.exp)\ndef f(z): return g(z)",
        "class f:\n    def m(self): return torch.exp(1)",
        "def f(z):\n    class C:\n        def m(self): return torch.exp(1)\n    return C()",
        "async def f(z): return torch.exp(z)",
        "def f(z):\n    match z:\n        case 1: return torch.exp(z)",
        "def f(z):\n    while (w := torch.exp(z)): pass",
    ],
)
def test_code_that_runs_with_the_definition_is_reached(text):
    assert paths(text) == ["torch.exp"]


@pytest.mark.parametrize(
    "text",
    [
        "def g(z): return torch.exp(z)\ndef f(z): return z",
        "x = torch.exp(1)\ndef f(z): return z",
        "def f(z):\n    'torch.exp'\n    assert torch.exp(z)\n    return z  # torch.exp",
        "def f(z: torch.exp) -> torch.exp:\n    x: torch.exp = 1\n    return x",
        "def f(z):\n    def g(): return torch.exp(z)\n    return z",
        "class C:\n    def m(self): return torch.exp(1)\ndef f(z): return C()",
        "def g(z): return torch.exp(z)\ndef f(g): return g(1)",
        "def f(torch): return torch.exp(1)",
        "def f(z): return [torch.exp(1) for torch in z]",
        "def f(z):\n    torch = z\n    return torch.exp(1)",
        "def f(z):\n    for torch in z: torch.exp(1)",
        "def f(z):\n    try: pass\n    except ValueError as torch: torch.exp(1)",
        "g = torch.exp(1)\ndef f(z): return g",
    ],
)
def test_code_that_does_not_run_with_it_is_not(text):
    assert paths(text) == []


def test_a_method_reaches_what_its_class_calls_by_name():
    text = (
        "class Value:\n"
        "    def backward(self): return self.step()\n"
        "    def step(self): return torch.exp(1)\n"
        "    def __add__(self, other): return torch.log(1)\n"
        "    def other(self): return torch.sin(1)\n"
    )
    assert paths(text, "Value.backward") == ["torch.exp"]
    assert sorted(paths(text, "Value")) == ["torch.exp", "torch.log", "torch.sin"]


def test_siblings_are_followed():
    helpers = source("import torch\ndef act(z): return torch.exp(z)\n", "helpers.py")

    def find(name):
        return helpers if name == "helpers" else None

    assert paths("from helpers import act\ndef f(z): return act(z)", find=find) == ["torch.exp"]
    spot = reach(source("import helpers\ndef f(z): return helpers.act(z)"), "f", find).paths[0][1]
    assert spot.where == "helpers.py, line 2"


def test_names_of_the_top_level_are_told_from_local_ones():
    text = (
        "def f(x):\n    y = W + helper(x)\n    for i in range(N): y += i\n"
        "    return [k.a for k in y]\ndef helper(z): return z * V\n"
    )
    assert reach(source(text), "f").globals == {"W", "helper", "range", "N", "V"}


def test_a_declared_global_is_of_the_top_level():
    assert (
        "count" in reach(source("def f():\n    global count\n    count = count + 1"), "f").globals
    )


def test_attributes_say_whether_their_object_is_a_tensor_and_whether_they_are_called():
    text = (
        "import torch\ndef f(x, y: torch.Tensor):\n    x.a\n    y.b()\n    return getattr(y, 'c')\n"
    )
    found = reach(source(text), "f").attributes
    assert [(each.name, each.is_tensor, each.is_called) for each in found] == [
        ("a", False, False),
        ("b", True, True),
        ("c", True, False),
    ]


def test_computed_names_and_stores_are_kept():
    text = (
        "import torch\ndef f(x, name):\n    getattr(torch, name)\n    getattr(x, name)\n"
        "    torch.exp = x\n    setattr(torch, 'log', x)\n    x.y = 1\n"
    )
    found = reach(source(text), "f")
    assert [spot.line for spot in found.computed] == [3]
    assert [path for path, _ in found.stores] == ["torch.exp", "torch.log"]


def test_stores_of_the_top_level_are_found():
    text = (
        "import torch\nif 1:\n    torch.exp = 1\nsetattr(torch, 'log', 2)\ndef f(): torch.sin = 3"
    )
    assert [path for path, _ in reach_top_level(source(text)).stores] == ["torch.exp", "torch.log"]


def test_what_runs_with_the_file_is_followed_wherever_it_stands():
    text = """
import gc, sys
def called(): return sys.modules
def not_called(): return sys.meta_path
class Kept:
    found = gc.get_objects()
    def method(self): return sys.settrace
for name in called():
    if name: sys.path.append(name)
"""
    paths = [path for path, _ in reach_top_level(source(text)).paths]
    assert sorted({path for path in paths if path.startswith(("gc", "sys"))}) == [
        "gc.get_objects",
        "sys.modules",
        "sys.path.append",
    ]


def test_a_name_that_is_not_defined_reaches_nothing():
    assert reach(source("x = 1"), "f").paths == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f():\n    class C:\n        x = torch.exp(1)\n    return C\n", ["torch.exp"]),
        ("def f():\n    @torch.exp\n    class C(torch.sin): pass\n", ["torch.exp", "torch.sin"]),
        ("def f():\n    x: torch.exp\n    y: int = torch.sin(1)\n", ["torch.sin"]),
        ("import importlib\ndef f(): importlib.import_module('torch.fft')\n", ["torch.fft"]),
    ],
)
def test_what_runs_inside_classes_and_annotated_assignments_is_reached(text, found):
    assert paths(text) == found
