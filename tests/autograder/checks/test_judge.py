"""From what was played to what it is worth."""

import dataclasses
from fractions import Fraction

import pytest
import torch

from autograder.checks import judge
from autograder.checks.local import LocalStage
from autograder.checks.play import Case
from autograder.checks.student import BlockedError, CaseEndedError
from autograder.examine import plain
from autograder.models import (
    CaseOutcome,
    Exercise,
    ExerciseOutcome,
    ForbiddenSet,
    Reason,
    Visibility,
)
from autograder.worker.session import Session
from tests.autograder.checks import toys

HEAD = """
import pytest
import torch

X = torch.arange(6, dtype=torch.float64).reshape(2, 3) + 1


def columns(z):
    return z.sum(0)

"""
MOMENTS = (
    HEAD
    + '''
@pytest.mark.exercise("moments", parts={"mean": 2, "square": 1, "empty": 1})
class TestMoments:
    """Two moments"""

    @pytest.mark.parametrize("k", [1, 2])
    def test_both(self, student, expect, k):
        """both at once"""
        mean, square = student.moments(k * X)
        expect(mean, k * X.mean(0), name="mean")
        expect(square, (k * X).square().mean(0), name="square")

    def test_mean(self, student, expect):
        """the mean, twice"""
        expect(student.moments(X)[0], X.mean(0), name="mean")
        expect(student.moments(-X)[0], -X.mean(0), name="mean")

    @pytest.mark.part("empty")
    def test_empty(self, student, expect):
        """an empty batch"""
        expect(student.moments(X[:0])[0], torch.zeros(3, dtype=X.dtype), name="mean of nothing")
'''
)
MOMENTS_SOLUTION = '''
# %%
def moments(x):
    """Return the mean and the mean square of the rows of `x`."""
    # BEGIN SOLUTION
    n = max(len(x), 1)
    return x.sum(0) / n, (x * x).sum(0) / n
    # END SOLUTION
'''


def right(x):
    n = max(len(x), 1)
    return x.sum(0) / n, (x * x).sum(0) / n


@pytest.fixture
def moments(tmp_path):
    exercises = {"moments": "{points: 4}"}
    return toys.write(tmp_path, hidden=MOMENTS, solution=MOMENTS_SOLUTION, exercises=exercises)


def points(result):
    return {part.name: part.points for part in result.parts}


def outcomes(result):
    return [case.outcome.value for case in result.cases]


def grade(course, function):
    (result,) = toys.grade(course, {"moments": function})
    return result


def test_all_that_is_right_earns_everything(moments):
    result = grade(moments, right)
    assert result.outcome is ExerciseOutcome.PASSED
    assert points(result) == {"mean": 2, "square": 1, "empty": 1}
    assert result.points == 4
    assert result.title == "Two moments"
    assert not result.diagnoses


def test_a_case_has_one_result_for_each_part_that_it_decides(moments):
    result = grade(moments, right)
    assert [case.id.partition("::")[2] for case in result.cases] == [
        "TestMoments::test_both[1]#mean",
        "TestMoments::test_both[1]#square",
        "TestMoments::test_both[2]#mean",
        "TestMoments::test_both[2]#square",
        "TestMoments::test_mean#mean",
        "TestMoments::test_empty#empty",
    ]


def test_the_time_of_a_case_counts_once(moments):
    times = [case.duration_s for case in grade(moments, right).cases]
    assert [time > 0 for time in times] == [True, False, True, False, True, True]


def test_a_part_is_earned_by_passing_all_of_its_cases(moments):
    result = grade(moments, lambda x: (right(x)[0], right(x)[1] + 1))
    assert result.outcome is ExerciseOutcome.FAILED
    assert points(result) == {"mean": 2, "square": 0, "empty": 1}
    assert outcomes(result) == ["passed", "failed", "passed", "failed", "passed", "passed"]


