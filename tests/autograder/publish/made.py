"""Results made by hand, with feedback as the grader writes it."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from autograder.models import Account, Status
from autograder.publish.results import Result

GRADED_AT = datetime(2026, 2, 12, 9, 0, tzinfo=UTC)
HIDDEN = "numbers of a hidden case"


def feedback(score: str | None, status: Status) -> dict[str, Any]:
    """Return a `gradlab/feedback/v1` document of two exercises."""
    return {
        "schema": "gradlab/feedback/v1",
        "assignment": "tp1",
        "student_id": "x",
        "status": status.value,
        "attempts": [
            {
                "files": ["=evil.py"],
                "graded_file": "=evil.py",
                "sha256": "0",
                "submitted_at": "2026-02-09T17:20:00+00:00",
                "time_source": "lms",
                "problem": None,
            }
        ],
        "graded_attempt": 0,
        "exercises": [
            _exercise("softmax", "passed", 2, False, [_case("passed", "public", "")]),
            _exercise(
                "softmax_backward", "failed", 0, True,
                [_case("passed", "public", ""), _case("failed", "hidden", "p < 0 & <b>wrong</b>"),
                 _case("not_run", "hidden", "the time was up"), _case("error", "hidden", "ours")],
            ),
        ] if status is Status.GRADED else [],
        "remarks": ["=1+1 is a remark\x1b[31m"],
        "score": None if score is None else {
            "value": float(score), "scale": 4, "core": 1, "starred": 0, "raw": float(score),
            "late_penalty": 0, "caps": [], "explanation": f"Score: {score} of 4.",
        },
        "graded_at": GRADED_AT.isoformat(),
    }  # fmt: skip


def _exercise(name, outcome, points, starred, cases):
    return {
        "id": name,
        "title": f"The {name}",
        "starred": starred,
        "points": points,
        "max_points": 2,
        "outcome": outcome,
        "parts": [{"name": "grad_z", "points": points, "max_points": 2}],
        "hints": ["First hint.", "Second hint."] if outcome == "failed" else [],
        "remarks": [],
        "cases": cases,
    }


def _case(outcome, visibility, message):
    return {
        "id": "t.py::test" if visibility == "public" else None,
        "title": "a title",
        "visibility": visibility,
        "part": "grad_z",
        "outcome": outcome,
        "reason": None if outcome == "passed" else "value",
        "message": message,
    }


def result(
    student_id: str,
    score: str | None = "3.25",
    status: Status = Status.GRADED,
    name: str = "",
    **more: Any,
) -> Result:
    """Return a result; `moodle=`, `canvas=` and `github=` name accounts."""
    accounts = tuple(
        Account(platform=platform, id=str(more.pop(platform)), name=more.pop("written", name))
        for platform in ("moodle", "canvas", "github")
        if platform in more
    )
    return Result(
        student_id=student_id,
        name=name,
        accounts=accounts,
        aliases=tuple(more.pop("aliases", ())),
        status=status,
        score=None if score is None else Fraction(score),
        scale=None if score is None else Fraction(4),
        explanation="" if score is None else f"Score: {score} of 4.",
        submitted_at="2026-02-09T18:20:00+01:00" if status is Status.GRADED else "",
        graded_at=GRADED_AT,
        feedback=more.pop("feedback", feedback(score, status)),
        **more,
    )
