"""result.json, by the contract that Classroom 50 documents."""

import json

import pytest

from autograder.models import Status
from autograder.publish.classroom50 import results
from tests.autograder.publish.made import result

ENVIRONMENT = {
    "CLASSROOM": "dl",
    "ASSIGNMENT": "hello",
    "SUBMISSION_TAG": "submit/1",
    "COMMIT_URL": "https://github.com/x/y/commit/1",
    "RELEASE_URL": "https://github.com/x/y/releases/1",
}
REQUIRED = {
    "schema": str, "classroom": str, "assignment": str, "submission": str, "commit": str,
    "release": str, "review": str, "datetime": str, "score": int, "max-score": int, "tests": list,
}  # fmt: skip


def document(one, environment=ENVIRONMENT):
    ((path, data),) = results([one], "tp1", environment).files.items()
    assert str(path) == f"{one.student_id}/result.json"
    return json.loads(data)


def test_every_field_has_the_type_of_the_contract():
    found = document(result("ana", github="ana-gh"))
    assert {key: type(found[key]) for key in REQUIRED} == REQUIRED
    assert found["schema"] == "classroom50/result/v1"
    assert (found["classroom"], found["assignment"]) == ("dl", "hello")
    assert found["review"] == found["commit"] == ENVIRONMENT["COMMIT_URL"]
    assert found["owner"] == "ana-gh"
    for test in found["tests"]:
        assert {type(test["score"]), type(test["max-score"])} == {int}
        assert type(test["passed"]) is bool


def test_scores_are_hundredths_and_times_are_of_the_submission():
    found = document(result("ana"))
    assert (found["score"], found["max-score"]) == (325, 400)
    assert found["datetime"] == "2026-02-09T17:20:00Z"
    assert found["graded_at"] == "2026-02-12T09:00:00Z"
    assert [(t["test-name"], t["score"], t["max-score"]) for t in found["tests"]] == [
        ("softmax", 200, 200),
        ("softmax_backward (*)", 0, 200),
    ]


def test_outside_of_a_workflow_there_are_no_links():
    found = document(result("ana"), {})
    assert (found["classroom"], found["assignment"], found["commit"]) == ("", "tp1", "")
    assert found["owner"] == "ana"


@pytest.mark.parametrize("status", [Status.INTERNAL_ERROR, Status.PENDING, Status.UNREADABLE])
def test_without_a_number_there_is_no_file(status):
    plan = results([result("ana", None, status)], "tp1", {})
    assert plan.files == {}
    assert plan.skips[0].reason.startswith("no file: ")


def test_nothing_handed_in_has_no_time():
    found = document(result("ana", "0", Status.NOT_SUBMITTED))
    assert (found["datetime"], found["score"], found["tests"]) == ("", 0, [])
