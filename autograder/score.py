"""From what the suites saw to a score, with the sentences that a student reads.

::

    core    = earned / possible over unmarked exercises
    starred = earned / possible over (*) exercises
    raw     = core_share * core + starred_share * starred
    score   = min(raw - late penalty, every cap that applies), rounded half up

An empty group passes its share to the other. Under the policy `gate`, raw is at most core_share
until every star is earned. Each attempt is scored by itself and the best counts. Nothing here reads
a clock or a file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from autograder.models import (
    BY_PERSON,
    Assignment,
    Attempt,
    Cap,
    CaseOutcome,
    Decisions,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    Grade,
    PartResult,
    Policy,
    RunRecord,
    RunStatus,
    Schedule,
    Score,
    ScoreRules,
    Status,
    Submission,
)


def score(
    assignment: Assignment,
    submission: Submission,
    records: Mapping[str, RunRecord],
    decisions: Decisions,
    *,
    timezone: str,
) -> Grade:
    """Return the grade of one student at one assignment.

    A fault of ours never costs points: as long as an attempt that was not run properly could still
    change the grade, there is no grade.

    Args:
        assignment: Exercises, rules and dates.
        submission: All attempts.
        records: What each attempt did, by the SHA-256 of the attempt.
        decisions: What people decided (`ledger.decisions`).
        timezone: The course's, for the sentences.
    """
    dates = _Dates(assignment, submission.section, decisions, ZoneInfo(timezone))
    hand_ins = []
    for index, attempt in enumerate(submission.attempts):
        record = records.get(attempt.sha256)
        if record is not None:
            record = adjusted(record, assignment, decisions)
        hand_ins.append(_HandIn(index, attempt, record, dates))
    judge = _Judge(assignment, dates, hand_ins)
    status, best, explanation = _outcome(hand_ins, judge, dates)
    waiting = _waiting(assignment, decisions) if best is not None else ()
    scores = tuple(judge.score(one) if one.is_graded and not waiting else None for one in hand_ins)
    final = scores[best.index] if best is not None else None
    if status is Status.NOT_SUBMITTED:
        final = _zero(assignment.rules, explanation)
    if best is not None and waiting:
        status, explanation = Status.PENDING, judge.so_far(best, waiting)
    if decisions.score is not None:
        status = Status.GRADED
        final = _overridden(final or _zero(assignment.rules, ""), decisions.score)
    return Grade(
        student_id=submission.student_id,
        assignment=assignment.id,
        status=status,
        score=final,
        best_attempt=best.index if best is not None else None,
        attempts=scores,
        explanation=final.explanation if final is not None else explanation,
        waiting=waiting if final is None else (),
    )


def adjusted(record: RunRecord, assignment: Assignment, decisions: Decisions) -> RunRecord:
    """Return a record with today's points and stars, and with what people decided about it.

    Reports show this. A cleared exercise gets back what its cases earned; a case that the ban
    itself stopped has no result and earns nothing, so set the points of such an exercise. An
    exercise that a person grades has a result as soon as somebody has.
    """
    seen = {result.exercise.key: result for result in record.exercises}
    results = []
    for exercise in assignment.exercises:
        if exercise.manual and record.status is RunStatus.GRADED:
            results += _by_person(exercise, decisions)
        elif not exercise.manual and exercise.key in seen:
            results.append(_adjusted(seen[exercise.key], exercise, decisions))
    return replace(record, exercises=tuple(results))


# --- exercises -------------------------------------------------------------------------------


def _adjusted(result: ExerciseResult, exercise: Exercise, decisions: Decisions) -> ExerciseResult:
    key = exercise.key
    result = replace(result, exercise=exercise, parts=_weighed(result.parts, exercise.points))
    if key in decisions.cleared_review:
        result = replace(result, review=None)
    if key in decisions.cleared_forbidden and result.outcome is ExerciseOutcome.FORBIDDEN:
        parts = tuple(_earned_by_cases(part, result) for part in result.parts)
        complete = all(part.points == part.max_points for part in parts)
        outcome = ExerciseOutcome.PASSED if complete else ExerciseOutcome.FAILED
        result = replace(result, parts=parts, outcome=outcome, diagnoses=())
    if key in decisions.points:
        share = min(decisions.points[key] / exercise.points, Fraction(1))
        parts = tuple(replace(part, points=share * part.max_points) for part in result.parts)
        remarks = dict.fromkeys((*result.remarks, "an instructor set the points of this exercise"))
        result = replace(result, parts=parts, remarks=tuple(remarks))
    return result


def _by_person(exercise: Exercise, decisions: Decisions) -> list[ExerciseResult]:
    """Return the result of an exercise that a person has graded; none, before that."""
    if exercise.key not in decisions.points:
        return []
    points = min(decisions.points[exercise.key], exercise.points)
    comment = decisions.comments.get(exercise.key, BY_PERSON)
    complete = points == exercise.points
    return [
        ExerciseResult(
            exercise=exercise,
            title=BY_PERSON,
            outcome=ExerciseOutcome.PASSED if complete else ExerciseOutcome.FAILED,
            parts=(PartResult(name="points", points=points, max_points=exercise.points),),
            cases=(),
            remarks=(BY_PERSON if comment == BY_PERSON else f"{BY_PERSON}: {comment}",),
        )
    ]


def _waiting(assignment: Assignment, decisions: Decisions) -> tuple[Exercise, ...]:
    """Return what a person has yet to grade."""
    return tuple(
        one for one in assignment.exercises if one.manual and one.key not in decisions.points
    )


def _weighed(parts: Sequence[PartResult], points: Fraction) -> tuple[PartResult, ...]:
    """Make the parts worth `points` together, each as much of them as before."""
    total = sum((part.max_points for part in parts), Fraction(0))
    factor = points / total if total else Fraction(0)
    return tuple(
        replace(part, points=part.points * factor, max_points=part.max_points * factor)
        for part in parts
    )


def _earned_by_cases(part: PartResult, result: ExerciseResult) -> PartResult:
    """Give a part its points if it has cases and every one of them passed."""
    cases = [case for case in result.cases if case.part == part.name]
    passed = bool(cases) and all(case.outcome is CaseOutcome.PASSED for case in cases)
    return replace(part, points=part.max_points if passed else Fraction(0))


@dataclass(frozen=True, slots=True)
class _Group:
    """The unmarked or the starred exercises: points earned, and what all of them are worth."""

    name: str
    earned: Fraction
    possible: Fraction
    share: Fraction

    @property
    def fraction(self) -> Fraction:
        return self.earned / self.possible if self.possible else Fraction(0)

    @property
    def worth(self) -> Fraction:
        return self.share * self.fraction


def _groups(assignment: Assignment, record: RunRecord | None) -> tuple[_Group, _Group]:
    """Return the core and the starred group; without a record, as if all were right."""
    rules = assignment.rules
    core_share, starred_share = rules.core_share, rules.starred_share
    core = [one for one in assignment.exercises if not one.starred]
    starred = [one for one in assignment.exercises if one.starred]
    if not starred:
        core_share, starred_share = core_share + starred_share, Fraction(0)
    elif not core:
        core_share, starred_share = Fraction(0), core_share + starred_share
    return (
        _group("Core exercises" if starred else "Exercises", core, record, core_share),
        _group("Starred exercises", starred, record, starred_share),
    )


def _group(
    name: str, exercises: Sequence[Exercise], record: RunRecord | None, share: Fraction
) -> _Group:
    possible = sum((exercise.points for exercise in exercises), Fraction(0))
    if record is None:
        return _Group(name, possible, possible, share)
    seen = {result.exercise.key: result.parts for result in record.exercises}
    parts = [_weighed(seen.get(exercise.key, ()), exercise.points) for exercise in exercises]
    earned = sum((part.points for each in parts for part in each), Fraction(0))
    return _Group(name, earned, possible, share)


# --- attempts and dates ----------------------------------------------------------------------


class _Dates:
    """The dates that hold for one student, and how to say them."""

    def __init__(
        self, assignment: Assignment, section: str | None, decisions: Decisions, zone: ZoneInfo
    ) -> None:
        dates = assignment.sections.get(section or "", assignment.schedule)
        self.grace = assignment.rules.grace
        self.extension = decisions.extension
        self.excused = decisions.excused
        self.schedule = Schedule(
            class_end=None if self.excused else dates.class_end,
            due=self._extended(dates.due),
            closes=self._extended(dates.closes),
        )
        self.has_class_end = dates.class_end is not None
        self._zone = zone

    def _extended(self, date: datetime | None) -> datetime | None:
        """Move a date; an extension never takes time away."""
        return date if date is None or self.extension is None else max(date, self.extension)

    def say(self, time: datetime) -> str:
        local = time.astimezone(self._zone)
        return f"{local:%H:%M} on {local.day} {_MONTHS[local.month - 1]}"


@dataclass(frozen=True, slots=True)
class _HandIn:
    """One attempt with its record and its place in the schedule; an unknown time is in time."""

    index: int
    attempt: Attempt
    record: RunRecord | None
    dates: _Dates

    @property
    def is_closed(self) -> bool:
        return self._is_after(self.dates.schedule.closes)

    @property
    def is_in_class(self) -> bool:
        end = self.dates.schedule.class_end
        return end is not None and not self._is_after(end + self.dates.grace)

    @property
    def is_unreadable(self) -> bool:
        if self.record is None:
            return self.attempt.problem is not None
        return self.record.status is RunStatus.UNREADABLE

    @property
    def is_faulty(self) -> bool:
        """Whether the grader failed, wholly or in a case."""
        if self.record is None:
            return False
        cases = (case for result in self.record.exercises for case in result.cases)
        return self.record.status is RunStatus.INTERNAL_ERROR or any(
            case.outcome is CaseOutcome.ERROR for case in cases
        )

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet what it is worth."""
        return not self.is_unreadable and (self.record is None or self.is_faulty)

    @property
    def is_graded(self) -> bool:
        return not (self.is_closed or self.is_open or self.is_unreadable)

    @property
    def is_work(self) -> bool:
        """Whether it is known to differ from the handout."""
        return self.record is not None and self.record.differs_from_stub

    def started_periods(self, period: timedelta) -> int:
        """Return how many periods have begun since it was due."""
        due, time = self.dates.schedule.due, self.attempt.submitted_at
        if due is None or time is None:
            return 0
        return max(0, math.ceil((time - due - self.dates.grace) / period))

    def _is_after(self, limit: datetime | None) -> bool:
        time = self.attempt.submitted_at
        return limit is not None and time is not None and time > limit


