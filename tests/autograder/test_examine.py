"""One attempt: read, chosen, played, explained."""

import dataclasses
import itertools
import json
import signal
from fractions import Fraction

import pytest
import torch

from autograder.checks.local import LocalStage
from autograder.errors import SandboxError, SuiteError
from autograder.examine import plain, run_sha256
from autograder.models import (
    Attempt,
    ForbiddenSet,
    Isolation,
    Limits,
    RunStatus,
    Tolerance,
)
from autograder.sandbox.client import Sandbox
from autograder.worker.session import Session
from tests.autograder.checks import toys

LIMITS = Limits(call_cpu_s=1.0, exercise_cpu_s=3.0, memory_bytes=256 << 20)
SUITE = (
    toys.DOUBLE
    + '''

@pytest.mark.exercise("total", parts={"sum": 1, "empty": 1})
class TestTotal:
    """Total"""

    def test_random(self, student, draw, expect, oracle):
        """random numbers"""
        x = draw.normal(3)
        expect(student.total(x), oracle(torch.sum, x), name="sum")

    @pytest.mark.part("empty")
    def test_empty(self, student, draw, expect):
        """nothing"""
        expect(student.total(torch.zeros(0, dtype=draw.dtype)), 0.0)
'''
)
SOLUTION = (
    toys.SOLUTION
    + '''

# %%
def total(x):
    """Return the sum of `x`."""
    # BEGIN SOLUTION
    return sum(x.tolist())
    # END SOLUTION
'''
)
EXERCISES = {"double": "{points: 2}", "total": "{points: 1, forbid: [sum]}"}
FORBIDDEN = """
forbidden:
  sum: {names: [torch.sum, torch.Tensor.sum], operators: ["aten::sum"]}
"""
MISTAKES = """
from autograder.checks.bank import mistake


@mistake("double", source="made up", hints=("It is too much.", "Everywhere.", "How often?"))
def triple(x):
    return 3 * x
"""
RIGHT = """
def double(x):
    return 2 * x


def total(x):
    return sum(x.tolist())
"""
STUB = """
def double(x):
    raise NotImplementedError("double: write this function")
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox.start(jobs=1, limits=LIMITS) as started:
        yield started


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    made = toys.write(
        tmp_path_factory.mktemp("course"),
        hidden=SUITE,
        solution=SOLUTION,
        exercises=EXERCISES,
        more=FORBIDDEN,
        mistakes=MISTAKES,
    )
    assignment = dataclasses.replace(made.assignments["toy"], limits=LIMITS)
    return dataclasses.replace(made, assignments={"toy": assignment})


@pytest.fixture
def examine(course, sandbox, tmp_path):
    """Return a function that examines some files."""

    def examined(text="", **files):
        attempt = toys.attempt(tmp_path / "in", **(files or {"toy__py": text}))
        spawn = sandbox.client(0).spawn
        return toys.examined(course, lambda examiner: examiner.examine(attempt, spawn, "sha"))

    return examined


def outcomes(record):
    return {one.exercise.id: one.outcome.value for one in record.exercises}


def of(record, name):
    return next(one for one in record.exercises if one.exercise.id == name)


# --- the suite must fit its reference ----------------------------------------------------------


def refused(folder, **changes):
    with pytest.raises(SuiteError) as raised:
        toys.examined(toys.write(folder, **changes), lambda _: None)
    return str(raised.value)


def test_an_exercise_without_a_case_is_named(tmp_path):
    message = refused(tmp_path, exercises={"double": "{points: 1}", "halve": "{points: 1}"})
    assert message == (
        "tests/hidden/test_toy.py: expected cases of halve, got none. Write some, or take the"
        " exercise out of grading_config.yml."
    )


@pytest.mark.parametrize(
    ("solution", "reason"),
    [
        ("return 3 * x", "y[2]: expected"),
        ("raise ValueError('not yet')", "double raised ValueError: not yet (line"),
        ("return None", "y: expected a tensor of shape (3,)"),
    ],
)
def test_a_reference_that_does_not_pass_is_named(tmp_path, solution, reason):
    message = refused(tmp_path, solution=toys.SOLUTION.replace("return 2 * x", solution))
    assert message.startswith(
        "hidden/test_toy.py::TestDouble::test_random[(3,)]: expected the reference solution to"
    )
    assert reason.partition("[")[0] in message
    assert message.endswith(". Mend the suite or the solution.")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("pass", "got: expected a comparison, got none."),
        ("student.double(draw.normal(3))", "got: expected a comparison, got none."),
        ("1 / 0", "got: ZeroDivisionError: division by zero."),
        ("expect(student.double(draw.normal(3)), object())", "expected a tensor, array, number,"),
        ("expect(student.double(draw.normal(3)), oracle.halve(2))", "got oracle.halve. Correct"),
        ("expect(student.double(draw.normal(3)), 1, rtol=1)", "expected both rtol and atol"),
    ],
)
def test_a_suite_that_its_own_reference_cannot_pass_is_named(tmp_path, body, reason):
    suite = toys.DOUBLE.partition("    @pytest.mark.param")[0] + (
        f"    def test_it(self, student, draw, expect, oracle):\n        {body}\n"
    )
    message = refused(tmp_path, hidden=suite)
    assert reason in message
    assert "\n" not in message


def test_a_part_that_nobody_can_earn_is_named(tmp_path):
    suite = toys.DOUBLE.replace('{"y": 1}', '{"y": 1, "z": 1, "w": 1}').replace(
        "expect(student.double(x), 2 * x)", 'expect(student.double(x), 2 * x, name="y")'
    )
    assert refused(tmp_path, hidden=suite) == (
        "tests/hidden/test_toy.py: expected comparisons of each part of double, got none of z, w."
        " Write some, or correct the marks."
    )


def test_an_exercise_of_which_every_case_is_skipped_is_named(tmp_path):
    suite = toys.DOUBLE.replace(
        "    @pytest.mark.param", "    @pytest.mark.skip\n    @pytest.mark.param"
    )
    assert "expected comparisons of each part of double, got none of y" in refused(
        tmp_path, hidden=suite
    )


def test_the_truth_says_what_each_case_compares(course):
    truth = toys.examined(course, lambda examiner: examiner.truth)
    assert truth == {
        "hidden/test_toy.py::TestDouble::test_random[(3,)]": ("y",),
        "hidden/test_toy.py::TestDouble::test_random[(2, 3)]": ("y",),
        "hidden/test_toy.py::TestTotal::test_random": ("sum",),
        "hidden/test_toy.py::TestTotal::test_empty": ("empty",),
    }


def test_oracles_are_asked_once_for_all(tmp_path):
    suite = SUITE.replace("oracle(torch.sum, x)", "oracle(counted, x)") + (
        "\n\nCALLS = []\n\n\ndef counted(x):\n    CALLS.append(1)\n"
        "    return x.sum() + 0 * len(CALLS) if len(CALLS) == 1 else 1 / 0\n"
    )
    course = toys.write(
        tmp_path, hidden=suite, solution=SOLUTION, exercises=EXERCISES, more=FORBIDDEN
    )
    right = {"total": lambda x: float(x.sum())}
    first, second = toys.grade(course, right, right, name="total")
    assert first.outcome.value == second.outcome.value == "passed"


def test_what_an_odd_student_makes_an_oracle_compute_is_for_that_student_alone(tmp_path):
    suite = toys.DOUBLE.replace("expect, shape", "expect, oracle, shape").replace(
        "expect(student.double(x), 2 * x)",
        "y = student.double(x)\n        right = bool((y == 2 * x).all())\n"
        "        expect(y, 2 * x if right else oracle(torch.neg, y))",
    )
    course = toys.write(tmp_path, hidden=suite)

    def oracles(examiner):
        odd = toys.play(examiner, {"double": lambda x: 5 * x})
        known = len(examiner.known)
        right = toys.play(examiner, {"double": lambda x: -4 * x})
        return known, [one.observations[0].verdict.message for one in (*odd, *right)]

    known, (first, _, second, _) = toys.examined(course, oracles)
    assert known == 0
    assert first.partition("expected")[2] != second.partition("expected")[2]
    again = toys.examined(course, lambda e: toys.play(e, {"double": lambda x: -4 * x}))
    assert again[0].observations[0].verdict.message == second


# --- one attempt -------------------------------------------------------------------------------


def test_a_right_file_earns_everything(examine):
    record = examine(RIGHT)
    assert record.status is RunStatus.GRADED
    assert (record.attempt_sha256, record.run_sha256) == (record.attempt_sha256, "sha")
    assert record.graded_file == "toy.py"
    assert record.differs_from_stub
    assert outcomes(record) == {"double": "passed", "total": "passed"}
    assert sum(one.points for one in record.exercises) == 3
    assert record.remarks == ()


def test_what_is_still_the_stub_is_not_implemented(examine):
    record = examine(STUB)
    assert outcomes(record) == {"double": "not_implemented", "total": "not_implemented"}
    assert not record.differs_from_stub
    assert {case.outcome.value for one in record.exercises for case in one.cases} == {"not_run"}


def test_a_known_mistake_is_named(examine):
    result = of(examine(RIGHT.replace("2 * x", "x + x + x")), "double")
    assert [one.mistake for one in result.diagnoses] == ["triple"]
    assert result.points == 0


def test_a_file_that_cannot_be_opened_is_unreadable(course):
    attempt = Attempt(files=(), sha256="abc", submitted_at=None, problem="a.zip: damaged")
    record = toys.examined(course, lambda examiner: examiner.examine(attempt, None, "sha"))
    assert (record.status, record.message) == (RunStatus.UNREADABLE, "a.zip: damaged")
    assert record.exercises == ()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"toy__py": "x = 1\n"}, "expected a module or notebook that defines one of double, total"),
        ({"notes__txt": "nothing"}, "expected a module or notebook that defines one of"),
        ({"toy__py": "def double(x:\n"}, "toy.py"),
        ({"toy__ipynb": "{}"}, "toy.ipynb"),
    ],
    ids=["nothing in it", "another kind", "no python", "no notebook"],
)
def test_a_file_that_cannot_be_read_says_why(examine, files, message):
    record = examine(**files)
    assert record.status is RunStatus.UNREADABLE
    assert message in record.message
    assert record.exercises == ()


def test_problems_and_remarks_are_told(examine):
    record = examine(toy__py=RIGHT + "\nprint(undefined)\n", other__py="def double(:\n")
    assert record.status is RunStatus.GRADED
    assert any("other.py" in remark for remark in record.remarks)
    assert any("undefined" in remark for remark in record.remarks)


def notebook(*cells):
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


def test_an_exercise_in_a_cell_that_cannot_be_read_is_told_with_its_reason(examine):
    double, total = "def double(x):\n    return 2 * x", "def total(x):\n    return (x"
    record = examine(toy__ipynb=notebook(double, total))
    assert outcomes(record) == {"double": "passed", "total": "not_run"}
    why = "toy.ipynb, cell 2, line 2: expected Python 3, got `return (x`"
    assert all(one.feedback.startswith(why) for one in of(record, "total").cases)
    (remark,) = record.remarks
    assert remark.startswith(why)


def test_what_the_reader_remarks_of_a_file_that_is_not_graded_is_not_told(examine):
    record = examine(toy__ipynb=notebook(RIGHT), old__ipynb=notebook(STUB, "def other(:"))
    assert (record.graded_file, record.remarks) == ("toy.ipynb", ())


def test_a_function_that_is_gone_says_what_is_missing(examine):
    record = examine(RIGHT.replace("def total", "def total_of"))
    assert outcomes(record) == {"double": "passed", "total": "not_implemented"}


def test_of_a_module_and_a_notebook_the_better_counts(examine):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    book = {
        "cells": [{**cell, "source": RIGHT}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    wrong = RIGHT.replace("2 * x", "x")
    record = examine(toy__py=wrong, toy__ipynb=json.dumps(book))
    assert record.graded_file == "toy.ipynb"
    assert outcomes(record) == {"double": "passed", "total": "passed"}
    book["cells"][0]["source"] = wrong
    assert examine(toy__py=RIGHT, toy__ipynb=json.dumps(book)).graded_file == "toy.py"


# --- by hand -----------------------------------------------------------------------------------


def test_a_forbidden_operation_in_the_text_earns_nothing_and_its_cases_are_still_judged(examine):
    record = examine("import torch\n" + RIGHT.replace("sum(x.tolist())", "torch.sum(x)"))
    result = of(record, "total")
    assert result.outcome.value == "forbidden"
    assert result.points == 0
    assert result.diagnoses[0].hints[0].startswith("total uses torch.sum (toy.py, line")
    assert {case.outcome.value for case in result.cases} == {"passed"}
    assert of(record, "double").outcome.value == "passed"


def test_a_forbidden_operation_in_a_call_earns_nothing_and_its_cases_are_still_judged(examine):
    hidden = "import torch\nHOW = [torch]\n" + RIGHT.replace(
        "sum(x.tolist())", "vars(HOW[0])['s' + 'um'](x)"
    )
    result = of(examine(hidden), "total")
    assert result.outcome.value == "forbidden"
    assert result.points == 0
    assert result.diagnoses[0].hints[0] == "total uses torch.sum, which is forbidden here."
    assert {case.outcome.value for case in result.cases} == {"passed"}


def test_what_looks_odd_is_for_a_person_to_look_at_and_the_points_stand(examine):
    result = of(examine(RIGHT.replace("return sum", 'exec("y = 1")\n    return sum')), "total")
    assert result.outcome.value == "passed"
    assert result.points == 1
    assert "toy.py, line" in result.review


def test_an_exercise_without_a_rule_is_not_watched(examine):
    record = examine("import torch\n" + RIGHT.replace("2 * x", "torch.sum(x) * 0 + 2 * x"))
    assert outcomes(record) == {"double": "passed", "total": "passed"}


# --- faults of ours ----------------------------------------------------------------------------


def test_a_fault_of_the_suite_makes_the_record_our_fault(tmp_path, sandbox):
    suite = toys.DOUBLE.replace(
        "        x = draw",
        "        1 / (3 - len(PLAYS))\n        PLAYS.append(1)\n        x = draw",
    ).replace("import torch", "import torch\n\nPLAYS = []")
    course = toys.write(tmp_path, hidden=suite)
    attempt = toys.attempt(tmp_path / "in", toy__py=RIGHT.replace("2 * x", "x"))
    record = toys.examined(
        course, lambda examiner: examiner.examine(attempt, sandbox.client(0).spawn, "sha")
    )
    assert record.status is RunStatus.INTERNAL_ERROR
    assert record.message == (
        "hidden/test_toy.py::TestDouble::test_random[(3,)]#y: the suite itself failed:"
        " ZeroDivisionError: division by zero"
    )
    assert not record.is_final


@pytest.mark.parametrize("request_number", range(1, 6))
def test_a_worker_that_somebody_kills_is_our_fault_whenever_it_happens(
    course, sandbox, tmp_path, request_number
):
    """The requests: read, load, begin, two calls."""
    attempt = toys.attempt(tmp_path / "in", toy__py=RIGHT)
    workers = []

    def spawn():
        worker = sandbox.client(0).spawn()
        workers.append(worker)
        request = worker.request
        requests = itertools.count(1)

        def killed_in_time(*arguments, **options):
            if len(workers) == 1 and next(requests) == request_number:
                signal.pidfd_send_signal(worker._pidfd, signal.SIGKILL)
            return request(*arguments, **options)

        worker.request = killed_in_time
        return worker

    record = toys.examined(course, lambda examiner: examiner.examine(attempt, spawn, "sha"))
    assert record.status is RunStatus.INTERNAL_ERROR
    assert record.message.startswith("its worker was killed from outside, most likely by the")
    assert record.exercises == ()
    assert not record.is_final


def test_bytes_that_were_damaged_in_out_are_our_fault(course, tmp_path):
    attempt = toys.attempt(tmp_path / "in", toy__py=RIGHT)
    attempt.files[0].blob.write_text(RIGHT.replace("2", "3"))
    record = toys.examined(course, lambda examiner: examiner.examine(attempt, None, "sha"))
    assert record.status is RunStatus.INTERNAL_ERROR
    assert record.message == (
        "toy.py: its bytes in submissions/blobs are not what was handed in. Collect it again."
    )


def test_a_jail_that_cannot_be_had_is_raised(course, tmp_path):
    def refused():
        raise SandboxError("sandbox: expected a new worker, got none. Use fewer jobs.")

    attempt = toys.attempt(tmp_path / "in", toy__py=RIGHT)
    with pytest.raises(SandboxError, match="expected a new worker, got none"):
        toys.examined(course, lambda examiner: examiner.examine(attempt, refused, "sha"))


# --- known versions ----------------------------------------------------------------------------


def test_a_known_version_is_played_on_this_machines_cpu_in_the_dtype_of_the_run(course):
    seen = []

    def inside(examiner):
        session = Session.from_namespace({"double": lambda x: seen.append(x.dtype) or 2 * x})
        cases = examiner.cases["toy.double"]
        return examiner.suite.play(cases, examiner.play(LocalStage(session)))

    played = toys.examined(course, inside, dtype=torch.float32)
    assert seen == [torch.float32] * 2
    assert all(one.observations[0].verdict.ok for one in played)


# --- what a record depends on ------------------------------------------------------------------

ISOLATION = Isolation(tier="A")


def sha(course, attempt=None, text=b"suites", seed=7, isolation=ISOLATION):
    made = attempt or Attempt(files=(), sha256="abc", submitted_at=None)
    return run_sha256(course, course.assignments["toy"], made, text, seed, isolation)


def changed(course, **changes):
    assignment = dataclasses.replace(course.assignments["toy"], **changes)
    return dataclasses.replace(course, assignments={"toy": assignment})


def exercises(course, **changes):
    first, *rest = course.assignments["toy"].exercises
    return changed(course, exercises=(dataclasses.replace(first, **changes), *rest))


def test_a_record_is_for_what_it_depends_on(course):
    same = sha(course)
    other = Attempt(files=(), sha256="abd", submitted_at=None)
    differing = [
        sha(course, other),
        sha(course, dataclasses.replace(other, sha256="abc", problem="damaged")),
        sha(course, text=b"other suites"),
        sha(course, seed=8),
        sha(course, isolation=Isolation(tier="C")),
        sha(dataclasses.replace(course, device="cuda")),
        sha(dataclasses.replace(course, tolerances={"float64": Tolerance(rtol=1e-3, atol=0)})),
        sha(changed(course, limits=dataclasses.replace(LIMITS, call_cpu_s=2.0))),
        sha(changed(course, files=("other.py",))),
        sha(changed(course, id="tp2")),
        sha(exercises(course, forbidden=(ForbiddenSet(name="sum", names=("torch.sum",)),))),
        sha(exercises(course, id="triple")),
    ]
    assert len({same, *differing}) == 1 + len(differing)


def test_a_record_is_kept_when_only_its_worth_changes(course):
    assert sha(course) == sha(exercises(course, points=Fraction(5), starred=True))
    assert sha(course) == sha(changed(course, title="Another title"))
    assert sha(course) == sha(dataclasses.replace(course, title="Another course"))
    assert sha(course) == sha(course, isolation=Isolation(tier="A", missing=("cgroup",)))


def test_nouns_become_plain_data():
    found = plain(ForbiddenSet(name="sum", names=("torch.sum",)))
    assert found == {"name": "sum", "names": ["torch.sum"], "operators": [], "autograd": False}
    assert plain(Tolerance(rtol=0.5, atol=0)) == {"rtol": 0.5, "atol": 0}
    assert json.loads(json.dumps(plain(LIMITS))) == plain(LIMITS)
