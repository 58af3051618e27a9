"""Points that people give: a table is filled in, checked, and written into the ledger."""

import csv
import json
from pathlib import Path

import pytest

from autograder import config, ledger, marking, pipeline
from autograder.cli import main
from autograder.errors import ConfigError
from autograder.report.store import Store
from tests.autograder import layers

TOPIC = "      relu_backward: {points: 1, starred: true}\n"
ESSAY = TOPIC + "      essay: {points: 2, kind: manual}\n"


class Unexpected:
    """Nothing is examined when only a decision is new."""

    def begin(self, isolation, total, known):
        assert total == 0


def grade(desk):
    pipeline.grade(
        pipeline.Request(
            course_dir=desk.course, source=None, assignment="layers", out=desk.out
        ),
        Unexpected(),
    )  # fmt: skip


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class, with one more exercise that a person grades."""
    made = graded.copy(tmp_path)
    made.replace("grading_config.yml", TOPIC, ESSAY)
    return made


def table(desk, *lines) -> str:
    path = desk.folder / "points.csv"
    path.write_text("\n".join(("student_id,exercise,points,comment", *lines)) + "\n")
    return str(path)


def give(desk, *lines, code=0):
    arguments = desk.arguments("points", table(desk, *lines), "--by", "sam")
    assert main(arguments) == code


def refused(desk, *lines) -> list[str]:
    course = config.load(desk.course)
    path = table(desk, *lines)
    with pytest.raises(ConfigError) as caught:
        marking.give(Store(desk.out), course.assignments["layers"], Path(path), by="sam")
    assert not (desk.out / "ledger.jsonl").exists()
    return str(caught.value).splitlines()


def test_a_comment_with_a_comma_is_not_cut_off(desk):
    assert refused(desk, "einsum,essay,1,good, but slow") == [
        "points.csv:2: expected 4 columns, got 5. Put text with commas in quotes."
    ]
    give(desk, 'einsum,essay,1,"good, but slow"')
    (entry,) = ledger.read(desk.out / "ledger.jsonl")
    assert entry.why == "good, but slow"


def test_a_class_waits_for_a_person_and_nobody_is_examined_again(desk):
    grade(desk)
    row = desk.grades()["notebook"]
    assert (row["status"], row["score"], row["graded_at"]) == ("pending", "", "")
    assert desk.grades()["absent"]["score"] == "0"
    for kind in ("results", "feedback"):
        document = desk.document(kind, "notebook")
        assert document["score"] is None
        assert document["waiting"] == ["essay"]
        assert document["explanation"].endswith("a person has yet to grade essay (2 points).")
        assert [one["id"] for one in document["exercises"]] == [
            "affine_forward", "affine_backward", "relu_forward", "relu_backward",
        ]  # fmt: skip


def test_points_make_the_score_and_students_read_the_comment(desk, capsys):
    give(desk, "notebook,essay,1.5,one step is missing", "stub,layers.essay,2,", "einsum,essay,,")
    assert capsys.readouterr().out == (
        "2 written, 0 known already, 1 without points."
        f" Then: gradlab grade -a layers -o {desk.out}\n"
    )
    grade(desk)
    document = desk.document("feedback", "notebook")
    assert document["score"]["value"] == 3.86  # 2 * 6.5 / 7 + 2
    assert document["exercises"][-1] == {
        "id": "essay", "title": "graded by a person", "starred": False,
        "points": 1.5, "max_points": 2, "outcome": "failed",
        "parts": [{"name": "points", "points": 1.5, "max_points": 2}],
        "hints": [], "remarks": ["graded by a person: one step is missing"], "cases": [],
    }  # fmt: skip
    assert desk.document("results", "stub")["exercises"][-1]["outcome"] == "passed"
    assert desk.grades()["einsum"]["status"] == "pending"
    found = ledger.read(desk.out / "ledger.jsonl")
    assert [(one.kind, one.by, one.why) for one in found] == [
        ("points", "sam", "one step is missing"),
        ("points", "sam", "graded by a person"),
    ]


def test_a_decimal_comma_is_read_as_spreadsheets_mean_it(desk, capsys):
    path = desk.folder / "points.csv"
    path.write_text("student_id;exercise;points;comment\nstub;essay;1,5;fine, but slow\n")
    for _ in range(2):
        assert main(desk.arguments("points", str(path), "--by", "sam")) == 0
    assert "0 written, 1 known already" in capsys.readouterr().out
    (entry,) = ledger.read(desk.out / "ledger.jsonl")
    assert (entry.value, entry.why) == ("1.5", "fine, but slow")


def test_a_table_given_again_writes_only_what_is_new(desk, capsys):
    give(desk, "notebook,essay,1.5,one step is missing", "stub,essay,,")
    give(desk, "notebook,essay,1.5,one step is missing", "stub,essay,1,")
    assert "1 written, 1 known already, 0 without" in capsys.readouterr().out
    give(desk, "notebook,essay,2,now it is there", "stub,essay,1,")
    assert "1 written, 1 known already, 0 without" in capsys.readouterr().out
    grade(desk)
    assert desk.document("results", "notebook")["exercises"][-1]["points"] == 2


def test_the_table_to_fill_in_has_what_was_handed_in_and_waits(desk, capsys):
    give(desk, "notebook,essay,1,")
    capsys.readouterr()
    assert main(desk.arguments("points")) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    students = {row["student_id"] for row in rows}
    assert students == set(desk.grades()) - {"absent", "notebook"}
    assert {(row["exercise"], row["points"]) for row in rows} == {("essay", "")}
    lines = [f"{row['student_id']},essay,1," for row in rows]
    give(desk, *lines)
    capsys.readouterr()
    assert main(desk.arguments("points")) == 0
    assert capsys.readouterr().out == "student_id,exercise,points,comment\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nobody,essay,1,", "expected a student of the assignment, got 'nobody'."),
        ("absent,essay,1,", "expected points for what was handed in, got some for absent."),
        ("stub,esay,1,", "expected an exercise out of essay, got 'esay'."),
        ("stub,relu_forward,1,", "expected an exercise out of essay, got 'relu_forward'."),
        ("stub,essay,2.5,", "expected points from 0 to 2, got '2.5'."),
        ('stub,essay,"2,5",', "expected points from 0 to 2, got '2,5'."),
        ('stub,essay,"1,0.5",', "expected points from 0 to 2, got '1,0.5'."),
        ('stub,essay,"1,",', "expected points from 0 to 2, got '1,'."),
        ("stub,essay,-1,", "expected points from 0 to 2, got '-1'."),
        ("stub,essay,nan,", "expected points from 0 to 2, got 'nan'."),
        ("ansi,essay,0,", "expected one line for ansi and essay, got another on line 2."),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_written(desk, line, said):
    assert refused(desk, "ansi,essay,1,", line) == [f"points.csv:3: {said} Correct it."]


def test_all_wrong_lines_are_named_at_once(desk):
    assert len(refused(desk, "nobody,esay,1,", "stub,essay,9,")) == 3


def test_a_table_that_is_none_is_named(desk, capsys):
    assert main(desk.arguments("points", str(desk.folder / "no.csv"))) == 2
    assert "no.csv: expected a CSV file, got No such file" in capsys.readouterr().err
    (desk.folder / "points.csv").write_text("student,points\nana,1\n")
    assert main(desk.arguments("points", str(desk.folder / "points.csv"))) == 2
    assert "points.csv:1: expected the columns student_id, exercise, points, got" in (
        capsys.readouterr().err
    )


def test_an_assignment_without_manual_exercises_says_what_to_do_instead(graded, capsys):
    assert main(graded.arguments("points")) == 2
    assert capsys.readouterr().err == (
        "layers: expected an exercise with `kind: manual`, got none."
        " Set points of others with: gradlab adjust --kind override --exercise NAME.\n"
    )


def test_explain_says_what_is_known_and_what_waits(desk, capsys):
    grade(desk)
    assert main(desk.arguments("explain", "notebook")) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.startswith("notebook, layers: pending Core exercises so far: 5 of 7 points.")
    assert main(desk.arguments("grade")) == 0
    printed = capsys.readouterr().out
    assert "notebook                 pending        ++++w      waits for essay" in printed
    assert "  w waits for a person" in printed


def test_validate_and_release_know_nothing_of_manual_exercises(desk, capsys):
    arguments = ["-C", str(desk.course), "validate", "layers", "-k", "relu_forward"]
    assert main([*arguments, "--seeds", "1", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert {one["exercise"] for one in findings} == {"layers.relu_forward"}
    assert main(["-C", str(desk.course), "release", "-o", str(desk.folder / "handout")]) == 0
