"""A course that lives outside the repository: numpy, private caches, its own words."""

import json

import jsonschema
import pytest

from tests.autograder.layers import ROOT

# What each student of the class gets: score, status, and the outcome of each exercise in turn.
PASSED, FAILED, FORBIDDEN = "passed", "failed", "forbidden"
CLASS = {
    "absent": ("0", "not_submitted", []),
    "ansi": ("0.8", "graded", [PASSED, FAILED, PASSED, FAILED]),
    "einsum": ("2.8", "graded", [PASSED, FORBIDDEN, PASSED, PASSED]),
    "empty-file": ("", "unreadable", []),
    "forward-nonsense": ("0", "graded", [FAILED, "not_run", FAILED, "not_run"]),
    "forward-raises": ("2.4", "graded", [FAILED, "not_run", PASSED, PASSED]),
    "known-mistakes": ("1.6", "graded", [PASSED, FAILED, PASSED, FAILED]),
    "notebook": ("4", "graded", [PASSED] * 4),
    "own-class": ("4", "graded", [PASSED] * 4),
    "stub": ("0", "graded", ["not_implemented"] * 4),
    "tuple-cache": ("4", "graded", [PASSED] * 4),
}


def exercises(document):
    return {one["id"]: one for one in document["exercises"]}


@pytest.mark.parametrize("student", CLASS)
def test_each_student_gets_what_is_due(graded, student):
    score, status, outcomes = CLASS[student]
    row, result = graded.grades()[student], graded.document("results", student)
    assert (row["score"], row["status"]) == (score, status)
    assert [one["outcome"] for one in result["exercises"]] == outcomes


def test_no_student_is_left_out_and_none_invented(graded):
    assert list(graded.grades()) == sorted(CLASS)
    for kind in ("results", "feedback"):
        assert sorted(graded.documents(kind)) == sorted(CLASS)


@pytest.mark.parametrize("kind", ["result", "feedback"])
def test_documents_keep_to_their_schema(graded, kind):
    schema = json.loads((ROOT / "docs" / "schemas" / f"{kind}.v1.schema.json").read_text())
    folder = {"result": "results", "feedback": "feedback"}[kind]
    documents = graded.documents(folder)
    assert set(documents) == set(CLASS)
    for document in documents.values():
        jsonschema.validate(document, schema)


def test_run_json_keeps_to_its_schema(graded):
    schema = json.loads((ROOT / "docs" / "schemas" / "run.v1.schema.json").read_text())
    document = json.loads((graded.out / "run.json").read_text())
    assert document["schema"] == "gradlab/run/v1"
    jsonschema.validate(document, schema)


def test_names_come_from_the_roster(graded):
    assert graded.grades()["absent"]["name"] == "Noé Absent"


def test_known_mistakes_are_named_with_their_hints(graded):
    found = exercises(graded.document("results", "known-mistakes"))
    assert found["affine_backward"]["mistake"] == "db_keeps_an_axis"
    assert found["affine_backward"]["hints"][0] == "db does not have the shape of b."
    assert found["relu_backward"]["mistake"] == "ignores_the_gate"
    earned = {part["name"]: part["points"] for part in found["affine_backward"]["parts"]}
    assert earned == {"dx": 1, "dw": 1, "db": 0}


def test_a_backward_pass_whose_forward_pass_fails_is_not_run(graded):
    for student in ("forward-raises", "forward-nonsense"):
        backward = exercises(graded.document("results", student))["affine_backward"]
        assert {case["outcome"] for case in backward["cases"]} == {"not_run"}
        assert backward["mistake"] is None
        assert all("which failed" in case["message"] for case in backward["cases"])


def test_a_forbidden_operation_is_named_with_its_line(graded):
    for kind in ("results", "feedback"):
        exercise = exercises(graded.document(kind, "einsum"))["affine_backward"]
        assert exercise["points"] == 0
        assert exercise["hints"][0] == (
            "affine_backward uses numpy.einsum (layers.py, line 10), which is forbidden here."
        )


def test_the_suite_itself_may_use_what_students_may_not(graded):
    assert "np.einsum" in (graded.course / "tests" / "hidden" / "test_layers.py").read_text()


def test_a_hidden_case_tells_a_student_neither_numbers_nor_their_own_words(graded):
    for student in CLASS:
        for exercise in graded.document("feedback", student)["exercises"]:
            for case in exercise["cases"]:
                if case["visibility"] == "hidden":
                    assert case["id"] is None
                    assert "egnp.exe" not in case["message"]
                    assert "gufunc" not in case["message"]


def test_prints_and_tracebacks_stay_in_private_files(graded):
    (attempt,) = graded.document("private", "ansi")["attempts"].values()
    assert "\x1b[31m[bold]red[/bold]" in attempt["prints"]
    assert "ValueError" in "\n".join(attempt["traces"]["layers.affine_backward"])
    assert "\\u001b" not in json.dumps(graded.document("feedback", "tuple-cache"))
