"""From what was played to what it is worth: the cases, parts and outcome of one exercise. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from autograder.checks.diagnose import Transcript, diagnose
from autograder.checks.play import Case, Played
from autograder.checks.student import BlockedError, CaseEndedError
from autograder.models import (
    CaseOutcome,
    CaseResult,
    Diagnosis,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    PartResult,
    Reason,
)

Truth = Mapping[
    str, tuple[str, ...]
]  # case id -> the part of each comparison, as the reference has it


def judge(
    exercise: Exercise,
    cases: Sequence[Case],
    played: Sequence[Played],
    *,
    truth: Truth,
    transcripts: Sequence[Transcript] = (),
    forbidden: str | None = None,
    review: str | None = None,
    ended: CaseEndedError | None = None,
) -> ExerciseResult:
    """Return the result of one exercise.

    Args:
        exercise: As the assignment asks for it.
        cases: All of its cases; those that were not played are `not_run`.
        played: What was played.
        truth: What each case compares; a comparison that is absent is never a pass.
        transcripts: Known mistakes.
        forbidden: The forbidden operation that was used, as a sentence; it earns nothing.
        review: What a person should look at.
        ended: Why nothing, or not all, was played.
    """
    by_case = {one.case.id: one for one in played}
    results = tuple(
        result
        for case in cases
        for result in _case_results(case, by_case.get(case.id), truth[case.id], ended)
    )
    witnessed = forbidden or _witnessed(played)
    parts = _parts(exercise, cases[0].weights, results, earns=witnessed is None)
    outcome = _outcome(results, played, witnessed, ended)
    failed = outcome in (ExerciseOutcome.FAILED, ExerciseOutcome.ERROR)
    remarks = tuple(dict.fromkeys(remark for one in played for remark in _remarks(one)))
    return ExerciseResult(
        exercise=exercise,
        title=cases[0].exercise_title,
        outcome=outcome,
        parts=parts,
        cases=results,
        diagnoses=_forbidden_hints(witnessed, parts)
        or (diagnose(played, transcripts) if failed else ()),
        remarks=remarks,
        review=review,
    )


def not_implemented(exercise: Exercise, cases: Sequence[Case], truth: Truth) -> ExerciseResult:
    """Return the result of an exercise that is still the stub, or not there at all."""
    ended = BlockedError(Reason.EXCEPTION, "not written yet", feedback="not written yet")
    result = judge(exercise, cases, (), truth=truth, ended=ended)
    return ExerciseResult(
        exercise=exercise,
        title=result.title,
        outcome=ExerciseOutcome.NOT_IMPLEMENTED,
        parts=result.parts,
        cases=result.cases,
    )


def _case_results(
    case: Case, played: Played | None, wanted: tuple[str, ...], ended: CaseEndedError | None
) -> list[CaseResult]:
    """Return one result for each part that the case decides; none if the reference skips it."""
    if not wanted:
        return []
    results = [_case_result(case, part, played, wanted, ended) for part in dict.fromkeys(wanted)]
    # The time of a case counts once, whatever it decides.
    return [results[0], *(replace(result, duration_s=0.0) for result in results[1:])]


def _case_result(
    case: Case,
    part: str,
    played: Played | None,
    wanted: tuple[str, ...],
    ended: CaseEndedError | None,
) -> CaseResult:
    outcome, reason, message, feedback = CaseOutcome.NOT_RUN, None, "", ""
    called = ""
    if played is None:
        if ended is not None:
            reason, message, feedback = ended.reason, ended.message, ended.feedback
    elif played.fault:
        outcome, message = CaseOutcome.ERROR, played.fault
        feedback = "the grader failed here; no points are lost"
    else:
        outcome, reason, message, feedback = _seen(part, played, wanted)
        if outcome is CaseOutcome.FAILED:
            called = _called(part, played)
    return CaseResult(
        id=f"{case.id}#{part}",
        title=case.title,
        visibility=case.visibility,
        part=part,
        outcome=outcome,
        reason=reason,
        message=message,
        feedback=feedback,
        called=called,
        duration_s=played.duration_s if played is not None else 0.0,
    )


def _seen(
    part: str, played: Played, wanted: tuple[str, ...]
) -> tuple[CaseOutcome, Reason | None, str, str]:
    verdicts = [one.verdict for one in played.observations if one.part == part]
    wrong = [verdict for verdict in verdicts if not verdict.ok]
    end = played.ended
    if wrong:
        message = "; ".join(dict.fromkeys(verdict.message for verdict in wrong))
        feedback = "; ".join(dict.fromkeys(verdict.feedback for verdict in wrong))
        return CaseOutcome.FAILED, wrong[0].reason, message, feedback
    complete = len(verdicts) == wanted.count(part)
    if complete and verdicts:
        return CaseOutcome.PASSED, None, "", ""
    if isinstance(end, BlockedError):
        return CaseOutcome.NOT_RUN, end.reason, end.message, end.feedback
    if end is not None:
        return CaseOutcome.FAILED, end.reason, end.message, end.feedback
    return CaseOutcome.NOT_RUN, None, "not compared", "not compared"


def _called(part: str, played: Played) -> str:
    """Return the call behind the first wrong value of a part, else the one that ended the case."""
    mine = (one for one in played.observations if one.part == part and not one.verdict.ok)
    return next((one.called for one in mine), played.called)


def _parts(
    exercise: Exercise, weights: Mapping[str, int], results: Sequence[CaseResult], *, earns: bool
) -> tuple[PartResult, ...]:
    """A part is earned if it has cases and every one of them passes."""
    total = sum(weights.values())
    parts = []
    for name, weight in weights.items():
        mine = [result for result in results if result.part == name]
        earned = earns and bool(mine) and all(r.outcome is CaseOutcome.PASSED for r in mine)
        worth = exercise.points * Fraction(weight, total)
        parts.append(
            PartResult(name=name, points=worth if earned else Fraction(0), max_points=worth)
        )
    return tuple(parts)


def _outcome(
    results: Sequence[CaseResult],
    played: Sequence[Played],
    forbidden: str | None,
    ended: CaseEndedError | None,
) -> ExerciseOutcome:
    if any(result.outcome is CaseOutcome.ERROR for result in results):
        return ExerciseOutcome.ERROR
    if forbidden is not None:
        return ExerciseOutcome.FORBIDDEN
    if results and all(result.outcome is CaseOutcome.PASSED for result in results):
        return ExerciseOutcome.PASSED
    if _only_stubs(played):
        return ExerciseOutcome.NOT_IMPLEMENTED
    if not played and ended is not None and not isinstance(ended, BlockedError):
        return ExerciseOutcome.ERROR
    if all(result.outcome is not CaseOutcome.FAILED for result in results):
        return ExerciseOutcome.NOT_RUN
    return ExerciseOutcome.FAILED


def _only_stubs(played: Sequence[Played]) -> bool:
    """Whether every case ended in NotImplementedError: half-edited stubs are still stubs."""
    ends = [one.ended for one in played if not one.skipped]
    return bool(ends) and all(
        end is not None and end.raised == "NotImplementedError" for end in ends
    )


def _witnessed(played: Sequence[Played]) -> str | None:
    for one in played:
        if one.ended is not None and one.ended.reason is Reason.FORBIDDEN:
            return one.ended.message
    return None


def _forbidden_hints(witnessed: str | None, parts: Sequence[PartResult]) -> tuple[Diagnosis, ...]:
    if witnessed is None:
        return ()
    hints = (
        f"{witnessed}.",
        "The handout of the exercise lists what it forbids.",
        "Which simpler steps is that operation made of?",
    )
    return (Diagnosis(mistake=None, parts=tuple(part.name for part in parts), hints=hints),)


def _remarks(played: Played) -> list[str]:
    return [*played.remarks, *(o.verdict.remark for o in played.observations if o.verdict.remark)]
