"""A session answers every request, whatever the submission does; here and over a socket."""

import json
import math
import os
import random
import socket
import subprocess
import sys
import threading
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.sandbox import wire
from autograder.worker.session import REPLY_LIMITS, Session
from tests.autograder import arcs

ROOT = Path(__file__).parents[3]
STUB = "def f(*args, **kwargs):\n    raise NotImplementedError\n"
SOFTMAX = {
    "name": "softmax",
    "names": ["torch.softmax"],
    "operators": ["aten::_softmax"],
    "autograd": False,
}
AUTOGRAD = {"name": "autograd", "names": [], "operators": [], "autograd": True}
SUPPORT = """
from dataclasses import dataclass

import torch


@dataclass
class Affine:
    weight: torch.Tensor

    def __call__(self, x):
        return x @ self.weight


def affine(weight):
    return Affine(weight)


def layers(*scales):
    return [lambda x, scale=scale: x * scale for scale in scales]


def broken():
    raise ValueError("a mistake of the instructor")
"""


class Here:
    """Requests to a session in this process."""

    def __init__(self, session):
        self._session = session

    def exchange(self, header, buffers):
        payload = bytearray(b"".join(bytes(buffer) for buffer in buffers))
        reply, answer = self._session.handle(json.loads(json.dumps(header)), payload)
        return json.loads(json.dumps(reply)), bytearray(b"".join(bytes(part) for part in answer))


class There:
    """Requests over a socket."""

    def __init__(self, sock):
        self.sock = sock

    def exchange(self, header, buffers):
        wire.send(self.sock, header, buffers)
        return wire.receive(self.sock)


class Door:
    """What the trusted side does with a worker."""

    def __init__(self, way):
        self.way = way
        self.sequence = 0

    def ask(self, op, buffers=(), **fields):
        self.sequence += 1
        reply, payload = self.way.exchange({"op": op, "seq": self.sequence, **fields}, buffers)
        assert reply["seq"] == self.sequence
        if reply["ok"]:
            reply["value"] = wire.unpack(reply["value"], payload, handle=Stays)
        return reply

    def call(self, target, *args, audit=False, **kwargs):
        (positional, named), buffers = packed(args, kwargs)
        return self.ask("call", buffers, target=target, args=positional, kwargs=named, audit=audit)

    def value(self, target, *args, **kwargs):
        reply = self.call(target, *args, **kwargs)
        assert reply["ok"], reply["error"]
        return reply["value"]

    def error(self, target, *args, **kwargs):
        reply = self.call(target, *args, **kwargs)
        assert not reply["ok"]
        return reply["error"]

    def support(self, topic, name, *args, **kwargs):
        (positional, named), buffers = packed(args, kwargs)
        return self.ask("support", buffers, topic=topic, name=name, args=positional, kwargs=named)

    def begin(self, exercise="f", seed=0, forbidden=()):
        assert self.ask("begin", exercise=exercise, seed=seed, forbidden=list(forbidden))["ok"]
        return self

    def hand_in(self, text, exercise="f", support=None):
        data = text.encode()
        spec = {
            "exercises": [{"id": exercise, "topic": "topic", "forbidden": []}],
            "stubs": {"topic": STUB},
            "support": support or {},
            "names": ["topic.py"],
            "modules": [],
        }
        files = [{"name": "topic.py", "offset": 0, "size": len(data)}]
        self.facts = self.ask("read", [data], files=files, spec=spec)["value"]
        self.loaded = self.ask("load", candidates=[0], cpu_s=5.0)["value"]
        return self.begin(exercise)


@dataclass(frozen=True)
class Stays:
    number: int
    type: str


def packed(args, kwargs):
    return wire.pack([list(args), kwargs], keep_layout=True, handle=lambda stays: stays.number)


@pytest.fixture(autouse=True)
def _as_it_was():
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)


@pytest.fixture
def here():
    return Door(Here(Session()))


@pytest.fixture
def there():
    ours, theirs = socket.socketpair()
    worker = threading.Thread(target=Session().serve, args=(theirs,))
    worker.start()
    yield Door(There(ours))
    ours.close()
    worker.join()
    theirs.close()


