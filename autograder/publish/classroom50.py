"""Classroom 50: `result.json` for each student, as an autograder writes it in a repository.

Its scores are whole numbers, so a score out of 4 goes out in hundredths: 325 of 400. Tests carry
the points of exercises, which add up to the score only where no cap and no share changes it. In a
workflow, who and where stand in the environment; Classroom 50 stamps owner and type on it itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

from autograder.publish.plan import Plan, Skip
from autograder.publish.results import Result, who
from autograder.report.text import exercise_feedback

SCHEMA = "classroom50/result/v1"
_PARTS = 100  # of a point


def results(
    everybody: Sequence[Result],
    assignment: str,
    environment: Mapping[str, str],
) -> Plan:
    """Make `<student>/result.json` for everybody who has a number.

    Args:
        everybody: Everybody's result.
        assignment: Its id here, where the environment names none.
        environment: Of the workflow; outside of one, links are left empty.
    """
    plan = Plan(
        notes=["scores are whole numbers there: they go out in hundredths of a point."],
        is_folder=True,
    )
    for one in everybody:
        path = PurePosixPath(one.student_id) / "result.json"
        if one.score is None or one.scale is None or one.feedback is None:
            plan.gone.append(path)
            reason = f"no file: {one.why_none or 'there is no feedback to show'}"
            plan.skips.append(Skip(where="classroom50", who=who(one), reason=reason))
            continue
        document = _document(one, one.feedback, assignment, environment)
        data = f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode("utf-8", "replace")
        plan.files[path] = data
    return plan


def _document(
    one: Result, feedback: Mapping[str, Any], assignment: str, environment: Mapping[str, str]
) -> dict[str, Any]:
    assert one.score is not None
    assert one.scale is not None
    commit = environment.get("COMMIT_URL", "")
    account = one.account("github")
    return {
        "schema": SCHEMA,
        "classroom": environment.get("CLASSROOM", ""),
        "assignment": environment.get("ASSIGNMENT") or assignment,
        "owner": environment.get("OWNER") or (account.id if account else one.student_id),
        "submission": environment.get("SUBMISSION_TAG", ""),
        "commit": commit,
        "release": environment.get("RELEASE_URL", ""),
        "review": environment.get("REVIEW_URL") or commit,
        "datetime": _utc(one.submitted_at),
        "graded_at": _utc(feedback["graded_at"]),
        "score": _whole(one.score),
        "max-score": _whole(one.scale),
        "tests": [_test(exercise) for exercise in feedback["exercises"]],
    }


def _test(exercise: Mapping[str, Any]) -> dict[str, Any]:
    star = " (*)" if exercise["starred"] else ""
    return {
        "test-name": f"{exercise['id']}{star}",
        "passed": exercise["outcome"] == "passed",
        "score": _whole(Fraction(str(exercise["points"]))),
        "max-score": _whole(Fraction(str(exercise["max_points"]))),
        "output": "\n".join(exercise_feedback(exercise)),
    }


def _whole(points: Fraction) -> int:
    return int(points * _PARTS + Fraction(1, 2))


def _utc(moment: str) -> str:
    """Return a time as Classroom 50 writes it, in UTC and whole seconds; nothing if unknown."""
    if not moment:
        return ""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
