"""The audit of a call costs neither time nor memory for what is allowed, however much there is."""

import pytest
import torch

from autograder.sandbox import wire
from tests.autograder.sandbox.students import QUICK, hand_in

STEPS = 400_000
SMALL_STEPS = f"""
import threading
import torch
from torch.autograd.variable import Variable

kept = Variable._execution_engine


def count(x):
    for _ in range({STEPS}):
        x = x + 1
    return x


def count_then_softmax(x):
    x = count(x)
    thread = threading.Thread(target=lambda: torch.softmax(x, -1))
    thread.start()
    thread.join()
    return x


def count_then_differentiate(x):
    x = count(x)
    leaf = torch.ones(3, requires_grad=True)

    def differentiate():
        arguments = ((leaf * leaf).sum(),), (torch.tensor(1.0),), False, False, (leaf,), True
        kept.run_backward(*arguments, accumulate_grad=False)

    thread = threading.Thread(target=differentiate)
    thread.start()
    thread.join()
    return x
"""
SOFTMAX = {"name": "softmax", "names": ["torch.softmax"], "operators": ["aten::_softmax"]}
AUTOGRAD = {"name": "autograd", "names": [], "operators": [], "autograd": True}


@pytest.fixture
def audited(sandbox):
    """Return what becomes of one audited call that must not use softmax or autograd."""
    with sandbox.client(0).spawn() as worker:
        hand_in(worker, SMALL_STEPS, "count")
        forbidden = {"exercise": "count", "seed": 0, "forbidden": [SOFTMAX, AUTOGRAD]}
        assert worker.request({"op": "begin", **forbidden}, cpu_s=10.0)[0]["ok"]

        def audited(target):

            (args, kwargs), buffers = wire.pack([[torch.zeros(3)], {}], keep_layout=True)
            header = {"op": "call", "target": target, "args": args, "kwargs": kwargs}
            reply, payload = worker.request({**header, "audit": True}, buffers, cpu_s=60.0)
            return reply, payload

        yield audited


def test_many_small_operations_fit_into_little_memory(audited):
    reply, payload = audited("count")
    assert reply["ok"], reply["error"]
    assert wire.unpack(reply["value"], payload).tolist() == [STEPS] * 3
    assert "suspicious" not in reply
    assert QUICK.memory_bytes < STEPS * 1024  # a record of each would not fit


@pytest.mark.parametrize(
    ("target", "name"),
    [("count_then_softmax", "torch.softmax"), ("count_then_differentiate", "torch.autograd")],
)
def test_a_forbidden_one_after_them_in_a_thread_is_noticed(audited, target, name):
    reply, _ = audited(target)
    assert reply["error"]["kind"] == "forbidden"
    assert reply["error"]["name"] == name
