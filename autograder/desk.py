"""The instructor's desk: look a result up, play one case again, write a decision down."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from autograder import batch, ledger
from autograder.checks.play import Case, Play, Played
from autograder.checks.sandboxed import SandboxedStage
from autograder.checks.suite import Suite, open_suite
from autograder.config import parse_moment
from autograder.errors import ConfigError
from autograder.examine import contents
from autograder.models import Assignment, Attempt, LedgerEntry
from autograder.pipeline import Request, configured
from autograder.report.store import Store
from autograder.sandbox import tiers
from autograder.sandbox.client import Sandbox


def result(out: Path, assignment: str, student_id: str) -> dict[str, Any]:
    """Return a student's result file.

    Raises:
        ConfigError: If there is none, or it cannot be read.
    """
    store = Store(out)
    known = [submission.student_id for submission in store.submissions(assignment)]
    found = store.result(assignment, student_id) if student_id in known else None
    if found is not None:
        return found
    for path, why in store.unreadable.items():
        if path.stem == student_id:
            raise damaged(path, why, out=out, assignment=assignment)
    raise ConfigError(
        f"{out}: expected a result of {student_id!r} at {assignment!r}, got none."
        " Grade first, or correct the names."
    )


def damaged(path: Path, why: str, *, out: Path, assignment: str) -> ConfigError:
    """Return what to raise of a student's file in OUT that cannot be read.

    Args:
        path: The file.
        why: What is wrong with it.
        out: The folder OUT.
        assignment: Whose grading makes it again.
    """
    if path.parent.parent.name == "submissions":
        advice = "Collect and grade again: gradlab grade SOURCE"
    else:
        advice = "Make it again: gradlab grade"
    return ConfigError(
        f"{path}: expected a file that can be read, got a damaged one ({why})."
        f" {advice} -a {assignment} -o {out}"
    )


def decide(request: Request, student_id: str, *, kind: str, why: str, **more: str | None) -> Path:
    """Append a decision about a student to the ledger; the next `grade` applies it.

    Args:
        request: Names the course, the assignment and OUT.
        student_id: Whom it is about.
        kind: See `ledger`.
        why: The reason.
        more: `value`, `exercise` and `by`, where they matter.

    Raises:
        ConfigError: If the decision is not one, nobody of that id handed anything in, or the ledger
            cannot be read.
    """
    course, assignment = configured(request)
    store = Store(request.out)
    known = [submission.student_id for submission in store.submissions(assignment.id)]
    if student_id not in known:
        raise ConfigError(
            f"adjust: expected a student of {assignment.id} in {request.out}, got {student_id!r}."
            " Correct the id, or collect first."
        )
    exercise, value = more.get("exercise"), more.get("value")
    if exercise is not None and exercise not in _points(assignment):
        raise ConfigError(
            f"--exercise: expected one of {', '.join(one.id for one in assignment.exercises)},"
            f" got {exercise!r}. Correct it."
        )
    if kind == "extension" and value is not None and value != ledger.WITHDRAWN:
        value = parse_moment(value, course.timezone, "--value").isoformat()
    entry = LedgerEntry(
        kind=kind,
        student_id=student_id,
        assignment=assignment.id,
        by=more.get("by") or getpass.getuser(),
        at=datetime.now(UTC),
        why=why,
        exercise=exercise,
        value=value,
    )
    _check_override(entry, assignment)
    try:
        ledger.check(entry)
    except ValueError as error:  # each field that can be wrong here is an option
        raise ConfigError(f"--{error} Correct it.") from None
    path = request.out / ledger.LEDGER_NAME
    with store.lock():
        ledger.read(path)
        ledger.append(path, entry)
    return path


def _points(assignment: Assignment) -> dict[str, Fraction]:
    """Return what each exercise is worth, under both of its names."""
    return {name: one.points for one in assignment.exercises for name in (one.id, one.key)}


def _check_override(entry: LedgerEntry, assignment: Assignment) -> None:
    """Refuse 35 where 3.5 was meant; whether it is a number at all, the ledger says."""
    if entry.kind != "override" or entry.value is None:
        return
    whole = assignment.rules.scale
    most = whole if entry.exercise is None else _points(assignment)[entry.exercise]
    with contextlib.suppress(ValueError, ZeroDivisionError):
        if Fraction(entry.value) > most:
            raise ConfigError(
                f"--value: expected at most {float(most):g}, got {entry.value}. Correct it."
            )


def replay(request: Request, student_id: str, case_id: str) -> Iterator[str]:
    """Play one case of a student's graded attempt again and yield what happened, line by line.

    Everything is shown: numbers of hidden cases, the student's traceback and prints. For the
    instructor's eyes.

    Args:
        request: Names the course, the assignment and OUT.
        student_id: Whose attempt.
        case_id: As in the result file; "#part" may follow.

    Raises:
        ConfigError: If there is no such result or case.
    """
    course, assignment = configured(request)
    document = result(request.out, assignment.id, student_id)
    store = Store(request.out)
    attempt, graded_file = _attempt(store, document)
    trust = document["isolation"]["tier"] == "none"  # as when it was graded
    run = batch.Run(
        config=course,
        assignment=assignment.tested,
        seed=store.run_seed(),
        isolation=tiers.choose(trust=trust),
    )
    lines: list[str] = []

    def body(suite: Suite) -> None:
        wanted = case_id.partition("#")[0]
        case = next((one for one in suite.cases if one.id == wanted), None)
        if case is None:
            raise ConfigError(
                f"--case: expected the id of a case, got {case_id!r}."
                f" Copy one: gradlab explain {student_id} -a {assignment.id} -o {request.out}"
            )
        tier = run.isolation.tier
        with Sandbox.start(jobs=1, limits=assignment.limits, tier=tier, trust=trust) as sandbox:
            examiner = batch.make_examiner(run, suite)
            files = contents(attempt)
            with contextlib.closing(examiner.stage(sandbox.client(0).spawn, files)) as stage:
                played = _play(suite, case, stage, examiner.play(stage), graded_file)
            lines.extend(_said(case, played, stage, graded_file))

    open_suite(batch.test_files(run), body, root=course.course_dir)
    yield from lines


def _play(suite: Suite, case: Case, stage: SandboxedStage, play: Play, graded_file: str) -> Played:
    variants = stage.read()["variants"]
    chosen = next((one for one in variants if one["graded_file"] == graded_file), variants[0])
    stage.choose(chosen["candidates"])
    (played,) = suite.play([case], play)
    return played


def _said(case: Case, played: Played, stage: SandboxedStage, graded_file: str) -> Iterator[str]:
    yield f"{case.id}: {case.title}"
    yield f"file: {graded_file}"
    for observation in played.observations:
        verdict = observation.verdict
        yield f"{observation.part}: right" if verdict.ok else verdict.message
    if played.ended is not None:
        yield f"ended: {played.ended.message}"
        yield from played.ended.trace.splitlines()
    if played.fault:
        yield f"fault of the suite: {played.fault}"
    for remark in (*stage.remarks, *played.remarks):
        yield f"remark: {remark}"
    if stage.prints:
        yield "printed:"
        yield from stage.prints.splitlines()


def _attempt(store: Store, document: Mapping[str, Any]) -> tuple[Attempt, str]:
    """Return the attempt that a result is about, and the file that was graded.

    OUT may know more attempts by now, so they are told apart by what they hold. Where the grader
    failed there is no graded attempt: then it is the newest one with a file that was graded.
    """
    index, attempts = document["graded_attempt"], document["attempts"]
    candidates = attempts[::-1] if index is None else [attempts[index]]
    chosen = next((one for one in candidates if one["graded_file"]), None)
    if chosen is not None:
        for submission in store.submissions(document["assignment"]):
            for attempt in submission.attempts:
                if attempt.sha256 == chosen["sha256"] and not attempt.problem:
                    return attempt, chosen["graded_file"]
    raise ConfigError(
        f"{document['student_id']}: expected an attempt that was graded, got"
        f" {document['status']}. There is nothing to play again."
    )
