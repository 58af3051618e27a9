"""Student code in this very process, and what a student's machine knows of a topic."""

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.checks import local
from autograder.checks.diagnose import Transcript
from autograder.checks.local import LocalStage, PublicData
from autograder.checks.student import CaseEndedError, Student
from autograder.errors import SubmissionError, SuiteError
from autograder.models import Reason, Tolerance
from autograder.worker.session import Session

ROOT = Path(__file__).parents[3]
STUB = '''
import torch


def double(x):
    """Return twice `x`."""
    raise NotImplementedError("double: write this function")


def halve(x):
    """Return half of `x`."""
    raise NotImplementedError("halve: write this function")
'''
DOUBLED = STUB.replace('raise NotImplementedError("double: write this function")', "return 2 * x")
FLIP = {"name": "flip", "names": ["torch.flip"], "operators": ["aten::flip"], "autograd": False}
X = torch.arange(3, dtype=torch.float64)


def data(**changes):
    given = {
        "topic": "toy",
        "exercises": tuple(
            {"id": name, "points": "1", "starred": False, "forbidden": [FLIP]}
            for name in ("double", "halve")
        ),
        "stub": STUB,
        "tolerances": {"float64": Tolerance(rtol=1e-7, atol=1e-9)},
        "oracles": {},
        "transcripts": {},
        "truth": {},
        **changes,
    }
    return PublicData(**given)


def opened(folder, text=DOUBLED, *, name="toy.py", **changes):
    path = folder / name
    path.write_text(text)
    return local.open_file(path, data(**changes))


# --- a stage in this process -------------------------------------------------------------------


def test_a_stage_begins_each_exercise_with_fresh_generators_and_settings():
    def settle():
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        return random.random()

    def look():
        return [str(torch.get_default_dtype()), torch.is_grad_enabled(), random.random()]

    stage = LocalStage(Session.from_namespace({"settle": settle, "look": look}))
    stage.begin("settle", "toy", 3)
    drawn = Student(stage).settle()
    stage.begin("look", "toy", 3)
    assert Student(stage).look() == ["torch.float32", True, drawn]


def test_a_forbidden_operation_is_witnessed_here_too():
    namespace = {"double": lambda x: torch.flip(x, [0])}
    stage = LocalStage(Session.from_namespace(namespace), forbidden={"double": [FLIP]})
    stage.begin("double", "toy", 0)
    with pytest.raises(CaseEndedError, match="double uses torch.flip, which is forbidden") as ended:
        Student(stage).double(X)
    assert ended.value.reason is Reason.FORBIDDEN
    stage.begin("halve", "toy", 0)
    assert torch.equal(Student(stage).double(X), X.flip(0))


def test_an_exercise_whose_text_shows_a_forbidden_use_is_stopped_at_once():
    stage = LocalStage(Session.from_namespace({}), uses={"double": "double uses torch.flip"})
    with pytest.raises(CaseEndedError, match=r"^double uses torch.flip$") as ended:
        stage.begin("double", "toy", 0)
    assert ended.value.reason is Reason.FORBIDDEN
    stage.begin("halve", "toy", 0)


# --- reading a file ----------------------------------------------------------------------------


def test_a_module_is_opened_as_the_grader_would(tmp_path):
    found = opened(tmp_path)
    assert found.file == "toy.py"
    assert found.changed == {"double"}
    assert found.defined == {"double", "halve"}
    assert (found.remarks, found.uses, found.review) == ((), {}, {})


def notebook(text):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None,
            "source": text}  # fmt: skip
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def test_a_notebook_is_opened_as_the_grader_would(tmp_path):
    found = opened(tmp_path, notebook(DOUBLED), name="toy.ipynb")
    assert found.file == "toy.ipynb"
    assert found.changed == {"double"}


def test_helper_modules_come_along_but_tests_do_not(tmp_path):
    (tmp_path / "helper.py").write_text("TWO = 2\n")
    (tmp_path / "test_toy.py").write_text("def double(x):\n    return 'a test'\n")
    text = "from helper import TWO\n\n\ndef double(x):\n    return TWO * x\n"
    found = opened(tmp_path, text)
    student = Student(found.play._stage)
    found.play._stage.begin("double", "toy", 0)
    assert torch.equal(student.double(X), 2 * X)