@pytest.fixture(params=["here", "there"])
def door(request):
    return request.getfixturevalue(request.param)


# --- values ------------------------------------------------------------------------------------


def test_a_submission_is_read_loaded_and_called(door):
    door.hand_in("import torch\n1 / 0\n\n\ndef f(x, *, k=1):\n    return x * k, [k, None]\n")
    assert door.facts["candidates"][0]["defines"] == {"f": 5}
    assert door.loaded["remarks"] == [
        "topic.py, line 2: ZeroDivisionError: division by zero. The rest was read."
    ]
    assert door.loaded["missing"] == {}
    product, rest = door.value("f", torch.ones(2), k=3)
    assert torch.equal(product, torch.full((2,), 3.0))
    assert rest == [3, None]


def test_inputs_arrive_in_their_layout(door):
    door.hand_in(
        "def f(x, a):\n"
        "    return x.stride(), x.storage_offset(), a.strides, x.requires_grad, str(x.device)\n"
    )
    x = torch.arange(12.0).reshape(3, 4)[1:].t().unsqueeze(0).expand(5, 4, 2)
    a = np.arange(12.0).reshape(3, 4)[::-1, ::2]
    assert door.value("f", x, a) == ((0, 1, 4), 4, a.strides, False, "cpu")


def test_a_changed_input_is_named(here):
    here.hand_in(
        "def f(x, y, g, many, *, z, w):\n"
        "    import torch\n"
        "    torch.rand(1, generator=g)\n"
        "    x.requires_grad_()\n"
        "    y.mul_(2)\n"
        "    many.append(1)\n"
        "    z[0] = 5\n"
        "    w.t_()\n"
    )
    reply = here.call(
        "f",
        torch.ones(2),
        torch.ones(3)[::2],
        torch.Generator(),
        [],
        z=np.zeros(2),
        w=torch.ones(2, 3),
    )
    assert reply["mutated"] == [1, 3, "z", "w"]


@pytest.mark.parametrize("layout", ["x", "x[1:]", "x[:, 1:]", "x.t()", "x[:1].expand(3, 4)"])
@pytest.mark.parametrize(
    "statement",
    ["x.data[0] = -1", "x.numpy()[0, 0] = -1", "x.data = x * 2", "x.transpose_(0, 1)", "x.zero_()"],
)
def test_no_way_to_change_an_input_goes_unseen(here, layout, statement):
    if "expand" in layout and statement == "x.zero_()":
        pytest.skip("torch itself refuses")
    here.hand_in(f"import torch\ndef f(x):\n    {statement}\n")
    x = torch.arange(1.0, 13).reshape(3, 4)
    x = {
        "x": x,
        "x[1:]": x[1:],
        "x[:, 1:]": x[:, 1:],
        "x.t()": x.t(),
        "x[:1].expand(3, 4)": x[:1].expand(3, 4),
    }[layout]
    reply = here.call("f", x)
    assert reply["ok"], reply["error"]
    assert reply["mutated"] == [0]


def test_an_input_that_becomes_unreadable_is_changed(here):
    here.hand_in("def f(x):\n    x.append(object)\n    x.append({(1,): 2})\n    x[0] = x\n")
    assert here.call("f", [0])["mutated"] == [0]


def test_an_input_that_is_not_changed_is_not_named(here):
    here.hand_in("def f(x, y):\n    return x + y\n")
    reply = here.call("f", torch.tensor([math.nan, 1.0]), torch.ones(1).expand(2))
    assert reply["mutated"] == []
    reply = here.call("f", torch.arange(3.0)[1:], y=torch.ones(2))
    assert reply["mutated"] == []
    assert here.call("f", [math.nan], [None])["mutated"] == []


def test_a_result_with_a_graph_is_detached_and_said_so(here):
    here.hand_in("import torch\ndef f(x):\n    return torch.nn.Parameter(x) * 2\n")
    reply = here.call("f", torch.ones(2))
    assert reply["requires_grad"] is True
    assert reply["value"].requires_grad is False
    assert here.hand_in("def f(x):\n    return x\n").call("f", 1.0)["requires_grad"] is False


def test_a_result_that_echoes_its_input_arrives(here):
    here.hand_in("def f(x):\n    return [x, x.t(), x]\n")
    x = torch.arange(6.0).reshape(2, 3)
    assert all(map(torch.equal, here.value("f", x), [x, x.t(), x]))


