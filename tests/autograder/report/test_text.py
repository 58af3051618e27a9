"""What people read in 80 columns: plain, complete, and inert whatever students write."""

import dataclasses
import io
import unicodedata
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from autograder.models import (
    CaseOutcome,
    CaseResult,
    Diagnosis,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    Grade,
    Isolation,
    RunRecord,
    RunStatus,
    Score,
    Status,
    Submission,
    Visibility,
)
from autograder.report import text

EVIL = "\x1b[31m\x07\x9b2J [bold]x[/bold] [/nothing] :bomb: \u202eexe.py\u2066 \x00\r"


def shown(*parts, width=80, terminal=False) -> str:
    """Return what a console of some width prints."""
    console = text.console()
    console.file = io.StringIO()
    console.width = width
    console._force_terminal = terminal
    for part in parts:
        console.print(part)
    return console.file.getvalue()


def result(outcome=ExerciseOutcome.FAILED, name="softmax", **changes) -> ExerciseResult:
    case = CaseResult(
        id=f"public/test_losses.py::Test::test_{name}#p",
        title="rows of ones",
        visibility=Visibility.PUBLIC,
        part="p",
        outcome=CaseOutcome.FAILED,
        message="p[0, 0]: expected 1, got 2, the largest of 3 wrong elements out of 3",
        called="softmax([[1, 1]])",
    )
    exercise = Exercise(id=name, topic="losses", points=Fraction(1))
    made = ExerciseResult(exercise=exercise, title="", outcome=outcome, parts=(), cases=(case,))
    return dataclasses.replace(made, **changes)


def graded(
    student="ana", value="3.25", status=Status.GRADED, results=(), message="", scale=4, **more
):
    """Return what a row of the final table is made of."""
    attempts = more.pop("attempts", ())
    record = RunRecord(
        attempt_sha256="a", run_sha256="r", status=RunStatus.GRADED, message=message,
        exercises=tuple(results),
    )  # fmt: skip
    zero = Fraction(0)
    score = value and Score(
        value=Fraction(value), scale=Fraction(scale), core=zero, starred=zero, raw=zero,
        late_penalty=zero, caps=(), explanation="",
    )  # fmt: skip
    grade = Grade(student_id=student, assignment="tp1", status=status, score=score or None, **more)
    submission = Submission(student_id=student, assignment="tp1", attempts=attempts)
    return SimpleNamespace(submission=submission, grade=grade, records={"a": record})


def final_table(*students):
    """Return the final table, from what its rows are made of."""
    records = [record for one in students for record in one.records.values()]
    exercises = max(([r.exercise for r in one.exercises] for one in records), key=len, default=[])
    rows = [text.row(one.submission, one.grade, one.records, exercises) for one in students]
    return text.grades_table(rows, exercises)


# --- inert ------------------------------------------------------------------------------------


def test_control_and_direction_characters_are_shown_as_escapes():
    assert text.printable("a\x1b[2Jb\u202ec\x00\rd") == "a\\x1b[2Jb\\u202ec\\x00\\rd"


def test_letters_of_all_scripts_newlines_and_tabs_stay():
    plain = "é λ 雪 🙂 ‖x‖₂\n\tindented"
    assert text.printable(plain) == plain


def test_long_text_is_cut():
    assert text.printable("x" * 30, limit=10) == "xxxxxxxxxx ..."


@given(st.text(st.characters(exclude_categories=()), max_size=60))
@settings(derandomize=True, database=None, deadline=None)
def test_whatever_a_student_writes_reaches_the_terminal_as_text(written):
    made = shown(text.line(written), text.inside("note: ", written), terminal=True)
    assert "\x1b" not in made
    assert text.printable(made) == made


def test_markup_and_emoji_codes_are_never_read():
    remark = result(remarks=(EVIL,))
    row = graded(message=EVIL)
    made = shown(*text.exercise_lines(remark), *final_table(row), width=200)
    assert made.count("[bold]x[/bold] [/nothing] :bomb:") == 2
    assert "\x1b" not in made


def test_lone_surrogates_can_be_printed():
    assert "\\ud800" in shown(text.line("\ud800"))


# --- layout -----------------------------------------------------------------------------------