def test_a_statement_that_fails_is_a_remark(tmp_path):
    found = opened(tmp_path, DOUBLED + "\nprint(data.shape)\n")
    (remark,) = found.remarks
    assert "data" in remark
    assert "toy.py" in remark


def test_forbidden_and_suspicious_things_are_found_in_the_text(tmp_path):
    text = DOUBLED.replace("2 * x", "torch.flip(x, [0])") + (
        "\n\ndef halve(x):\n    return getattr(torch, input())(x)\n"
    )
    found = opened(tmp_path, text)
    assert set(found.uses) == {"double"}
    assert found.uses["double"].startswith("double uses torch.flip (toy.py, line")
    assert found.uses["double"].endswith("), which is forbidden here")
    assert set(found.review) == {"halve"}
    assert "(toy.py, line" in found.review["halve"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "toy.py: expected a definition of one of double, halve, got none."),
        ("def double(x:\n    pass\n", "toy.py"),
        ("\0", "toy.py"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, text, message):
    with pytest.raises(SubmissionError) as raised:
        opened(tmp_path, text)
    assert message in str(raised.value)


def test_a_notebook_that_is_no_json_says_so(tmp_path):
    with pytest.raises(SubmissionError, match=r"toy.ipynb"):
        opened(tmp_path, "{", name="toy.ipynb")


def test_objects_of_the_instructor_are_made_from_the_support_file(tmp_path):
    (tmp_path / "support.py").write_text("def three():\n    return [3]\n")
    stage = opened(tmp_path).play._stage
    stage.begin("double", "toy", 0)
    assert Student(stage).make("toy", "three", (), {}) == [3]


# --- finding the file --------------------------------------------------------------------------


def test_of_a_module_and_a_notebook_the_one_saved_last_counts(tmp_path):
    module, book = tmp_path / "toy.py", tmp_path / "toy.ipynb"
    for path in (module, book):
        path.write_text("")
    os.utime(module, (1, 1))
    assert local.find_file(tmp_path, "toy") == book
    os.utime(book, (0, 0))
    assert local.find_file(tmp_path, "toy") == module
    module.unlink()
    assert local.find_file(tmp_path, "toy") == book


def test_without_either_it_is_told_how_to_start(tmp_path):
    (tmp_path / "toy.py").mkdir()
    with pytest.raises(
        SubmissionError,
        match=r"expected toy.py or toy.ipynb, got neither. Start with `gradlab start toy`.",
    ):
        local.find_file(tmp_path, "toy")


def test_a_public_test_file_opens_what_lies_beside_it(tmp_path):
    (tmp_path / "toy.json").write_text(json.dumps(data().as_json()))
    (tmp_path / "toy.py").write_text(DOUBLED)
    play = local.open_play(tmp_path / "test_toy.py")
    play._stage.begin("double", "toy", 0)
    assert torch.equal(Student(play._stage).double(X), 2 * X)


def test_a_public_test_file_without_its_data_says_so(tmp_path):
    with pytest.raises(
        SuiteError,
        match=r"^toy.json: expected it next to the test file, got no such file. Download the",
    ):
        local.open_play(tmp_path / "test_toy.py")


# --- public data -------------------------------------------------------------------------------

VALUES = {
    "tensor": X,
    "float32": torch.tensor([[0.1, 2.0]]),
    "bfloat16": torch.tensor([0.1], dtype=torch.bfloat16),
    "whole": torch.tensor([1, -(2**62)]),
    "truths": torch.tensor([[True], [False]]),
    "0-d": torch.tensor(0.25, dtype=torch.float64),
    "empty": torch.zeros(0, 3, dtype=torch.float64),
    "not finite": torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0]),
    "array": np.arange(6.0, dtype=np.float32).reshape(2, 3),
    "array of truths": np.array([True, False]),
    "empty array": np.zeros((0, 2)),
    "number of numpy": np.float64(2.5),
    "whole number of numpy": np.int64(3),
    "narrow number of numpy": np.float32(0.1),
    "truth of numpy": np.bool_(True),
    "float": 0.1,
    "infinite": float("-inf"),
    "int": 3,
    "bool": True,
    "text": "left",
    "nothing": None,
    "tuple": (X, [1.0, (2, None)]),
    "list": [X, "a"],
}


