"""The suite is tested too: references pass, mistakes are caught and named, nothing is for free."""

import io
import json
import shutil

import pytest
import torch
from rich.console import Console

from autograder import config
from autograder.errors import ConfigError, SandboxError, SuiteError
from autograder.models import ExerciseOutcome
from autograder.report import text
from autograder.validate import as_json, judged, survey, validate, validate_topics
from tests.autograder.checks import toys

HEAD = """
from autograder.checks.bank import alternative, mistake

HINTS = ("It is wrong.", "Everywhere.", "How often?")

"""
WRONG = '@mistake("double", source="made up", hints=HINTS)\ndef {name}(x):\n    return {value}\n\n'
OTHER = '@alternative("double")\ndef {name}(x):\n    return {value}\n\n'


def course(folder, *, mistakes="", alternatives="", **given):
    return toys.write(
        folder,
        mistakes=HEAD + mistakes if mistakes else "",
        alternatives=HEAD + alternatives if alternatives else "",
        **given,
    )


def problems(made, **options):
    """Return what is found about the one exercise of a course."""
    (found,) = toys.examined(made, lambda examiner: list(validate(examiner)), **options)
    return list(found.problems)


def test_a_suite_that_is_right_has_no_problems_and_is_counted(tmp_path):
    made = course(
        tmp_path,
        mistakes=WRONG.format(name="triple", value="3 * x"),
        alternatives=OTHER.format(name="sum_of_two", value="x + x"),
    )
    (found,) = toys.examined(made, lambda examiner: list(validate(examiner)))
    assert (found.exercise, found.seed, found.dtype) == ("toy.double", "7", "float64")
    assert (found.cases, found.mistakes, found.alternatives, found.degenerate) == (2, 1, 1, 6)
    assert found.problems == ()
    assert json.loads(json.dumps(as_json(found)))["mistakes"] == 1


def test_a_mistake_that_is_not_caught_is_named(tmp_path):
    value = "2 * x + (x > 1e9)"
    made = course(tmp_path, mistakes=WRONG.format(name="overflow", value=value))
    assert problems(made) == ["mistake overflow is not caught"]


def test_a_mistake_that_is_caught_but_not_named_is_named(tmp_path):
    value = "(_ for _ in ()).throw(KeyError('x'))"
    made = course(tmp_path, mistakes=WRONG.format(name="raises", value=value))
    assert problems(made) == ["mistake raises is caught but named nothing"]


def test_two_mistakes_that_cannot_be_told_apart_are_named(tmp_path):
    made = course(
        tmp_path,
        mistakes=WRONG.format(name="triple", value="3 * x")
        + WRONG.format(name="thrice", value="x + x + x"),
    )
    assert problems(made) == [
        "mistakes triple and thrice cannot be told apart",
        "mistake triple is caught but named nothing",
        "mistake thrice is caught but named nothing",
    ]


def test_mistakes_that_differ_in_one_case_are_told_apart(tmp_path):
    made = course(
        tmp_path,
        mistakes=WRONG.format(name="triple", value="3 * x")
        + WRONG.format(name="triple_rows", value="3 * x if x.dim() == 2 else 4 * x")
        + WRONG.format(name="triple_columns", value="3 * x if x.dim() == 2 else 2 * x"),
    )
    assert problems(made) == []


@pytest.mark.parametrize(
    ("first", "second", "multiples"),
    [
        ("3 * x", "-7 * x", 1),
        ("3 * x", "4 * x", 1),
        ("3 * x", "x + 1", 0),
        ("3 * x", "3 * x.flip(0)", 0),
        ("3 * x if x.dim() == 2 else 2 * x", "4 * x if x.dim() == 2 else 2 * x", 1),
        ("3 * x if x.dim() == 2 else 2 * x", "4 * x", 0),
        ("3 * x if x.dim() == 2 else 4 * x", "4 * x if x.dim() == 2 else 3 * x", 0),
        ("0 * x", "3 * x", 0),
    ],
)
def test_a_mistake_that_is_another_times_a_constant_is_counted(tmp_path, first, second, multiples):
    made = course(
        tmp_path,
        mistakes=WRONG.format(name="one", value=first) + WRONG.format(name="two", value=second),
    )
    (found,) = toys.examined(made, lambda examiner: list(validate(examiner)))
    assert (found.mistakes, found.multiples) == (2, multiples)


