"""JUnit XML in pytest's form (xunit2), for everything that shows test reports.

It is made from what students may see: of a hidden case the title, the tensor and the reason. Points
are properties, since JUnit has none. What the grader broke is an error, never a failure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

from autograder.models import Status
from autograder.publish.plan import Plan, Skip
from autograder.publish.results import Result, who
from autograder.report.json import number

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FAULTS = (Status.INTERNAL_ERROR, Status.PENDING, Status.UNREADABLE)


def reports(everybody: Sequence[Result], assignment: str, *, names: Mapping[str, str]) -> Plan:
    """Make one report of the class, and one for each student.

    Args:
        everybody: Everybody's result.
        assignment: Its id.
        names: What each student is called in the reports, by student id.
    """
    plan = Plan(is_folder=True)
    suites = []
    for one in everybody:
        suite = _suite(one, assignment, names[one.student_id])
        suites.append((names[one.student_id], suite))
        if one.why_none:
            plan.skips.append(Skip(where="junit", who=who(one), reason=f"no tests: {one.why_none}"))
    plan.files[PurePosixPath(f"{assignment}.xml")] = _xml([suite for _, suite in suites])
    for name, suite in suites:
        plan.files[PurePosixPath("students") / f"{name}.xml"] = _xml([suite])
    return plan


def _suite(one: Result, assignment: str, name: str) -> ET.Element:
    suite = ET.Element("testsuite", name=_clean(f"{assignment}.{name}"))
    properties = ET.SubElement(suite, "properties")
    facts = {"status": one.status.value}
    if one.score is not None and one.scale is not None:
        facts |= {"score": str(number(one.score)), "scale": str(number(one.scale))}
    if one.isolation is not None:
        facts |= {
            "isolation": one.isolation.tier,
            "not_promised": "; ".join(one.isolation.missing),
        }
    for key, value in facts.items():
        ET.SubElement(properties, "property", name=key, value=value)
    exercises = one.feedback["exercises"] if one.feedback else []
    for exercise in exercises:
        for case in exercise["cases"]:
            _case(suite, f"{assignment}.{name}.{exercise['id']}", exercise, case)
    if one.status in _FAULTS:
        case = ET.SubElement(suite, "testcase", classname=f"{assignment}.{name}", name="grading")
        ET.SubElement(case, "error", message=_clean(one.why_none))
    elif one.status is Status.NOT_SUBMITTED:
        case = ET.SubElement(suite, "testcase", classname=f"{assignment}.{name}", name="grading")
        ET.SubElement(case, "skipped", type="gradlab.not_submitted", message="nothing handed in")
    if one.graded_at is not None:
        suite.set("timestamp", one.graded_at.isoformat())
    for kind in ("error", "failure", "skipped"):
        count = len(suite.findall(f"testcase/{kind}"))
        suite.set({"error": "errors", "failure": "failures"}.get(kind, kind), str(count))
    suite.set("tests", str(len(suite.findall("testcase"))))
    return suite


def _case(
    suite: ET.Element, classname: str, exercise: Mapping[str, Any], case: Mapping[str, Any]
) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(classname),
        name=_clean(f"{case['title']} [{case['part']}]"),
    )
    properties = ET.SubElement(element, "properties")
    facts = {"part": case["part"], "visibility": case["visibility"]}
    earned = {part["name"]: str(part["points"]) for part in exercise["parts"]}
    facts["points"] = earned.get(case["part"], "")
    for key, value in facts.items():
        ET.SubElement(properties, "property", name=key, value=_clean(value))
    message = _clean(case["message"] or case["reason"] or "")
    if case["outcome"] == "failed":
        ET.SubElement(element, "failure", message=message).text = message
    elif case["outcome"] == "error":
        ET.SubElement(element, "error", message=message).text = message
    elif case["outcome"] == "not_run":
        ET.SubElement(element, "skipped", type="gradlab.not_run", message=message)


def _xml(suites: Sequence[ET.Element]) -> bytes:
    root = ET.Element("testsuites", name="gradlab")
    root.extend(suites)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _clean(text: str) -> str:
    """Return text without the characters that XML cannot hold at all."""
    return _NOT_XML.sub("\ufffd", text)