def test_one_failed_case_costs_its_part_only(moments):
    result = grade(moments, lambda x: (x.mean(0), (x * x).sum(0) / len(x)))
    assert points(result) == {"mean": 2, "square": 1, "empty": 0}
    assert result.cases[-1].reason is Reason.NAN
    assert result.cases[-1].message.startswith("mean of nothing[0]: expected 0, got nan")


def test_points_are_exact(moments):
    exercise = dataclasses.replace(moments.assignments["toy"].exercises[0], points=Fraction(1, 3))
    assignment = dataclasses.replace(moments.assignments["toy"], exercises=(exercise,))
    course = dataclasses.replace(moments, assignments={"toy": assignment})
    assert points(grade(course, right))["square"] == Fraction(1, 12)


def test_an_exception_costs_only_what_was_not_compared_before_it(moments):
    def raises(x):
        if x[0:1].sum() < 0:
            raise ValueError("no negative numbers")
        return right(x)

    result = grade(moments, raises)
    assert outcomes(result) == ["passed"] * 4 + ["failed", "passed"]
    assert result.cases[4].reason is Reason.EXCEPTION
    assert result.cases[4].feedback == "raised ValueError"


def test_several_wrong_comparisons_of_a_case_are_all_told(moments):
    result = grade(moments, lambda x: (right(x)[0] + 1, right(x)[1]))
    (message,) = [case.message for case in result.cases if "test_mean" in case.id]
    assert message.count("; ") == 1
    assert message.startswith("mean[0]: expected 2.5, got 3.5")


# --- the absence of a result is never a pass ------------------------------------------------------

EVASIVE = (
    HEAD
    + '''
@pytest.mark.exercise("double")
class TestDouble:
    """Doubling"""

    def test_it(self, student, expect):
        """a case that can be evaded"""
        %s
'''
)


def evaded(tmp_path, body, *students):
    text = EVASIVE % body.replace("\n", "\n        ")
    return toys.grade(toys.write(tmp_path, hidden=text), *[{"double": one} for one in students])


EVASIONS = {
    "returns early": (
        "y = student.double(X)\nif y is None:\n    return\nexpect(y, 2 * X)",
        lambda x: None,
    ),
    "compares nothing": (
        "for y in student.double(X):\n    expect(y, y)",
        lambda x: [],
    ),
    "skips": (
        "y = student.double(X)\nif y is None:\n    pytest.skip('odd')\nexpect(y, 2 * X)",
        lambda x: None,
    ),
    "skips after an exception": (
        "try:\n    y = student.double(X)\nexcept Exception:\n    pytest.skip('odd')\nexpect(y, y)",
        lambda x: 1 / 0,
    ),
    "compares less": (
        "y = student.double(X)\nexpect(y[0], 2 * X[0])\nif len(y) > 1:\n    expect(y[1], y[1])",
        lambda x: 2 * x[:1],
    ),
    "compares more": (
        "for y in student.double(X):\n    expect(y, y)",
        lambda x: torch.cat([x, x]),
    ),
}


@pytest.mark.parametrize(("body", "evade"), EVASIONS.values(), ids=EVASIONS)
def test_a_case_that_was_evaded_is_not_run_and_earns_nothing(tmp_path, body, evade):
    honest, evasive = evaded(tmp_path, body, lambda x: 2 * x, evade)
    assert honest.outcome is ExerciseOutcome.PASSED
    assert evasive.outcome is ExerciseOutcome.NOT_RUN
    assert evasive.points == 0
    (case,) = evasive.cases
    assert (case.outcome, case.reason) == (CaseOutcome.NOT_RUN, None)
    assert case.message == case.feedback == "not compared"


def test_comparing_a_student_with_themselves_fails_them_if_they_return_objects(tmp_path):
    body = "expect(student.double(X), student.double(X))"
    honest, odd = evaded(tmp_path, body, lambda x: 2 * x, lambda x: object())
    assert honest.outcome is ExerciseOutcome.PASSED
    assert odd.outcome is ExerciseOutcome.FAILED
    assert odd.cases[0].reason is Reason.TYPE


