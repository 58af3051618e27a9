"""A plain table of grades for spreadsheets and scripts, with a column for each exercise.

Names and explanations that a spreadsheet would run as a formula begin with an apostrophe. Student
ids and numbers never do: programs match on the former and count with the latter.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from autograder.models import Assignment
from autograder.publish.plan import Plan, Skip
from autograder.publish.results import Result, who
from autograder.report.json import number, text_cell

_COLUMNS = (
    "student_id",
    "name",
    "status",
    "score",
    "scale",
    "submitted_at",
    "explanation",
    "isolation",
    "not_promised",
)


def grades(
    everybody: Sequence[Result], assignment: Assignment, *, names: Mapping[str, str] | None = None
) -> Plan:
    """Make `<assignment>.csv`; a cell without a number is empty, never 0.

    Args:
        everybody: Everybody's result.
        assignment: Whose exercises make columns.
        names: What each student is called instead, by student id; then no name is written.
    """
    plan = Plan()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ids = [exercise.id for exercise in assignment.exercises]
    writer.writerow([*_COLUMNS, *ids])
    for one in everybody:
        if one.why_none:
            plan.skips.append(Skip(where="csv", who=who(one), reason=f"no grade: {one.why_none}"))
        points = {
            exercise["id"]: str(exercise["points"])
            for exercise in (one.feedback["exercises"] if one.feedback else ())
        }
        writer.writerow(
            (
                names[one.student_id] if names else one.student_id,
                "" if names else text_cell(one.name),
                one.status.value,
                "" if one.score is None else number(one.score),
                "" if one.scale is None else number(one.scale),
                one.submitted_at,
                text_cell(one.explanation),
                one.isolation.tier if one.isolation else "",
                text_cell("; ".join(one.isolation.missing)) if one.isolation else "",
                *(points.get(exercise, "") for exercise in ids),
            )
        )
    data = text.getvalue().encode("utf-8", "replace")
    plan.files[PurePosixPath(f"{assignment.id}.csv")] = data
    return plan
