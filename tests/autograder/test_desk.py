"""Looking a result up, playing a case again, writing a decision down."""

from datetime import datetime

import pytest

from autograder import desk as instructor
from autograder import ledger, pipeline
from autograder.errors import ConfigError
from autograder.report.json import RECORD, dump, parse, sealed, unsealed
from tests.autograder import layers

HIDDEN = "hidden/test_layers.py::TestAffineBackward::test_random[5]"


def request(desk, **changes) -> pipeline.Request:
    given = {"course_dir": desk.course, "source": None, "assignment": "layers", "out": desk.out}
    return pipeline.Request(**given | changes)


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class, to be changed."""
    return graded.copy(tmp_path)


class Unexpected:
    """Nothing is examined when only a decision is new."""

    def begin(self, isolation, total, known):
        assert total == 0

    def examined(self, student_id, record):
        raise AssertionError(student_id)


def decide(desk, student, kind, **more):
    """Write a decision down, and return the student's next result."""
    instructor.decide(request(desk), student, kind=kind, why="we talked", by="sam", **more)
    pipeline.grade(request(desk), Unexpected())
    return desk.document("results", student)


# --- results ----------------------------------------------------------------------------------


def test_a_result_is_the_students_result_file(graded):
    assert instructor.result(graded.out, "layers", "einsum") == graded.document("results", "einsum")


@pytest.mark.parametrize("student", ["nobody", "../einsum", "", ".lock", "a/b", "*"])
def test_a_student_without_a_result_is_named(graded, student):
    with pytest.raises(ConfigError, match="out: expected a result of .* at 'layers', got none"):
        instructor.result(graded.out, "layers", student)


@pytest.mark.parametrize("assignment", ["mlp", "../layers", ""])
def test_an_assignment_without_results_is_named(graded, assignment):
    with pytest.raises(ConfigError, match="Grade first, or correct the names"):
        instructor.result(graded.out, assignment, "einsum")


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("results", "Make it again: gradlab grade"),
        ("submissions", "Collect and grade again: gradlab grade SOURCE"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_called_absent(desk, kind, advice):
    path = desk.out / kind / "layers" / "einsum.json"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ConfigError) as caught:
        instructor.result(desk.out, "layers", "einsum")
    said = str(caught.value)
    assert said.startswith(f"{path}: expected a file that can be read, got a damaged one (")
    assert said.endswith(f"). {advice} -a layers -o {desk.out}")
    with pytest.raises(ConfigError, match="expected a result of 'nobody' at 'layers', got none"):
        instructor.result(desk.out, "layers", "nobody")


# --- decisions --------------------------------------------------------------------------------


def test_an_override_sets_the_score_and_says_so(desk):
    score = decide(desk, "stub", "override", value="1.25")["score"]
    assert score["value"] == 1.25
    assert "An instructor set the score to 1.25." in score["explanation"]


def test_an_override_of_one_exercise_sets_its_points(desk):
    result = decide(desk, "einsum", "override", value="1.5", exercise="affine_backward")
    points = {one["id"]: one["points"] for one in result["exercises"]}
    assert points["affine_backward"] == 1.5
    assert result["score"]["value"] == 3.4


def test_a_withdrawn_override_counts_no_more(desk, graded):
    decide(desk, "stub", "override", value="4")
    result = decide(desk, "stub", "override", value="withdrawn")
    assert result["score"] == graded.document("results", "stub")["score"]


def test_clearing_a_forbidden_operation_gives_back_what_its_cases_earned(desk):
    result = decide(desk, "einsum", "clear_forbidden", exercise="affine_backward")
    assert result["score"]["value"] == 4


def test_an_excuse_lifts_the_class_cap(desk):
    dates = "assignments: {layers: {class_end: 2026-02-09 18:30}}\n"
    desk.config.write_text(desk.config.read_text() + dates)
    late = request(desk, source=desk.source, at="2026-02-09 19:30")
    pipeline.grade(late, Unexpected())
    assert desk.grades()["notebook"]["score"] == "1"
    assert decide(desk, "notebook", "excuse")["score"]["value"] == 4
    assert desk.grades()["own-class"]["score"] == "1"


def test_an_extension_moves_the_late_penalty(desk):
    desk.config.write_text(
        desk.config.read_text()
        + "score: {late_penalty: {points: 1, per: 1 day}}\n"
        + "assignments: {layers: {due: 2026-02-09 18:30}}\n"
    )
    pipeline.grade(request(desk, source=desk.source, at="2026-02-11 12:00"), Unexpected())
    assert desk.grades()["notebook"]["score"] == "2"
    assert decide(desk, "notebook", "extension", value="2026-02-10 12:30")["score"]["value"] == 3
    (entry,) = ledger.read(desk.out / "ledger.jsonl")
    assert entry.value == datetime.fromisoformat("2026-02-10T12:30+00:00").isoformat()


