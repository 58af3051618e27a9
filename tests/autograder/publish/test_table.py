"""A plain table of grades."""

import csv
import io
from fractions import Fraction

from autograder.models import Assignment, Exercise, Schedule, ScoreRules, Status
from autograder.publish.table import grades
from tests.autograder.publish.made import result

TP1 = Assignment(
    id="tp1",
    title="TP 1",
    exercises=tuple(
        Exercise(id=one, topic="losses", points=Fraction(2)) for one in ("softmax", "elbo")
    ),
    rules=ScoreRules(),
    schedule=Schedule(),
)


def rows(plan):
    ((path, data),) = plan.files.items()
    assert str(path) == "tp1.csv"
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_everybody_has_a_row_with_a_column_for_each_exercise():
    ana, ben = rows(grades([result("ana", name="Ana"), result("ben", None, Status.PENDING)], TP1))
    assert ana == {
        "student_id": "ana",
        "name": "Ana",
        "status": "graded",
        "score": "3.25",
        "scale": "4",
        "submitted_at": "2026-02-09T18:20:00+01:00",
        "explanation": "Score: 3.25 of 4.",
        "isolation": "",
        "not_promised": "",
        "softmax": "2",
        "elbo": "",
    }
    assert (ben["status"], ben["score"], ben["softmax"]) == ("pending", "", "")


def test_text_runs_as_no_formula_and_ids_stay_as_they_are():
    one = result("-2+3", name="=cmd|x", feedback=None)
    object.__setattr__(one, "explanation", "@SUM(1)")
    (row,) = rows(grades([one], TP1))
    assert (row["student_id"], row["name"]) == ("-2+3", "'=cmd|x")
    assert row["explanation"] == "'@SUM(1)"
    assert row["score"] == "3.25"


def test_pseudonyms_come_without_names():
    (row,) = rows(grades([result("ana", name="Ana")], TP1, names={"ana": "anon-1"}))
    assert (row["student_id"], row["name"]) == ("anon-1", "")


def test_what_has_no_number_is_named():
    plan = grades([result("ana", None, Status.INTERNAL_ERROR)], TP1)
    assert plan.skips[0].reason.startswith("no grade: the grader failed")