def test_wrapped_text_stays_indented_and_ends_in_no_space():
    lines = shown(text.inside("hint: ", "word " * 40)).splitlines()
    assert len(lines) > 2
    assert all(line.startswith("      ") and not line.endswith(" ") for line in lines)
    assert max(map(len, lines)) <= 80


def test_text_in_a_very_narrow_terminal_is_still_text():
    assert "word" in shown(text.inside("", "word " * 10, depth=8), width=10)


def test_the_final_table_needs_no_colour():
    passed, failed = result(ExerciseOutcome.PASSED), result(name="logsumexp")
    rows = [
        graded(results=[passed, failed]),
        graded("ben", "", Status.UNREADABLE, message="losses.py: it is empty."),
    ]
    made = shown(*final_table(*rows))
    assert [line.rstrip() for line in made.splitlines()] == [
        "student  score  status      exercises  remark",
        "ana       3.25  graded      +-",
        "ben             unreadable             losses.py: it is empty",
        "",
        "exercises: softmax, logsumexp",
        "marks: + passed  - failed  . not written  ! forbidden  E error  ? not run",
        "2 students: 1 graded, 1 unreadable; scores are out of 4",
    ]


def test_every_outcome_has_a_mark_and_a_word_of_its_own():
    marks = [text._MARKS[outcome] for outcome in ExerciseOutcome]
    assert len(set(marks)) == len(marks)
    assert {text.WORDS[outcome][0] for outcome in ExerciseOutcome} == {
        "passed", "failed", "not written yet", "forbidden operation", "error", "not run",
    }  # fmt: skip
    assert set(text.STATUSES) == set(Status)


def test_the_scale_is_the_courses_own():
    assert "scores are out of 20" in shown(*final_table(graded(value="13.5", scale=20)))


@pytest.mark.parametrize(
    ("value", "said"), [("4", "4.00"), ("3.25", "3.25"), ("13/4", "3.25"), ("2.125", "2.125")]
)
def test_scores_are_never_rounded_for_show(value, said):
    assert text.score_text(graded(value=value).grade) == said


def test_no_score_is_no_number():
    assert text.score_text(graded(value="").grade) == ""


def test_a_class_where_nobody_handed_in_has_no_marks():
    row = graded("ana", "0", Status.NOT_SUBMITTED)
    row.records.clear()
    made = shown(*final_table(row))
    assert "marks" not in made
    assert "1 student: 1 not submitted" in made


def test_the_remark_says_what_needs_a_look():
    mistake = Diagnosis(mistake="no_shift", parts=(), hints=())
    row = graded(
        results=[
            result(ExerciseOutcome.FORBIDDEN, "softmax"),
            result(name="logsumexp", diagnoses=(mistake,), review="exec (losses.py, line 3)"),
        ]
    )
    made = " ".join(shown(*final_table(row), width=120).split())
    assert "forbidden: softmax; review: logsumexp; no_shift" in made


def test_the_remark_is_one_sentence_and_explain_has_the_rest():
    said = "tp1.py, line 4: expected Python 3, got `x.`. Mend it.\nAnd more."
    made = shown(*final_table(graded(value="", message=said)), width=120)
    assert "tp1.py, line 4: expected Python 3, got `x.`" in made
    assert "Mend" not in made


def test_an_unreadable_result_has_a_remark_even_if_its_record_has_no_message():
    said = "What was handed in could not be read."
    row = graded(value="", status=Status.UNREADABLE, explanation=said)
    assert "What was handed in could not be read" in shown(*final_table(row), width=120)


def test_work_that_came_too_late_is_not_just_missing():
    said = "Nothing was handed in before the closing date. Score: 0."
    row = graded(value="0", status=Status.NOT_SUBMITTED, attempts=(None,), explanation=said)
    made = shown(*final_table(row), width=120)
    assert "Nothing was handed in before the closing date" in made


def test_names_of_usual_length_are_not_folded():
    rows = [graded("syntax-error-in-one-module", message="word " * 30), graded("ben")]
    assert "syntax-error-in-one-module" in shown(*final_table(*rows))


def test_very_long_names_leave_room_for_the_rest():
    rows = [graded("x" * 64, message="it is empty")]
    made = shown(*final_table(*rows))
    assert "empty" in made
    assert max(map(len, made.splitlines())) <= 80