def test_a_review_is_cleared(desk):
    path = next((desk.out / "records" / "layers" / "notebook").iterdir())
    record = unsealed(parse(path.read_bytes(), RECORD))
    record["exercises"][0]["review"] = "exec (layers.ipynb, line 3)"
    path.write_bytes(dump(sealed(record)))
    pipeline.grade(request(desk), Unexpected())
    assert desk.document("results", "notebook")["exercises"][0]["review"] is not None
    assert decide(desk, "notebook", "clear_review")["exercises"][0]["review"] is None


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("override", {}, "^--value: expected points, such as 3.5, got none. Correct it.$"),
        ("override", {"value": "35"}, "--value: expected at most 4, got 35"),
        (
            "override",
            {"value": "9", "exercise": "relu_forward"},
            "--value: expected at most 1, got 9",
        ),
        (
            "override",
            {"value": "3,5"},
            "^--value: expected points, such as 3.5, got '3,5'. Correct it.$",
        ),
        ("extension", {"value": "tomorrow"}, "--value: expected"),
        ("extension", {}, "^--value: expected a date with an offset, .* got none. Correct it.$"),
        ("excuse", {"exercise": "relu_forward"}, "^--exercise: expected none for excuse"),
        ("clear_forbidden", {"exercise": "conv2d"}, "--exercise: expected one of affine_forward"),
        ("clear_review", {"value": "3"}, "^--value: expected none for clear_review"),
        ("praise", {}, "^--kind: expected override, "),
    ],
)
def test_what_is_no_decision_is_refused_and_not_written(desk, kind, more, message):
    with pytest.raises(ConfigError, match=message):
        decide(desk, "einsum", kind, **more)
    assert not (desk.out / "ledger.jsonl").exists()


def test_nothing_is_appended_to_a_ledger_that_cannot_be_read(desk):
    path = desk.out / "ledger.jsonl"
    decide(desk, "stub", "override", value="1")
    path.write_bytes(path.read_bytes() + b'{"kind": "over')
    before = path.read_bytes()
    said = r"/ledger\.jsonl:2: expected a JSON object, got 14 bytes\. Mend the line\.$"
    with pytest.raises(ConfigError, match=said):
        decide(desk, "stub", "excuse")
    assert path.read_bytes() == before


def test_a_decision_about_nobody_is_refused(desk):
    with pytest.raises(ConfigError, match="adjust: expected a student of layers in .*, got 'anna'"):
        decide(desk, "anna", "excuse")


# --- replay -----------------------------------------------------------------------------------


def replay(desk, student, case=HIDDEN):
    return list(instructor.replay(request(desk), student, case))


def test_replay_shows_a_hidden_cases_traceback_and_prints(graded):
    said = "\n".join(replay(graded, "ansi"))
    assert said.startswith(f"{HIDDEN}: random layer and random upstream gradient (5)\n")
    assert "file: layers.py" in said
    assert "ended: affine_backward raised ValueError: " in said
    assert "raise ValueError(PAINT)" in said
    assert "printed:\n\x1b[31m[bold]red[/bold]" in said


@pytest.mark.prove
def test_replay_shows_every_comparison(graded):
    said = replay(graded, "known-mistakes", f"{HIDDEN}#db")
    assert said[2:] == [
        "dx: right",
        "dw: right",
        (
            "db: expected shape (4,), got (1, 4). The values are right, the shape is not."
            " Axis 0, of length 1, should be gone: squeeze(0), or no keepdim."
        ),
    ]


@pytest.mark.prove
def test_replay_finds_the_attempt_that_was_graded_among_later_ones(desk):
    desk.write("known-mistakes", "def relu_forward(x):\n    return x, x\n")
    collected = request(desk, source=desk.source, at="2026-02-09 12:00")
    pipeline.collect(collected)
    assert "db: expected shape (4,), got (1, 4)." in "\n".join(replay(desk, "known-mistakes"))


@pytest.mark.parametrize("student", ["empty-file", "absent"])
def test_there_is_nothing_to_replay_where_nothing_was_graded(graded, student):
    with pytest.raises(ConfigError, match=f"{student}: expected an attempt that was graded, got"):
        replay(graded, student)


def test_an_unknown_case_is_named(graded):
    with pytest.raises(ConfigError, match=r"--case: .*, got 'TestRelu'. Copy one: gradlab explain"):
        replay(graded, "ansi", "TestRelu")


def test_replay_of_an_unknown_student_is_refused(graded):
    with pytest.raises(ConfigError, match="expected a result of 'nobody'"):
        replay(graded, "nobody")
