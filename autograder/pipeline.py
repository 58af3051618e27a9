"""The whole program, from submissions to grades, in the order in which it happens.

grading_config.yml        folder or zip
| config.load          | collect.find_submissions
v                      v
GradingConfig ------->  Submission --> batch.examine (suites <==> sandboxed workers) --> RunRecord
| score
v
grades.csv, result and feedback files <----- Grade
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from autograder import batch, config, gradebook, ledger, score
from autograder.collect import Found, Keep, find_submissions, read_roster
from autograder.errors import ConfigError
from autograder.models import (
    Assignment,
    Exercise,
    GradingConfig,
    Isolation,
    LedgerEntry,
    RunRecord,
    Schedule,
    Status,
    Submission,
    SubmittedFile,
    frozen,
)
from autograder.report import text
from autograder.report.json import Environment, feedback_document, result_document, to_json
from autograder.report.store import Store
from autograder.sandbox import tiers


@frozen
class Request:
    """What to grade, and how; one field for each option of `gradlab grade`."""

    course_dir: Path
    source: Path | None
    assignment: str
    out: Path
    roster: Path | None = None
    worksheet: Path | None = None
    origin: str | None = None
    at: str | None = None
    jobs: int | None = None
    device: str | None = None
    seed: int | None = None
    force: bool = False
    min_tier: str | None = None
    trust: bool = False


@frozen
class Summary:
    """What a run came to; the whole of it is in OUT."""

    rows: tuple[text.Row, ...]  # one for each student, sorted
    exercises: tuple[Exercise, ...]
    notes: tuple[str, ...]
    isolation: Isolation
    out: Path

    @property
    def faults(self) -> int:
        """How many grades need a person because the grader failed."""
        return sum(one.status is Status.INTERNAL_ERROR for one in self.rows)


def grade(request: Request, watch: batch.Watch) -> Summary:
    """Grade an assignment: everything that SOURCE holds and OUT already knows."""
    course, assignment = configured(request)
    _check_apart(request)
    _look(request, course, assignment)
    store = Store(request.out)
    if request.source is None and assignment.id not in store.assignments():
        raise ConfigError(
            f"{request.out}: expected attempts at {assignment.id}, got none."
            " Name the folder or zip that holds them: gradlab grade SOURCE ..."
        )
    with store.lock():
        found = _collect(request, course, assignment, store)
        run = batch.Run(
            config=course,
            assignment=assignment.tested,
            seed=store.run_seed(request.seed),
            isolation=tiers.choose(at_least=request.min_tier, trust=request.trust),
            graders=request.jobs,
            force=request.force,
        )
        entries = ledger.read(request.out / ledger.LEDGER_NAME)
        rows: list[text.Row] = []

        def settle(submission: Submission, records: Mapping[str, RunRecord]) -> None:
            now = datetime.now(UTC)
            mine = [one for one in entries if one.student_id == submission.student_id]
            decisions = ledger.decisions(mine, assignment, submission.student_id)
            final = {
                sha: score.adjusted(one, assignment, decisions) for sha, one in records.items()
            }
            worth = score.score(assignment, submission, final, decisions, timezone=course.timezone)
            store.write_result(
                result_document(submission, worth, final, _environment(run, assignment, mine), now),
                feedback_document(submission, worth, final, now),
            )
            rows.append(text.row(submission, worth, final, assignment.exercises))

        batch.examine(run, store, watch, settle)
        store.write_grades()
        gradebook.rebuild(course, store)
        untimed = tuple(_untimed(assignment, store.submissions(assignment.id)))
    notes = dict.fromkeys((*(found.notes if found else ()), *store.notes, *untimed))
    return Summary(
        rows=tuple(sorted(rows, key=lambda one: one.student_id)),
        exercises=assignment.exercises,
        notes=tuple(notes),
        isolation=run.isolation,
        out=request.out,
    )


def collect(request: Request) -> Found:
    """Record who handed in what, and when; grade nothing."""
    course, assignment = configured(request)
    _check_apart(request)
    _look(request, course, assignment)
    store = Store(request.out)
    with store.lock():
        found = _collect(request, course, assignment, store)
        untimed = tuple(_untimed(assignment, store.submissions(assignment.id)))
    assert found is not None
    return dataclasses.replace(found, notes=(*found.notes, *untimed))


def configured(request: Request) -> tuple[GradingConfig, Assignment]:
    """Return the course's configuration and the assignment that is asked for."""
    course = config.load(request.course_dir)
    if request.device is not None:
        course = dataclasses.replace(course, device=request.device)
    if request.assignment not in course.assignments:
        known = ", ".join(course.assignments)
        raise ConfigError(
            f"-a: expected an assignment out of {known}, got {request.assignment!r}. Correct it."
        )
    return course, course.assignments[request.assignment]