# --- a student's check ------------------------------------------------------------------------


def test_a_failed_exercise_says_what_broke_first_and_one_hint():
    hints = ("The rows do not sum to 1.", "Look at the denominator.", "Which axis is summed?")
    diagnosis = Diagnosis(mistake="wrong_axis", parts=("p",), hints=hints)
    made = shown(*text.exercise_lines(result(diagnoses=(diagnosis,))))
    assert made.splitlines() == [
        "  softmax                      failed",
        "      test: rows of ones",
        "      input: softmax([[1, 1]])",
        "      result: p[0, 0]: expected 1, got 2, the largest of 3 wrong elements out of",
        "      3",
        "      hint: The rows do not sum to 1.",
    ]
    assert "wrong_axis" not in made
    assert "Which axis is summed?" in shown(
        *text.exercise_lines(result(diagnoses=(diagnosis,)), rung=3)
    )


MESSAGES = (
    "p[0, 0]: expected 0.5, got nan (3 of 4 elements are NaN or infinite)",
    "loss: expected shape (2,), got (2, 1). Axis 1, of length 1, should be gone: squeeze(1), or no",
    "nll: expected a tensor of shape (2,) and dtype float64, got None. Is a `return` missing?",
    "p: expected dtype float32, got int64.",
    "softmax raised ValueError: " + "a" * 300,
    "softmax was stopped after 5 s of computing. Does a loop never end?",
    EVIL,
    "",
)


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("outcome", ExerciseOutcome)
@pytest.mark.parametrize("terminal", [False, True])
def test_every_kind_of_message_reads_well_in_80_columns_and_without_colour(
    message, outcome, terminal, monkeypatch
):
    monkeypatch.setenv("NO_COLOR", "1")
    name = "a_function_with_a_name_of_32_let"
    told = result(outcome, name=name, remarks=(message,), review=message)
    case = dataclasses.replace(told.cases[0], message=message, called=f"{name}({EVIL})")
    hints = (message, message, message)
    told = dataclasses.replace(
        told, cases=(case,), diagnoses=(Diagnosis(mistake="m", parts=("p",), hints=hints),)
    )
    last = text.inside("", text.check_summary([told], "losses.py", {name: message}), depth=0)
    made = shown(*text.exercise_lines(told, rung=3), last, terminal=terminal)
    assert text.WORDS[outcome][0] in made.splitlines()[0]  # the verdict is a word, not a colour
    for one in made.splitlines():
        assert len(one) <= 80
        assert one == one.rstrip()
        assert not any(unicodedata.category(letter)[0] == "C" for letter in one), one
        assert not any("\u2500" <= letter <= "\u25ff" for letter in one)  # boxes and arrows
    labels = {"test", "input", "result", "hint", "note", "a person will look at"}
    assert {one.label for one in text.sentences(told, rung=3)} <= labels


def test_a_passed_exercise_is_one_line():
    star = Exercise(id="entropy", topic="losses", points=Fraction(1), starred=True)
    made = shown(*text.exercise_lines(result(ExerciseOutcome.PASSED, exercise=star)))
    assert made == "* entropy                      passed\n"


def test_notes_and_reviews_are_said():
    made = shown(*text.exercise_lines(result(remarks=("an input is changed",), review="exec")))
    assert "      note: an input is changed\n" in made
    assert "      a person will look at: exec\n" in made


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (["passed"], "losses.py: 1 of 1 exercise passes its public tests."),
        (["passed", "failed", "failed"], "losses.py: 1 of 3 exercises passes its public tests."),
        (["passed", "passed"], "losses.py: 2 of 2 exercises pass their public tests."),
        (["failed", "failed"], "losses.py: 0 of 2 exercises pass their public tests."),
    ],
)
def test_the_last_line_of_a_check_never_promises_more_than_it_knows(outcomes, said):
    results = [result(ExerciseOutcome(outcome)) for outcome in outcomes]
    made = text.check_summary(results, "losses.py")
    assert made.startswith(said)
    assert "Hidden tests also vary" in made


