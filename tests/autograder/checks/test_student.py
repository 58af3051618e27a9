"""The student as a suite sees them: plain data in, plain data out, and nothing that could judge."""

import copy
import math
import types

import numpy as np
import pytest
import torch

from autograder.checks.local import LocalStage
from autograder.checks.student import BlockedError, CaseEndedError, Handle, Student
from autograder.models import Reason
from autograder.sandbox import wire
from autograder.worker.session import Session

X = torch.arange(6, dtype=torch.float64).reshape(2, 3)
SUPPORT = """
def scaled(k):
    return lambda x: k * x
"""


class Value:
    """A number that remembers where it came from, as micrograd has it."""

    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def __rmul__(self, other):
        return self * other

    def __radd__(self, other):
        return self + other

    def __pow__(self, k):
        return Value(self.data**k, ((self, k * self.data ** (k - 1)),))

    def __rpow__(self, base):
        return Value(base**self.data)

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return (-self) + other

    def __truediv__(self, other):
        return self * (other if isinstance(other, Value) else Value(other)) ** -1

    def __rtruediv__(self, other):
        return self**-1 * other

    def __matmul__(self, other):
        return Value(("matmul", self.data, getattr(other, "data", other)))

    def __rmatmul__(self, other):
        return Value(("rmatmul", self.data))

    def __pos__(self):
        return self

    def __abs__(self):
        return Value(abs(self.data))

    def __getitem__(self, key):
        return Value(("item", key))

    def __eq__(self, other):
        return True

    __hash__ = None

    def __bool__(self):
        return True

    def __len__(self):
        return 4

    def __iter__(self):
        return iter([1])

    def __float__(self):
        return 4.0

    def backward(self, grad=1.0):
        self.grad += grad
        for parent, slope in self.parents:
            parent.backward(grad * slope)


def in_place(x, k=None):
    x.mul_(2)
    return x


def with_graph(x):
    return (x.clone().requires_grad_() * 2, x)


def hungry(x):
    raise MemoryError("too much")


def starved(x):
    raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 42 bytes")


def fails(x):
    raise ValueError("the input is 42")


def leaves(x):
    raise SystemExit(3)


def forward(x):
    return 2 * x, {"x": x, "deep": [object()]}


def backward(grad, cache):
    return grad * cache["x"]


def remembers(x, seen=[]):  # noqa: B006 -- that is the point
    seen.append(1)
    return len(seen)


FUNCTIONS = {
    "Value": Value,
    "double": lambda x: 2 * x,
    "same": lambda *args, **kwargs: (args, kwargs),
    "in_place": in_place,
    "with_graph": with_graph,
    "hungry": hungry,
    "starved": starved,
    "fails": fails,
    "leaves": leaves,
    "forward": forward,
    "opaque": lambda x: types.SimpleNamespace(x=x, held=object()),
    "backward": lambda grad, cache: grad * cache.x,
    "count": remembers,
    "generator": lambda g: torch.rand(2, generator=g),
    "huge": lambda x: torch.zeros(1).expand(1 << 40),
}


def made(cache=None, **more):
    stage = LocalStage(Session.from_namespace(FUNCTIONS | more, support={"toy": SUPPORT}))
    stage.begin("double", "toy", 0)
    return Student(stage, cache=cache)


# --- data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -2.5,
        math.inf,
        1 + 2j,
        "text",
        (1, (2.0, "x")),
        [1, [2]],
        {"a": X},
        torch.float32,
    ],
    ids=str,
)
def test_plain_data_comes_back_as_it_went(value):
    (args, kwargs) = made().same(value, key=value)
    assert type(args[0]) is type(value)
    assert str(args[0]) == str(value)
    assert str(kwargs["key"]) == str(value)


def test_tuples_stay_tuples_and_lists_lists():
    student = made(pair=lambda x: (x, [x]))
    first, second = student.pair(X)
    assert torch.equal(first, X)
    assert type(second) is list


@pytest.mark.parametrize(
    "x",
    [X, X.T, X[:, ::2], X[:1].expand(4, 3), X.numpy(), X.numpy()[::-1], np.float32(2), X[0, 0]],
    ids=["plain", "transposed", "strided", "expanded", "array", "reversed", "scalar", "0-d"],
)
def test_arguments_arrive_with_their_values_and_layout(x):
    seen = []
    student = made(look=lambda x: seen.append(x) or x)
    result = student.look(x)
    assert np.array_equal(np.asarray(seen[0]), np.asarray(x))
    assert np.array_equal(np.asarray(result), np.asarray(x))
    if hasattr(x, "stride"):
        assert seen[0].stride() == x.stride()
    elif x.ndim:
        assert seen[0].strides == x.strides


