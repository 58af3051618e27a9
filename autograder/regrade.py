"""What would other rules change? Scores again from what is known, in memory; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from autograder import ledger, score
from autograder.errors import ConfigError
from autograder.models import Assignment, Grade, Status, frozen
from autograder.report.json import Document, number
from autograder.report.store import Store


@frozen
class Worth:
    """What one student's work is worth, before or after."""

    status: Status
    value: Fraction | None
    scale: Fraction | None


@frozen
class Change:
    """One student, under the rules that hold and under others."""

    student_id: str
    old: Worth
    new: Worth
    why: str  # what differs; empty, if nothing does

    @property
    def difference(self) -> Fraction | None:
        """What the student gains, on the new scale; None where there is no number to compare."""
        if self.old.value is None or self.new.value is None:
            return None
        assert self.old.scale is not None
        assert self.new.scale is not None
        return self.new.value - self.old.value / self.old.scale * self.new.scale


def what_if(store: Store, old: Assignment, new: Assignment, *, timezone: str) -> tuple[Change, ...]:
    """Score everybody again under new rules.

    Args:
        store: Its results say what holds, its records what was seen; only read.
        old: The assignment as it is.
        new: The same with other rules, dates, points or stars.
        timezone: The course's.

    Raises:
        ConfigError: If the new rules need exercises that nobody has examined yet.
    """
    known = {one.key for one in old.exercises}
    unknown = [one.key for one in new.exercises if one.key not in known and not one.manual]
    if unknown:
        raise ConfigError(
            f"--what-if: expected exercises of {old.id}, got {', '.join(unknown)}, which nobody has"
            " examined. Add them to grading_config.yml and grade first."
        )
    entries = ledger.read(store.out / ledger.LEDGER_NAME)
    changes = []
    for submission in store.submissions(new.id):
        mine = [one for one in entries if one.student_id == submission.student_id]
        decisions = ledger.decisions(mine, new, submission.student_id)
        records = store.records(new.id, submission.student_id)
        grade = score.score(new, submission, records, decisions, timezone=timezone)
        result = store.result(new.id, submission.student_id)
        changes.append(_change(result, grade))
    return tuple(changes)


def _change(result: Document | None, grade: Grade) -> Change:
    old = _old(result)
    new = Worth(
        status=grade.status,
        value=grade.score.value if grade.score else None,
        scale=grade.score.scale if grade.score else None,
    )
    differs = (old.status, _shown(old.value), _shown(old.scale)) != (
        (new.status, _shown(new.value), _shown(new.scale))
    )
    why = "; ".join(_differences(result, grade)) if differs else ""
    return Change(student_id=grade.student_id, old=old, new=new, why=why)


def _old(result: Document | None) -> Worth:
    found = (result or {}).get("score")
    return Worth(
        status=Status(result["status"]) if result else Status.PENDING,
        value=Fraction(str(found["value"])) if found else None,
        scale=Fraction(str(found["scale"])) if found else None,
    )


def _differences(result: Document | None, grade: Grade) -> Iterator[str]:
    """Say which steps from points to score came out otherwise."""
    status = result["status"] if result else Status.PENDING.value
    if status != grade.status:
        yield f"{status} -> {grade.status}"
    old, new = (result or {}).get("score"), grade.score
    if old is None or new is None:
        return
    steps: dict[str, tuple[Any, Any]] = {
        "scale": (old["scale"], number(new.scale)),
        "raw": (old["raw"], number(new.raw)),
        "late penalty": (old["late_penalty"], number(new.late_penalty)),
        "cap": (
            min((cap["limit"] for cap in old["caps"]), default="none"),
            min((number(cap.limit) for cap in new.caps), default="none"),
        ),
        "graded attempt": ((result or {})["graded_attempt"], grade.best_attempt),
    }
    found = [f"{name} {was} -> {now}" for name, (was, now) in steps.items() if was != now]
    yield from found or ["rounding, or a decision since the last grade"]


def _shown(value: Fraction | None) -> int | float | None:
    return None if value is None else number(value)


@frozen
class Totals:
    """What the changes come to."""

    gain: int
    lose: int
    other: int  # a status changes, or no number can be compared
    same: int
    mean_before: float | None  # over those with a number before and after, as a share of the scale
    mean_after: float | None


def totals(changes: Sequence[Change]) -> Totals:
    """Count who gains and who loses, and compare the means."""
    both = [one for one in changes if one.difference is not None]
    differences = [one.difference for one in both if one.difference is not None]
    gain, lose = sum(one > 0 for one in differences), sum(one < 0 for one in differences)
    other = sum(bool(one.why) and not one.difference for one in changes)
    return Totals(
        gain=gain,
        lose=lose,
        other=other,
        same=len(changes) - gain - lose - other,
        mean_before=_mean([one.old for one in both]),
        mean_after=_mean([one.new for one in both]),
    )


def _mean(worths: Sequence[Worth]) -> float | None:
    shares = [one.value / one.scale for one in worths if one.value is not None and one.scale]
    return float(sum(shares) / len(shares)) if shares else None


def document(changes: Sequence[Change], policy: Path) -> Document:
    """Return the changes as JSON."""
    found = totals(changes)
    return {
        "schema": "gradlab/what-if/v1",
        "policy": policy.name,
        "gain": found.gain,
        "lose": found.lose,
        "other": found.other,
        "same": found.same,
        "mean_before": found.mean_before,
        "mean_after": found.mean_after,
        "students": [
            {
                "student_id": one.student_id,
                "old": _worth(one.old),
                "new": _worth(one.new),
                "difference": _shown(one.difference),
                "why": one.why,
            }
            for one in changes
        ],
    }


def _worth(worth: Worth) -> Document:
    return {
        "status": worth.status.value,
        "value": _shown(worth.value),
        "scale": _shown(worth.scale),
    }