def test_a_part_without_a_case_is_not_earned():
    exercise, case = _exercise_and_case({"y": 1, "nobody": 1})
    result = judge.judge(exercise, [case], [], truth={case.id: ()})
    assert result.points == 0
    assert result.cases == ()
    assert result.outcome is ExerciseOutcome.NOT_RUN


def _exercise_and_case(weights):
    case = Case(
        id="hidden/test_toy.py::test", title="", topic="toy", exercise="double",
        exercise_title="", visibility=Visibility.HIDDEN, parts=tuple(weights),
        weights=weights, item=None,
    )  # fmt: skip
    return Exercise(id="double", topic="toy", points=Fraction(2)), case


# --- skipped cases -----------------------------------------------------------------------------

SKIPPED = '''
    @pytest.mark.skip(reason="needs another machine")
    def test_elsewhere(self, student):
        """skipped"""
'''


def test_a_case_that_the_reference_skips_is_there_for_nobody(tmp_path):
    course = toys.write(tmp_path, hidden=toys.DOUBLE + SKIPPED)
    results = toys.grade(course, {"double": lambda x: 2 * x}, {"double": lambda x: x}, {})
    assert [len(result.cases) for result in results] == [2, 2, 2]
    assert [result.points for result in results] == [2, 0, 0]


def test_a_skipped_case_of_an_unwritten_exercise_is_there_for_nobody(tmp_path):
    def unwritten(examiner):
        exercise = toys.exercise(examiner)
        return judge.not_implemented(exercise, examiner.cases[exercise.key], examiner.truth)

    course = toys.write(tmp_path, hidden=toys.DOUBLE + SKIPPED)
    result = toys.examined(course, unwritten)
    assert result.outcome is ExerciseOutcome.NOT_IMPLEMENTED
    assert outcomes(result) == ["not_run", "not_run"]


# --- what was not run --------------------------------------------------------------------------

CACHED = (
    HEAD
    + '''
@pytest.mark.exercise("backward", parts={"grad": 1})
class TestBackward:
    """A backward pass with a private cache"""

    @pytest.mark.parametrize("k", [1.0, 2.0])
    def test_random(self, student, expect, k):
        """random numbers"""
        cache = student.cached(f"forward with {k:g}", lambda: student.forward(k * X)[1])
        expect(student.backward(X, cache), X * k * X)
'''
)
CACHED_SOLUTION = '''
# %%
def forward(x):
    """Return half the square of `x`, and a cache."""
    # BEGIN SOLUTION
    return x * x / 2, {"x": x}
    # END SOLUTION


# %%
def backward(grad, cache):
    """Return the gradient with respect to `x`."""
    # BEGIN SOLUTION
    return grad * cache["x"]
    # END SOLUTION
'''


@pytest.fixture
def cached(tmp_path):
    exercises = {"backward": "{points: 2}"}
    return toys.write(tmp_path, hidden=CACHED, solution=CACHED_SOLUTION, exercises=exercises)


def forward(x):
    return x * x / 2, {"x": x}


def backward(grad, cache):
    return grad * cache["x"]


def test_what_needs_a_call_that_failed_is_not_run_but_not_wrong(cached):
    def fails(x):
        raise RuntimeError("not my exercise")

    (result,) = toys.grade(cached, {"forward": fails, "backward": backward})
    assert result.outcome is ExerciseOutcome.NOT_RUN
    assert outcomes(result) == ["not_run", "not_run"]
    case = result.cases[0]
    assert case.reason is Reason.EXCEPTION
    assert case.message.startswith(
        "needs forward with 1, which failed: forward raised RuntimeError"
    )
    assert case.feedback == "needs forward with 1, which failed"
    assert result.points == 0