def test_of_one_exercise_the_last_line_says_what_hidden_tests_vary():
    varies = {"softmax": "the shape, `dim` and scores up to 10 000."}
    alone = text.check_summary([result()], "losses.py", varies)
    assert alone.endswith("Hidden tests also vary the shape, `dim` and scores up to 10 000.")
    both = text.check_summary([result(), result(name="entropy")], "losses.py", varies)
    assert both.endswith("What they vary of an exercise: gradlab check -k NAME.")


def test_a_forbidden_operation_is_a_result_and_what_follows_are_hints():
    hints = ("softmax uses torch.softmax.", "The handout lists it.", "Of what is it made?")
    diagnosis = Diagnosis(mistake=None, parts=("p",), hints=hints)
    forbidden = result(ExerciseOutcome.FORBIDDEN, diagnoses=(diagnosis,))
    said = [(one.label, one.text) for one in text.sentences(forbidden, rung=2)]
    assert said == [("result", hints[0]), ("hint", hints[1])]


# --- explain ----------------------------------------------------------------------------------


def document(**changes):
    """Return a result file."""
    cases = [
        {"id": f"hidden/test_losses.py::Test::test_rows[{n}]#p", "title": f"rows ({n})",
         "outcome": outcome, "message": message}
        for n, outcome, message in (
            (1, "passed", ""), (2, "failed", "p: wrong"), (3, "failed", "p: wrong"),
            (4, "failed", "p: NaN"),
        )
    ]  # fmt: skip
    exercise = {
        "id": "softmax", "starred": False, "points": 0.5, "max_points": 2, "outcome": "failed",
        "mistake": "no_shift", "hints": ["Large inputs."], "remarks": ["slow"], "review": None,
        "cases": cases,
    }  # fmt: skip
    attempt = {
        "files": ["losses.py", "notes.txt"], "graded_file": "losses.py", "problem": None,
        "submitted_at": "2026-02-09T18:25:00+01:00",
    }  # fmt: skip
    return {
        "student_id": "ana", "assignment": "tp1", "status": "graded", "graded_attempt": 0,
        "score": {"explanation": "Score: 0.5 of 4."}, "attempts": [attempt],
        "exercises": [exercise], "remarks": [], "isolation": {"tier": "C", "missing": ["quiet"]},
    } | changes  # fmt: skip


def test_an_explanation_says_each_message_once_with_a_case_to_replay():
    assert shown(*text.explanation(document())).splitlines() == [
        "ana, tp1: graded",
        "  Score: 0.5 of 4.",
        "graded attempt (2026-02-09T18:25:00+01:00): losses.py",
        "  softmax                      0.5 of 2   failed",
        "      rows (2), and 1 more case",
        "        hidden/test_losses.py::Test::test_rows[2]",
        "        p: wrong",
        "      rows (4)",
        "        hidden/test_losses.py::Test::test_rows[4]",
        "        p: NaN",
        "      known mistake: no_shift",
        "      hint: Large inputs.",
        "      remark: slow",
        "isolation: tier C (student code has the interpreter's files, few system calls)",
        "  it cannot promise",
        "  - quiet",
    ]


def test_an_explanation_of_what_could_not_be_read_says_why():
    attempt = {
        "files": ["losses.py"], "graded_file": None, "problem": "losses.py: it is empty.",
        "submitted_at": None,
    }  # fmt: skip
    changes = {"status": "unreadable", "graded_attempt": None, "score": None, "exercises": []}
    made = shown(*text.explanation(document(attempts=[attempt], **changes)))
    assert "attempt (time unknown): losses.py\n      losses.py: it is empty.\n" in made


def test_one_reason_that_stops_all_cases_is_said_once():
    exercise = document()["exercises"][0]
    for case in exercise["cases"]:
        case |= {"outcome": "not_run", "message": f"needs x, which failed for {case['id']}"}
    made = shown(*text.explanation(document(exercises=[exercise])))
    assert made.count("needs x") == 1
    assert "rows (1), and 3 more cases" in made


# --- validate ---------------------------------------------------------------------------------


def finding(**changes):
    given = {"exercise": "losses.softmax", "seed": "1", "dtype": "float64", "cases": 9,
             "mistakes": 3, "multiples": 0, "alternatives": 1, "degenerate": 5,
             "problems": ()}  # fmt: skip
    return SimpleNamespace(**given | changes)