def _outcome(
    hand_ins: Sequence[_HandIn], judge: _Judge, dates: _Dates
) -> tuple[Status, _HandIn | None, str]:
    """Return the status, the attempt that counts, and what to say if there is no score."""
    counted = [one for one in hand_ins if not one.is_closed]
    if not counted:
        if not hand_ins or dates.schedule.closes is None:
            return Status.NOT_SUBMITTED, None, "Nothing was handed in."
        closed = dates.say(dates.schedule.closes)
        return Status.NOT_SUBMITTED, None, f"Nothing was handed in before it closed at {closed}."
    graded = [one for one in counted if one.is_graded]
    best = max(graded, key=judge.rank, default=None)
    waiting = [one for one in counted if one.is_open]
    settled = best is not None or any(one.is_unreadable for one in counted)
    reached = judge.value(best) if best is not None else Fraction(0)
    if waiting and (not settled or judge.best_possible(counted) > reached):
        if any(one.is_faulty for one in waiting):
            return Status.INTERNAL_ERROR, None, _OUR_FAULT
        return Status.PENDING, None, "Not graded yet."
    if best is None:
        return Status.UNREADABLE, None, _unreadable(counted)
    return Status.GRADED, best, ""


_OUR_FAULT = "The grader failed, which is not your fault. No points are lost: a person will look."