def same(one, other):
    if isinstance(one, tuple | list):
        pairs = zip(one, other, strict=True)
        return type(one) is type(other) and all(same(a, b) for a, b in pairs)
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one.nan_to_num(9), other.nan_to_num(9))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other) and one.shape == other.shape
    return one == other


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_expected_values_survive_json(tmp_path, value):
    key = ("public/test_toy.py::test_x", "float64", 1)
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(data(oracles={key: value}).as_json(), allow_nan=False))
    assert same(value, PublicData.load(path).oracles[key])


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, {"a": 1}, torch.ones(1, dtype=torch.complex64), 1j, np.ones(1, complex)],
    ids=lambda value: type(value).__name__,
)
def test_other_expected_values_stay_in_the_hidden_suite(value):
    with pytest.raises(
        SuiteError, match="public suite: expected a tensor, an array, real numbers or text as the"
    ):
        data(oracles={("case", "float64", 1): value}).as_json()


def test_public_data_makes_a_round_trip(tmp_path):
    transcript = Transcript(
        mistake="wrong",
        hints=("a", "b", "c?"),
        seen={("case", 1): ["array", [2], 1.0], ("case", 2): None},
    )
    given = data(
        oracles={("b", "float64", 2): X, ("a", "float64", 1): 2.0},
        transcripts={"double": (transcript,)},
        truth={"case": ("y", "y")},
    )
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(given.as_json()))
    found = PublicData.load(path)
    assert (found.topic, found.stub, found.exercises) == ("toy", STUB, given.exercises)
    assert (found.tolerances, found.truth) == (given.tolerances, given.truth)
    assert found.transcripts == given.transcripts
    assert json.dumps(found.as_json()) == json.dumps(given.as_json())
    assert [key[0] for key in found.as_json()["oracles"]] == ["a", "b"]


@pytest.mark.parametrize("topic", ["losses", "mlp"])
def test_what_is_handed_out_makes_a_round_trip(topic):
    path = ROOT / "assignments" / topic / f"{topic}.json"
    assert PublicData.load(path).as_json() == json.loads(path.read_text())


def damaged():
    whole = data(
        oracles={("a", "float64", 1): X}, truth={"a": ("y",)}, transcripts={"double": ()}
    ).as_json()
    yield "cut short", json.dumps(whole)[:-20]
    yield "empty", ""
    yield "no text", "\udcff"
    yield "a list", "[]"
    yield "a number", "3"
    yield "another schema", json.dumps({**whole, "schema": "gradlab/public/v0"})
    for key in whole:
        yield f"without {key}", json.dumps({k: v for k, v in whole.items() if k != key})
    for key in ("tolerances", "truth", "oracles", "mistakes"):
        for value in (None, 3, "text", [3], [["a"]]):
            yield f"{key} is {value}", json.dumps({**whole, key: value})
    for oracle in (
        {},
        {"tuple": [3]},
        {"tensor": "float65", "shape": [1], "values": [1]},
        {"tensor": "float64", "shape": [3], "values": [1]},
        {"tensor": "float64", "shape": [1], "values": ["x"]},
        {"array": "float65", "shape": [1], "values": [1]},
    ):
        yield f"oracle {oracle}", json.dumps({**whole, "oracles": [["a", "float64", 1, oracle]]})


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in damaged()])
def test_damaged_data_says_to_download_it_again(tmp_path, text):
    path = tmp_path / "toy.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SuiteError) as raised:
        PublicData.load(path)
    message = str(raised.value)
    assert message.startswith("toy.json: expected gradlab/public/v1, got something else (")
    assert message.endswith("). Download the assignment again.")
    assert "\n" not in message
