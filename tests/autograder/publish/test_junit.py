"""JUnit XML as pytest writes it, without anything hidden."""

from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

import pytest

from autograder.models import Status
from autograder.publish.junit import reports
from tests.autograder.publish.made import result

# What xunit2 allows: children and attributes of each element.
XUNIT2 = {
    "testsuites": ({"testsuite"}, {"name"}),
    "testsuite": (
        {"properties", "testcase"},
        {"name", "errors", "failures", "skipped", "tests", "time", "timestamp", "hostname"},
    ),
    "testcase": ({"properties", "failure", "error", "skipped"}, {"classname", "name", "time"}),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "failure": (set(), {"message"}),
    "error": (set(), {"message"}),
    "skipped": (set(), {"type", "message"}),
}


def made(*results, names=None):
    names = names or {one.student_id: one.student_id for one in results}
    plan = reports(results, "tp1", names=names)
    return plan, {str(path): ET.fromstring(data) for path, data in plan.files.items()}


def test_the_form_is_xunit2_and_the_counts_are_right():
    _, files = made(result("ana"), result("ben", "0", Status.NOT_SUBMITTED))
    assert list(files) == ["tp1.xml", "students/ana.xml", "students/ben.xml"]
    for root in files.values():
        for element in root.iter():
            children, attributes = XUNIT2[element.tag]
            assert {child.tag for child in element} <= children
            assert set(element.keys()) <= attributes
        for suite in root:
            for attribute, tag in (
                ("tests", "testcase"),
                ("failures", "testcase/failure"),
                ("errors", "testcase/error"),
                ("skipped", "testcase/skipped"),
            ):
                assert int(suite.get(attribute)) == len(suite.findall(tag))
    ana, ben = files["tp1.xml"]
    assert [ana.get(key) for key in ("tests", "failures", "errors", "skipped")] == list("5111")
    assert ben.find("testcase/skipped").get("message") == "nothing handed in"


def test_points_and_the_score_are_properties():
    _, files = made(result("ana"))
    (suite,) = files["students/ana.xml"]
    said = {one.get("name"): one.get("value") for one in suite.find("properties")}
    assert said == {"status": "graded", "score": "3.25", "scale": "4"}
    case = suite.find("testcase")
    assert case.get("classname") == "tp1.ana.softmax"
    facts = {one.get("name"): one.get("value") for one in case.find("properties")}
    assert facts == {"part": "grad_z", "visibility": "public", "points": "2"}


@pytest.mark.parametrize("status", [Status.INTERNAL_ERROR, Status.PENDING, Status.UNREADABLE])
def test_what_the_grader_did_not_do_is_an_error(status):
    plan, files = made(result("ana", None, status))
    (suite,) = files["students/ana.xml"]
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert plan.skips[0].reason.startswith("no tests: ")


def test_characters_that_xml_cannot_hold_are_replaced():
    one = result("ana")
    one.feedback["exercises"][1]["cases"][1]["message"] = "\x00\x1b[31m \ud800 \uffff <&>"
    _, files = made(one)
    (failure,) = files["students/ana.xml"].iter("failure")
    assert failure.text == "\ufffd\ufffd[31m \ufffd \ufffd <&>"


def test_pseudonyms_are_used_everywhere():
    plan, _ = made(result("ana"), names={"ana": "anon-1"})
    assert PurePosixPath("students/anon-1.xml") in plan.files
    assert all(b"ana" not in data for data in plan.files.values())
