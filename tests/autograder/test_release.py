"""What students get of a topic: handouts, public tests, public data; no code of ours."""

import dataclasses
import io
import json
import zipfile

import pytest
import torch

from autograder import archive, config
from autograder.batch import Run, make_examiner
from autograder.batch import test_files as suites_of
from autograder.check import check
from autograder.checks.local import PublicData
from autograder.checks.suite import open_suite
from autograder.errors import ConfigError, SuiteError
from autograder.models import Isolation
from autograder.release import (
    build_wheel,
    public_data,
    release,
    release_zips,
    stale,
    zipped,
)
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
        "varies": "",
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


# --- zips -------------------------------------------------------------------------------------

WHEEL = ("gradlab-0.0-py3-none-any.whl", archive.zip_bytes({"autograder/__init__.py": b""}))


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_zip_holds_the_handout_the_tool_and_how_to_install_it(course, tmp_path):
    out = tmp_path / "out"
    release(course, ["toy"], out)
    found = members(zipped(course, "toy", WHEEL))
    handout = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }
    readme = found.pop("toy/README.md")
    assert readme.startswith(handout.pop("toy/README.md"))
    assert b"pip install -r requirements.txt" in readme
    requirements = found.pop("toy/requirements.txt").decode().splitlines()
    assert requirements[-2:] == ["./gradlab-0.0-py3-none-any.whl[notebook]", "torch>=2.6"]
    assert found.pop("toy/gradlab-0.0-py3-none-any.whl") == WHEEL[1]
    assert found == handout


def test_an_assignment_of_several_topics_has_a_folder_for_each(tmp_path):
    course = config.load(ROOT)
    found = members(zipped(course, "tp1", WHEEL))
    assert {"tp1/losses/losses.py", "tp1/mlp/mlp.py", "tp1/requirements.txt"} <= found.keys()
    readme = found["tp1/README.md"].decode()
    assert readme.startswith("# TP 1: softmax and backpropagation\n")
    assert "- `softmax_backward` in `losses/`\n" in readme
    assert "- `ngram_backward` in `mlp/` (*)\n" in readme
    release(course, ["tp1"], tmp_path)
    assert sorted(path.name for path in (tmp_path / "tp1").iterdir()) == ["losses", "mlp"]


def test_the_same_course_gives_the_same_zip(course):
    assert zipped(course, "toy", WHEEL) == zipped(course, "toy", WHEEL)


def test_a_zip_that_tells_a_secret_is_not_made(course):
    test = course.course_dir / "tests" / "public" / "test_toy.py"
    support = course.course_dir / "reference" / "toy" / "mistakes.py"
    support.write_text(support.read_text().replace("It is too much.", "SECRET = 2 * x"))
    with pytest.raises(SuiteError, match=r"^toy/toy.json: expected nothing of solutions, mista"):
        zipped(course, "toy", WHEEL)
    hidden = course.course_dir / "tests" / "hidden" / "test_toy.py"
    name = "test_cases_of_the_exam"
    hidden.write_text(hidden.read_text().replace("test_SECRET", name))
    test.write_text(test.read_text() + f"\n# {name} is meaner.\n")
    with pytest.raises(SuiteError, match=rf"toy/test_toy.py: expected .*, got '{name}'\. Take it"):
        zipped(course, "toy", WHEEL)


def test_a_wheel_that_tells_a_secret_is_not_handed_out(course):
    master = (ROOT / "reference" / "losses" / "solution.py").read_bytes()
    wheel = (WHEEL[0], archive.zip_bytes({"autograder/losses.py": master}))
    with pytest.raises(
        SuiteError, match=r"^toy/gradlab-0.0-py3-none-any.whl/autograder/losses.py: expected noth"
    ):
        zipped(course, "toy", wheel)


def test_without_a_checkout_no_wheel_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.release._CHECKOUT", tmp_path)
    with pytest.raises(
        ConfigError, match="^release: expected a checkout of gradlab to build its wheel from, got"
    ):
        build_wheel()


def test_a_wheel_that_cannot_be_built_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr("autograder.release._CHECKOUT", tmp_path)
    with pytest.raises(ConfigError, match="^release: expected hatchling to build a wheel, got '.+"):
        build_wheel()


@pytest.mark.prove
def test_two_releases_are_the_same_bytes(tmp_path):
    course = config.load(ROOT)
    for name in ("first", "second"):
        release_zips(course, ["losses"], tmp_path / name)
    first, second = [(tmp_path / name / "losses.zip").read_bytes() for name in ("first", "second")]
    assert first == second
    (wheel,) = [data for name, data in members(first).items() if name.endswith(".whl")]
    assert "autograder/cli/student.py" in members(wheel)


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
