"""A student's own check: the public suite on the file in front of them."""

import json
import shutil
from pathlib import Path

import pytest

from autograder.check import check
from autograder.errors import ConfigError, SubmissionError, SuiteError
from autograder.models import CaseOutcome
from autograder.release import public_data
from tests.autograder.checks import toys

ROOT = Path(__file__).parents[2]
PUBLIC = (
    toys.DOUBLE
    + '''

@pytest.mark.exercise("halve")
class TestHalve:
    """Halving"""

    def test_random(self, student, draw, expect, oracle):
        """random numbers"""
        x = draw.normal(3)
        expect(student.halve(x), oracle.halve(x))
'''
)
SOLUTION = (
    toys.SOLUTION
    + '''

# %%
def halve(x):
    """Return half of `x`."""
    # BEGIN SOLUTION
    return x / 2
    # END SOLUTION
'''
)
MISTAKES = """
from autograder.checks.bank import mistake


@mistake("double", source="made up", hints=("It is too much.", "Everywhere.", "How often?"))
def triple(x):
    return 3 * x
"""
FORBIDDEN = """
forbidden:
  div: {names: [torch.div], operators: ["aten::div"]}
"""
RIGHT = "def double(x):\n    return 2 * x\n\n\ndef halve(x):\n    return x / 2\n"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Return the folder that students get, without a file of theirs."""
    course = toys.write(
        tmp_path_factory.mktemp("course"),
        hidden=PUBLIC,
        public=PUBLIC,
        solution=SOLUTION,
        mistakes=MISTAKES,
        exercises={"double": "{points: 2}", "halve": "{points: 1, starred: true, forbid: [div]}"},
        more=FORBIDDEN,
    )
    folder = tmp_path_factory.mktemp("released")
    (folder / "toy.json").write_text(json.dumps(public_data(course, "toy")))
    shutil.copy(course.course_dir / "tests" / "public" / "test_toy.py", folder)
    return folder


@pytest.fixture
def folder(released, tmp_path):
    """Return a folder of a student's own; its name is no reason for anything."""
    return Path(shutil.copytree(released, tmp_path / "hidden"))


def checked(folder, text=RIGHT, name="toy.py", **given):
    (folder / name).write_text(text)
    return check(folder, **given)


def outcomes(report):
    return {one.exercise.id: one.outcome.value for one in report.results}


def of(report, name):
    return next(one for one in report.results if one.exercise.id == name)


# --- what is found -----------------------------------------------------------------------------


def test_a_right_file_passes_everything(folder):
    report = checked(folder, RIGHT.replace("x / 2", "0.5 * x"))
    assert (report.topic, report.file, report.passed) == ("toy", "toy.py", 2)
    assert outcomes(report) == {"double": "passed", "halve": "passed"}
    assert [(one.points, one.exercise.starred) for one in report.results] == [(2, False), (1, True)]
    assert report.remarks == ()


def test_what_is_not_written_yet_is_told(folder):
    report = checked(folder, "def double(x):\n    return 2 * x\n")
    assert outcomes(report) == {"double": "passed", "halve": "not_implemented"}
    assert report.passed == 1


def test_a_known_mistake_is_named_with_its_hints(folder):
    result = of(checked(folder, RIGHT.replace("2 * x", "x + 2 * x")), "double")
    assert result.outcome.value == "failed"
    assert result.diagnoses[0].hints == ("It is too much.", "Everywhere.", "How often?")
    assert result.cases[0].message.startswith("y[")


def test_a_forbidden_operation_is_the_first_thing_told(folder):
    report = checked(folder, "import torch\n" + RIGHT.replace("x / 2", "torch.div(x, 2)"))
    result = of(report, "halve")
    assert result.outcome.value == "forbidden"
    assert result.points == 0
    assert result.diagnoses[0].hints[0] == (
        "halve uses torch.div (toy.py, line 7), which is forbidden here."
    )
    assert {case.outcome for case in result.cases} == {CaseOutcome.NOT_RUN}
    assert of(report, "double").outcome.value == "passed"


def test_an_operation_that_only_a_call_shows_is_named_with_its_line(folder):
    result = of(checked(folder), "halve")
    assert result.outcome.value == "forbidden"
    assert result.diagnoses[0].hints[0] == (
        "halve uses torch.div, which is forbidden here (line 6)."
    )


