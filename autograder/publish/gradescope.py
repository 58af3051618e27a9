"""Gradescope: `results.json` for each student, as an autograder writes it there.

All of it is what a student may see, so everything is visible: with one hidden test, Gradescope
shows students no total. A student without a number gets no file, which Gradescope shows as an
autograder that failed, and never as 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from autograder.publish.plan import Plan, Skip
from autograder.publish.results import Result, who
from autograder.report.json import number
from autograder.report.text import exercise_feedback, feedback_lines, ran_in


def results(
    everybody: Sequence[Result], *, names: Mapping[str, str], anonymous: bool = False
) -> Plan:
    """Make `<student>/results.json` for everybody who has a number.

    Args:
        everybody: Everybody's result.
        names: What each student's folder is called, by student id.
        anonymous: Leave out the names of files, in which students' names may stand.
    """
    plan = Plan(is_folder=True)
    for one in everybody:
        path = PurePosixPath(names[one.student_id]) / "results.json"
        if one.score is None or one.scale is None or one.feedback is None:
            plan.gone.append(path)
            reason = f"no file: {one.why_none or 'there is no feedback to show'}"
            plan.skips.append(Skip(where="gradescope", who=who(one), reason=reason))
            continue
        text = json.dumps(
            _document(one, one.feedback, anonymous=anonymous), indent=2, ensure_ascii=False
        )
        plan.files[path] = f"{text}\n".encode("utf-8", "replace")
    return plan


def _document(one: Result, feedback: Mapping[str, Any], *, anonymous: bool) -> dict[str, Any]:
    assert one.score is not None
    assert one.scale is not None
    heading = {**feedback, "exercises": []}
    where = [ran_in(one.isolation)] if one.isolation is not None else []
    return {
        "score": number(one.score),
        "output": "\n".join([*feedback_lines(heading, short=anonymous), *where]),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": exercise_tests(feedback),
        "leaderboard": [],
        "extra_data": {
            "assignment": feedback["assignment"],
            "status": feedback["status"],
            "scale": number(one.scale),
            "graded_at": feedback["graded_at"],
        },
    }


def exercise_tests(feedback: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each exercise of a `gradlab/feedback/v1` document as Gradescope shows a test."""
    return [_test(index, one) for index, one in enumerate(feedback["exercises"], start=1)]


def _test(index: int, exercise: Mapping[str, Any]) -> dict[str, Any]:
    star = " (*)" if exercise["starred"] else ""
    return {
        "name": f"{exercise['id']}{star}",
        "name_format": "text",
        "number": str(index),
        "score": exercise["points"],
        "max_score": exercise["max_points"],
        "status": "passed" if exercise["outcome"] == "passed" else "failed",
        "output": "\n".join([exercise["title"], *exercise_feedback(exercise)]),
        "output_format": "text",
        "visibility": "visible",
        "tags": ["starred"] if exercise["starred"] else [],
        "extra_data": {"outcome": exercise["outcome"]},
    }
