"""What the witness sees of a call, and what it leaves alone."""

import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch.autograd.variable import Variable
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses
from torch.utils._python_dispatch import _disable_current_modes

from autograder.worker import witness as witness_module
from autograder.worker.witness import ForbiddenUse, Witness, unknown_operators

SOFTMAX = {
    "name": "softmax",
    "names": ["torch.nn.functional.softmax", "torch.nn.functional.log_softmax"],
    "operators": ["aten::_softmax", "aten::_log_softmax"],
}
CONVOLUTION = {
    "name": "convolution",
    "names": [],
    "operators": ["aten::convolution", "aten::convolution_backward"],
}
LINEAR = {"name": "linear", "names": [], "operators": ["aten::linear", "aten::matmul"]}
AUTOGRAD = {"name": "autograd", "names": [], "operators": [], "autograd": True}

pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

X = torch.linspace(-1.0, 1.0, 12).reshape(3, 4)
IMAGE, KERNEL = torch.ones(1, 2, 5, 5), torch.ones(3, 2, 3, 3)
LEAF = torch.ones(3, requires_grad=True)
KEPT_ENGINE = Variable._execution_engine


def with_warnings_ignored(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def scripted_softmax(x: torch.Tensor):
    return torch.softmax(x, -1)


def scripted_grad(x: torch.Tensor):
    return torch.autograd.grad([(x * x).sum()], [x])


SCRIPTED_SOFTMAX = with_warnings_ignored(lambda: torch.jit.script(scripted_softmax))
SCRIPTED_GRAD = with_warnings_ignored(lambda: torch.jit.script(scripted_grad))


def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def in_pool(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def in_inference(function):
    with torch.inference_mode():
        return function()


def without_modes(function):
    with _disable_current_modes():
        return function()


def swallowed(function):
    with suppress(BaseException):  # what a student may write
        function()


def loss():
    return (LEAF * LEAF).sum()


def run_kept_engine():
    arguments = (loss(),), (torch.tensor(1.0),), False, False, (LEAF,), True
    return KEPT_ENGINE.run_backward(*arguments, accumulate_grad=False)


def witnessed(function, *forbidden, audit=False):
    """Return the witness of one call, and what the call raised."""
    witness, raised = Witness(list(forbidden), audit=audit), None
    try:
        with witness:
            function()
    except (ForbiddenUse, RuntimeError) as error:
        raised = error
    return witness, raised


@pytest.mark.parametrize(
    "function",
    [
        lambda: F.softmax(X, -1),
        lambda: X.softmax(-1),
        lambda: torch.softmax(X, -1, out=torch.empty(3, 4)),
        lambda: F.softmax(X.double(), -1),
        lambda: F.softmax(X.clone().requires_grad_(), -1),
        lambda: torch.ops.aten._softmax(X, -1, half_to_float=False),
        lambda: torch.nn.Softmax(-1)(X),
        lambda: F.log_softmax(X, -1),
        lambda: F.cross_entropy(X, torch.tensor([0, 1, 2])),
        lambda: F.scaled_dot_product_attention(X[None], X[None], X[None]),
        lambda: torch.func.vmap(lambda row: row.softmax(-1))(X),
        lambda: getattr(F, "soft" + "max")(X, -1),
        lambda: in_inference(lambda: F.softmax(X, -1)),
        lambda: without_modes(lambda: F.softmax(X, -1)),
        lambda: in_pool(lambda: F.softmax(X, -1)),
    ],
)
def test_a_forbidden_operator_raises_wherever_it_is_reached_from(function):
    witness, raised = witnessed(function, SOFTMAX)
    assert isinstance(raised, ForbiddenUse)
    assert [use["set"] for use in witness.uses] == ["softmax"]


@pytest.mark.parametrize(
    "function",
    [
        lambda: in_thread(lambda: F.softmax(X, -1)),
        lambda: swallowed(lambda: F.softmax(X, -1)),
        lambda: SCRIPTED_SOFTMAX(X),
    ],
)
def test_a_use_is_kept_when_the_exception_gets_lost(function):
    witness, raised = witnessed(function, SOFTMAX)
    assert not isinstance(raised, ForbiddenUse)
    assert witness.uses[0]["name"] == "torch.nn.functional.softmax"


@pytest.mark.parametrize(
    ("function", "forbidden"),
    [
        (lambda: F.conv2d(IMAGE, KERNEL), CONVOLUTION),
        (lambda: F.conv2d(IMAGE.clone().requires_grad_(), KERNEL), CONVOLUTION),
        (lambda: in_inference(lambda: F.conv2d(IMAGE, KERNEL)), CONVOLUTION),
        (lambda: F.conv_transpose2d(IMAGE, KERNEL.transpose(0, 1)), CONVOLUTION),
        (lambda: F.linear(X, X), LINEAR),
        (lambda: X @ X.T, LINEAR),
        (lambda: F.linear(X.clone().requires_grad_(), X), LINEAR),
    ],
)
def test_composite_operators_can_be_forbidden_too(function, forbidden):
    assert isinstance(witnessed(function, forbidden)[1], ForbiddenUse)


def test_the_message_names_the_operation_and_the_line():
    witness = Witness([SOFTMAX])
    said = r"^torch\.nn\.functional\.softmax is forbidden here \(softmax\)"
    with pytest.raises(ForbiddenUse, match=said), witness:
        F.softmax(X, -1)  # this line
    line = witness.uses[0]["line"]
    assert "# this line" in Path(__file__).read_text(encoding="utf-8").splitlines()[line - 1]
    assert witness.uses == [
        {
            "name": "torch.nn.functional.softmax",
            "set": "softmax",
            "line": line,
            "where": f"{__file__}, line {line}",
        }
    ]


@pytest.mark.parametrize(
    "function",
    [
        lambda: (X.exp() / X.exp().sum(-1, keepdim=True)).log().max(),
        lambda: torch.logsumexp(X, -1),
        lambda: X @ X.T,
        lambda: F.unfold(IMAGE, 3),
        lambda: torch.einsum("ij,kj->ik", X, X),
    ],
)
def test_what_is_allowed_is_not_hit(function):
    for audit in (False, True):
        witness, raised = witnessed(function, SOFTMAX, CONVOLUTION, AUTOGRAD, audit=audit)
        assert (raised, witness.uses, witness.suspicious) == (None, [], [])


# --- autograd


@pytest.mark.parametrize(
    "function",
    [
        lambda: loss().backward(),
        lambda: torch.autograd.grad(loss(), LEAF),
        lambda: torch.autograd.functional.jacobian(torch.sin, X[0]),
        lambda: torch.func.grad(lambda z: (z * z).sum())(X),
        lambda: torch.func.vjp(torch.sin, X)[1](X),
        lambda: torch.func.jacrev(torch.sin)(X[0]),
        lambda: torch.func.jacfwd(torch.sin)(X[0]),
        lambda: torch.func.jvp(torch.sin, (X,), (X,)),
        lambda: in_inference(lambda: torch.inference_mode(mode=False)(loss)().backward()),
        lambda: without_modes(lambda: loss().backward()),
        lambda: in_pool(lambda: loss().backward()),
    ],
)
def test_differentiating_raises(function):
    witness, raised = witnessed(function, AUTOGRAD)
    assert isinstance(raised, ForbiddenUse)
    assert [(use["name"], use["set"]) for use in witness.uses] == [("torch.autograd", "autograd")]


@pytest.mark.parametrize(
    "function",
    [
        lambda: X.clone().requires_grad_(),
        lambda: torch.zeros(3, requires_grad=False),
        lambda: (LEAF.detach() * 2, LEAF.grad_fn, X.grad, LEAF.requires_grad),
        torch.no_grad()(lambda: LEAF * 2),
        torch.enable_grad()(lambda: X * 2),
        lambda: in_inference(lambda: X * 2),
        lambda: torch.nn.Linear(4, 2),
        lambda: type("Value", (), {"backward": lambda _: 3})().backward(),
    ],
)
def test_what_only_sounds_like_autograd_is_free(function):
    witness, raised = witnessed(function, AUTOGRAD)
    assert (raised, witness.uses, witness.suspicious) == (None, [], [])


DODGES = [
    run_kept_engine,
    lambda: SCRIPTED_GRAD(LEAF),
    lambda: loss().grad_fn(torch.tensor(1.0)),
]


@pytest.mark.parametrize("function", DODGES)
def test_what_dodges_the_guard_is_suspicious_and_the_audit_sees_it(function):
    witness, raised = witnessed(function, AUTOGRAD)
    assert (raised, witness.uses) == (None, [])
    assert witness.suspicious == [
        {"what": "records a graph for autograd", "line": None, "where": None}
    ]
    witness, _ = witnessed(function, AUTOGRAD, audit=True)
    assert witness.uses == [
        {"name": "torch.autograd", "set": "autograd", "line": None, "where": None}
    ]


@pytest.mark.parametrize("function", DODGES)
def test_the_audit_sees_other_threads(function):
    witness, _ = witnessed(lambda: in_thread(function), AUTOGRAD, audit=True)
    assert [use["name"] for use in witness.uses] == ["torch.autograd"]


def test_a_graph_that_is_recorded_and_not_used_is_cleared_by_the_audit():
    assert witnessed(loss, AUTOGRAD)[0].suspicious != []
    witness, _ = witnessed(loss, AUTOGRAD, audit=True)
    assert (witness.uses, witness.suspicious) == ([], [])


needs_mkldnn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="needs another backend"
)


@pytest.mark.parametrize(
    ("operator", "function"),
    [
        pytest.param(
            "convolution",
            lambda: F.conv2d(IMAGE.to_mkldnn(), KERNEL.to_mkldnn()),
            marks=needs_mkldnn,
        ),
        pytest.param("linear", lambda: F.linear(X.to_mkldnn(), X.to_mkldnn()), marks=needs_mkldnn),
        pytest.param("_softmax", lambda: X.to_mkldnn().softmax(-1), marks=needs_mkldnn),
        ("matmul", lambda: X.to_sparse() @ X.T),
        ("mm", lambda: X.to_sparse_csr() @ X.T),
        ("linear", lambda: torch.func.vmap(lambda row: F.linear(row, X))(X)),
        ("linear", lambda: torch.func.jvp(lambda x: F.linear(x, X), (X,), (X,))),
        ("layer_norm", lambda: torch.func.vmap(lambda row: F.layer_norm(row, (4,)))(X)),
        ("linear", lambda: in_inference(lambda: torch.func.vmap(lambda r: F.linear(r, X))(X))),
    ],
)
def test_the_audit_sees_other_backends_and_transforms(operator, function):
    forbidden = {"name": "forbidden", "names": [], "operators": [f"aten::{operator}"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sparse layouts are said to be in beta
        assert witnessed(function, forbidden)[0].uses == []
        for run in (function, lambda: in_thread(function)):
            use = witnessed(run, forbidden, audit=True)[0].uses[0]
            assert use["name"] == f"aten::{operator}"
            assert use["where"].startswith(__file__)


def test_a_torch_that_cannot_profile_all_threads_profiles_one(monkeypatch):
    of_this_torch = witness_module._ExperimentalConfig

    def of_an_older_torch():
        return of_this_torch()

    monkeypatch.setattr(witness_module, "_ExperimentalConfig", of_an_older_torch)
    witness, _ = witnessed(run_kept_engine, AUTOGRAD, audit=True)
    assert [use["name"] for use in witness.uses] == ["torch.autograd"]


def test_the_audit_does_not_report_a_use_twice():
    witness, _ = witnessed(lambda: F.softmax(X, -1), SOFTMAX, AUTOGRAD, audit=True)
    assert len(witness.uses) == 1
    assert witness.uses[0]["line"] is not None


# --- what is left behind


def test_nothing_stays_patched():
    for audit in (False, True):
        for function in (lambda: F.softmax(X, -1), lambda: loss().backward(), loss):
            witnessed(function, SOFTMAX, CONVOLUTION, LINEAR, AUTOGRAD, audit=audit)
    assert Variable._execution_engine is KEPT_ENGINE
    torch.testing.assert_close(F.softmax(X, -1).sum(-1), torch.ones(3))
    assert torch.func.jvp(torch.sin, (X,), (X,))[1].shape == (3, 4)
    image = IMAGE.clone().requires_grad_()
    F.linear(F.conv2d(image, KERNEL), torch.ones(2, 3)).sum().backward()
    assert image.grad is not None


def test_one_witness_sees_several_calls():
    witness = Witness([AUTOGRAD])
    for _ in range(2):
        with pytest.raises(ForbiddenUse, match=r"^torch\.autograd is forbidden"), witness:
            loss().backward()
    assert len(witness.uses) == 2


def test_the_audit_writes_nothing_to_stderr(capfd):
    witnessed(lambda: os.write(2, b"the student's own\n"), SOFTMAX, audit=True)
    assert capfd.readouterr().err == "the student's own\n"


def test_the_audit_works_without_stderr():
    kept = os.dup(2)
    os.close(2)
    try:
        witness, raised = witnessed(loss, AUTOGRAD, audit=True)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert (witness.uses, raised) == ([], None)


def test_uses_are_bounded():
    def softmaxes():
        for _ in range(100):
            swallowed(lambda: F.softmax(X, -1))

    assert len(witnessed(softmaxes, SOFTMAX)[0].uses) == 50


def test_operators_that_this_torch_does_not_have_are_named():
    known = ["aten::_softmax", "aten::_softmax.out"]
    unknown = ["aten::no_such", "aten::_softmax.no_such", "nowhere::x"]
    assert unknown_operators(known + unknown) == unknown


def test_nothing_forbidden_is_nothing_watched():
    witness, raised = witnessed(lambda: F.softmax(loss().reshape(1, 1), -1).sum().backward())
    assert (witness.uses, witness.suspicious, raised) == ([], [], None)


def test_the_guarded_engine_still_answers_everything_else():
    seen = []
    witnessed(lambda: seen.append(Variable._execution_engine.queue_callback), AUTOGRAD)
    assert seen == [KEPT_ENGINE.queue_callback]