def test_what_looks_odd_is_told(folder):
    text = RIGHT.replace("return x / 2", 'exec("y = 1")\n    return 0.5 * x')
    result = of(checked(folder, text), "halve")
    assert result.outcome.value == "passed"
    assert "toy.py, line" in result.review


def test_a_statement_that_fails_is_a_remark(folder):
    report = checked(folder, RIGHT + "\nprint(undefined)\n")
    assert len(report.remarks) == 1
    assert "undefined" in report.remarks[0]


def notebook(*cells):
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


def test_an_exercise_in_a_cell_that_cannot_be_read_is_not_called_unwritten(folder):
    (folder / "toy.ipynb").write_text(
        notebook("def double(x):\n    return 2 * x", "def halve(x):\n    return (x")
    )
    report = check(folder)
    assert outcomes(report) == {"double": "passed", "halve": "not_run"}
    why = "toy.ipynb, cell 2, line 2: expected Python 3, got `return (x` ('(' was never closed)."
    assert of(report, "halve").cases[0].message.startswith(why)
    (remark,) = report.remarks
    assert remark.startswith(why)


def test_how_a_file_was_decoded_is_a_remark(folder):
    (folder / "toy.py").write_bytes((RIGHT + "# caf\xe9\n").encode("cp1252"))
    assert check(folder).remarks == ("toy.py is not UTF-8; it was read as cp1252.",)


def test_a_case_that_is_evaded_does_not_pass(folder):
    test = folder / "test_toy.py"
    text = test.read_text()
    test.write_text(
        text.replace(
            "expect(student.halve(x)", "student.halve(x) is None or expect(student.halve(x)"
        )
    )
    result = of(checked(folder, RIGHT.replace("x / 2", "None")), "halve")
    assert result.outcome.value == "not_run"
    assert result.points == 0


def test_only_what_is_asked_for_is_checked(folder):
    report = checked(folder, only=["double"])
    assert outcomes(report) == {"double": "passed"}


# --- which file --------------------------------------------------------------------------------


def test_a_file_may_be_named_and_may_have_any_name(folder):
    (folder / "my work (1).py").write_text(RIGHT)
    report = check(folder / "my work (1).py")
    assert report.file == "my work (1).py"
    assert outcomes(report)["double"] == "passed"


def test_a_second_check_sees_the_file_as_it_is_now(folder):
    assert outcomes(checked(folder, RIGHT.replace("2 * x", "x")))["double"] == "failed"
    assert outcomes(checked(folder, RIGHT))["double"] == "passed"


def test_two_folders_of_one_assignment_keep_their_own_tests(folder, tmp_path):
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    text = (other / "test_toy.py").read_text()
    (other / "test_toy.py").write_text(text.replace("2 * x)", "5 * x)"))
    assert outcomes(checked(folder))["double"] == "passed"
    assert outcomes(checked(other))["double"] == "failed"


def test_a_path_that_is_not_there_is_named(folder):
    with pytest.raises(
        SubmissionError, match=r"nowhere: expected your file or its folder, got no such path."
    ):
        check(folder / "nowhere")


def test_a_folder_without_an_assignment_is_named(tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"expected the files of one assignment, got none. Name your file, or go to its fold",
    ):
        check(tmp_path)


def test_a_file_without_its_tests_is_told_what_belongs_beside_it(tmp_path):
    (tmp_path / "toy (1).py").write_text(RIGHT)
    with pytest.raises(
        ConfigError,
        match=r"toy \(1\)\.py: expected test_toy\.py and toy\.json beside it, got no such files\."
        r" Move it to the folder that you were given; `gradlab start toy` makes one\.$",
    ):
        check(tmp_path / "toy (1).py")


STUB = "def double(x):\n    raise NotImplementedError\n"
ALSO = "also here: {}; name a file to test it."


def test_where_the_expected_files_are_untouched_the_one_with_work_is_checked(folder):
    (folder / "toy (1).ipynb").write_text(notebook(RIGHT))
    (folder / "old.py").write_text(RIGHT)
    (folder / "toy.ipynb").write_text(notebook(STUB))
    report = checked(folder, STUB)
    assert report.file in ("toy (1).ipynb", "old.py")
    (other,) = {"toy (1).ipynb", "old.py"} - {report.file}
    assert report.remarks == (ALSO.format(other),)


