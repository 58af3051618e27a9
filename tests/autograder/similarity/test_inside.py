"""The process that compares: shut in before it reads, and right about what is alike."""

import base64
import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile

import pytest

from autograder.sandbox.launch import spare_uid
from tests.autograder import layers

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("compare50") is None, reason="compare50 is not installed"
)
COMMAND = [sys.executable, "-P", "-m", "autograder.similarity"]

ONE = '''\
def softmax(x):
    """Return the softmax of each row."""
    shifted = x - x.max(axis=1, keepdims=True)
    powers = np.exp(shifted)  # never overflows
    total = powers.sum(axis=1, keepdims=True)
    for row in range(len(x)):
        if total[row] == 0:
            raise ValueError("an empty row", row)
    return powers / total
'''
RENAMED = (
    ONE.replace("shifted", "a").replace("powers", "b").replace("total", "c")
    .replace("  # never overflows", "").replace("row", "k")
)  # fmt: skip
OTHER = """\
class Network:
    def __init__(self, sizes, seed=0):
        generator = np.random.default_rng(seed)
        self.weights = [generator.normal(size=(m, n)) for m, n in zip(sizes, sizes[1:])]

    def __call__(self, x):
        while self.weights and x is not None:
            x = np.tanh(x @ self.weights[0]) if len(self.weights) > 1 else x
            yield from (one for one in x if not np.isnan(one).any())
"""
HANDOUT = """\
def check(expected, actual, rtol=1e-6, atol=1e-9):
    difference = np.abs(np.asarray(expected) - np.asarray(actual))
    bound = atol + rtol * np.abs(expected)
    assert (difference <= bound).all(), f"largest difference {difference.max()}"
    print("fine", expected.shape, actual.dtype, len(expected), sum(actual.shape))
"""


def files(text, name="0.py") -> list[dict[str, str]]:
    data = text if isinstance(text, bytes) else text.encode()
    return [{"name": name, "data": base64.b64encode(data).decode()}]


def notebook(*cells) -> bytes:
    kinds = [{"cell_type": "code", "source": text.splitlines(True)} for text in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "x"}, *kinds]}).encode()


def packed(**members) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)
    return data.getvalue()


def environment() -> dict[str, str]:
    path = os.pathsep.join((str(layers.ROOT), *(one for one in sys.path if one)))
    return {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}


def compared(*submissions, handout=()) -> dict:
    task = {"submissions": list(submissions), "handout": list(handout)}
    uid = spare_uid()
    done = subprocess.run(
        [*COMMAND, str(os.getpid()), *([] if uid is None else [str(uid)])],
        input=json.dumps(task).encode(),
        env=environment(), cwd="/", capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def shares(answer, name) -> dict[tuple[int, int], float]:
    return {(a, b): common / min(own) for a, b, common, *own in answer["passes"][name]}


def test_a_copy_is_found_with_its_names_changed_and_other_work_is_not():
    answer = compared(files(ONE), files(OTHER), files(ONE), files(RENAMED))
    assert answer["readable"] == [True] * 4
    assert shares(answer, "exact")[0, 2] == 1
    assert shares(answer, "structure")[0, 3] == 1
    assert shares(answer, "exact").get((0, 3), 0) < 0.5
    assert not {pair for name in answer["passes"] for pair in shares(answer, name) if 1 in pair}


def test_what_stands_in_the_handout_does_not_count():
    both = files(ONE + HANDOUT), files(OTHER + HANDOUT)
    assert shares(compared(*both), "exact")
    answer = compared(*both, handout=[HANDOUT])
    assert max(shares(answer, "exact").values(), default=0) < 0.3
    assert shares(compared(*both, handout=[ONE + HANDOUT]), "exact") == {}


def test_modules_notebooks_and_archives_are_the_same_work():
    answer = compared(
        files(ONE),
        files(notebook("import numpy", ONE), "0.ipynb"),
        files(packed(a_py=ONE, b_txt=OTHER), "0.ZIP"),
    )
    found = shares(answer, "structure")
    assert min(found[0, 1], found[0, 2], found[1, 2]) > 0.7


BROKEN = [
    (b"", "0.py"),
    (b"{", "0.ipynb"),
    (b"[" * 100_000, "0.ipynb"),
    (b'{"cells": [3]}', "0.ipynb"),
    (b"no archive", "0.zip"),
    (b"text", "0.txt"),
    (packed(a_py=ONE)[:-30], "0.zip"),
]


def test_what_cannot_be_read_is_said_and_stops_nobody():
    answer = compared(*(files(*one) for one in BROKEN), files(ONE), files(ONE))
    assert answer["readable"] == [False] * 7 + [True, True]
    assert shares(answer, "exact") == {(7, 8): 1}


def test_broken_python_and_bytes_that_are_no_text_are_compared_all_the_same():
    answer = compared(files(ONE + "\ndef ("), files(ONE.encode() + b"\xff\xfe"))
    assert shares(answer, "structure")[0, 1] > 0.8


PROBE = """
import os, socket, sys
from autograder.similarity import inside
inside._shut_in(os.getppid())
def refused(name, function, *arguments):
    try:
        function(*arguments)
    except OSError:
        print(name, "refused")
    else:
        print(name, "ALLOWED")
refused("read", open, "/etc/passwd")
refused("list", os.listdir, "/")
refused("write", open, "/tmp/gradlab-probe", "w")
refused("network", socket.socket)
refused("fork", os.fork)
refused("execute", os.execv, "/bin/true", ["true"])
refused("kill", os.kill, os.getppid(), 0)
print("root", os.geteuid() == 0)
"""


def test_by_the_time_it_reads_it_has_given_everything_up():
    uid = spare_uid()
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROBE, "0", *([] if uid is None else [str(uid)])],
        env=environment(), cwd="/", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == [
        *(f"{name} refused" for name in (
            "read", "list", "write", "network", "fork", "execute", "kill",
        )),
        "root False",
    ]  # fmt: skip