def _check_apart(request: Request) -> None:
    """Keep what OUT holds from being collected as if students had handed it in."""
    if request.source is None:
        return
    source, out = (Path(os.path.realpath(path)) for path in (request.source, request.out))
    if out.is_relative_to(source) or source.is_relative_to(out / "submissions"):
        raise ConfigError(
            f"-o: expected a folder apart from {request.source}, got {request.out}."
            " Name another one."
        )


def _collect(
    request: Request, course: GradingConfig, assignment: Assignment, store: Store
) -> Found | None:
    if request.source is None:
        return None
    found = _search(request, course, assignment, store.keep, store.submissions(assignment.id))
    store.record_attempts(found.submissions)
    return found


def _look(request: Request, course: GradingConfig, assignment: Assignment) -> None:
    """Find what is wrong with SOURCE before OUT is made; no file is read yet."""
    if request.source is not None and not request.out.exists():
        _search(request, course, assignment, _unread, ())


def _unread(name: str, content: Iterable[bytes]) -> SubmittedFile:
    del content
    return SubmittedFile(name=name, sha256="", size=0, blob=Path(os.devnull))


def _search(
    request: Request,
    course: GradingConfig,
    assignment: Assignment,
    keep: Keep,
    known: Sequence[Submission],
) -> Found:
    assert request.source is not None
    sections = dict.fromkeys(one for each in course.assignments.values() for one in each.sections)
    return find_submissions(
        request.source,
        assignment=assignment,
        keep=keep,
        timezone=course.timezone,
        roster=read_roster(request.roster, sections) if request.roster is not None else None,
        at=None if request.at is None else config.parse_moment(request.at, course.timezone, "--at"),
        origin=request.origin,
        worksheet=request.worksheet,
        known=known,
    )


def _untimed(assignment: Assignment, submissions: Sequence[Submission]) -> Iterator[str]:
    """Say that dates do not touch some attempts, where there are dates."""
    dates = (assignment.schedule, *assignment.sections.values())
    attempts = [one for each in submissions for one in each.attempts if one.problem is None]
    untimed = sum(attempt.submitted_at is None for attempt in attempts)
    if untimed and any(each != Schedule() for each in dates):
        yield (
            f"{text.count(untimed, 'attempt')} without a known time: taken as handed in on time,"
            " with no cap and no late penalty. To say when: gradlab collect with --at or"
            " --worksheet, or SOURCE/submissions.csv (student_id,submitted_at); then grade again."
        )


def _environment(
    run: batch.Run, assignment: Assignment, entries: Sequence[LedgerEntry]
) -> Environment:
    """Say where and under which rules one student is graded; other rules only score again."""
    policy = [
        [[one.key, str(one.points), one.starred] for one in assignment.exercises],
        to_json(assignment.rules),
        to_json(assignment.schedule),
        to_json(assignment.sections),
        to_json([one for one in entries if one.assignment == assignment.id]),
        run.config.timezone,
    ]
    return Environment(
        isolation=run.isolation,
        python=platform.python_version(),
        torch=torch.__version__,
        device=run.config.device,
        seed=run.seed,
        policy_sha256=hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest(),
    )