def test_other_files_with_work_are_named(folder):
    (folder / "toy (1).ipynb").write_text(notebook(RIGHT))
    (folder / "helpers.py").write_text("x = 1\n")
    (folder / ".toy.py").write_text(RIGHT)
    report = checked(folder)
    assert (report.file, report.remarks) == ("toy.py", (ALSO.format("toy (1).ipynb"),))
    assert check(folder / "toy.py").remarks == ()


def test_a_file_that_cannot_be_read_is_not_passed_over_for_another(folder):
    (folder / "toy (1).ipynb").write_text(notebook(RIGHT))
    with pytest.raises(SubmissionError, match=r"^toy\.py, line 1: expected Python 3"):
        checked(folder, "def double(x)\n")
    (folder / "toy.py").unlink()
    (folder / "toy.ipynb").write_text(notebook(STUB, "def halve(x:"))
    assert check(folder).file == "toy.ipynb"


def test_a_single_file_of_another_name_is_found(folder):
    (folder / "toy (1).ipynb").write_text(notebook(RIGHT))
    report = check(folder)
    assert (report.file, report.remarks) == ("toy (1).ipynb", ())


def test_a_folder_with_two_assignments_needs_a_file_to_be_named(folder):
    for name in ("toy.json", "test_toy.py"):
        shutil.copy(folder / name, folder / name.replace("toy", "other"))
    with pytest.raises(ConfigError, match="expected the files of one assignment, got 2 of them"):
        checked(folder)
    assert outcomes(check(folder / "toy.py"))["double"] == "passed"


def test_an_unknown_exercise_is_named(folder):
    with pytest.raises(
        ConfigError, match=r"^-k: expected one of double, halve, got 'triple'. Correct it.$"
    ):
        checked(folder, only=["double", "triple"])


def test_without_a_file_it_is_told_how_to_start(folder):
    with pytest.raises(SubmissionError, match="expected toy.py or toy.ipynb, got neither"):
        check(folder)


def test_a_file_without_exercises_is_told_so(folder):
    with pytest.raises(SubmissionError, match=r"expected a definition of one of double, halve"):
        checked(folder, "x = 1\n")


# --- damaged folders ---------------------------------------------------------------------------


def test_a_conftest_of_the_student_changes_nothing(folder):
    (folder / "conftest.py").write_text("raise RuntimeError\n")
    assert outcomes(checked(folder))["double"] == "passed"


def test_tests_that_cannot_be_collected_are_one_line(folder):
    with (folder / "test_toy.py").open("a") as file:
        file.write("\n1 / 0\n")
    with pytest.raises(SuiteError, match=r"^test_toy.py: .*ZeroDivisionError: division by zero$"):
        checked(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("test_random", "test_of_mine"),
        lambda text: text + "\n    def test_of_mine(self, student, expect):\n        pass\n",
        lambda text: text.partition('@pytest.mark.exercise("halve")')[0],
    ],
    ids=["renamed", "added", "taken away"],
)
def test_tests_that_were_edited_are_no_longer_those_that_came(folder, edit):
    test = folder / "test_toy.py"
    test.write_text(edit(test.read_text()))
    with pytest.raises(
        SuiteError,
        match=r"^test_toy.py: expected the tests that came with toy.json, got .*"
        r" Put your own into another file, or download the assignment again.$",
    ):
        checked(folder)


def test_data_that_lacks_an_expected_value_says_to_download_it_again(folder):
    path = folder / "toy.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "oracles": []}))
    result = of(checked(folder, RIGHT.replace("x / 2", "0.5 * x")), "halve")
    assert result.outcome.value != "passed"
    assert "Download the assignment again" in result.cases[0].message


def test_the_bundled_assignments_are_checked_in_their_own_folders(tmp_path):
    folder = Path(shutil.copytree(ROOT / "assignments" / "losses", tmp_path / "losses"))
    report = check(folder / "losses.py")
    assert report.passed == 0
    assert set(outcomes(report).values()) == {"not_implemented"}
    solution = (ROOT / "reference" / "losses" / "solution.py").read_text()
    assert set(outcomes(checked(folder, solution, "losses.py")).values()) == {"passed"}
