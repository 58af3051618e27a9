"""The bundled class, and that grading it gives every student the expected result."""

import ast
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder import config, demo
from autograder.checks import bank
from autograder.errors import ConfigError
from autograder.models import ExerciseOutcome, Status

COURSE = Path(__file__).parents[2]
CLASS = COURSE / "tests" / "submissions"
EXPECTED = demo.expectations(CLASS)
TP1 = config.load(COURSE).assignments[demo.ASSIGNMENT]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- the class --------------------------------------------------------------------------------


def test_every_student_has_a_folder_an_expected_result_and_a_line_in_the_roster():
    folders = sorted(path.name for path in CLASS.iterdir() if path.is_dir())
    assert len(folders) >= 24
    assert folders == sorted(EXPECTED) == [row["student_id"] for row in rows(CLASS / "roster.csv")]


def test_every_expected_result_has_a_status_and_a_score():
    for student, wanted in EXPECTED.items():
        assert {"status", "score"} <= wanted.keys(), student
        assert (wanted["score"] is None) == (wanted["status"] == Status.UNREADABLE), student


def test_expected_results_name_exercises_outcomes_and_mistakes_that_exist():
    known = {
        exercise.id: {one.id for one in topic.mistakes_of(exercise.id)}
        for topic in (bank.load(COURSE, name) for name in TP1.topics)
        for exercise in TP1.exercises
        if exercise.topic == topic.name
    }
    for student, wanted in EXPECTED.items():
        outcomes = wanted.get("exercises", {})
        assert outcomes.keys() <= known.keys(), student
        assert set(outcomes.values()) <= set(ExerciseOutcome), student
        for exercise, mistakes in wanted.get("mistakes", {}).items():
            assert set(mistakes) <= known[exercise], student


def test_the_class_makes_at_least_six_different_known_mistakes():
    made = [one.get("mistakes", {}).values() for one in EXPECTED.values()]
    assert len({mistake for each in made for mistakes in each for mistake in mistakes}) >= 6


def test_the_class_meets_every_status_and_outcome_that_is_the_students_own_doing():
    assert {one["status"] for one in EXPECTED.values()} == {"graded", "not_submitted", "unreadable"}
    outcomes = {x for one in EXPECTED.values() for x in one.get("exercises", {}).values()}
    assert outcomes == set(ExerciseOutcome)


# --- the comparison ---------------------------------------------------------------------------


ABSENT = {
    "status": "not_submitted", "score": None, "attempts": [], "graded_attempt": None,
    "exercises": [],
}  # fmt: skip


def test_a_result_as_expected_is_no_difference():
    wanted = {"status": "not_submitted", "exercises": {}}
    assert demo.differences({"ana": ABSENT}, {"ana": wanted}) == []


def test_another_result_than_expected_is_one_sentence():
    (difference,) = demo.differences({"ana": ABSENT}, {"ana": {"status": "graded"}})
    assert difference.startswith('ana: expected {"status": "graded"}, got {"status": "not_sub')


def test_a_student_without_any_result_is_a_difference():
    assert demo.differences({"ana": None}, {"ana": {"status": "graded"}}) == [
        'ana: expected {"status": "graded"}, got null'
    ]


def test_a_course_without_a_class_is_named(tmp_path):
    with pytest.raises(ConfigError, match="submissions: expected the bundled class, got no such"):
        demo.run(tmp_path, tmp_path / "out", jobs=1, watch=None)


# --- the run ----------------------------------------------------------------------------------


@dataclass
class Run:
    """One `gradlab demo`."""

    code: int
    printed: str
    complaints: str
    grades: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("demo")
    main = "from autograder.cli import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", main, "-C", str(COURSE), "demo", "-o", str(out)],
        cwd=COURSE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    return Run(done.returncode, done.stdout, done.stderr, out / "grades")


@pytest.fixture(scope="module")
def feedback(run) -> dict[str, list[str]]:
    """What each student may see: every string of the feedback, line by line."""
    found = {}
    for path in sorted((run.grades / "feedback" / "tp1").iterdir()):
        said = strings(json.loads(path.read_text(encoding="utf-8")))
        found[path.stem] = [line.strip() for one in said for line in one.splitlines()]
    return found


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from strings(item)


@pytest.mark.prove
def test_every_student_gets_the_expected_result(run):
    differences = [line for line in run.complaints.splitlines() if ": expected " in line]
    assert differences == []
    assert run.code == 0, run.complaints
    assert f"All {len(EXPECTED)} students have the expected result" in run.printed


@pytest.mark.prove
def test_grades_have_one_row_for_each_student(run):
    grades = rows(run.grades / "grades.csv")
    assert [row["student_id"] for row in grades] == sorted(EXPECTED)
    assert {row["assignment"] for row in grades} == {"tp1"}


@pytest.mark.prove
def test_what_could_not_be_read_has_an_empty_grade(run):
    empty = {row["student_id"] for row in rows(run.grades / "grades.csv") if not row["score"]}
    assert empty == {name for name, one in EXPECTED.items() if one["score"] is None}


@pytest.mark.prove
def test_every_student_has_feedback(feedback):
    assert feedback.keys() == EXPECTED.keys()


@pytest.mark.prove
def test_feedback_holds_no_line_of_a_solution(feedback):
    secret = [line for topic in TP1.topics for line in solution_lines(topic)]
    assert len(secret) > 30
    for student, said in feedback.items():
        assert [line for line in secret if any(line in one for one in said)] == [], student


@pytest.mark.prove
def test_feedback_names_no_hidden_test(feedback):
    hidden, public = suite_names("hidden"), suite_names("public")
    assert hidden - public
    for student, said in feedback.items():
        text = "\n".join(said)
        assert "hidden/" not in text, student
        assert [name for name in hidden - public if name in text] == [], student


@pytest.mark.prove
def test_feedback_repeats_nothing_that_a_program_said(feedback):
    for student, said in feedback.items():
        text = "\n".join(said)
        assert "max_score" not in text, student  # printed by exits-at-import
        assert "1 passed in" not in text, student  # printed by exits-in-a-call
        assert "time to read" not in text, student


def solution_lines(topic: str) -> Iterator[str]:
    """Yield the lines between the marks of the solution, but for those that are a word or two."""
    text = (COURSE / "reference" / topic / "solution.py").read_text(encoding="utf-8")
    for block in text.split("# BEGIN SOLUTION")[1:]:
        for line in block.partition("# END SOLUTION")[0].splitlines():
            if len(line.strip()) > 12:
                yield line.strip()


def suite_names(kind: str) -> set[str]:
    """Return the names of the tests of one kind."""
    texts = [(COURSE / "tests" / kind / f"test_{topic}.py").read_text() for topic in TP1.topics]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    functions = [node.name for node in nodes if isinstance(node, ast.FunctionDef)]
    return {name for name in functions if name.startswith("test_")}