def test_a_generator_arrives_in_its_state():
    generator = torch.Generator().manual_seed(3)
    expected = torch.rand(2, generator=torch.Generator().manual_seed(3))
    assert torch.equal(made().generator(generator), expected)


def test_arguments_are_copied_and_a_change_in_place_is_a_remark():
    x, y = X.clone(), X.numpy().copy()
    student = made()
    assert torch.equal(student.in_place(x), 2 * X)
    student.double(x)
    made(in_place=lambda y: y.fill(7)).in_place(y)
    assert torch.equal(x, X)
    assert np.array_equal(y, X.numpy())
    assert student.remarks == ["an input is changed in place; the caller may still need it"]


def test_the_same_remark_is_made_once():
    student = made()
    for _ in range(3):
        student.in_place(X.clone())
    assert len(student.remarks) == 1


def test_results_are_detached_and_that_is_a_remark():
    student = made()
    first, second = student.with_graph(X)
    assert not first.requires_grad
    assert not second.requires_grad
    assert student.remarks == ["a result carries a gradient graph (requires_grad)"]


def test_arguments_never_require_a_gradient():
    student = made(asks=lambda x: x.requires_grad)
    assert student.asks(X.clone().requires_grad_()) is False


def test_a_result_shares_no_memory_with_what_the_student_keeps():
    kept = []
    student = made(keep=lambda x: kept.append(x) or x)
    result = student.keep(X)
    kept[0].zero_()
    assert torch.equal(result, X)


def test_the_last_call_is_told_as_one_would_type_it():
    student = Student(LocalStage(Session.from_namespace({"f": lambda *_, **__: 1})))
    assert student.last_call() == ""
    student.f(torch.tensor([1.0, 2.5]), X.repeat(2, 1), dim=0, reduction="mean")
    assert student.last_call() == ("f([1, 2.5], float64 of shape (4, 3), dim=0, reduction='mean')")
    assert student.returned == 1
    student.f(*range(200))
    assert len(student.last_call()) == 240
    assert student.last_call().endswith(" ...")


def test_calls_that_gave_a_value_are_counted():
    student = made()
    student.double(X)
    with pytest.raises(CaseEndedError):
        student.fails(X)
    student.support = student.make("toy", "scaled", (2.0,), {})
    assert student.calls == 1


@pytest.mark.parametrize(
    ("args", "sizes"),
    [((X,), (2, 3)), ((torch.tensor(1.0), X), (2, 3)), ((X.numpy(),), (2, 3)), ((2.0,), ())],
    ids=["tensor", "after a scalar", "array", "none"],
)
def test_the_size_of_the_first_tensor_or_array_is_kept_for_the_probes(args, sizes):
    student = made()
    student.same(*args)
    assert student.sizes == sizes


@pytest.mark.parametrize(
    "thing", [object(), lambda x: x, {1, 2}, "handle"], ids=["object", "function", "set", "handle"]
)
def test_what_cannot_cross_is_refused_here(thing):
    student = made()
    thing = {"tuple key": {(1, 2): 3}} if thing == "handle" else thing
    with pytest.raises(wire.WireError, match="expected data or a handle, got"):
        student.double(thing)


@pytest.mark.parametrize("thing", [Student, Handle], ids=["student", "handle"])
def test_names_with_two_underscores_are_python_s_own(thing):
    student = made()
    target = student if thing is Student else student.opaque(X)
    with pytest.raises(AttributeError, match="__array__"):
        target.__array__  # noqa: B018 -- what numpy asks
    assert copy.copy([target])[0] is target


def test_functions_of_the_student_have_their_name():
    assert made().softmax_backward.__name__ == "softmax_backward"


# --- handles -----------------------------------------------------------------------------------


def test_a_cache_makes_a_round_trip():
    student = made()
    cache = student.opaque(X)
    assert isinstance(cache, Handle)
    assert torch.equal(student.backward(X, cache), X * X)
    _, inner = student.forward(X)
    assert torch.equal(inner["x"], X)
    assert isinstance(inner["deep"][0], Handle)


def test_attributes_and_methods_of_an_instance_work():
    student = made()
    a, b = student.Value(2.0), student.Value(-3.0)
    y = a * b + a**2 - b / 2.0
    assert y.data == pytest.approx(-6 + 4 + 1.5)
    y.backward()
    assert a.grad == pytest.approx(-3 + 4)
    assert b.grad == pytest.approx(2 - 0.5)