def test_an_alternative_that_fails_is_named_with_its_case(tmp_path):
    made = course(tmp_path, alternatives=OTHER.format(name="rounded", value="(2 * x).round()"))
    (problem,) = problems(made)
    assert problem.startswith("alternative rounded fails random numbers ((3,)): y[")


def test_a_suite_that_fails_under_a_mistake_is_named(tmp_path):
    suite = toys.DOUBLE.replace("import torch", "import torch\n\nPLAYS = []").replace(
        "        x = draw",
        "        PLAYS.append(1)\n        1 / (5 - len(PLAYS))\n        x = draw",
    )
    made = course(tmp_path, hidden=suite, mistakes=WRONG.format(name="triple", value="3 * x"))
    assert problems(made)[0] == (
        "mistake triple: the suite itself fails: ZeroDivisionError: division by zero"
    )


# --- what earns nothing ------------------------------------------------------------------------

LENIENT = '''
import pytest
import torch


@pytest.mark.exercise("double", parts={"y": 1})
class TestDouble:
    """Doubling"""

    def test_it(self, student, expect, draw):
        """some numbers"""
        x = INPUT
        y = student.double(x)
        expect(EXPECTED, 2 * x)
'''


@pytest.mark.parametrize(
    ("given", "expected", "found"),
    [
        ("torch.zeros(2)", "y", ["zeros", "an echo of the inputs"]),
        ("torch.full((2,), 0.5)", "y", ["ones"]),
        ("draw.normal(2)", "y if y is not None else 2 * x", ["None"]),
        ("draw.normal(2)", "torch.where(y.isnan(), 2 * x, y)", ["NaN"]),
        ("draw.normal(2)", "2 * x", ["None", "zeros", "ones", "NaN", "an echo of the inputs"]),
    ],
)
def test_a_suite_that_can_be_passed_without_a_thought_is_named(tmp_path, given, expected, found):
    suite = LENIENT.replace("INPUT", given).replace("EXPECTED", expected)
    assert problems(course(tmp_path, hidden=suite)) == [f"{one} earns the part y" for one in found]


def test_what_a_stub_raises_is_never_what_a_suite_may_ask_for(tmp_path):
    suite = LENIENT.replace("        y = student.double(x)\n", "").replace("INPUT", "3")
    asks = "expect.raises(NotImplementedError, student.double, x)"
    solution = toys.SOLUTION.replace("return 2 * x", "raise NotImplementedError")
    made = course(
        tmp_path, hidden=suite.replace("expect(EXPECTED, 2 * x)", asks), solution=solution
    )
    with pytest.raises(SuiteError, match="pass, got: double raised NotImplementedError"):
        problems(made)


def test_one_part_of_several_that_is_for_free_is_named(tmp_path):
    suite = LENIENT.replace('{"y": 1}', '{"y": 1, "z": 1}').replace(
        "expect(EXPECTED, 2 * x)",
        'expect(y, 2 * x, name="y")\n        expect(0 * y, 0 * x, name="z")',
    ).replace("INPUT", "draw.normal(3)")  # fmt: skip
    assert problems(course(tmp_path, hidden=suite)) == [
        "zeros earns the part z",
        "ones earns the part z",
        "an echo of the inputs earns the part z",
    ]


PAIR = LENIENT.replace("INPUT", "draw.normal(3)").replace("expect(EXPECTED, 2 * x)", "a, b = y")


def test_results_of_every_kind_are_imitated(tmp_path):
    suite = PAIR + (
        "        expect(a, 2 * x)\n        expect(b, [int(x.shape[0]), 2.5, None, 'text'])\n"
    )
    solution = toys.SOLUTION.replace("return 2 * x", "return 2 * x, [len(x), 2.5, None, 'text']")
    assert problems(course(tmp_path, hidden=suite, solution=solution)) == []


