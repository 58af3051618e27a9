"""Result and feedback documents, run records, grades.csv."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.models import (
    Attempt,
    Cap,
    CaseOutcome,
    CaseResult,
    Diagnosis,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    ForbiddenSet,
    Grade,
    Isolation,
    LatePenalty,
    PartResult,
    Reason,
    RunRecord,
    RunStatus,
    Schedule,
    Score,
    ScoreRules,
    Status,
    Submission,
    SubmittedFile,
    TimeSource,
    Visibility,
)
from autograder.report.json import (
    GRADE_COLUMNS,
    Environment,
    dump,
    feedback_document,
    from_json,
    grade_row,
    grades_csv,
    number,
    parse,
    read_record,
    record_document,
    result_document,
    text_cell,
    to_json,
)

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
NOW = datetime(2026, 2, 12, 9, 0, tzinfo=UTC)
ENVIRONMENT = Environment(
    isolation=Isolation(tier="C", missing=("own process ids",)),
    python="3.11.7",
    torch="2.13.0",
    device="cpu",
    seed=17,
    policy_sha256="c" * 64,
)
SECRET = "student-text 0.123456789"


def schema_of(name) -> dict:
    return json.loads((SCHEMAS / f"{name}.v1.schema.json").read_text())


def validate(document):
    name = document["schema"].split("/")[1]
    times = jsonschema.FormatChecker(())
    times.checks("date-time", ValueError)(lambda text: text is None or datetime.fromisoformat(text))
    validator = jsonschema.Draft202012Validator(schema_of(name), format_checker=times)
    validator.validate(json.loads(dump(document)))


def case(number, visibility, outcome=CaseOutcome.FAILED) -> CaseResult:
    return CaseResult(
        id=f"tests/{visibility}/test_losses.py::TestSoftmax::test_rows[(3, 4)]#{number}",
        title="random rows",
        visibility=visibility,
        part="p",
        outcome=outcome,
        reason=Reason.EXCEPTION if outcome is CaseOutcome.FAILED else None,
        message=f"KeyError: {SECRET}",
        feedback="raised KeyError",
        duration_s=0.25,
    )


def exercise_result(**changes) -> ExerciseResult:
    forbidden = ForbiddenSet(
        name="softmax", names=("torch.softmax",), operators=("aten::_softmax",)
    )
    exercise = Exercise(id="softmax", topic="losses", points=Fraction(2), forbidden=(forbidden,))
    result = ExerciseResult(
        exercise=exercise,
        title="Softmax",
        outcome=ExerciseOutcome.FAILED,
        parts=(
            PartResult(name="p", points=Fraction(0), max_points=Fraction(4, 3)),
            PartResult(name="stability", points=Fraction(2, 3), max_points=Fraction(2, 3)),
        ),
        cases=(case(1, Visibility.PUBLIC), case(2, Visibility.HIDDEN)),
        diagnoses=(
            Diagnosis(mistake=None, parts=("p",), hints=("the ratio is N",)),
            Diagnosis(mistake="over_rows", parts=("p",), hints=("rows", "the ratio is N")),
        ),
        remarks=("changed its input",),
        review="uses exec on line 3",
    )
    return replace(result, **changes)


def attempt(sha="a", **changes) -> Attempt:
    files = (SubmittedFile(name="losses.py", sha256="b" * 64, size=3, blob=Path("b")),)
    made = Attempt(
        files=files,
        sha256=sha * 64,
        submitted_at=datetime(2026, 2, 9, 17, 20, tzinfo=UTC),
        time_source=TimeSource.TABLE,
    )
    return replace(made, **changes)


def record(sha="a", **changes) -> RunRecord:
    made = RunRecord(
        attempt_sha256=sha * 64,
        run_sha256="d" * 64,
        status=RunStatus.GRADED,
        graded_file="losses.py",
        differs_from_stub=True,
        exercises=(exercise_result(),),
        remarks=("losses.py:3: NameError",),
        private={"prints": "x\udc80", "lines": [1, None, True]},
    )
    return replace(made, **changes)


def submission(*attempts) -> Submission:
    return Submission(student_id="ana", assignment="tp1", attempts=attempts, name="Ana Gómez")


SCORE = Score(
    value=Fraction(1),
    scale=Fraction(4),
    core=Fraction(1, 3),
    starred=Fraction(1, 2),
    raw=Fraction(5, 3),
    late_penalty=Fraction(1, 4),
    caps=(Cap(limit=Fraction(1), reason="too late"), Cap(limit=Fraction(2), reason="no star")),
    explanation="1.67 before caps; capped at 1: too late",
)


def grade(status=Status.GRADED, score=SCORE, best=0) -> Grade:
    return Grade(student_id="ana", assignment="tp1", status=status, score=score, best_attempt=best)


# --- every status, as schema and gradebook have it ---

NONE = replace(SCORE, value=Fraction(0), caps=())
BROKEN = attempt(files=(), problem="ana.zip: expected a zip archive, got less.")
EVERY_STATUS = {
    "graded": (submission(attempt()), grade(), {"a" * 64: record()}),
    "second of two": (
        submission(BROKEN, attempt("e", submitted_at=None, time_source=TimeSource.UNKNOWN)),
        grade(best=1),
        {"e" * 64: record("e")},
    ),
    "not submitted": (submission(), grade(Status.NOT_SUBMITTED, NONE, None), {}),
    "unreadable": (submission(BROKEN), grade(Status.UNREADABLE, None, None), {}),
    "internal error": (
        submission(attempt()),
        grade(Status.INTERNAL_ERROR, None, None),
        {"a" * 64: record(status=RunStatus.INTERNAL_ERROR, message=f"the worker: {SECRET}")},
    ),
    "pending": (submission(attempt()), grade(Status.PENDING, None, None), {}),
}
every_status = pytest.mark.parametrize("name", EVERY_STATUS)


@every_status
def test_every_document_follows_its_schema(name):
    handed_in, marks, records = EVERY_STATUS[name]
    result = result_document(handed_in, marks, records, ENVIRONMENT, NOW)
    feedback = feedback_document(handed_in, marks, records, NOW)
    validate(result)
    validate(feedback)
    assert result["status"] == feedback["status"] == marks.status.value


@every_status
def test_the_same_facts_make_the_same_bytes(name):
    handed_in, marks, records = EVERY_STATUS[name]
    first = dump(result_document(handed_in, marks, records, ENVIRONMENT, NOW))
    assert first == dump(result_document(handed_in, marks, records, ENVIRONMENT, NOW))
    assert first.endswith(b"}\n")


def test_a_result_says_where_it_ran_and_what_it_is_worth():
    document = result_document(*EVERY_STATUS["graded"], ENVIRONMENT, NOW)
    assert document["isolation"] == {"tier": "C", "missing": ["own process ids"]}
    assert document["environment"]["run_sha256"] == "d" * 64
    assert document["score"]["raw"] == 1.666667
    assert document["score"]["caps"][0] == {"limit": 1, "reason": "too late"}
    (exercise,) = document["exercises"]
    assert (exercise["points"], exercise["max_points"]) == (0.666667, 2)
    assert exercise["mistake"] == "over_rows"
    assert exercise["hints"] == ["the ratio is N", "rows"]
    assert exercise["cases"][1]["message"] == f"KeyError: {SECRET}"
    assert document["attempts"][0] == {
        "files": ["losses.py"],
        "graded_file": "losses.py",
        "sha256": "a" * 64,
        "submitted_at": "2026-02-09T17:20:00+00:00",
        "time_source": "submissions.csv",
        "problem": None,
    }


def test_feedback_of_a_hidden_case_holds_nothing_that_a_student_controls():
    document = feedback_document(*EVERY_STATUS["graded"], NOW)
    public, hidden = document["exercises"][0]["cases"]
    assert public["message"] == f"KeyError: {SECRET}"
    assert hidden == {
        "id": None,
        "title": "random rows",
        "visibility": "hidden",
        "part": "p",
        "outcome": "failed",
        "reason": "exception",
        "message": "raised KeyError",
        "called": "",
    }


def test_feedback_has_no_seed_duration_mistake_or_suspicion():
    text = dump(feedback_document(*EVERY_STATUS["graded"], NOW)).decode()
    for secret in ["seed", "duration", "over_rows", "exec", "d" * 64, "c" * 64, "(3, 4)]#2"]:
        assert secret not in text
    assert "the ratio is N" in text


def test_a_fault_of_ours_is_told_without_its_details():
    facts = EVERY_STATUS["internal error"]
    assert SECRET in dump(result_document(*facts, ENVIRONMENT, NOW)).decode()
    document = feedback_document(*facts, NOW)
    assert SECRET not in dump(document).decode()
    assert "no points are lost" in document["attempts"][0]["problem"]
    assert document["exercises"] == []


def test_an_unreadable_attempt_says_why():
    document = feedback_document(*EVERY_STATUS["unreadable"], NOW)
    assert document["attempts"][0]["problem"] == "ana.zip: expected a zip archive, got less."
    message = "losses.py: not UTF-8"
    records = {"a" * 64: record(status=RunStatus.UNREADABLE, message=message, exercises=())}
    facts = (submission(attempt()), grade(Status.UNREADABLE, None, None), records)
    assert feedback_document(*facts, NOW)["attempts"][0]["problem"] == message
    assert result_document(*facts, ENVIRONMENT, NOW)["attempts"][0]["problem"] == message


# --- schemas ---

ENUMS = {
    ("result", "feedback"): {
        "properties.status": Status,
        "$defs.attempt.properties.time_source": TimeSource,
        "$defs.exercise.properties.outcome": ExerciseOutcome,
        "$defs.case.properties.outcome": CaseOutcome,
        "$defs.case.properties.reason": Reason,
        "$defs.case.properties.visibility": Visibility,
    }
}


@pytest.mark.parametrize("name", ["result", "feedback"])
def test_schemas_know_exactly_the_words_of_the_models(name):
    for path, kind in ENUMS["result", "feedback"].items():
        node = schema_of(name)
        for step in path.split("."):
            node = node[step]
        assert [word for word in node["enum"] if word is not None] == [
            member.value for member in kind
        ]


@pytest.mark.parametrize("name", ["result", "feedback", "run"])
def test_schemas_are_schemas_and_closed(name):
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    for node in objects_of(schema):
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])


def objects_of(node):
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for inner in node.values():
            yield from objects_of(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from objects_of(inner)


def test_the_feedback_schema_refuses_the_id_of_a_hidden_case():
    document = feedback_document(*EVERY_STATUS["graded"], NOW)
    document["exercises"][0]["cases"][1]["id"] = "tests/hidden/test_losses.py::test[(3, 4)]"
    with pytest.raises(jsonschema.ValidationError, match="is not of type 'null'"):
        validate(document)


# --- run records ---

names = st.text(st.characters(exclude_categories=[]), max_size=8)
fractions = st.fractions(min_value=0, max_value=100)
parts = st.builds(PartResult, name=names, points=fractions, max_points=fractions)
cases = st.builds(
    CaseResult,
    id=names,
    title=names,
    visibility=st.sampled_from(Visibility),
    part=names,
    outcome=st.sampled_from(CaseOutcome),
    reason=st.none() | st.sampled_from(Reason),
    message=names,
    feedback=names,
    duration_s=st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)
records = st.builds(
    RunRecord,
    attempt_sha256=names,
    run_sha256=names,
    status=st.sampled_from(RunStatus),
    exercises=st.lists(
        st.builds(
            exercise_result,
            parts=st.lists(parts, max_size=2).map(tuple),
            cases=st.lists(cases, max_size=2).map(tuple),
            review=st.none() | names,
        ),
        max_size=2,
    ).map(tuple),
    remarks=st.lists(names, max_size=2).map(tuple),
    private=st.dictionaries(names, names, max_size=2),
)


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(records)
def test_a_run_record_survives_json_exactly(made):
    assert read_record(parse(dump(record_document(made)), "gradlab/record/v1")) == made


def test_points_stay_exact_in_records():
    document = record_document(record())
    assert document["exercises"][0]["parts"][0]["max_points"] == "4/3"
    assert read_record(document) == record()


def test_a_field_that_a_file_lacks_takes_its_default():
    document = record_document(record(remarks=()))
    del document["remarks"]
    assert read_record(document) == record(remarks=())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "splendid"}, "'splendid' is not a valid RunStatus"),
        ({"status": None}, "expected str, got NoneType"),
        ({"exercises": {}}, "expected list, got dict"),
        ({"differs_from_stub": 1}, "expected bool, got int"),
        ({"private": []}, "expected dict, got list"),
        ({"mood": "fine"}, "expected a RunRecord, got a field 'mood'"),
        ({"exercises": [{}]}, "expected a ExerciseResult: .* missing"),
    ],
)
def test_a_record_with_anything_else_in_it_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        read_record(record_document(record()) | changes)


def test_points_that_are_no_fraction_are_refused():
    for points in ["1/0", "many", 3]:
        part = {"name": "p", "points": points, "max_points": "1"}
        with pytest.raises(ValueError, match=r"expected|Invalid"):
            from_json(PartResult, part)


def test_a_submission_survives_json():
    made = submission(attempt(), attempt("e", submitted_at=None))
    assert from_json(Submission, json.loads(json.dumps(to_json(made)))) == made
    assert from_json(Submission, to_json(made)).attempts[0].submitted_at.tzinfo is not None


def test_rules_and_dates_survive_json():
    penalty = LatePenalty(points=Fraction(1, 2), period=timedelta(days=1), at_most=Fraction(2))
    for made in [ScoreRules(grace=timedelta(minutes=5), late_penalty=penalty), Schedule(due=NOW)]:
        assert from_json(type(made), json.loads(json.dumps(to_json(made)))) == made


def test_parse_refuses_what_is_not_the_document():
    for data in [b"", b"[]", b"{", b"\xff", b'{"schema": "gradlab/result/v2"}']:
        with pytest.raises(ValueError, match=r"expected|Expecting|codec"):
            parse(data, "gradlab/result/v1")


def test_integers_are_read_as_floats_where_floats_stand():
    assert type(from_json(float, 3)) is float


# --- grades.csv ---


def rows_of(*facts) -> list[dict[str, str]]:
    rows = [
        grade_row(handed_in, result_document(handed_in, marks, records, ENVIRONMENT, NOW))
        for handed_in, marks, records in facts
    ]
    return list(csv.DictReader(io.StringIO(grades_csv(rows).decode())))


def test_grades_of_every_status():
    found = {name: rows_of(facts)[0] for name, facts in EVERY_STATUS.items()}
    numbers = {name: (row["score"], row["raw"], row["cap"]) for name, row in found.items()}
    assert numbers == {
        "graded": ("1", "1.666667", "1"),
        "second of two": ("1", "1.666667", "1"),
        "not submitted": ("0", "1.666667", ""),
        "unreadable": ("", "", ""),
        "internal error": ("", "", ""),
        "pending": ("", "", ""),
    }
    assert found["graded"] == {
        "student_id": "ana",
        "name": "Ana Gómez",
        "assignment": "tp1",
        "score": "1",
        "raw": "1.666667",
        "cap": "1",
        "status": "graded",
        "submitted_at": "2026-02-09T17:20:00+00:00",
        "graded_at": "2026-02-12T09:00:00+00:00",
        "submission_sha256": "a" * 64,
    }
    assert found["second of two"]["submission_sha256"] == "e" * 64
    assert found["second of two"]["submitted_at"] == ""
    assert found["pending"]["graded_at"] == ""


@pytest.mark.parametrize("status", [Status.INTERNAL_ERROR, Status.PENDING, Status.UNREADABLE])
def test_a_number_without_a_grade_is_never_exported(status):
    (row,) = rows_of((submission(attempt()), grade(status, SCORE, 0), {}))
    assert (row["score"], row["raw"], row["cap"]) == ("", "", "")


def test_grades_are_sorted_and_without_a_result_pending():
    ben = replace(submission(), student_id="ben")
    rows = [grade_row(ben, None), grade_row(replace(submission(), assignment="tp2"), None)]
    text = grades_csv([*rows, grade_row(submission(), None)]).decode()
    assert text.splitlines() == [
        ",".join(GRADE_COLUMNS),
        "ana,Ana Gómez,tp1,,,,pending,,,",
        "ana,Ana Gómez,tp2,,,,pending,,,",
        "ben,Ana Gómez,tp1,,,,pending,,,",
    ]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "\uff0b1", "\uff20A"]
)
def test_text_that_a_spreadsheet_would_run_is_quoted(text):
    assert text_cell(text) == f"'{text}".replace("\r", " ")
    row = grade_row(replace(submission(), name=text, student_id="-ana"), None)
    _, cells = csv.reader(io.StringIO(grades_csv([row]).decode()))
    assert cells[:2] == ["'-ana", text_cell(text)]


def test_other_text_is_left_alone():
    for text in ["", "Ana", "1-2", "O'Neil", "Gómez, A."]:
        assert text_cell(text) == text
    assert text_cell("Ana\r\nGómez\n") == "Ana Gómez"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("4", "4"), ("13/4", "3.25"), ("1/3", "0.333333"), ("0", "0"), ("1/1000000", "1e-06")],
)
def test_points_are_shown_as_people_write_them(value, shown):
    assert str(number(Fraction(value))) == shown
