"""The course grade: exact, pending while anything is unknown, written for people and programs."""

import csv
import json
from fractions import Fraction

import pytest

from autograder import config, course, formula
from autograder.cli import main
from autograder.errors import ConfigError
from autograder.models import CourseGrade, Status
from autograder.report.store import Store
from tests.autograder import layers

RULES = CourseGrade(
    formula="(tp1 + project) / 2", scale=Fraction(20), rounding=Fraction(1, 100)
)  # fmt: skip
BLOCKS = """\
external:
  project: {scale: 20}
course_grade:
  scale: 20
  formula: (layers + project) / 2
"""


def made(rules=RULES, **parts) -> course.CourseResult:
    given = {
        name: part and course.Part(score=Fraction(part[0]), scale=Fraction(part[1]))
        for name, part in parts.items()
    }
    return course.result(rules, formula.parse(rules.formula), "ana", "Ana", given)


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class of a course with a project and a course grade."""
    copy = graded.copy(tmp_path)
    copy.config.write_text(copy.config.read_text() + BLOCKS)
    return copy


def scores(desk, *lines, code=0):
    path = desk.folder / "project.csv"
    path.write_text("\n".join(("student_id,score,comment", *lines)) + "\n")
    arguments = ["scores", str(path), "--column", "project", "-o", str(desk.out)]
    assert main(["-C", str(desk.course), *arguments]) == code


def course_rows(desk) -> dict[str, dict[str, str]]:
    with (desk.out / "course.csv").open(newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


# --- one grade --------------------------------------------------------------------------------


def test_scores_meet_on_the_scale_of_the_course():
    one = made(tp1=(3, 4), project=(16, 20))
    assert (one.score, one.status) == (Fraction(31, 2), Status.GRADED)
    assert one.explanation == (
        "tp1: 3 of 4. project: 16 of 20. (tp1 + project) / 2 = 15.5 of 20."
    )  # fmt: skip


@pytest.mark.parametrize(
    "parts", [{"tp1": None, "project": (16, 20)}, {"tp1": None, "project": None}]
)
def test_what_is_not_known_makes_the_grade_pending(parts):
    one = made(**parts)
    assert (one.score, one.status) == (None, Status.PENDING)
    missing = [name for name, part in parts.items() if part is None]
    assert one.explanation.endswith(f"No grade yet: {', '.join(missing)} not known.")


def test_the_grade_is_rounded_half_up_once():
    rules = CourseGrade(formula="tp1", scale=Fraction(20), rounding=Fraction(1, 2))
    assert made(rules, tp1=("3.05", 4)).score == Fraction(31, 2)  # 15.25
    assert made(rules, tp1=("3.04", 4)).score == 15


@pytest.mark.parametrize(("text", "score"), [("tp1 + 5", 20), ("tp1 - 30", 0)])
def test_the_grade_stays_within_its_scale(text, score):
    rules = CourseGrade(formula=text, scale=Fraction(20), rounding=Fraction(1, 2))
    one = made(rules, tp1=(4, 4))
    assert one.score == score
    assert "bounded from" in one.explanation


# --- scores from elsewhere --------------------------------------------------------------------


def test_scores_enter_the_course_grade_and_the_rest_is_pending(desk, capsys):
    scores(desk, "notebook,16,good", "stub,0,", "einsum,,", "absent,10,")
    assert capsys.readouterr() == (f"3 scores of project in {desk.out}\n", "")
    rows = course_rows(desk)
    assert len(rows) == 11
    assert rows["notebook"] == {
        "student_id": "notebook", "name": "Nora Bookish", "layers": "4", "project": "16",
        "grade": "18", "status": "graded",
        "explanation": "layers: 4 of 4. project: 16 of 20. (layers + project) / 2 = 18 of 20.",
    }  # fmt: skip
    assert rows["stub"]["grade"] == "0"
    assert rows["absent"]["grade"] == "5"
    assert (rows["einsum"]["grade"], rows["einsum"]["status"]) == ("", "pending")
    assert (rows["empty-file"]["layers"], rows["empty-file"]["grade"]) == ("", "")


def test_the_gradebook_has_external_scores_and_course_grades(desk):
    scores(desk, "notebook,16,good", "stub,0.5,")
    tables = layers.tables(desk.out / "gradebook.sqlite")
    assert tables["external_scores"] == [
        {"student_id": "notebook", "name": "project", "score": 16, "scale": 20, "comment": "good"},
        {"student_id": "stub", "name": "project", "score": 0.5, "scale": 20, "comment": ""},
    ]
    grades = {row["student_id"]: row["score"] for row in tables["course_grades"]}
    assert grades["notebook"] == 18
    assert grades["einsum"] is None


def test_a_decimal_comma_is_kept_as_a_point_and_read_as_one(desk):
    scores(desk, 'notebook,"15,5",good')
    kept = desk.out / "external" / "project.csv"
    assert "notebook,15.5,good" in kept.read_text()
    assert course_rows(desk)["notebook"]["project"] == "15.5"
    kept.write_text(kept.read_text().replace("15.5", '"15,5"'))  # somebody saved it anew
    assert main(desk.arguments("grade")) == 0
    assert course_rows(desk)["notebook"]["project"] == "15.5"


def test_a_new_table_takes_the_place_of_the_older_one(desk):
    scores(desk, "notebook,16,", "stub,1,")
    scores(desk, "stub,2,")
    assert course_rows(desk)["notebook"]["grade"] == ""
    assert course_rows(desk)["stub"]["grade"] == "1"


def test_grade_writes_the_course_grades_too(desk, capsys):
    assert main(desk.arguments("grade")) == 0
    assert {row["status"] for row in course_rows(desk).values()} == {"pending"}


def test_without_a_formula_there_is_no_older_file_either(desk):
    scores(desk, "notebook,16,")
    desk.config.write_text(desk.config.read_text().partition("course_grade:")[0])
    assert main(["-C", str(desk.course), "rebuild", str(desk.out)]) == 0
    assert not (desk.out / "course.csv").exists()


def test_somebody_whom_out_does_not_know_is_left_out_with_a_note(desk, capsys):
    scores(desk, "notebook,16,", "nobody,3,")
    said = capsys.readouterr()
    assert said.err == f"note: project.csv:3: nobody: nobody in {desk.out}; left out.\n"
    assert said.out.startswith("1 scores of project")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("stub,21,", "expected a score from 0 to 20, got '21'."),
        ("stub,-1,", "expected a score from 0 to 20, got '-1'."),
        ('stub,"20,5",', "expected a score from 0 to 20, got '20,5'."),
        ("stub,A+,", "expected a score from 0 to 20, got 'A+'."),
        ("notebook,1,", "expected one line for notebook, got another on line 2."),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_kept(desk, line, said, capsys):
    scores(desk, "notebook,16,", line, code=2)
    assert capsys.readouterr().err == f"project.csv:3: {said} Correct it.\n"
    assert not (desk.out / "external").exists()


def test_a_column_that_the_course_lacks_is_named(desk, capsys):
    arguments = ["scores", "x.csv", "--column", "quiz", "-o", str(desk.out)]
    assert main(["-C", str(desk.course), *arguments]) == 2
    assert capsys.readouterr().err == (
        "--column: expected a column under `external` (project), got 'quiz'. Correct it,"
        " or add it to grading_config.yml.\n"
    )


def test_a_kept_table_that_no_longer_fits_is_named(desk):
    scores(desk, "notebook,16,")
    desk.replace("grading_config.yml", "project: {scale: 20}", "project: {scale: 10}")
    column = config.load(desk.course).external["project"]
    with pytest.raises(ConfigError) as caught:
        course.scores(Store(desk.out), column)
    assert str(caught.value) == (
        "external/project.csv:2: expected a score from 0 to 10, got '16'."
        f" Give the table again: gradlab scores TABLE --column project -o {desk.out}"
    )


# --- the command ------------------------------------------------------------------------------


def test_course_grades_prints_a_line_for_each_student(desk, capsys):
    scores(desk, "notebook,16,")
    capsys.readouterr()
    assert main(["-C", str(desk.course), "course", str(desk.out)]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "student           score  explanation"
    assert "notebook             18  layers: 4 of 4. project: 16 of 20." in " ".join(lines)
    assert lines[-2:] == ["11 students: 10 pending", f"course grades: {desk.out}/course.csv"]
    assert main(["-C", str(desk.course), "course", str(desk.out), "--json"]) == 0
    documents = {one["student_id"]: one for one in json.loads(capsys.readouterr().out)}
    assert documents["notebook"]["score"] == 18
    assert documents["stub"]["parts"] == {"layers": {"score": 0, "scale": 4}, "project": None}


def test_course_grades_without_a_formula_says_what_to_add(graded, capsys):
    assert main(["-C", str(graded.course), "course", str(graded.out)]) == 2
    assert capsys.readouterr().err == (
        "course: expected `course_grade` in grading_config.yml, got none. Add it:"
        " a scale and a formula.\n"
    )