def test_a_failure_counts_more_than_what_it_blocks(cached):
    def sometimes(x):
        if x.max() > 6:
            raise RuntimeError("too large")
        return forward(x)

    (result,) = toys.grade(cached, {"forward": sometimes, "backward": lambda grad, cache: grad})
    assert outcomes(result) == ["failed", "not_run"]
    assert result.outcome is ExerciseOutcome.FAILED


def test_an_exercise_that_is_still_the_stub_is_not_implemented(moments):
    def judged(examiner):
        exercise = toys.exercise(examiner)
        return judge.not_implemented(exercise, examiner.cases[exercise.key], examiner.truth)

    result = toys.examined(moments, judged)
    assert result.outcome is ExerciseOutcome.NOT_IMPLEMENTED
    assert result.title == "Two moments"
    assert result.points == 0
    assert set(outcomes(result)) == {"not_run"}
    assert {case.feedback for case in result.cases} == {"not written yet"}
    assert not result.diagnoses


def test_not_implemented_error_everywhere_is_not_implemented(moments):
    def half_edited(x):
        raise NotImplementedError("later")

    result = grade(moments, half_edited)
    assert result.outcome is ExerciseOutcome.NOT_IMPLEMENTED
    assert set(outcomes(result)) == {"failed"}
    assert result.points == 0


def test_not_implemented_error_somewhere_is_a_failure(moments):
    def half_done(x):
        if not len(x):
            raise NotImplementedError("later")
        return right(x)

    result = grade(moments, half_done)
    assert result.outcome is ExerciseOutcome.FAILED
    assert points(result) == {"mean": 2, "square": 1, "empty": 0}


def test_not_implemented_error_is_no_answer_where_an_exception_is_asked_for(tmp_path):
    def half_edited(x):
        raise NotImplementedError

    solution = """
    def double(x):
        # BEGIN SOLUTION
        if x.ndim:
            raise ValueError("a number, please")
        return 2 * x
        # END SOLUTION
    """
    text = EVASIVE % "expect.raises(ValueError, student.double, X)"
    course = toys.write(tmp_path, hidden=text, solution=solution)
    (result,) = toys.grade(course, {"double": half_edited})
    assert result.outcome is ExerciseOutcome.NOT_IMPLEMENTED


# --- forbidden ---------------------------------------------------------------------------------

SUM = ForbiddenSet(name="sum", names=("torch.Tensor.sum",), operators=("aten::sum",))


def with_witness(examiner, function):
    exercise = dataclasses.replace(toys.exercise(examiner), forbidden=(SUM,))
    stage = LocalStage(
        Session.from_namespace({"moments": function}), forbidden={"moments": [plain(SUM)]}
    )
    cases = examiner.cases[exercise.key]
    played = examiner.suite.play(cases, examiner.play(stage))
    return judge.judge(exercise, cases, played, truth=examiner.truth)


def test_a_witnessed_use_earns_nothing_and_is_named_with_its_line(moments):
    def sums_the_empty(x):
        if not len(x):
            return x.sum(0), x.sum(0)
        return (x.T @ torch.ones(len(x), dtype=x.dtype)) / len(x), x

    result = toys.examined(moments, lambda examiner: with_witness(examiner, sums_the_empty))
    line = sums_the_empty.__code__.co_firstlineno + 2
    assert result.outcome is ExerciseOutcome.FORBIDDEN
    assert set(points(result).values()) == {0}
    assert result.cases[0].outcome is CaseOutcome.PASSED
    assert result.cases[-1].reason is Reason.FORBIDDEN
    assert result.cases[-1].feedback == "uses a forbidden operation"
    (diagnosis,) = result.diagnoses
    assert diagnosis.mistake is None
    assert diagnosis.parts == ("mean", "square", "empty")
    assert diagnosis.hints[0] == (
        f"moments uses torch.Tensor.sum, which is forbidden here (line {line})."
    )
    assert len(diagnosis.hints) == 3