def _unreadable(hand_ins: Sequence[_HandIn]) -> str:
    last = hand_ins[-1]
    why = last.attempt.problem or (last.record.message if last.record is not None else "")
    return f"What was handed in could not be read. {why}".strip()


# --- rules -----------------------------------------------------------------------------------


class _Judge:
    """Applies the rules to one attempt, given all of them."""

    def __init__(self, assignment: Assignment, dates: _Dates, hand_ins: Sequence[_HandIn]) -> None:
        self._assignment = assignment
        self._rules = assignment.rules
        self._dates = dates
        self._hand_ins = hand_ins
        self._cap = self._class_cap()

    def rank(self, one: _HandIn) -> tuple[Fraction, Fraction, int]:
        """Order attempts: the best score, then the best work, then the earliest."""
        return self.value(one), self._raw(one.record), -one.index

    def value(self, one: _HandIn) -> Fraction:
        """Return the score of an attempt that was graded."""
        return self._bounded(self._raw(one.record), one, self._cap)

    def best_possible(self, hand_ins: Sequence[_HandIn]) -> Fraction:
        """Return the best score if every attempt that is open turns out to be perfect."""
        lifted = any(one.is_open and one.is_in_class for one in hand_ins)
        cap = None if lifted else self._cap
        return max(
            self._bounded(self._raw(None if one.is_open else one.record), one, cap)
            for one in hand_ins
            if not one.is_unreadable
        )

    def score(self, one: _HandIn) -> Score:
        """Return the score of an attempt that was graded, with its derivation."""
        core, starred = _groups(self._assignment, one.record)
        return Score(
            value=self.value(one),
            scale=self._rules.scale,
            core=core.fraction,
            starred=starred.fraction,
            raw=self._raw(one.record),
            late_penalty=self._penalty(one),
            caps=(self._cap,) if self._cap is not None else (),
            explanation=" ".join(self._sentences(one, core, starred)),
        )

    def so_far(self, one: _HandIn, waiting: Sequence[Exercise]) -> str:
        """Say what is known of an attempt while a person has yet to grade some exercises."""
        groups = [group for group in _groups(self._assignment, one.record) if group.possible]
        said = [f"Attempt {one.index + 1} of {len(self._hand_ins)}."][: len(self._hand_ins) > 1]
        said += [f"{group.name} so far: {_points(group)}." for group in groups]
        names = ", ".join(f"{each.id} ({_of_points(each.points)})" for each in waiting)
        return " ".join((*said, f"No score yet: a person has yet to grade {names}."))

    def _raw(self, record: RunRecord | None) -> Fraction:
        core, starred = _groups(self._assignment, record)
        raw = core.worth + starred.worth
        return core.share if self._is_gated(core, starred) else raw

    def _is_gated(self, core: _Group, starred: _Group) -> bool:
        """Whether a missing star keeps the score from being more than the core share."""
        gate = self._rules.policy is Policy.GATE and core.possible > 0 and starred.fraction < 1
        return gate and core.worth + starred.worth > core.share

    def _penalty(self, one: _HandIn) -> Fraction:
        late = self._rules.late_penalty
        if late is None:
            return Fraction(0)
        return min(late.points * one.started_periods(late.period), late.at_most)

    def _bounded(self, raw: Fraction, one: _HandIn, cap: Cap | None) -> Fraction:
        value = max(raw - self._penalty(one), Fraction(0))
        if cap is not None:
            value = min(value, cap.limit)
        step = self._rules.rounding
        return math.floor(value / step + Fraction(1, 2)) * step

    def _class_cap(self) -> Cap | None:
        """Return the cap for having handed in no work by the end of class, if it applies."""
        end = self._dates.schedule.class_end
        in_class = [one for one in self._hand_ins if one.is_in_class]
        if end is None or any(one.is_work for one in in_class):
            return None
        time = self._dates.say(end)
        reason = f"nothing was handed in by {time}"
        if any(one.is_unreadable for one in in_class):
            reason = f"what was handed in by {time} could not be read"
        elif in_class:
            reason = f"what was handed in by {time} was the unchanged handout"
        return Cap(limit=self._rules.class_cap, reason=reason)

    def _sentences(self, one: _HandIn, core: _Group, starred: _Group) -> list[str]:
        said = []
        if len(self._hand_ins) > 1:
            said.append(f"Attempt {one.index + 1} of {len(self._hand_ins)}.")
        said += [_worth(group) for group in (core, starred) if group.possible]
        if self._is_gated(core, starred):
            said.append(f"At most {number(core.share)} until every starred exercise is complete.")
        said += self._said_about_time(one)
        before = max(self._raw(one.record) - self._penalty(one), Fraction(0))
        if self._cap is not None and before > self._cap.limit:
            limit = number(self._cap.limit)
            said.append(f"{number(before)} before caps; capped at {limit}: {self._cap.reason}.")
        said.append(f"Score: {number(self.value(one))} of {number(self._rules.scale)}.")
        return said

    def _said_about_time(self, one: _HandIn) -> list[str]:
        said, dates = [], self._dates
        if dates.excused and dates.has_class_end:
            said.append("Excused from handing in by the end of class.")
        if dates.extension is not None and dates.schedule.due is not None:
            said.append(f"Extended to {dates.say(dates.extension)}.")
        time, due, late = one.attempt.submitted_at, dates.schedule.due, self._rules.late_penalty
        if time is None:
            if dates.schedule != Schedule():
                said.append(
                    "When it was handed in is not known (time_unknown): no cap and no penalty."
                )
        elif late is not None and due is not None and self._penalty(one):
            rule = f"{number(late.points)} off for each started period of {_duration(late.period)}"
            said.append(
                f"Late: handed in at {dates.say(time)}, due at {dates.say(due)};"
                f" {rule}, at most {number(late.at_most)}: {number(self._penalty(one))} off."
            )
        return said


