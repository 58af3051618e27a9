"""Which forbidden operations an exercise reaches, as its text shows."""

import pytest
import torch

from autograder.worker.byhand import AUTOGRAD, judge
from autograder.worker.source import read_module

SOFTMAX = {
    "name": "softmax",
    "names": ["torch.softmax", "torch.nn.functional.softmax", "torch.Tensor.softmax"],
    "operators": ["aten::_softmax"],
}
LAYERS = {"name": "layers", "names": ["torch.nn.Conv2d"], "operators": []}
AUTOGRAD_SET = {"name": "autograd", "names": [], "operators": [], "autograd": True}
PREFIX = "import torch\nimport torch.nn.functional as F\n"


def judged(text, exercise="f"):
    found = judge(
        read_module("a.py", (PREFIX + text).encode()), exercise, [SOFTMAX, LAYERS, AUTOGRAD_SET]
    )
    return (
        [(use["set"], use["name"]) for use in found["uses"]],
        [one["what"] for one in found["suspicious"]],
    )


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("def f(z): return F.softmax(z, -1)", ("softmax", "torch.nn.functional.softmax")),
        ("H = F\ndef f(z): return H.softmax(z)", ("softmax", "torch.nn.functional.softmax")),
        ("def f(z): return getattr(F, 'softmax')(z)", ("softmax", "torch.nn.functional.softmax")),
        ("def f(z): return map(torch.softmax, z)", ("softmax", "torch.softmax")),
        ("def f(z): return torch.exp(z).softmax(-1)", ("softmax", "torch.Tensor.softmax")),
        ("def f(z: torch.Tensor): return z.softmax(-1)", ("softmax", "torch.Tensor.softmax")),
        ("def f(z): return torch.Tensor.softmax(z, -1)", ("softmax", "torch.Tensor.softmax")),
        ("def f(z): return torch.ops.aten._softmax(z, -1, False)", ("softmax", "aten::_softmax")),
        (
            "def f(z): return torch.nn.modules.conv.Conv2d(z)",
            ("layers", "torch.nn.Conv2d"),
        ),
        (
            "conv = torch.nn.Conv2d(1)\ndef f(z): return conv(z)",
            ("layers", "torch.nn.Conv2d"),
        ),
        ("def f(z): return torch.autograd.grad(z, z)", ("autograd", "torch.autograd.grad")),
        (
            "from torch.autograd.functional import jacobian\ndef f(z): return jacobian(z, z)",
            ("autograd", "torch.autograd.functional"),
        ),
        ("from torch import func\ndef f(z): return func.vjp(f, z)", ("autograd", "torch.func.vjp")),
        (
            "def f(z):\n    loss = torch.exp(z).sum()\n    loss.backward()",
            ("autograd", "torch.Tensor.backward"),
        ),
    ],
)
def test_a_forbidden_operation_is_a_use(text, use):
    assert judged(text) == ([use], [])


@pytest.mark.parametrize(
    "text",
    [
        "def f(z): return z.exp() / z.exp().sum(-1, keepdim=True)",
        "def f(z): return z.softmax(-1)",  # of what? the witness will see
        "class V:\n    def backward(self): pass\ndef f(z): return V().backward()",
        "def f(net, z): return net.backward(z)",
        "def softmax(z): return z\ndef f(z): return softmax(z)",
        "def other(z): return F.softmax(z, -1)\ndef f(z): return z",
        "def f(z):\n    assert torch.allclose(F.softmax(z, -1), z)\n    return z",
        "@torch.no_grad()\ndef f(z: torch.Tensor):\n    return z.detach(), z.grad_fn",
        "def f(z):\n    with torch.enable_grad():\n        return torch.ones(3).requires_grad",
        "class G(torch.autograd.Function): pass\ndef f(z): return z",
        "torch.backends.cudnn.deterministic = True\ndef f(z): return z",
        "import gc, sys\ngc.collect()\nsys.path.append('.')\nglobals()\ndef f(z): return z",
    ],
)
def test_allowed_code_is_no_use_and_not_suspicious(text):
    assert judged(text) == ([], [])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("def f(z): exec('x = 1')", "uses exec"),
        ("def f(z): return eval('z')", "uses eval"),
        ("def f(z): return globals()['F']", "uses globals"),
        ("def f(z, n): return getattr(F, n)(z)", "gets an attribute of torch by a computed name"),
        ("def f(z): return torch.ops.aten.exp(z)", "uses torch.ops.aten.exp"),
        ("def f(z): return torch._C._nn.gelu(z)", "uses torch._C._nn.gelu"),
        ("import sys\ndef f(z): return sys.modules['torch']", "uses sys.modules"),
        ("import gc\ndef f(z): return gc.get_objects()", "uses gc.get_objects"),
        ("import ctypes\ndef f(z): return ctypes.CDLL(None)", "uses ctypes.CDLL"),
        ("import inspect\ndef f(z): return inspect.stack()", "uses inspect.stack"),
        ("def f(z): return torch.jit.script(f)", "uses torch.jit.script"),
        ("def f(z): return f.__globals__", "reads __globals__"),
        ("def f(z): return (z * 2).grad_fn(z)", "calls grad_fn"),
        ("def f(z): torch.softmax = z", "assigns to torch.softmax"),
        ("torch.Tensor.softmax = None\ndef f(z): return z", "assigns to torch.Tensor.softmax"),
        ("import sys\nours = sys.modules['x']\ndef f(z): return z", "uses sys.modules"),
        (
            "import importlib as i\ni.import_module('autograder.worker.witness')\ndef f(z): pass",
            "uses autograder.worker.witness",
        ),
        (
            "import gc\ndef blind(): gc.get_objects()\ndef f(z): return z\nblind()",
            "uses gc.get_objects",
        ),
        ("for x in object.__subclasses__(): x\ndef f(z): return z", "reads __subclasses__"),
        ("def f(z): return object.__subclasses__()", "reads __subclasses__"),
    ],
)
def test_what_may_hide_an_operation_is_for_a_person(text, what):
    assert judged(text) == ([], [what])


def test_a_use_is_named_with_its_line():
    source = read_module("a.py", b"import torch\n\ndef f(z):\n    return torch.softmax(z, -1)\n")
    assert judge(source, "f", [SOFTMAX])["uses"] == [
        {"set": "softmax", "name": "torch.softmax", "line": 4, "where": "a.py, line 4"}
    ]


def test_a_forbidden_name_covers_what_lies_below_it():
    group = {"name": "linalg", "names": ["torch.linalg"], "operators": []}
    source = read_module("a.py", b"import torch\ndef f(z): return torch.linalg.solve(z, z)\n")
    assert [use["name"] for use in judge(source, "f", [group])["uses"]] == ["torch.linalg"]


def test_a_name_that_only_begins_alike_is_another():
    group = {"name": "sum", "names": ["torch.log"], "operators": []}
    source = read_module("a.py", b"import torch\ndef f(z): return torch.log_softmax(z, -1)\n")
    assert judge(source, "f", [group])["uses"] == []


def test_a_thousand_uses_are_cut():
    text = PREFIX + "def f(z):\n" + "    F.softmax(z, -1)\n" * 1000
    assert len(judge(read_module("a.py", text.encode()), "f", [SOFTMAX])["uses"]) == 50


def test_every_name_of_autograd_exists():
    for name in AUTOGRAD:
        found = torch
        if name.startswith("torch."):
            for part in name.split(".")[1:]:
                found = getattr(found, part)
        assert found is not None