def test_a_use_that_the_text_shows_earns_nothing_whatever_was_played(moments):
    sentence = "moments uses torch.sum (toy.py, line 3), which is forbidden here"

    def judged(examiner):
        exercise = toys.exercise(examiner)
        played = toys.play(examiner, {"moments": right})
        cases = examiner.cases[exercise.key]
        return judge.judge(exercise, cases, played, truth=examiner.truth, forbidden=sentence)

    result = toys.examined(moments, judged)
    assert result.outcome is ExerciseOutcome.FORBIDDEN
    assert result.points == 0
    assert result.diagnoses[0].hints[0] == f"{sentence}."


# --- whose fault -------------------------------------------------------------------------------


def test_a_fault_of_the_suite_is_an_error_and_shows_students_nothing(moments):
    def judged(examiner):
        exercise = toys.exercise(examiner)
        cases = examiner.cases[exercise.key]
        played = toys.play(examiner, {"moments": right})
        played[0].fault = "ZeroDivisionError: division by zero"
        return judge.judge(exercise, cases, played, truth=examiner.truth)

    result = toys.examined(moments, judged)
    assert result.outcome is ExerciseOutcome.ERROR
    assert outcomes(result)[:3] == ["error", "error", "passed"]
    assert result.cases[0].message == "ZeroDivisionError: division by zero"
    assert result.cases[0].feedback == "the grader failed here; no points are lost"


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        (CaseEndedError(Reason.EXITED, "running the file ended the interpreter", feedback="said"),
         ExerciseOutcome.ERROR),
        (BlockedError(Reason.CPU_TIME, "running the file ended the interpreter", feedback="said"),
         ExerciseOutcome.NOT_RUN),
        (None, ExerciseOutcome.NOT_RUN),
    ],
)  # fmt: skip
def test_what_was_not_played_is_not_run_and_says_why(moments, ended, outcome):
    def judged(examiner):
        exercise = toys.exercise(examiner)
        cases = examiner.cases[exercise.key]
        return judge.judge(exercise, cases, [], truth=examiner.truth, ended=ended)

    result = toys.examined(moments, judged)
    assert result.outcome is outcome
    assert set(outcomes(result)) == {"not_run"}
    case = result.cases[0]
    if ended is not None:
        assert (case.reason, case.message, case.feedback) == (ended.reason, str(ended), "said")
    else:
        assert (case.reason, case.message, case.feedback) == (None, "", "")


# --- remarks and reviews -----------------------------------------------------------------------


def test_remarks_are_said_once_and_cost_nothing(moments):
    def in_place(x):
        mean, square = right(x)
        x += 1
        return mean.requires_grad_(), square

    result = grade(moments, in_place)
    assert result.outcome is ExerciseOutcome.PASSED
    assert result.points == 4
    assert result.remarks == (
        "an input is changed in place; the caller may still need it",
        "a result carries a gradient graph (requires_grad)",
    )


def test_float64_out_of_float32_is_remarked(moments):
    def judged(examiner):
        return toys.judged(examiner, {"double": lambda x: 2 * x.double()})

    folder = moments.course_dir / "other"
    result = toys.examined(toys.write(folder), judged, dtype=torch.float32)
    assert result.outcome is ExerciseOutcome.PASSED
    assert result.remarks == ("y is float64 although the inputs are float32",)


def test_a_review_is_kept_and_the_points_stand(moments):
    def judged(examiner):
        exercise = toys.exercise(examiner)
        played = toys.play(examiner, {"moments": right})
        cases = examiner.cases[exercise.key]
        return judge.judge(
            exercise, cases, played, truth=examiner.truth, review="uses exec (toy.py, line 1)"
        )

    result = toys.examined(moments, judged)
    assert result.review == "uses exec (toy.py, line 1)"
    assert result.points == 4