@pytest.mark.parametrize(
    ("apply", "data"),
    [
        (lambda v: v + 1, 3.0),
        (lambda v: 1 + v, 3.0),
        (lambda v: v - 1, 1.0),
        (lambda v: 1 - v, -1.0),
        (lambda v: v * 3, 6.0),
        (lambda v: 3 * v, 6.0),
        (lambda v: v / 4, 0.5),
        (lambda v: 4 / v, 2.0),
        (lambda v: v**3, 8.0),
        (lambda v: 3**v, 9.0),
        (lambda v: v @ v, ("matmul", 2.0, 2.0)),
        (lambda v: 1 @ v, ("rmatmul", 2.0)),
        (lambda v: -v, -2.0),
        (lambda v: +v, 2.0),
        (lambda v: abs(-v), 2.0),
        (lambda v: v[1], ("item", 1)),
        (lambda v: v["a"], ("item", "a")),
        (lambda v: v + v, 4.0),
    ],
)
def test_operators_cross_by_name(apply, data):
    assert apply(made().Value(2.0)).data == data


class Box:
    """A value that knows what to do with arrays."""

    __array_ufunc__ = None

    def __init__(self, data):
        self.data = data

    def __radd__(self, other):
        return Box(other + self.data)


@pytest.mark.parametrize("left", [torch.ones(2), np.ones(2), np.float64(1)], ids=str)
def test_tensors_and_arrays_leave_operators_to_the_student(left):
    total = left + made(Box=Box).Box(2.0)
    assert isinstance(total, Handle)
    assert np.array_equal(np.asarray(total.data), np.asarray(left + 2.0))


@pytest.mark.parametrize(
    "judge",
    [
        bool,
        len,
        hash,
        iter,
        float,
        int,
        list,
        tuple,
        lambda v: v == 4.0,
        lambda v: v != 4.0,
        lambda v: v < 1,
        lambda v: v <= 1,
        lambda v: v > 1,
        lambda v: v >= 1,
        lambda v: 1 in v,
        lambda v: v in [1, 2],
        lambda v: [10, 20][v],
        lambda v: {v: 1},
        lambda v: not v,
        lambda v: max(v, 1),
        sum,
        torch.tensor,
        lambda v: math.isclose(v, 4.0),
        complex,
        reversed,
    ],
)
def test_a_handle_refuses_all_that_would_judge_it_here(judge):
    value = made().Value(4.0)
    with pytest.raises(TypeError):
        judge(value)


def test_the_refusal_says_what_to_do():
    with pytest.raises(
        TypeError, match=r"handle: expected to compare plain data, .* Ask for one of"
    ):
        bool(made().opaque(X))


def test_a_handle_says_what_it_is_and_cannot_be_changed_here():
    value = made().Value(4.0)
    assert repr(value) == "<Value of the student>"
    with pytest.raises(AttributeError):
        value.data = 5.0


def test_a_handle_of_an_earlier_exercise_is_gone():
    stage = LocalStage(Session.from_namespace(FUNCTIONS))
    stage.begin("double", "toy", 0)
    student = Student(stage)
    old = student.opaque(X)
    stage.begin("double", "toy", 0)
    student.opaque(X)
    with pytest.raises(CaseEndedError, match="expected an object of this exercise") as ended:
        student.backward(X, old)
    assert ended.value.reason is Reason.TYPE


def test_objects_of_the_instructor_live_where_the_students_code_runs():
    student = made(apply=lambda f, x: f(x))
    twice = student.make("toy", "scaled", (2.0,), {})
    assert torch.equal(student.apply(twice, X), 2 * X)
    assert torch.equal(twice(X), 2 * X)


def test_a_maker_that_is_missing_is_named():
    with pytest.raises(CaseEndedError, match="expected nothing in it, got none"):
        made().make("toy", "nothing", (), {})


# --- what failed -------------------------------------------------------------------------------


def ended(call):
    with pytest.raises(CaseEndedError) as raised:
        call()
    return raised.value


def test_an_exception_has_a_name_a_message_a_line_and_a_trace():
    end = ended(lambda: made().fails(X))
    line = fails.__code__.co_firstlineno + 1
    assert end.reason is Reason.EXCEPTION
    assert str(end) == f"fails raised ValueError: the input is 42 (line {line})"
    assert end.feedback == "raised ValueError"
    assert end.raised == "ValueError"
    assert "in fails" in end.trace


def test_leaving_is_an_exception_here():
    assert ended(lambda: made().leaves(X)).raised == "SystemExit"