def test_a_proof_is_one_row_for_each_exercise():
    made = shown(*text.validation([finding(), finding(seed="2")]))
    assert "losses.softmax" in made
    assert made.splitlines()[-1] == "1 exercise, 3 known mistakes, 2 seeds in float64: all proven"


def test_mistakes_that_are_multiples_of_others_are_told():
    made = shown(*text.validation([finding(multiples=1), finding(seed="2", multiples=1)]), width=90)
    assert "3 known mistakes (1 of them another times a constant), 2 seeds" in made


def test_a_failed_proof_says_no_and_why():
    wrong = finding(dtype="float32", problems=("mistake no_shift is not caught",))
    made = shown(*text.validation([finding(), wrong]), width=100)
    assert made.splitlines()[1].split()[-1] == "NO"
    assert "losses.softmax (seed 1, float32): mistake no_shift is not caught" in made
    assert made.splitlines()[-1].endswith("1 seed in float32 and float64: 1 of 2 proofs failed")


# --- consoles ---------------------------------------------------------------------------------


def test_a_console_is_100_columns_wide_where_there_is_no_terminal():
    assert isinstance(text.console(), Console)
    assert text.console(stderr=True).width == 100


def feedback_of(**changes) -> dict:
    """Return a `gradlab/feedback/v1` document of one failed exercise."""
    case = {"title": "a title", "outcome": "failed", "message": "too large\x1b[31m"}
    exercise = {
        "id": "softmax", "title": "", "starred": True, "points": 0.5, "max_points": 2,
        "outcome": "failed", "hints": ["one", "two"], "remarks": ["changes z"],
        "cases": [{"title": "", "outcome": "passed", "message": ""}, case],
    }  # fmt: skip
    attempt = {"files": ["a.py", "b.py"], "graded_file": None, "submitted_at": None}
    return {
        "assignment": "tp1", "status": "graded", "graded_attempt": 0, "remarks": ["one more"],
        "attempts": [attempt | {"problem": None}], "exercises": [exercise],
        "score": {"value": 3.25, "scale": 4, "explanation": "Score: 3.25 of 4."},
    } | changes  # fmt: skip


def test_feedback_is_what_a_student_may_read_in_plain_lines():
    assert text.feedback_lines(feedback_of()) == [
        "tp1: 3.25 of 4",
        "Score: 3.25 of 4.",
        "graded attempt (time unknown): a.py, b.py",
        "softmax (*): 0.5 of 2, failed",
        "    a title",
        "    too large\\x1b[31m",
        "    hint: one",
        "    hint: two",
        "    note: changes z",
        "note: one more",
    ]


def test_short_feedback_has_one_hint_and_no_attempts():
    lines = text.feedback_lines(feedback_of(), short=True)
    assert "    hint: two" not in lines
    assert not any("attempt" in line for line in lines)


def test_feedback_without_a_score_says_the_status_and_the_problem():
    attempt = feedback_of()["attempts"][0] | {"problem": "a.py: no zip"}
    found = feedback_of(
        score=None, status="unreadable", attempts=[attempt], exercises=[], remarks=[]
    )
    assert text.feedback_lines(found, short=True) == ["tp1: unreadable", "    a.py: no zip"]


def test_an_exercise_that_nobody_wrote_shows_no_broken_case():
    (exercise,) = feedback_of()["exercises"]
    empty = exercise | {"outcome": "not_implemented", "hints": [], "remarks": []}
    assert text.exercise_feedback(empty) == ["0.5 of 2, not written yet"]


def test_less_isolation_than_the_best_says_what_is_missing_why_and_what_to_do():
    isolation = Isolation(tier="C", missing=("quiet", "dark"), why="tier A: refused")
    assert shown(*text.isolation_block(isolation, "Allow it.")).splitlines()[1:] == [
        "  it cannot promise",
        "  - quiet",
        "  - dark",
        "  why no better tier: tier A: refused",
        "  what to do: Allow it.",
    ]
    unknown = shown(*text.isolation_block(isolation))
    assert unknown.endswith("  what to do: run `gradlab doctor`\n")


def test_grading_without_isolation_is_said_loudly():
    assert text.isolation_line("none") == "isolation: tier none (STUDENT CODE IS NOT ISOLATED)"
