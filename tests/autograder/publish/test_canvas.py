"""Canvas's gradebook, filled, and taken back by Canvas's rules."""

from fractions import Fraction

import pytest

from autograder.errors import ConfigError
from autograder.lms.canvas import gradebook
from autograder.lms.table import parse_table
from autograder.models import Assignment, Schedule, ScoreRules, Status
from autograder.publish.canvas import fill
from tests.autograder.lms.canvas_site import Site, User
from tests.autograder.publish.made import result

TP1 = Assignment(id="tp1", title="TP 1", exercises=(), rules=ScoreRules(), schedule=Schedule())


def users() -> list[User]:
    return [
        User(77, "Ana María", "Gómez", "ana", "2001"),
        User(78, "Jean", "Martin", "jm1", "2002"),
        User(79, "Jean", "Martin", "jm2", "2003"),
        User(80, "Ben", "O'Neil", "ben", "2004"),
    ]


def class_of(site: Site) -> list:
    scores = ["3.25", "4", "0", "1.37"]
    return [
        result(f"s{user.id}", score, canvas=user.id)
        for user, score in zip(site.users, scores, strict=True)
    ]


def filled(site, results, named=None, **form):
    plan = fill(gradebook(parse_table(site.gradebook(**form), "g.csv")), results, TP1, named)
    (data,) = plan.files.values()
    return plan, data


@pytest.mark.parametrize("points", [4, 20, 100])
@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("split_names", [False, True])
@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize("sis", [False, True])
def test_the_grades_that_arrive_are_the_scores_to_scale(points, comma, split_names, manual, sis):
    site = Site(
        users(), points=points, comma=comma, split_names=split_names, manual=manual, sis=sis
    )
    plan, data = filled(site, class_of(site), bom=True)
    changes = site.take(data)
    assert set(changes) == {f"{user.id} 98765" for user in site.users}  # and no other column
    scores = [Fraction("3.25"), Fraction(4), Fraction(0), Fraction("1.37")]
    assert [user.grade for user in site.users] == [
        pytest.approx(float(score / 4 * points), abs=1e-9) for score in scores
    ]
    assert plan.skips == []
    assert plan.notes == [
        "the column is 'TP 1 (98765)'.",
        f"a score out of 4 becomes a grade out of {points}: times {points / 4:g}.",
    ]


def test_only_the_cells_of_the_column_change():
    site = Site(users(), manual=True)
    before = site.gradebook().decode().split("\n")
    _, data = filled(site, class_of(site))
    after = data.decode().split("\n")
    assert before[:3] == after[:3]
    for old, new, grade in zip(
        before[3:7], after[3:7], ("3.25", "4.00", "0.00", "1.37"), strict=True
    ):
        assert new == old.replace("7.50,,,", f"7.50,{grade},,")


@pytest.mark.parametrize("status", [Status.INTERNAL_ERROR, Status.PENDING, Status.UNREADABLE])
def test_what_is_not_known_takes_no_grade_away_and_is_never_0(status):
    site = Site(users()[:2])
    site.users[0].grade = 2.0
    results = [result("a", None, status, canvas=77), result("b", None, status, canvas=78)]
    plan, data = filled(site, results)
    assert site.take(data) == {}
    assert [user.grade for user in site.users] == [2.0, None]
    assert [skip.reason.startswith("no grade: ") for skip in plan.skips] == [True, True]


def test_rows_that_stay_are_named():
    site = Site(
        [
            User(77, "Same", "A", grade=3.25),
            User(78, "Excused", "B", excused=True),
            User(79, "Elsewhere", "C", assigned=False),
            User(80, "Test", "Student"),
        ]
    )
    results = [result(f"s{n}", canvas=n) for n in (77, 78, 79, 99)]
    plan, data = filled(site, results)
    assert [(one.where, one.who, one.reason) for one in plan.skips] == [
        ("g.csv:3", "s77", "the grade is the same; Canvas passes over it"),
        ("g.csv:4", "s78", "excused in Canvas; the cell stays"),
        ("g.csv:5", "s79", "not assigned to this student in Canvas; the cell stays"),
        ("g.csv:6", "Student, Test", "nobody has this id or name"),
        ("g.csv", "s99", "in no row of the gradebook"),
    ]
    assert data == site.gradebook()
    assert site.take(data) == {}


def test_students_are_found_by_their_ids_and_unique_names():
    site = Site(users())
    results = [
        result("ana", "1", name="Ana María Gómez"),
        result("x1", "2", aliases=["jm1"]),
        result("2003", "3"),
        result("ben", "4"),
    ]
    _, data = filled(site, results)
    site.take(data)
    assert [user.grade for user in site.users] == [1.0, 2.0, 3.0, 4.0]


def test_two_of_one_name_are_not_guessed():
    site = Site(users())
    plan, data = filled(site, [result("jean", name="Jean Martin")])
    assert site.take(data) == {}
    assert "2 here are called 'Martin, Jean', as is jean" in [one.reason for one in plan.skips]


def test_exporting_twice_changes_nothing_the_second_time():
    site = Site(users(), points=7)
    _, data = filled(site, class_of(site))
    site.take(data)
    plan, again = filled(site, class_of(site))
    assert plan.changes == []
    assert again == site.gradebook()
    assert site.take(again) == {}


@pytest.mark.parametrize("named", ["TP 1", "tp 1 (98765)", None, "TP1"])
def test_the_column_is_the_assignment_s_or_the_one_that_is_named(named):
    site = Site(users(), title="TP1" if named == "TP1" else "TP 1")
    plan, _ = filled(site, class_of(site), named)
    assert plan.notes[0] == f"the column is {site.column!r}."


def test_a_column_that_is_not_there_is_asked_for():
    site = Site(users(), title="Homework")
    with pytest.raises(ConfigError) as caught:
        filled(site, class_of(site))
    assert str(caught.value) == (
        "g.csv:1: expected one column 'TP 1' or 'tp1', got 0 in 'Warm-up (98764)', "
        "'Homework (98765)', 'Exam (98766)'. Name one: --column."
    )


def test_a_read_only_column_is_refused():
    site = Site(users())
    with pytest.raises(
        ConfigError, match="expected a column to fill, got 'Exam .98766.', which is"
    ):
        filled(site, class_of(site), "Exam")


def test_a_column_without_points_is_refused():
    site = Site(users(), points=0)
    with pytest.raises(ConfigError, match="expected points above 0 for 'TP 1 .98765.', got none"):
        filled(site, class_of(site))


def test_a_name_that_canvas_made_harmless_stays_so():
    site = Site([User(77, "x)", "=cmd(")])
    _, data = filled(site, [result("s", canvas=77)])
    assert b'"=""=cmd(, x)"""' in data
    assert site.take(data) == {"77 98765": "3.25"}
