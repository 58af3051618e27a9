"""Examine many attempts: one suite, one zygote, forked graders, records as they come.

What has not changed is not examined again: a record counts as long as the hash of everything that
it depends on is the same.
"""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch

from autograder import handout
from autograder.checks import bank
from autograder.checks.suite import Suite, open_suite
from autograder.errors import SandboxError
from autograder.examine import Examiner, run_sha256
from autograder.graders import Graders, default_graders, warm_up
from autograder.models import (
    Assignment,
    Attempt,
    GradingConfig,
    Isolation,
    RunRecord,
    RunStatus,
    Submission,
    frozen,
)
from autograder.report.json import RECORD, dump, parse, read_record, record_document
from autograder.report.store import Store
from autograder.sandbox.client import Sandbox

SPARES = 8  # graders that may die in one batch before something must be wrong with the machine

Records = dict[str, RunRecord]  # of one student, by the SHA-256 of the attempt
Settle = Callable[[Submission, Mapping[str, RunRecord]], None]


class Watch(Protocol):
    """Somebody who wants to know how far it is."""

    def begin(self, isolation: Isolation, total: int, known: int) -> None:
        """So many attempts are examined in this isolation; so many are known already."""

    def examined(self, student_id: str, record: RunRecord) -> None:
        """One attempt is examined, and its record kept."""


@frozen
class Run:
    """Everything that decides what a record says, besides the attempt itself."""

    config: GradingConfig
    assignment: Assignment
    seed: int
    isolation: Isolation
    graders: int | None = None
    force: bool = False


@frozen
class Job:
    """One attempt to examine."""

    submission: Submission
    attempt: Attempt
    run_sha256: str


def examine(run: Run, store: Store, watch: Watch, settle: Settle) -> None:
    """Bring every student's records up to date, and settle each student as soon as they are.

    Args:
        run: What decides the records.
        store: Where submissions and records are kept; locked by the caller.
        watch: Is told how far it is.
        settle: Called once for each student, in this process.
    """
    records: dict[str, Records] = {}  # of students with attempts to examine: the others are settled
    jobs: list[Job] = []
    known = 0
    text = trusted_text(run)
    for submission in store.submissions(run.assignment.id):
        mine, wanted = _known(run, store, submission, text)
        known += len(mine)
        if wanted:
            records[submission.student_id] = mine
            jobs += wanted
        else:
            settle(submission, mine)
    watch.begin(run.isolation, len(jobs), known)

    def finished(job: Job, record: RunRecord) -> None:
        student = job.submission.student_id
        store.write_record(run.assignment.id, student, record)
        records[student][record.attempt_sha256] = record
        watch.examined(student, record)
        if len(records[student]) == len(job.submission.attempts):
            settle(job.submission, records.pop(student))

    if jobs:
        examine_jobs(run, jobs, finished)


def _known(
    run: Run, store: Store, submission: Submission, text: bytes
) -> tuple[Records, list[Job]]:
    """Return the records of a student's attempts that still hold, and a job for each other one."""
    known: Records = {}
    wanted: list[Job] = []
    for attempt in submission.attempts:
        sha = run_sha256(run.config, run.assignment, attempt, text, run.seed, run.isolation)
        kept = store.record(run.assignment.id, submission.student_id, attempt.sha256, sha)
        if kept is not None and not run.force:
            known[attempt.sha256] = kept
        else:
            wanted.append(Job(submission=submission, attempt=attempt, run_sha256=sha))
    return known, wanted


def examine_jobs(run: Run, jobs: Sequence[Job], finished: Callable[[Job, RunRecord], None]) -> None:
    """Examine attempts in forked graders; `finished` gets each record in this process.

    Raises:
        SandboxError: If the workers cannot be had, or not on the device that is asked for.
    """
    if run.config.device != "cpu":
        raise SandboxError(
            f"device: expected cpu, got {run.config.device}. The sandbox gives workers no GPU yet;"
            " grade on the CPU: --device cpu."
        )
    graders = min(default_graders(run.graders), len(jobs))
    sandbox = Sandbox.start(
        jobs=graders + SPARES,
        limits=run.assignment.limits,
        tier=run.isolation.tier,
        trust=run.isolation.tier == "none",
        wait=False,  # it imports torch while the suite is collected and prepared here
    )

    def body(suite: Suite) -> None:
        examiner = make_examiner(run, suite)
        warm_up()
        sandbox.wait_ready()

        # In each fork its own client, made once: it numbers its workers.
        client = functools.cache(sandbox.client)

        def work(grader: int, number: int) -> bytes:
            job = jobs[number]
            record = examiner.examine(job.attempt, client(grader).spawn, job.run_sha256)
            return dump(record_document(record))

        read = functools.lru_cache(maxsize=1)(_record)  # asked twice of each answer
        forked = Graders(
            work,
            jobs=len(jobs),
            graders=graders,
            spares=SPARES,
            retry=lambda answer: not read(answer).is_final,
        )
        for number, answer in forked:
            job = jobs[number]
            finished(job, read(answer) if answer is not None else _nobody_could(job))

    with sandbox:
        open_suite(test_files(run), body, root=run.config.course_dir)


def make_examiner(
    run: Run, suite: Suite, *, seed: str | None = None, dtype: torch.dtype = torch.float64
) -> Examiner:
    """Load the assignment's topics and prepare what all attempts share."""
    course_dir = run.config.course_dir
    topics = {name: bank.load(course_dir, name) for name in run.assignment.topics}
    stubs = {
        name: handout.stub_source(topic.solution_text, where=f"reference/{name}/solution.py")
        for name, topic in topics.items()
    }
    return Examiner(
        run.config,
        run.assignment,
        suite,
        topics,
        stubs=stubs,
        run_seed=str(run.seed) if seed is None else seed,
        dtype=dtype,
    )


def test_files(run: Run) -> list[Path]:
    """Return the suites of the assignment's topics: public where they exist, and hidden."""
    tests = run.config.course_dir / "tests"
    public = [tests / "public" / f"test_{topic}.py" for topic in run.assignment.topics]
    hidden = [tests / "hidden" / f"test_{topic}.py" for topic in run.assignment.topics]
    return [*(path for path in public if path.exists()), *hidden]


def trusted_text(run: Run) -> bytes:
    """Return the text of everything trusted that a record depends on: suites and references."""
    files = list(test_files(run))
    for topic in run.assignment.topics:
        files += sorted((run.config.course_dir / "reference" / topic).glob("*.py"))
    text = [path.read_bytes() for path in files if path.is_file()]
    return b"\0".join([*text, sys.platform.encode(), platform.machine().encode()])


def _record(answer: bytes) -> RunRecord:
    return read_record(parse(answer, RECORD))


def _nobody_could(job: Job) -> RunRecord:
    return RunRecord(
        attempt_sha256=job.attempt.sha256,
        run_sha256=job.run_sha256,
        status=RunStatus.INTERNAL_ERROR,
        message="the grader itself failed, three times; what it printed says where",
    )