# --- objects that stay -------------------------------------------------------------------------

VALUE = """
class Value:
    def __init__(self, data):
        self.data = data
    def __add__(self, other):
        return Value(self.data + getattr(other, "data", other))
    def __radd__(self, other):
        return self + other
    def double(self, by=2):
        self.data *= by
        return self
    def __call__(self, x):
        return self.data * x
    @property
    def broken(self):
        raise LookupError("on purpose")

def f(values):
    return sum(value.data for value in values)
"""


def test_objects_stay_and_are_used_by_number(door):
    door.hand_in(VALUE)
    two, three = door.value("Value", 2.0), door.value("Value", data=3.0)
    assert two.type == "Value"
    assert door.value({"handle": two.number, "get": "data"}) == 2.0
    total = door.value({"operator": "add"}, two, three)
    assert door.value({"handle": total.number, "get": "data"}) == 5.0
    assert door.value({"operator": "add"}, 1, total).type == "Value"
    assert door.value({"handle": two.number, "attribute": "double"}, by=4) == two
    assert door.value({"handle": two.number, "attribute": None}, 10) == 80.0
    assert door.value("f", [two, three]) == 11.0
    assert door.value("Value.double", two).number == two.number


def test_looking_up_an_attribute_is_part_of_the_call(here):
    here.hand_in(VALUE)
    value = here.value("Value", 1)
    for target in ({"get": "broken"}, {"attribute": "broken"}):
        error = here.error({"handle": value.number, **target})
        assert (error["type"], error["message"]) == ("LookupError", "on purpose")
    assert here.error({"handle": value.number, "get": "grad"})["type"] == "AttributeError"


def test_objects_are_let_go_between_exercises_and_numbers_never_come_back(here):
    here.hand_in(VALUE)
    old = here.value("Value", 1)
    here.begin()
    new = here.value("Value", 2)
    assert new.number > old.number
    error = here.error("f", [old])
    assert error["kind"] == "unsupported"
    assert "expected an object of this exercise, got none" in error["message"]


def test_more_objects_than_anyone_needs_are_refused(here):
    here.hand_in("def f(n):\n    return [object() for _ in range(n)]\n")
    error = here.error("f", 100_001)
    assert error["kind"] == "unsupported"
    assert "expected at most 100000 objects, got more" in error["message"]


@pytest.mark.parametrize(
    "target",
    [{"operator": "call"}, {"operator": "__import__"}, {"handle": 1}, {}, None, {"handle": "1"}],
    ids=str,
)
def test_a_target_that_is_none_is_refused(here, target):
    error = here.hand_in(VALUE).error(target)
    assert error["kind"] == "unsupported"
    assert "target: expected something to call" in error["message"]


def test_a_request_that_is_none_is_refused(here):
    error = here.ask("explode")["error"]
    assert error["kind"] == "unsupported"
    assert "op: expected one of read, load, begin, call, support, got explode" in error["message"]
    error = here.ask("load", candidates=[0], cpu_s=1.0)["error"]
    assert "load: expected files that were read, got none" in error["message"]


# --- support -----------------------------------------------------------------------------------


def test_support_makes_objects_where_the_students_code_runs(door):
    door.hand_in(
        "def f(net, x):\n    net(x.requires_grad_()).sum().backward()\n    return x.grad\n",
        support={"topic": SUPPORT},
    )
    net = door.support("topic", "affine", torch.tensor([[1.0], [2.0]]))["value"]
    assert net.type == "Affine"
    assert door.value("f", net, torch.zeros(1, 2)).tolist() == [[1.0, 2.0]]


def test_support_may_make_several_objects_at_once():
    session = Session.from_namespace(
        {"f": lambda layers, x: layers[1](layers[0](x))}, support={"topic": SUPPORT}
    )
    door = Door(Here(session)).begin()
    layers = door.support("topic", "layers", 2, 5)["value"]
    assert door.value("f", layers, 1) == 10