def test_infinite_results_are_imitated_by_finite_ones(tmp_path):
    suite = LENIENT.replace("INPUT", "torch.zeros(2)").replace("2 * x", "1 / x")
    suite = suite.replace("EXPECTED", "y")
    made = course(tmp_path, hidden=suite, solution=toys.SOLUTION.replace("2 * x", "1 / x"))
    assert problems(made) == []


def test_arrays_are_imitated_too(tmp_path):
    suite = LENIENT.replace("INPUT", "draw.normal(2).numpy()").replace("EXPECTED", "y")
    assert problems(course(tmp_path, hidden=suite)) == []


VALUE = '''
# %%
class Value:
    """A number."""

    def __init__(self, data):
        self.data = data

    def double(self):
        """Return twice the number."""
        # BEGIN SOLUTION
        return 2 * self.data
        # END SOLUTION
'''


def test_of_a_method_only_the_stub_and_nothing_are_tried(tmp_path):
    suite = LENIENT.replace('"double"', '"Value.double"').replace("INPUT", "3.0")
    suite = suite.replace("student.double(x)", "student.Value(x).double()")
    made = course(
        tmp_path,
        hidden=suite.replace("EXPECTED", "y"),
        solution=VALUE,
        exercises={"Value.double": "{points: 1}"},
        mistakes='@mistake("Value.double", source="made up", hints=HINTS)\n'
        "def added(self):\n    return self.data + 2\n",
    )
    (found,) = toys.examined(made, lambda examiner: list(validate(examiner)))
    assert (found.degenerate, found.mistakes, found.problems) == (2, 1, ())


# --- seeds and dtypes --------------------------------------------------------------------------


def test_topics_are_proven_under_several_seeds_one_of_them_new_and_in_two_dtypes(tmp_path):
    made = course(tmp_path)
    first, second = [validate_topics(made, ["toy"], 3) for _ in range(2)]
    shown = [(one.seed, one.dtype) for one in first]
    assert shown[:4] == [("1", "float64"), ("1", "float32"), ("2", "float64"), ("2", "float32")]
    assert [dtype for _, dtype in shown[4:]] == ["float64", "float32"]
    assert len({shown[4][0], shown[5][0]}) == 1
    assert second[4].seed != shown[4][0]
    assert all(one.problems == () for one in first)


def test_a_reference_that_passes_in_one_dtype_only_is_named(tmp_path):
    solution = toys.SOLUTION.replace("2 * x", "2 * x + (x.dtype.itemsize == 4)")
    made = course(tmp_path, solution=solution)
    assert problems(made) == []
    with pytest.raises(SuiteError, match="expected the reference solution to pass, got: y"):
        problems(made, dtype=torch.float32)
    with pytest.raises(SuiteError, match="expected the reference solution to pass, got: y"):
        validate_topics(made, ["toy"], 1)


def test_several_topics_are_proven_at_once_and_listed_in_their_order(tmp_path):
    told = []
    findings = validate_topics(two_topics(tmp_path), ["toy", "other"], 1, jobs=2, done=told.append)
    assert [one.exercise for one in findings] == ["toy.double"] * 2 + ["other.double"] * 2
    assert findings[0].problems == ()
    assert sorted(told) == ["other", "toy"]


def test_a_topic_that_fails_among_several_is_named(tmp_path):
    made = two_topics(tmp_path)
    path = tmp_path / "reference" / "other" / "solution.py"
    path.write_text(path.read_text().replace("2 * x", "3 * x"), encoding="utf-8")
    with pytest.raises(SuiteError, match="expected the reference solution to pass, got: y"):
        validate_topics(made, ["toy", "other"], 1, jobs=2)