@pytest.mark.parametrize("function", ["hungry", "starved"])
def test_running_out_of_memory_is_a_reason_of_its_own(function):
    end = ended(lambda: getattr(made(), function)(X))
    assert end.reason is Reason.MEMORY
    assert end.message.startswith(f"{function} ran out of memory (line ")
    assert end.feedback == "ran out of memory"


def test_a_result_that_is_too_large_cannot_be_compared():
    end = ended(lambda: made().huge(X))
    assert end.reason is Reason.TYPE
    assert end.feedback == "the result cannot be compared"


def test_a_function_that_is_missing_is_named():
    end = ended(lambda: made().softmax(X))
    assert end.reason is Reason.EXCEPTION
    assert end.message.startswith("softmax: expected a definition, got none.")
    assert end.feedback == "softmax is not there"


def test_a_missing_attribute_of_an_object_is_the_students():
    end = ended(lambda: made().opaque(X).loss)
    assert end.raised == "AttributeError"
    assert end.message.startswith("the object raised AttributeError")


def test_without_feedback_of_its_own_an_end_says_nothing_of_its_message():
    assert CaseEndedError(Reason.EXITED, "a secret").feedback == "gave no value"


# --- what a worker claims ----------------------------------------------------------------------


class Liar:
    """A peer that student code has taken over: it may answer whatever it likes."""

    def __init__(self, reply, payload=b""):
        self.reply = reply
        self.payload = payload

    def request(self, header, buffers):
        return self.reply, bytearray(self.payload)


SECRET = "the third input is 0.1234"


def lie(**error):
    return ended(lambda: Student(Liar({"ok": False, "error": error})).double(X))


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"ok": 1},
        {"ok": "yes", "value": 2.0},
        {"ok": False},
        {"ok": False, "error": SECRET},
        {"ok": False, "error": [SECRET]},
        {"ok": None, "error": None},
    ],
    ids=str,
)
def test_a_reply_with_neither_value_nor_error_is_a_bad_one(reply):
    end = ended(lambda: Student(Liar(reply)).double(X))
    assert end.reason is Reason.BAD_REPLY
    assert end.message == "the reply holds neither a value nor an error"
    assert SECRET not in end.feedback


