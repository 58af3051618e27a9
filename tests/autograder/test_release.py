"""What students get of a topic: handouts, public tests, public data; no code of ours."""

import dataclasses
import json

import pytest
import torch

from autograder import config
from autograder.batch import Run, make_examiner
from autograder.batch import test_files as suites_of
from autograder.check import check
from autograder.checks.local import PublicData
from autograder.checks.suite import open_suite
from autograder.errors import SuiteError
from autograder.models import Isolation
from autograder.release import public_data, release, stale
from tests.autograder.checks import toys
from tests.autograder.layers import ROOT

PUBLIC = '''
"""What you can check yourself"""

import pytest
import torch


@pytest.mark.exercise("double", parts={"y": 2, "z": 1})
class TestDouble:
    """Doubling"""

    def test_random(self, student, draw, expect, oracle):
        """random numbers"""
        x = draw.normal(3)
        expect(student.double(x), oracle.double(x), name="y")
        expect(student.double(-x), oracle(torch.mul, x, -2), name="y")
'''
HIDDEN = (
    PUBLIC.replace("random", "SECRET")
    + '''
    @pytest.mark.part("z")
    def test_zero(self, student, draw, expect):
        """SECRET"""
        expect(student.double(torch.zeros(2, dtype=draw.dtype)), torch.zeros(2, dtype=draw.dtype))


@pytest.mark.exercise("halve")
class TestHalve:
    """Halving"""

    def test_SECRET(self, student, draw, expect):
        """SECRET"""
        x = draw.normal(3)
        expect(student.halve(x), x / 2)
'''
)
SOLUTION = '''
# %% [markdown]
# # Doubling

# %%
import torch


# %%
def double(x):
    """Return twice `x`."""
    # BEGIN SOLUTION
    SECRET = x
    return x + SECRET
    # END SOLUTION


# %%
def halve(x):
    """Return half of `x`."""
    # BEGIN SOLUTION
    SECRET = 2
    return x / SECRET
    # END SOLUTION
'''
MISTAKES = """
from autograder.checks.bank import mistake


@mistake("double", source="SECRET", hints=("It is too much.", "Everywhere.", "How often?"))
def triple(x):
    SECRET = 2 * x
    return SECRET + x
"""
EXERCISES = {
    "double": "{points: 3, forbid: [mul]}",
    "halve": "{points: 1, starred: true}",
}
MORE = """
forbidden:
  mul: {names: [torch.mul], operators: ["aten::mul"]}
"""


@pytest.fixture
def course(tmp_path):
    return toys.write(
        tmp_path / "course",
        public=PUBLIC,
        hidden=HIDDEN,
        solution=SOLUTION,
        mistakes=MISTAKES,
        exercises=EXERCISES,
        more=MORE,
    )


def loaded(folder, data):
    path = folder / "toy.json"
    path.write_text(json.dumps(data))
    return PublicData.load(path)


def test_public_data_says_what_the_public_tests_need(course, tmp_path):
    data = loaded(tmp_path, public_data(course, "toy"))
    case = "public/test_toy.py::TestDouble::test_random"
    assert data.topic == "toy"
    assert data.truth == {case: ("y", "y")}
    assert list(data.oracles) == [(case, "float64", 1), (case, "float64", 2)]
    first, second = data.oracles.values()
    assert torch.equal(first, -second)
    (known,) = data.transcripts["double"]
    assert (known.mistake, len(known.hints), len(known.seen)) == ("triple", 3, 2)
    assert data.tolerances == course.tolerances
    assert "NotImplementedError" in data.stub


def test_only_exercises_with_public_tests_are_in_it_with_their_worth_and_rules(course):
    (exercise,) = public_data(course, "toy")["exercises"]
    assert exercise == {
        "id": "double",
        "points": "3",
        "starred": False,
        "forbidden": [
            {"name": "mul", "names": ["torch.mul"], "operators": ["aten::mul"], "autograd": False}
        ],
    }


def test_no_line_of_a_solution_a_mistake_or_a_hidden_test_leaves_the_house(course, tmp_path):
    release(course, ["toy"], tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or "SECRET" not in path.read_text(encoding="utf-8"), path


def test_the_same_course_gives_the_same_bytes(course, tmp_path):
    first, second = [json.dumps(public_data(course, "toy")) for _ in range(2)]
    assert first == second


def test_what_is_released_can_be_checked(course, tmp_path):
    release(course, ["toy"], tmp_path / "out")
    folder = tmp_path / "out" / "toy"
    assert {"toy.py", "toy.ipynb", "toy.json", "test_toy.py", "README.md"} <= {
        path.name for path in folder.iterdir()
    }
    (result,) = check(folder).results
    assert result.outcome.value == "not_implemented"
    (folder / "toy.py").write_text("def double(x):\n    return x + x\n")
    (result,) = check(folder / "toy.py").results
    assert result.outcome.value == "passed"
    assert {part.name: part.points for part in result.parts} == {"y": 2, "z": 0}
    (folder / "toy.py").write_text("def double(x):\n    return x + x + x\n")
    (result,) = check(folder / "toy.py").results
    assert [one.mistake for one in result.diagnoses] == ["triple"]


def test_assignments_that_are_no_longer_what_their_masters_give_are_named(course):
    target = course.course_dir / "assignments"
    release(course, ["toy"], target)
    assert stale(course) == []
    (target / "toy" / "test_toy.py").write_text("# changed\n")
    (target / "toy" / "toy.json").write_text("{}")
    assert sorted(stale(course)) == [
        "assignments/toy/test_toy.py",
        "assignments/toy/toy.json",
    ]


def test_a_topic_without_public_tests_is_named(tmp_path):
    course = toys.write(tmp_path)
    with pytest.raises(
        SuiteError, match=r"tests/public/test_toy.py: expected a test file, got none. Write it."
    ):
        public_data(course, "toy")


def test_public_tests_of_none_of_the_exercises_release_nothing_of_them(course):
    only = dataclasses.replace(course, topics={"toy": course.topics["toy"][1:]})
    assert public_data(only, "toy")["exercises"] == []


def test_a_truth_that_cannot_be_written_down_is_named(tmp_path):
    course = toys.write(
        tmp_path,
        public=toys.DOUBLE.replace("expect, shape", "expect, oracle, shape").replace(
            "2 * x)", "oracle(lambda x: {'y': 2 * x}, x)['y'])"
        ),
    )
    with pytest.raises(
        SuiteError, match="public suite: expected a tensor, .* got a dict. Keep such a case in the"
    ):
        public_data(course, "toy")


@pytest.mark.prove
@pytest.mark.filterwarnings("default")  # as anywhere but in our own tests
@pytest.mark.parametrize("topic", config.load(ROOT).topics)
def test_public_cases_decide_the_same_parts_alone_and_among_hidden_ones(topic):
    """Marks of hidden cases must not change what a public comparison counts for."""
    course = config.load(ROOT)
    run = Run(
        config=course,
        assignment=course.assignments[topic],
        seed=1,
        isolation=Isolation(tier="none"),
    )
    truth = {}
    open_suite(
        suites_of(run),
        lambda suite: truth.update(make_examiner(run, suite).truth),
        root=ROOT,
    )
    alone = json.loads((ROOT / "assignments" / topic / f"{topic}.json").read_text())["truth"]
    assert {case: list(truth[case]) for case in alone} == alone