def test_support_that_is_missing_or_fails_says_so(here):
    here.hand_in("def f(): pass\n", support={"topic": SUPPORT})
    for topic, name, kind, message in (
        ("topic", "nothing", "missing", "topic/support.py: expected nothing in it, got none"),
        ("other", "affine", "missing", "other/support.py: expected this file, got none"),
        ("topic", "broken", "exception", "a mistake of the instructor"),
    ):
        error = here.support(topic, name)["error"]
        assert error["kind"] == kind
        assert message in error["message"]
        assert error["line"] is None


# --- what is not there -------------------------------------------------------------------------


def test_a_function_that_is_not_there_is_missing(here):
    here.hand_in("x = 1 / 0\n\n\ndef f():\n    return x\n")
    error = here.error("g")
    assert error["kind"] == "missing"
    assert error["message"] == "g: expected a definition, got none. Define it at the top level."


def test_loading_knows_why_a_function_is_missing(here):
    here.hand_in("def other(): pass\ndef f(): pass\ndel f\n")
    error = here.error("f")
    assert error["kind"] == "missing"
    assert error["message"].startswith("f is not there: ")


def test_a_name_that_is_never_set_is_explained(here):
    here.hand_in("W = 1 / 0\n\n\ndef f():\n    return W\n")
    error = here.error("f")
    assert (error["type"], error["line"], error["file"]) == ("NameError", 5, "topic.py")
    assert error["message"].startswith("name 'W' is not defined: f uses W, which is set only in")


# --- exceptions --------------------------------------------------------------------------------


def test_an_exception_names_its_line_and_file(door):
    door.hand_in("import torch\n\n\ndef g(x):\n    return x @ x\n\n\ndef f(x):\n    return g(x)\n")
    error = door.error("f", torch.ones(2, 3))
    assert (error["kind"], error["type"], error["origin"]) == (
        "exception",
        "RuntimeError",
        "builtins",
    )
    assert (error["line"], error["file"]) == (5, "topic.py")
    assert error["message"].startswith("mat1 and mat2 shapes cannot be multiplied")
    assert "return x @ x" in error["traceback"]
    assert "session.py" not in error["traceback"]
    assert error["name"] is None


def test_the_line_is_the_students_even_if_a_library_raises(here):
    here.hand_in("import torch\ndef f():\n    return torch.nn.Linear(-1, 2)\n")
    assert here.error("f")["line"] == 3


ORIGINS = [
    ("raise ValueError", "ValueError", "builtins"),
    ("raise torch.linalg.LinAlgError", "_LinAlgError", "torch"),
    ("raise np.linalg.LinAlgError", "LinAlgError", "numpy"),
    ("raise np.exceptions.AxisError(3)", "AxisError", "numpy"),
    ("raise type('ValueError', (Exception,), {'__module__': 'builtins'})", "ValueError", "student"),
    ("raise type('Tensor', (Exception,), {'__module__': 'torch'})", "Tensor", "student"),
    ("raise type('X', (Exception,), {'__module__': 7})", "X", "student"),
    ("raise Own('x')", "Own", "student"),
    ("raise SystemExit(3)", "SystemExit", "builtins"),
    ("exit()", "SystemExit", "builtins"),
]


@pytest.mark.parametrize(("statement", "name", "origin"), ORIGINS, ids=[one[0] for one in ORIGINS])
def test_the_origin_of_an_exception_is_looked_up(here, statement, name, origin):
    here.hand_in(
        "import numpy as np, torch\nclass Own(Exception): pass\n"
        f"def f():\n    from sys import exit\n    {statement}\n"
    )
    error = here.error("f")
    assert (error["type"], error["origin"]) == (name, origin)


@pytest.mark.parametrize(
    "raised", ["KeyboardInterrupt", "GeneratorExit", "BaseException", "SystemExit"]
)
def test_no_exception_ends_a_worker(there, raised):
    there.hand_in(f"def f():\n    raise {raised}\ndef g():\n    return 1\n")
    assert there.error("f")["type"] == raised
    assert there.value("g") == 1