def _worth(group: _Group) -> str:
    return f"{group.name}: {_points(group)}, worth {number(group.worth)} of {number(group.share)}."


def _points(group: _Group) -> str:
    return f"{number(group.earned)} of {number(group.possible)} points"


def _of_points(points: Fraction) -> str:
    return f"{number(points)} point" + ("" if points == 1 else "s")


def _zero(rules: ScoreRules, explanation: str) -> Score:
    nothing = Fraction(0)
    return Score(
        value=nothing,
        scale=rules.scale,
        core=nothing,
        starred=nothing,
        raw=nothing,
        late_penalty=nothing,
        caps=(),
        explanation=explanation,
    )


def _overridden(base: Score, value: Fraction) -> Score:
    said = f"{base.explanation} An instructor set the score to {number(value)}.".strip()
    return replace(base, value=value, explanation=said)


# --- words -----------------------------------------------------------------------------------

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip  # strftime would speak the machine's language


def number(value: Fraction) -> str:
    """Write points as people do: "3", "3.25", and "1.33" for four thirds."""
    for places in range(7):
        if (value * 10**places).denominator == 1:
            return f"{float(value):.{places}f}"
    return f"{math.floor(value * 100 + Fraction(1, 2)) / 100:.2f}"


def _duration(period: timedelta) -> str:
    """Write a period as grading_config.yml does: "1 day", "2 h 30 min"."""
    hours, seconds = divmod(period.seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    days = f"{period.days} day" + ("s" if period.days > 1 else "")
    parts = [days if period.days else "", f"{hours} h" if hours else ""]
    parts += [f"{minutes} min" if minutes else "", f"{seconds} s" if seconds else ""]
    return " ".join(part for part in parts if part)