@pytest.mark.parametrize(
    "value",
    [
        {"!": "pickle", "bytes": SECRET},
        {"!": "tensor", "dtype": "float64", "shape": [1 << 40], "device": "cpu", "at": 0},
        {"!": "array", "dtype": SECRET, "shape": [1], "at": 0},
        {"a": 1},
        {"!": "tuple", "items": SECRET},
        1 << 5000,
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_value_that_cannot_be_read_is_a_bad_reply(value):
    end = ended(lambda: Student(Liar({"ok": True, "value": value})).double(X))
    assert end.reason is Reason.BAD_REPLY
    assert end.message.startswith("the reply could not be read: frame: expected")
    assert end.feedback == "what came back could not be read"


@pytest.mark.parametrize(
    "kind", ["exception", "forbidden", "missing", "unsupported", SECRET, 7, None]
)
@pytest.mark.parametrize("origin", ["builtins", "torch", "numpy", "student", SECRET, None])
@pytest.mark.parametrize(
    "name", [SECRET, "ValueError", "MemoryError", "open", "print", 5, ["x"]], ids=str
)
def test_feedback_never_repeats_what_a_worker_says(kind, origin, name):
    end = lie(
        kind=kind, type=name, origin=origin, message=SECRET, traceback=SECRET, line=12,
        file=SECRET, name=SECRET, set=SECRET,
    )  # fmt: skip
    assert SECRET not in end.feedback
    allowed = {
        "raised ValueError", "raised an exception of its own", "ran out of memory",
        "uses a forbidden operation", "double is not there", "the result cannot be compared",
    }  # fmt: skip
    assert end.feedback in allowed


@pytest.mark.parametrize(
    ("name", "feedback"),
    [
        ("KeyError", "raised KeyError"),
        ("_LinAlgError", "raised _LinAlgError"),  # of torch
        ("AxisError", "raised AxisError"),
        ("LinAlgError", "raised LinAlgError"),
        ("KeyErrorOfMine", "raised an exception of its own"),
        ("tensor", "raised an exception of its own"),
        ("print", "raised an exception of its own"),
    ],
)
def test_an_exception_is_named_if_it_is_python_s_torch_s_or_numpy_s(name, feedback):
    assert lie(kind="exception", type=name, message="").feedback == feedback


def test_a_reply_without_a_value_is_none():
    assert Student(Liar({"ok": True})).double(X) is None


def test_a_result_on_another_device_ends_the_case():
    tree = {"!": "tensor", "dtype": "float64", "shape": [0], "device": "cuda:0", "at": 0}
    end = ended(lambda: Student(Liar({"ok": True, "value": tree})).double(X))
    assert end.reason is Reason.TYPE
    assert str(end) == "expected results on cpu, where the inputs are, got cuda:0"
    assert end.feedback == "a result is not on cpu, where the inputs are"


def on_cuda(device):
    """Return a student who is graded on CUDA and whose results lie on `device`."""
    tree = {"!": "tensor", "dtype": "bool", "shape": [0], "device": device, "at": 0}
    return Student(Liar({"ok": True, "value": tree}), device="cuda")


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_who_is_given_no_tensor_may_answer_on_the_cpu(device):
    assert on_cuda(device).causal_mask(3).dtype == torch.bool
    assert on_cuda(device).schedule(3, {"steps": [0.1, "linear"]}).dtype == torch.bool


@pytest.mark.parametrize("args", [(X,), (3, [{"x": X}])], ids=["alone", "inside"])
def test_who_is_given_a_tensor_answers_where_it_is(args):
    assert on_cuda("cuda:0").double(*args).dtype == torch.bool
    end = ended(lambda: on_cuda("cpu").double(*args))
    assert str(end) == "expected results on cuda, where the inputs are, got cpu"


@pytest.mark.parametrize("function", [torch.linalg.inv, lambda x: np.linalg.inv(x.numpy())])
def test_real_exceptions_of_libraries_are_named(function):
    end = ended(lambda: made(f=function).f(torch.zeros(2, 2, dtype=torch.float64)))
    assert end.feedback in ("raised _LinAlgError", "raised LinAlgError")


def test_messages_are_cut_and_lines_are_numbers():
    end = lie(kind="exception", type="x" * 500, message="y" * 9000, traceback="z" * 90000, line="9")
    assert len(end.message) < 2200
    assert len(end.trace) == 8000
    assert len(end.raised) == 80
    assert "(line" not in end.message


@pytest.mark.parametrize("line", [10**30, -4, 0, True, 1.5, None])
def test_a_line_that_is_none_is_left_out(line):
    assert "(line" not in lie(kind="exception", type="ValueError", message="", line=line).message


# --- what cases share --------------------------------------------------------------------------


def test_what_is_cached_is_computed_once_for_all_cases_of_an_exercise():
    cache = {}
    first, second = made(cache), made(cache)
    made_once = [one.cached("forward", lambda one=one: one.count(X)) for one in (first, second)]
    assert made_once[0] == made_once[1]
    assert (first.calls, second.calls) == (1, 0)


def test_without_a_shared_cache_each_student_has_one_of_its_own():
    one, other = made(), made()
    assert one.cached("x", lambda: 1) == 1
    assert other.cached("x", lambda: 2) == 2


def test_a_failure_is_remembered_and_blocks_what_needs_it():
    cache, tries = {}, []

    def compute(student):
        tries.append(1)
        return student.fails(X)

    for _ in range(2):
        student = made(cache)
        with pytest.raises(BlockedError) as blocked:
            student.cached("the forward pass", lambda student=student: compute(student))
        assert blocked.value.reason is Reason.EXCEPTION
        assert str(blocked.value).startswith("needs the forward pass, which failed: fails raised")
        assert blocked.value.feedback == "needs the forward pass, which failed"
        assert blocked.value.raised == ""
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("returned", "use"),
    [
        (None, lambda value: value[1]),
        ((1, 2, 3), lambda value: tuple.__new__(tuple, [a for a, b in [value]])),
        ((1,), lambda value: value[1]),
        ({}, lambda value: value["cache"]),
        (2.0, lambda value: value.shape),
        (torch.ones(3), lambda value: value @ X),
        (0, lambda value: 1 / value),
        (object(), float),
    ],
    ids=["None", "unpacking", "index", "key", "attribute", "shapes", "arithmetic", "handle"],
)
def test_a_value_that_cannot_be_used_blocks_what_needs_it(returned, use):
    student = made(forward=lambda x: returned)
    with pytest.raises(BlockedError) as blocked:
        student.cached("forward", lambda: use(student.forward(X)))
    assert blocked.value.reason is Reason.TYPE
    assert "its result cannot be used" in blocked.value.message
    assert blocked.value.feedback == "needs forward, which failed"


def test_what_blocks_may_be_blocked_itself():
    student = made()
    with pytest.raises(BlockedError, match=r"needs b, which failed: needs a, which failed: fails"):
        student.cached("b", lambda: student.cached("a", lambda: student.fails(X)))
