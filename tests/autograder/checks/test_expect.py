"""`expect` records what was compared and goes on."""

import numpy as np
import pytest
import torch

from autograder.checks.expect import Expect
from autograder.checks.local import LocalStage
from autograder.checks.student import CaseEndedError, Student
from autograder.errors import SuiteError
from autograder.models import Reason, Tolerance
from autograder.worker.session import Session

X = torch.arange(3, dtype=torch.float64)
TOLERANCES = {"float64": Tolerance(rtol=1e-7, atol=1e-9)}


class OwnError(Exception):
    """An exception of the student's own."""


def refuses(x):
    raise ValueError("hidden input: 42")


def stub(x):
    raise NotImplementedError


def own(x):
    raise OwnError("mine")


def hungry(x):
    raise MemoryError


FUNCTIONS = {
    "double": lambda x: 2 * x,
    "refuses": refuses,
    "stub": stub,
    "own": own,
    "hungry": hungry,
    "thing": lambda x: object(),
}


def made(*parts):
    """Return a student and what compares their values, after one call."""
    student = Student(LocalStage(Session.from_namespace(FUNCTIONS)))
    student.double(X)
    return student, Expect(parts or ("y",), student, TOLERANCES)


def test_comparisons_are_numbered_and_one_that_fails_does_not_hide_the_next():
    _, expect = made("a", "b")
    expect(X, X, name="a")
    expect(X + 1, X, name="b")
    expect(X, X, name="b")
    seen = [(one.part, one.ordinal, one.verdict.ok) for one in expect.observations]
    assert seen == [("a", 1, True), ("b", 2, False), ("b", 3, True)]


def test_only_a_wrong_value_leaves_a_fingerprint():
    _, expect = made()
    expect(X, X)
    expect(X + 1, X)
    right, wrong = expect.observations
    assert right.seen is None
    assert wrong.seen[:2] == ["array", [3]]


def test_a_name_may_be_left_out_where_there_is_one_part_and_then_only_describes():
    _, expect = made("grad_z")
    expect(X + 1, X)
    expect(X + 1, X, name="the second row")
    assert [one.part for one in expect.observations] == ["grad_z", "grad_z"]
    first, second = [one.verdict.message.partition("[")[0] for one in expect.observations]
    assert (first, second) == ("grad_z", "the second row")


@pytest.mark.parametrize("name", [None, "c"])
def test_a_name_is_needed_where_there_are_several_parts(name):
    _, expect = made("a", "b")
    with pytest.raises(
        SuiteError,
        match=rf"expect: expected name= to be one of the parts \['a', 'b'\], got {name!r}",
    ):
        expect(X, X, name=name)


def test_a_value_is_needed_before_a_comparison():
    student = Student(LocalStage(Session.from_namespace(FUNCTIONS)))
    with pytest.raises(SuiteError, match="expected a value that the student returned, got none"):
        Expect(("y",), student, TOLERANCES)(X, X)


def test_tolerances_may_be_given_for_one_comparison():
    _, expect = made()
    expect(X + 0.1, X, rtol=0.0, atol=0.2)
    expect(X + 0.3, X, rtol=0.0, atol=0.1)
    assert [one.verdict.ok for one in expect.observations] == [True, False]


@pytest.mark.parametrize("given", [{"rtol": 1e-3}, {"atol": 1e-3}])
def test_one_tolerance_alone_is_refused(given):
    _, expect = made()
    with pytest.raises(SuiteError, match="expected both rtol and atol or neither, got one"):
        expect(X, X, **given)


def test_any_of_several_right_answers_is_accepted():
    _, expect = made()
    expect.any_of(X, [X + 1, X, X + 2])
    expect.any_of(X, [X + 1, X + 2], name="subgradient")
    right, wrong = expect.observations
    assert right.verdict.ok
    assert wrong.verdict.message.startswith("subgradient[0]: expected 1, got 0")
    assert wrong.seen is not None


def test_some_right_answer_is_needed():
    _, expect = made()
    with pytest.raises(SuiteError, match="expect.any_of: expected some right answers, got none"):
        expect.any_of(X, [])


def test_the_right_exception_is_a_right_answer():
    student, expect = made()
    before = student.calls
    expect.raises(ValueError, student.refuses, X)
    assert student.calls == before + 1
    (seen,) = expect.observations
    assert seen.verdict.ok
    assert seen.seen is None


class NoSlopeError(ValueError):
    """A class of the student's own that is a ValueError."""


class Lying(type):
    """A metaclass that hides what a class is made of."""

    @property
    def __mro__(cls):
        raise RuntimeError


class HiddenError(ArithmeticError, metaclass=Lying):
    """An ArithmeticError, whatever it says."""


@pytest.mark.parametrize(
    ("raised", "wanted"),
    [
        (NoSlopeError, ValueError),
        (NoSlopeError, Exception),
        (np.linalg.LinAlgError, ValueError),
        (KeyError, LookupError),
        (HiddenError, ArithmeticError),
    ],
)
def test_a_subclass_of_the_right_exception_is_a_right_answer(raised, wanted):
    def refuses(x):
        raise raised("no slope")

    student = Student(LocalStage(Session.from_namespace({"refuses": refuses})))
    expect = Expect(("y",), student, TOLERANCES)
    expect.raises(wanted, student.refuses, X)
    assert expect.observations[0].verdict.ok
    expect.raises(TypeError, student.refuses, X)
    assert not expect.observations[1].verdict.ok


def test_an_exception_is_an_answer_even_if_no_value_came_before_it():
    student = Student(LocalStage(Session.from_namespace(FUNCTIONS)))
    expect = Expect(("y",), student, TOLERANCES)
    expect.raises(ValueError, student.refuses, X)
    assert expect.observations[0].verdict.ok


@pytest.mark.parametrize("function", ["refuses", "own"])
def test_another_exception_is_a_wrong_answer_and_its_text_stays_here(function):
    student, expect = made()
    expect.raises(KeyError, getattr(student, function), X, name="empty input")
    (seen,) = expect.observations
    assert seen.verdict.reason is Reason.EXCEPTION
    assert seen.verdict.message.startswith(f"empty input: expected KeyError, got {function} raised")
    assert seen.verdict.feedback == "empty input: KeyError is expected for this input"
    assert seen.seen == ["raised", {"refuses": "ValueError", "own": "OwnError"}[function]]


@pytest.mark.parametrize(
    ("function", "got"),
    [("double", "a tensor of shape (3,) and dtype float64"), ("thing", "an object of your own")],
)
def test_a_value_where_an_exception_is_expected_is_wrong(function, got):
    student, expect = made()
    expect.raises(ValueError, getattr(student, function), X)
    (seen,) = expect.observations
    assert seen.verdict.reason is Reason.EXCEPTION
    assert seen.verdict.feedback == "y: ValueError is expected for this input"
    assert seen.verdict.message == f"y: expected ValueError, got {got}."


@pytest.mark.parametrize(
    ("function", "reason"), [("stub", Reason.EXCEPTION), ("hungry", Reason.MEMORY)]
)
def test_a_stub_or_a_death_is_no_answer(function, reason):
    student, expect = made()
    with pytest.raises(CaseEndedError) as ended:
        expect.raises(ValueError, getattr(student, function), X)
    assert ended.value.reason is reason
    assert expect.observations == []


def test_what_a_blocked_call_needs_is_no_answer():
    student, expect = made()
    student.cached("first", lambda: student.double(X))
    with pytest.raises(CaseEndedError, match="needs other, which failed"):
        expect.raises(ValueError, lambda: student.cached("other", lambda: student.refuses(X)))
