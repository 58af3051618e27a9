"""What a name in a student's source stands for."""

import ast

import pytest
import torch  # noqa: F401 - star imports are resolved among imported modules

from autograder.worker.names import Local, Names, Scope
from autograder.worker.source import read_module

HELPERS = read_module("helpers.py", b"import torch\nfrom torch import relu\ndef act(z): return z\n")
PACKAGE = read_module("pack/inner.py", b"def act(z): return z\n")


def find(name):
    return {"helpers": HELPERS, "pack.inner": PACKAGE}.get(name)


def resolved(text):
    """Resolve the last line of a module: a path, the name of the student's own, or None."""
    source = read_module("a.py", text.encode())
    names = Names(source, find)
    scope = Scope(names.main, source.pieces[0])
    found = names.resolve(source.pieces[0].tree.body[-1].value, scope)
    return f"own {found.id}" if isinstance(found, Local) else found


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("import torch.nn.functional as F\nF.softmax", "torch.nn.functional.softmax"),
        ("import torch.nn\ntorch.nn.functional.softmax", "torch.nn.functional.softmax"),
        ("from torch.nn import functional\nfunctional.softmax", "torch.nn.functional.softmax"),
        ("from torch import softmax as s\ns", "torch.softmax"),
        ("import torch\nT = torch\nH = T.nn\nH.functional", "torch.nn.functional"),
        ("import torch\ngetattr(torch, 'softmax')", "torch.softmax"),
        ("import torch\ngetattr(torch.nn, 'functional').softmax", "torch.nn.functional.softmax"),
        ("import importlib\nimportlib.import_module('torch').softmax", "torch.softmax"),
        ("__import__('torch').softmax", "torch.softmax"),
        ("from torch.nn.functional import *\nsoftmax", "torch.nn.functional.softmax"),
        ("import torch\na, b = torch.exp, torch.log\nb", "torch.log"),
        ("exec", "builtins.exec"),
        ("from helpers import torch as t\nt.exp", "torch.exp"),
        ("from helpers import relu\nrelu", "torch.relu"),
        ("import helpers\nhelpers.act", "own act"),
        ("from helpers import *\nact", "own act"),
        ("import pack.inner\npack.inner.act", "own act"),
        ("def f(): pass\nf", "own f"),
        ("class C:\n    def m(self): pass\nC.m", "own C.m"),
        ("f = lambda z: z\nf", "own f"),
        ("from torch import softmax\ndef softmax(z): pass\nsoftmax", "own softmax"),
    ],
)
def test_a_name_is_followed_to_what_it_stands_for(text, path):
    assert resolved(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ngetattr(torch, 'soft' + 'max')",
        "import torch\nname = 'softmax'\ngetattr(torch, name)",
        "nothing",
        "x = unknown()\nx.softmax",
        "a = b\nb = a\na",
        "import torch\n(torch if x else y).softmax",
        "import importlib\nimportlib.import_module(name)",
    ],
)
def test_what_the_text_does_not_decide_stands_for_nothing(text):
    assert resolved(text) is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("torch.exp(x)", True),
        ("F.softmax(x, -1).sum(0).unsqueeze(1)", True),
        ("-torch.exp(x)[0].T", True),
        ("2 * torch.exp(x)", True),
        ("W", True),
        ("W.item()", False),
        ("nn.Linear(1, 2)", False),
        ("x", False),
        ("unknown(x)", False),
        ("2 + 3", False),
    ],
)
def test_a_tensor_is_one_only_for_certain(expression, expected):
    text = (
        "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
        f"W = torch.zeros(3)\n{expression}"
    )
    source = read_module("a.py", text.encode())
    names = Names(source, find)
    node = source.pieces[0].tree.body[-1].value
    assert names.is_tensor(node, Scope(names.main, source.pieces[0])) is expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("torch.Tensor", True),
        ("Tensor", True),
        ("'torch.Tensor'", True),
        ("torch.Tensor | None", True),
        ("int", False),
    ],
)
def test_an_annotated_argument_is_what_it_says(annotation, expected):
    text = f"import torch\nfrom torch import Tensor\ndef f(z: {annotation}): return z"
    source = read_module("a.py", text.encode())
    names = Names(source, find)
    function = source.pieces[0].tree.body[-1]
    scope = Scope(names.main, source.pieces[0], {"z": [function.args.args[0]]})
    assert names.is_tensor(ast.Name("z", ast.Load()), scope) is expected