def test_a_student_can_interrupt_their_own_machine(here):
    here.hand_in("def f():\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        here.call("f")


LIARS = {
    "__str__ raises": "def __str__(self): raise SystemExit",
    "__str__ is no text": "def __str__(self): return 7",
    "__str__ is huge": "def __str__(self): return 'x' * 10**7",
    "__str__ is a subclass": "def __str__(self): return type('S', (str,), "
    "{'__getitem__': None, 'isprintable': None})('x')",
    "__class__ raises": "__class__ = property(lambda self: 1 / 0)",
    "everything raises": "def __getattribute__(self, name): raise MemoryError",
    "__cause__ is odd": "__cause__ = property(lambda self: self); __notes__ = 7",
}


@pytest.mark.parametrize("body", LIARS.values(), ids=LIARS.keys())
def test_an_exception_that_lies_is_an_exception(there, body):
    there.hand_in(
        "class Meta(type):\n"
        "    __name__ = property(lambda cls: 1 / 0)\n"
        "    __module__ = property(lambda cls: 1 / 0)\n"
        f"class Liar(Exception, metaclass=Meta):\n    {body}\n"
        "def f():\n    raise Liar('why')\n"
    )
    error = there.error("f")
    assert (error["kind"], error["type"], error["origin"]) == ("exception", "Liar", "student")
    assert len(error["message"]) <= 2000
    assert len(error["traceback"]) <= 8000
    assert error["line"] == 7


def test_control_characters_do_not_cross(here):
    here.hand_in("def f():\n    raise type('\\x1b[31mX', (Exception,), {})('\\x1b]0;owned\\x07')\n")
    error = here.error("f")
    assert error["type"] == "\\x1b[31mX"
    assert error["message"] == "\\x1b]0;owned\\x07"
    assert "\x1b" not in error["traceback"]


def test_endless_recursion_is_an_exception(here):
    here.hand_in("def f(x):\n    return f(x)\n")
    error = here.error("f", 1)
    assert (error["type"], error["line"]) == ("RecursionError", 2)


@pytest.mark.parametrize(
    "statement",
    [
        "bytearray(1 << 60)",
        "torch.empty(1 << 45)",
        "np.empty(1 << 45)",
        "raise torch.OutOfMemoryError",
    ],
)
def test_a_lack_of_memory_has_one_name(here, statement):
    here.hand_in(f"import numpy as np, torch\ndef f():\n    {statement}\n")
    error = here.error("f")
    assert (error["kind"], error["type"], error["origin"]) == (
        "exception",
        "MemoryError",
        "builtins",
    )


# --- results that cannot cross -------------------------------------------------------------------

UNSUPPORTED = [
    ("torch.ones(2).to_sparse()", "expected a dense tensor, got one of layout torch.sparse_coo"),
    ("torch.ones(2, device='meta')", "got one on the meta device"),
    ("torch.zeros(1).expand(1 << 40)", "expected at most 64 MiB, got 4.1e+03 GiB"),
    ("[torch.zeros(1 << 23), torch.zeros(1 << 24)]", "expected at most 64 MiB, got 96 MiB"),
    ("'x' * (5 << 20)", "expected at most 4 MiB of text and numbers"),
    ("circle()", "expected at most 16 levels of nesting"),
]


@pytest.mark.parametrize(("result", "message"), UNSUPPORTED, ids=[one[0] for one in UNSUPPORTED])
def test_a_result_that_cannot_cross_is_refused_with_a_sentence(here, result, message):
    here.hand_in(
        "import torch\ndef circle():\n    x = []\n    x.append(x)\n    return x\n"
        f"def f():\n    return {result}\n"
    )
    error = here.error("f")
    assert error["kind"] == "unsupported"
    assert error["message"].startswith("the result of f: expected ")
    assert message in error["message"]


def test_a_header_that_is_too_large_is_refused_with_a_sentence(there):
    there.hand_in("def f():\n    return '\\ud800' * (3 << 20)\ndef g():\n    return 1\n")
    error = there.error("f")
    assert error["kind"] == "unsupported"
    assert "expected at most 4 MiB and 64 MiB" in error["message"]
    assert there.value("g") == 1


def test_how_large_a_reply_may_be_is_the_host_s_choice():
    limits = wire.WireLimits(payload_bytes=128)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        session = Session(limits=limits)
        worker = threading.Thread(target=session.serve, args=(theirs,))
        worker.start()
        door = Door(There(ours)).hand_in("import torch\ndef f(n):\n    return torch.zeros(n)\n")
        assert door.value("f", 32).shape == (32,)
        assert "expected at most 128 bytes, got 192 bytes" in door.error("f", 33)["message"]
        ours.shutdown(socket.SHUT_RDWR)
        worker.join()
    assert REPLY_LIMITS.payload_bytes == 64 << 20


def test_subclasses_that_lie_stay(here):
    here.hand_in(
        "import numpy as np, torch\n"
        "class T(torch.Tensor):\n"
        "    @classmethod\n"
        "    def __torch_function__(cls, *a, **k): raise SystemExit\n"
        "class A(np.ndarray):\n"
        "    def __array_finalize__(self, x): pass\n"
        "class F(float):\n    def __eq__(self, x): return True\n    __hash__ = float.__hash__\n"
        "def f():\n"
        "    return torch.ones(2).as_subclass(T), np.ones(2).view(A), F(1)\n"
    )
    assert [type(item) for item in here.value("f")] == [Stays] * 3
    assert [item.type for item in here.value("f")] == ["T", "A", "F"]


# --- begin -------------------------------------------------------------------------------------


def test_begin_undoes_what_an_exercise_left_behind(there):
    there.hand_in(
        "import random, numpy as np, torch\n"
        "def f():\n"
        "    state = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()\n"
        "    draws = random.random(), float(np.random.rand()), float(torch.rand(1))\n"
        "    where = str(torch.empty(0).device)\n"
        "    torch.set_default_dtype(torch.float64)\n"
        "    torch.set_grad_enabled(False)\n"
        "    torch.set_num_threads(2)\n"
        "    torch.set_default_device('meta')\n"
        "    return state, draws, where\n"
    )
    state, first, where = there.begin(seed=3).value("f")
    assert state == (torch.float32, True, 1)
    assert where == "cpu"
    assert there.begin(seed=3).value("f") == (state, first, where)
    assert there.begin(seed=2**64 - 1).value("f")[1] != first
    assert first[0] == random.Random(3).random()


def test_begin_leaves_the_threads_of_a_laptop_alone(here):
    torch.set_num_threads(2)
    here.hand_in("def f(): pass\n").begin()
    assert torch.get_num_threads() == 2


# --- by hand -----------------------------------------------------------------------------------

TRY = "    try:\n        torch.softmax(x, -1)\n"
USES = [
    ("    return torch.softmax(x, -1)", 5),
    (TRY + "    except BaseException:\n        pass\n    return x", 6),
    (TRY + "    finally:\n        return x", 6),
]


@pytest.mark.parametrize(("body", "line"), USES, ids=["plain", "swallowed", "finally"])
def test_a_forbidden_use_is_named_with_its_line_even_if_it_is_swallowed(here, body, line):
    here.hand_in(f"import torch\n\n\ndef f(x):\n{body}\n").begin(forbidden=[SOFTMAX])
    error = here.error("f", torch.ones(2))
    assert (error["kind"], error["name"], error["set"]) == ("forbidden", "torch.softmax", "softmax")
    assert error["line"] == line
    assert error["message"] == (
        f"topic.py, line {line}: expected a version by hand, got torch.softmax"
        " (forbidden: softmax). Write it with simpler operations."
    )


def test_what_is_forbidden_to_one_exercise_is_free_to_the_next(here):
    here.hand_in("import torch\ndef f(x):\n    return torch.softmax(x, -1)\n")
    half = torch.full((2,), 0.5)
    assert here.begin(forbidden=[SOFTMAX]).error("f", torch.ones(2))["kind"] == "forbidden"
    assert torch.equal(here.begin(forbidden=[AUTOGRAD]).value("f", torch.ones(2)), half)
    assert torch.equal(here.begin().value("f", torch.ones(2)), half)


def test_an_allowed_call_under_the_witness_passes(here):
    here.hand_in("def f(x):\n    return x.exp()\n").begin(forbidden=[SOFTMAX, AUTOGRAD])
    reply = here.call("f", torch.ones(2))
    assert reply["ok"]
    assert "suspicious" not in reply


def test_a_graph_that_nobody_used_is_suspicious(here):
    here.hand_in("def f(x):\n    return x.requires_grad_() * 2\n").begin(forbidden=[AUTOGRAD])
    reply = here.call("f", torch.ones(2))
    assert [one["what"] for one in reply["suspicious"]] == ["records a graph for autograd"]


def test_an_audit_sees_what_the_witness_cannot(here):
    here.hand_in(
        "import torch\nfrom torch.autograd.variable import Variable\n"
        "ENGINE = Variable._execution_engine\n"
        "def f(x):\n"
        "    x = x.requires_grad_()\n"
        "    return ENGINE.run_backward(((x * x).sum(),), (torch.ones(()),), False, False, (x,),\n"
        "        allow_unreachable=True, accumulate_grad=False)[0]\n"
    ).begin(forbidden=[AUTOGRAD])
    assert here.call("f", torch.ones(2))["ok"]
    error = here.error("f", torch.ones(2), audit=True)
    assert (error["kind"], error["name"], error["line"]) == ("forbidden", "torch.autograd", None)
    assert error["message"].startswith("somewhere: expected a version by hand")


def test_an_ordinary_fault_under_the_witness_is_itself(here):
    here.hand_in("def f(x):\n    return 1 / 0\n").begin(forbidden=[SOFTMAX])
    assert here.error("f", 1)["type"] == "ZeroDivisionError"


# --- a namespace -------------------------------------------------------------------------------


def test_a_session_may_be_about_functions_that_are_here_already():
    door = Door(Here(Session.from_namespace({"f": lambda x: x + 1})))
    assert door.begin().value("f", 2) == 3
    assert door.error("g")["kind"] == "missing"


def test_the_arguments_of_a_session_here_are_copies():
    x = torch.ones(2)
    door = Door(Here(Session.from_namespace({"f": torch.Tensor.zero_}))).begin()
    assert door.call("f", x)["mutated"] == [0]
    assert x.tolist() == [1.0, 1.0]


def test_what_is_no_function_cannot_be_called():
    door = Door(Here(Session.from_namespace({"f": 3, "m": types.SimpleNamespace()}))).begin()
    assert door.error("f")["message"] == "'int' object is not callable"
    assert door.error("m.f")["type"] == "AttributeError"


# --- a process of its own ------------------------------------------------------------------------

SERVE = """
import socket, sys
from autograder.worker.session import Session
Session().serve(socket.socket(fileno=int(sys.argv[1])))
"""


@pytest.fixture
def process(tmp_path):
    """A worker without any jail: prints go to a file, its directory is its own."""
    ours, theirs = socket.socketpair()
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
    with ours, theirs, (tmp_path / "prints").open("wb") as prints:
        worker = subprocess.Popen(
            [sys.executable, "-c", arcs.boot() + SERVE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **environment},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=prints,
            stderr=prints,
        )
        theirs.close()
        door = Door(There(ours))
        door.directory = tmp_path
        yield door
        ours.close()
        worker.wait(10)


def test_a_worker_prints_lays_out_data_and_dies_alone(process):
    text = (
        b"import os, sys\n"
        b"def f(mode):\n"
        b"    print('printed', mode)\n"
        b"    if mode == 'data':\n        return open('numbers.txt').read()\n"
        b"    if mode == 'close':\n        sys.stdout.close(); sys.stderr.close()\n"
        b"        return 'closed'\n"
        b"    os._exit(0)\n"
    )
    data = b"1 2 3"
    files = [
        {"name": "topic.py", "offset": 0, "size": len(text)},
        {"name": "numbers.txt", "offset": len(text), "size": len(data)},
    ]
    spec = {"exercises": [{"id": "f", "topic": "topic", "forbidden": []}], "stubs": {"topic": STUB}}
    assert process.ask("read", [text, data], files=files, spec=spec)["ok"]
    assert process.ask("load", candidates=[0], cpu_s=5.0)["value"]["remarks"] == []
    process.begin()
    assert process.value("f", "data") == "1 2 3"
    assert (process.directory / "prints").read_text() == "printed data\n"
    assert process.value("f", "close") == "closed"
    assert process.error("f", "data")["type"] == "ValueError"  # print to a closed file
    process.hand_in(text.decode().replace("print(", "("))
    with pytest.raises(EOFError):
        process.call("f", "exit")