def test_a_proof_that_dies_is_no_proof(tmp_path, capfd):
    made = two_topics(tmp_path)
    path = tmp_path / "reference" / "other" / "solution.py"
    path.write_text("import os\n\n" + path.read_text().replace("2 * x", "os._exit(0)"))
    with pytest.raises((SuiteError, SandboxError), match="died"):
        validate_topics(made, ["toy", "other"], 1, jobs=2)


def two_topics(folder):
    """Return a course of two topics that are alike."""
    course(folder)
    text = (folder / "grading_config.yml").read_text(encoding="utf-8")
    block = text.partition("topics:\n")[2].replace("toy:", "other:")
    (folder / "grading_config.yml").write_text(text + block, encoding="utf-8")
    shutil.copytree(folder / "reference" / "toy", folder / "reference" / "other")
    hidden = folder / "tests" / "hidden"
    shutil.copy(hidden / "test_toy.py", hidden / "test_other.py")
    return config.load(folder)


def test_a_known_version_is_judged_as_a_student_would_be(tmp_path):
    made = course(tmp_path, mistakes=WRONG.format(name="triple", value="3 * x"))

    def both(examiner):
        exercise = toys.exercise(examiner)
        (mistake,) = examiner.topics["toy"].mistakes_of("double")
        return [judged(examiner, exercise, version).outcome for version in (None, mistake)]

    found = toys.examined(made, both, dtype=torch.float32)
    assert found == [ExerciseOutcome.PASSED, ExerciseOutcome.FAILED]


# --- mutants -----------------------------------------------------------------------------------

HALF_SEEN = toys.SOLUTION.replace("return 2 * x", "return 2 * x + 0 * (x > 100)")
SURVIVORS = """
double:
  "2 * x + 0 * (x > 100) -> 2 * x - 0 * (x > 100)": nothing is added
  "0 * (x > 100) -> 0 / (x > 100)": REASON
"""


def surveyed(made, **options):
    (found,) = survey(made, ["toy"], **options)
    return found


def test_a_suite_that_notices_every_edit_has_no_survivors(tmp_path):
    found = surveyed(course(tmp_path))
    assert (found.exercise, found.mutants, found.killed) == ("toy.double", 3, 3)
    assert (found.explained, found.problems) == (0, ())
    assert json.loads(json.dumps(as_json(found)))["killed"] == 3


def test_an_edit_that_is_not_noticed_is_named_with_its_line(tmp_path):
    found = surveyed(course(tmp_path, solution=HALF_SEEN))
    assert found.killed < found.mutants
    assert "line 5: x > 100 -> x >= 100 is not noticed" in found.problems


def test_a_survivor_may_have_its_reason_and_a_reason_must_have_its_survivor(tmp_path):
    made = course(tmp_path, solution=HALF_SEEN)
    alone = surveyed(made)
    path = tmp_path / "reference" / "toy" / "survivors.yml"
    path.write_text(SURVIVORS, encoding="utf-8")
    found = surveyed(made)
    assert found.explained == 1
    assert len(found.problems) == len(alone.problems) - 1
    assert found.idle == ("survivors.yml: 0 * (x > 100) -> 0 / (x > 100) does not survive",)
    assert "note: toy.double: survivors.yml: 0 * (x" in shown(found)


def shown(found):
    console = Console(width=200, file=io.StringIO())
    for part in text.survey([found]):
        console.print(part)
    return console.file.getvalue()


def test_an_edit_that_never_ends_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.mutants.SECONDS", 0.2)
    solution = toys.SOLUTION.replace(
        "    return 2 * x\n", "    n = 2\n    while n > 0:\n        n -= 1\n    return 2 * x\n"
    )
    found = surveyed(course(tmp_path, solution=solution))
    assert "line 6: n -= 1 -> pass is not noticed" not in found.problems
    assert found.mutants > 5


def test_only_exercises_that_exist_are_edited(tmp_path):
    with pytest.raises(ConfigError, match=r"^-k: expected an exercise out of double, got 'x'."):
        surveyed(course(tmp_path), only=["x"])
    assert surveyed(course(tmp_path), only=["double"]).mutants == 3
