"""What a class's results say about its exercises. Pure: documents in, frozen numbers out.

A `Standing` is the little of a result that statistics need, so that a thousand students fit.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from statistics import correlation, fmean, quantiles

from autograder.models import (
    Assignment,
    CaseOutcome,
    Exercise,
    ExerciseOutcome,
    Isolation,
    Status,
    Submission,
    frozen,
)
from autograder.report.json import Document

BINS = 8  # bars of a histogram: half a point each, where the best score is 4
ENOUGH = 10  # students, below which a coefficient is noise, and one student can be recognised
DATES = ("class_end", "due", "closes")  # of a schedule
_FEW = 5  # students who ran a case, below which it says little that all of them agree
_NEEDS_A_PERSON = (Status.UNREADABLE, Status.INTERNAL_ERROR)
_UNTOUCHED = (ExerciseOutcome.NOT_IMPLEMENTED, ExerciseOutcome.NOT_RUN)


@frozen
class Work:
    """One exercise of one student."""

    outcome: ExerciseOutcome
    share: float  # of its points, 0 to 1
    mistake: str | None
    hint: str  # the first: the property that fails
    review: str | None
    ran: Mapping[str, bool]  # cases that came to an end, by id: whether each of their parts passed


@frozen
class Standing:
    """One student, as far as the class page needs it."""

    student_id: str
    label: str  # the name, or what stands for it
    section: str | None
    status: Status
    score: float | None
    works: Mapping[str, Work]  # by exercise id
    hand_ins: tuple[datetime, ...]  # oldest first
    untimed: int  # attempts whose time is not known
    problem: str = ""  # why a person must look
    unmarked: tuple[str, ...] = ()  # ids of exercises that a person has yet to grade
    isolation: Isolation | None = None


@frozen
class Spread:
    """Five numbers and the mean."""

    lowest: float
    lower: float  # quartile
    median: float
    upper: float
    highest: float
    mean: float


@frozen
class Bin:
    """One bar of the histogram: lowest <= score < highest, and the last one holds the best."""

    lowest: float
    highest: float
    count: int


@frozen
class Item:
    """One exercise, as the class did it."""

    exercise: Exercise
    title: str
    share: float | None  # mean share of the points; None if nobody is graded
    written: int  # students who changed it
    solved: int  # students with every point
    discrimination: float | None  # correlation with the points of all other exercises; see `items`


@frozen
class Mistake:
    """A known mistake, and how many made it."""

    id: str
    exercise: str
    hint: str
    count: int


@frozen
class SilentCase:
    """A case on which all who ran it agree."""

    id: str
    title: str
    exercise: str
    passed: bool
    count: int  # students who ran it


@frozen
class Review:
    """Something suspicious that a person should decide about; the points stand."""

    standing: Standing
    exercises: tuple[str, ...]
    what: str


@frozen
class Milestone:
    """A date of the schedule, and how many had handed in by then."""

    kind: str  # one of `DATES`
    sections: tuple[str, ...]  # whose it is; empty if the assignment's own
    at: datetime
    handed_in: int
    of: int


@frozen
class Statistics:
    """All that the class page says."""

    standings: tuple[Standing, ...]  # sorted by label
    counts: Mapping[Status, int]
    spread: Spread | None
    bins: tuple[Bin, ...]
    items: tuple[Item, ...]
    mistakes: tuple[Mistake, ...]  # most frequent first
    silent: tuple[SilentCase, ...]  # what nobody passes first
    reviews: tuple[Review, ...]
    waiting: tuple[Standing, ...]  # whose grade needs a person
    unmarked: Mapping[str, int]  # by exercise that a person grades: how many wait for it
    isolations: tuple[tuple[Isolation, int], ...]

    @property
    def graded(self) -> int:
        """How many students have a graded attempt."""
        return self.counts.get(Status.GRADED, 0)


# --- one student -----------------------------------------------------------------------------


def standing(submission: Submission, result: Document | None, label: str) -> Standing:
    """Return what the class page needs of one student.

    Args:
        submission: Who it is, and when they handed in.
        result: The `gradlab/result/v1` document, or None while there is none.
        label: How the student is called on the page.
    """
    times = [attempt.submitted_at for attempt in submission.attempts]
    known = sorted(time for time in times if time is not None)
    bare = Standing(
        student_id=submission.student_id,
        label=label,
        section=submission.section,
        status=Status.PENDING,
        score=None,
        works={},
        hand_ins=tuple(known),
        untimed=len(times) - len(known),
    )
    if result is None:
        return bare
    status = Status(result["status"])
    return replace(
        bare,
        status=status,
        score=result["score"]["value"] if status is Status.GRADED else None,
        works={one["id"]: _work(one) for one in result["exercises"]},
        problem=_problem(result) if status in _NEEDS_A_PERSON else "",
        unmarked=tuple(result.get("waiting", ())),
        isolation=isolation_of(result),
    )


def isolation_of(result: Document) -> Isolation:
    """Return the isolation that a result was reached in."""
    found = result["isolation"]
    return Isolation(tier=found["tier"], missing=tuple(found["missing"]))


def _problem(result: Document) -> str:
    problems = [one["problem"] for one in result["attempts"] if one["problem"]]
    return problems[-1] if problems else "the grader failed in one of its own cases"


def _work(exercise: Document) -> Work:
    ran: dict[str, bool] = {}
    for case in exercise["cases"]:
        if case["outcome"] in (CaseOutcome.PASSED, CaseOutcome.FAILED):
            name = sys.intern(case["id"].partition("#")[0])
            ran[name] = ran.get(name, True) and case["outcome"] == CaseOutcome.PASSED
    possible = exercise["max_points"]
    return Work(
        outcome=ExerciseOutcome(exercise["outcome"]),
        share=exercise["points"] / possible if possible else 0.0,
        mistake=exercise["mistake"],
        hint=exercise["hints"][0] if exercise["hints"] else "",
        review=exercise["review"],
        ran=ran,
    )


# --- the class -------------------------------------------------------------------------------


def statistics(
    standings: Iterable[Standing],
    exercises: Sequence[Exercise],
    titles: Mapping[str, str],
    *,
    scale: float,
) -> Statistics:
    """Return what the results of a class say.

    Args:
        standings: Of every student, in any order.
        exercises: Of the assignment, in order.
        titles: Of exercises and of cases, by id; what lacks one is called by its id.
        scale: The best score.
    """
    ordered = tuple(sorted(standings, key=lambda one: (one.label.casefold(), one.label)))
    graded = [one for one in ordered if one.status is Status.GRADED]
    scores = sorted(one.score for one in graded if one.score is not None)
    return Statistics(
        standings=ordered,
        counts=Counter(one.status for one in ordered),
        spread=spread(scores),
        bins=histogram(scores, scale),
        items=items(graded, exercises, titles),
        mistakes=mistakes(graded, exercises),
        silent=silent_cases(graded, exercises, titles),
        reviews=reviews(ordered),
        waiting=tuple(one for one in ordered if one.status in _NEEDS_A_PERSON),
        unmarked=Counter(name for one in ordered for name in one.unmarked),
        isolations=tuple(
            Counter(one.isolation for one in ordered if one.isolation is not None).most_common()
        ),
    )


def spread(scores: Sequence[float]) -> Spread | None:
    """Return the quartiles and the mean of sorted scores; None without any."""
    if not scores:
        return None
    alone = [scores[0]] * 3
    lower, median, upper = quantiles(scores, n=4, method="inclusive") if len(scores) > 1 else alone
    return Spread(
        lowest=scores[0],
        lower=lower,
        median=median,
        upper=upper,
        highest=scores[-1],
        mean=fmean(scores),
    )


def histogram(scores: Iterable[float], scale: float) -> tuple[Bin, ...]:
    """Return how many scores lie in each of `BINS` equal bins of 0 to `scale`."""
    counts = Counter(min(int(score * BINS / scale), BINS - 1) for score in scores)
    edges = [scale * index / BINS for index in range(BINS + 1)]
    return tuple(
        Bin(lowest=edges[index], highest=edges[index + 1], count=counts[index])
        for index in range(BINS)
    )


def items(
    graded: Sequence[Standing], exercises: Sequence[Exercise], titles: Mapping[str, str]
) -> tuple[Item, ...]:
    """Return the difficulty and the discrimination of each exercise.

    Difficulty is the mean share of the points. Discrimination is the correlation of an exercise's
    share with the points of all the others: near 1, who solves it solves the others, too; near 0 or
    below, it measures something else, or is broken. None for fewer than `ENOUGH` students, and if
    all have the same.
    """
    found = []
    for exercise in exercises:
        works = [one.works[exercise.id] for one in graded if exercise.id in one.works]
        shares = [work.share for work in works]
        found.append(
            Item(
                exercise=exercise,
                title=titles.get(exercise.id, exercise.id),
                share=fmean(shares) if shares else None,
                written=sum(work.outcome not in _UNTOUCHED for work in works),
                solved=sum(share >= 1 for share in shares),
                discrimination=_discrimination(graded, exercise, exercises),
            )
        )
    return tuple(found)


def _discrimination(
    graded: Sequence[Standing], exercise: Exercise, exercises: Sequence[Exercise]
) -> float | None:
    others = [one for one in exercises if one.id != exercise.id]
    pairs = [
        (
            one.works[exercise.id].share,
            sum(float(x.points) * one.works[x.id].share for x in others if x.id in one.works),
        )
        for one in graded
        if exercise.id in one.works
    ]
    if len(pairs) < ENOUGH or any(len(set(column)) < 2 for column in zip(*pairs, strict=True)):
        return None
    return correlation(*zip(*pairs, strict=True))


def mistakes(graded: Sequence[Standing], exercises: Sequence[Exercise]) -> tuple[Mistake, ...]:
    """Return the known mistakes that were made, the most frequent first, then as exercises come.

    Whose they are decides nothing, so that a page without names has the same order.
    """
    order = {exercise.id: place for place, exercise in enumerate(exercises)}
    found: dict[tuple[str, str], Counter[str]] = {}
    for exercise in exercises:
        for one in graded:
            work = one.works.get(exercise.id)
            if work is not None and work.mistake is not None:
                hints = found.setdefault((exercise.id, work.mistake), Counter())
                hints[work.hint] += 1
    # Where a probe has found something besides, its hint may come first; most often it does not.
    counted = (
        Mistake(id=name, exercise=exercise, hint=_most(hints), count=hints.total())
        for (exercise, name), hints in found.items()
    )
    return tuple(sorted(counted, key=lambda one: (-one.count, order[one.exercise], one.id)))


def _most(hints: Counter[str]) -> str:
    return min(hints, key=lambda hint: (-hints[hint], hint))


def silent_cases(
    graded: Sequence[Standing], exercises: Sequence[Exercise], titles: Mapping[str, str]
) -> tuple[SilentCase, ...]:
    """Return the cases that all pass, or nobody, of at least five students who ran them.

    What nobody passes comes first: it may be the suite that is wrong.
    """
    found = []
    for exercise in exercises:
        seen: dict[str, list[bool]] = {}
        for one in graded:
            work = one.works.get(exercise.id)
            if work is not None and work.outcome not in _UNTOUCHED:
                for name, passed in work.ran.items():
                    seen.setdefault(name, []).append(passed)
        found += [
            SilentCase(
                id=name,
                title=titles.get(name, name),
                exercise=exercise.id,
                passed=passed[0],
                count=len(passed),
            )
            for name, passed in seen.items()
            if len(passed) >= _FEW and len(set(passed)) == 1
        ]
    return tuple(sorted(found, key=lambda case: case.passed))


def reviews(standings: Iterable[Standing]) -> tuple[Review, ...]:
    """Return what is suspicious, once for each student even if many exercises share it."""
    found: list[Review] = []
    for one in standings:
        shared: dict[str, list[str]] = {}
        for name, work in one.works.items():
            if work.review:
                shared.setdefault(work.review, []).append(name)
        found += [
            Review(standing=one, exercises=tuple(names), what=what)
            for what, names in shared.items()
        ]
    return tuple(found)


# --- over time -------------------------------------------------------------------------------


def milestones(standings: Iterable[Standing], assignment: Assignment) -> tuple[Milestone, ...]:
    """Return the dates of all sections in order, and how many of each had handed in by then.

    The grace is counted in, as the score does; what people extended for one student is not.
    """
    concerned: dict[tuple[str, datetime], list[Standing]] = {}
    for one in standings:
        dates = assignment.sections.get(one.section or "", assignment.schedule)
        for kind in DATES:
            at = getattr(dates, kind)
            if at is not None:
                concerned.setdefault((kind, at), []).append(one)
    found = []
    for (kind, at), ours in sorted(concerned.items(), key=lambda item: item[0][1]):
        last = at if kind == "closes" else at + assignment.rules.grace
        is_everybodys = getattr(assignment.schedule, kind) == at
        found.append(
            Milestone(
                kind=kind,
                sections=()
                if is_everybodys
                else tuple(sorted({one.section or "" for one in ours})),
                at=at,
                handed_in=sum(any(time <= last for time in one.hand_ins) for one in ours),
                of=len(ours),
            )
        )
    return tuple(found)
