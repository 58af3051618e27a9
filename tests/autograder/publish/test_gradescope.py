"""results.json, by the rules that Gradescope documents."""

import json

import pytest

from autograder.models import Status
from autograder.publish.gradescope import results
from tests.autograder.publish.made import result

TOP = {
    "score", "execution_time", "output", "output_format", "test_output_format", "test_name_format",
    "visibility", "stdout_visibility", "extra_data", "tests", "leaderboard",
}  # fmt: skip
TEST = {
    "score", "max_score", "status", "name", "name_format", "number", "output", "output_format",
    "tags", "visibility", "extra_data",
}  # fmt: skip
FORMATS = {"text", "html", "simple_format", "md", "ansi"}
VISIBILITY = {"hidden", "after_due_date", "after_published", "visible"}


def document(one, **options):
    plan = results([one], names={one.student_id: one.student_id}, **options)
    (item,) = plan.files.items()
    assert str(item[0]) == f"{one.student_id}/results.json"
    return json.loads(item[1])


def test_every_field_is_one_of_gradescope_s():
    found = document(result("ana"))
    assert found.keys() <= TOP
    assert found["score"] == 3.25
    assert {found[key] for key in found if key.endswith("_format")} <= FORMATS
    assert {found["visibility"], found["stdout_visibility"]} <= VISIBILITY
    for test in found["tests"]:
        assert test.keys() <= TEST
        assert test["status"] in {"passed", "failed"}
        assert test["visibility"] in VISIBILITY
        assert isinstance(test["output"], str)
    assert [(t["number"], t["name"], t["score"], t["max_score"]) for t in found["tests"]] == [
        ("1", "softmax", 2, 2),
        ("2", "softmax_backward (*)", 0, 2),
    ]


def test_nothing_is_hidden_so_that_students_see_their_total():
    found = document(result("ana"))
    assert "hidden" not in {found["visibility"], *(test["visibility"] for test in found["tests"])}
    assert found["stdout_visibility"] == "hidden"


def test_hints_and_what_broke_first_are_shown():
    found = document(result("ana"))
    assert found["tests"][1]["output"].splitlines() == [
        "The softmax_backward",
        "0 of 2, failed",
        "a title",
        "p < 0 & <b>wrong</b>",
        "hint: First hint.",
        "hint: Second hint.",
    ]
    assert "Score: 3.25 of 4." in found["output"]
    assert "=evil.py" in found["output"]
    assert "=evil.py" not in document(result("ana"), anonymous=True)["output"]


@pytest.mark.parametrize("status", [Status.INTERNAL_ERROR, Status.PENDING, Status.UNREADABLE])
def test_without_a_number_there_is_no_file(status):
    plan = results([result("ana", None, status)], names={"ana": "ana"})
    assert plan.files == {}
    assert plan.skips[0].reason.startswith("no file: ")


def test_nothing_handed_in_is_a_zero_with_its_reason():
    found = document(result("ana", "0", Status.NOT_SUBMITTED))
    assert (found["score"], found["tests"]) == (0, [])
