"""The instructor's desk: look a result up, play one case again, write a decision down."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder import batch, ledger
from autograder.checks.play import Case
from autograder.checks.sandboxed import SandboxedStage
from autograder.checks.suite import Suite, open_suite
from autograder.config import parse_moment
from autograder.errors import ConfigError
from autograder.models import Attempt, LedgerEntry, Submission
from autograder.pipeline import Request, configured
from autograder.report.store import Store
from autograder.sandbox import tiers
from autograder.sandbox.client import Sandbox


def result(out: Path, assignment: str, student_id: str) -> dict[str, Any]:
    """Return a student's result file.

    Raises:
        ConfigError: If there is none.
    """
    found = Store(out).result(assignment, student_id)
    if found is None:
        raise ConfigError(
            f"{out}: expected a result of {student_id!r} at {assignment!r}, got none."
            " Grade first, or correct the names."
        )
    return found


def decide(request: Request, student_id: str, *, kind: str, why: str, **more: str | None) -> Path:
    """Append a decision about a student to the ledger; the next `grade` applies it.

    Args:
        request: Names the course, the assignment and OUT.
        student_id: Whom it is about.
        kind: See `ledger`.
        why: The reason.
        more: `value`, `exercise` and `by`, where they matter.

    Raises:
        ConfigError: If the decision is not one, or nobody of that id handed anything in.
    """
    course, assignment = configured(request)
    store = Store(request.out)
    known = [submission.student_id for submission in store.submissions(assignment.id)]
    if student_id not in known:
        raise ConfigError(
            f"adjust: expected a student of {assignment.id} in {request.out}, got {student_id!r}."
            " Correct the id, or collect first."
        )
    value = more.get("value")
    if kind == "extension" and value is not None and value != ledger.WITHDRAWN:
        value = parse_moment(value, course.timezone).isoformat()
    entry = LedgerEntry(
        kind=kind,
        student_id=student_id,
        assignment=assignment.id,
        by=more.get("by") or getpass.getuser(),
        at=datetime.now(UTC),
        why=why,
        exercise=more.get("exercise"),
        value=value,
    )
    path = request.out / ledger.LEDGER_NAME
    with store.lock():
        ledger.append(path, entry)
    return path


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
    store = Store(request.out)
    submission = _submission(store, assignment.id, student_id)
    attempt = _graded(submission, result(request.out, assignment.id, student_id))
    run = batch.Run(
        config=course,
        assignment=assignment,
        seed=store.run_seed(),
        isolation=tiers.choose(request.tier, trust=request.trust),
    )
    lines: list[str] = []

    def body(suite: Suite) -> None:
        wanted = case_id.partition("#")[0]
        case = next((one for one in suite.cases if one.id == wanted), None)
        if case is None:
            raise ConfigError(f"--case: expected the id of a case, got {case_id!r}. Copy it.")
        with Sandbox.start(jobs=1, limits=assignment.limits, tier=run.isolation.tier) as sandbox:
            examiner = batch.make_examiner(run, suite)
            files = [(one.name, one.blob.read_bytes()) for one in attempt.files]
            stage = examiner.stage(sandbox.client(0).spawn, files)
            lines.extend(_replayed(suite, case, stage, examiner.play(stage)))

    open_suite(batch.test_files(run), body, root=course.course_dir)
    yield from lines


def _replayed(suite: Suite, case: Case, stage: SandboxedStage, play: Any) -> Iterator[str]:
    facts = stage.read()
    variant = facts["variants"][0]
    stage.choose(variant["candidates"])
    (played,) = suite.play([case], play)
    stage.close()
    yield f"{case.id}: {case.title}"
    yield f"file: {variant['graded_file']}"
    for observation in played.observations:
        verdict = observation.verdict
        yield f"{observation.part}: {'right' if verdict.ok else verdict.message}"
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


def _submission(store: Store, assignment: str, student_id: str) -> Submission:
    for submission in store.submissions(assignment):
        if submission.student_id == student_id:
            return submission
    raise ConfigError(
        f"{store.out}: expected a submission of {student_id!r} to {assignment!r}, got none."
        " Correct the names."
    )


def _graded(submission: Submission, document: dict[str, Any]) -> Attempt:
    index = document["graded_attempt"]
    if index is None:
        raise ConfigError(
            f"{submission.student_id}: expected a graded attempt, got {document['status']}."
            " There is nothing to play again."
        )
    attempt: Attempt = submission.attempts[index]
    return attempt
