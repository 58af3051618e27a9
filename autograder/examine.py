"""Examine one attempt: read it, choose its file, play every exercise, explain what failed.

Everything here runs in the trusted process. What the worker says before the first student statement
(`read`) is our own code's word; everything after that is a student's claim, which can only cost
that student.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import platform
from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
import torch

from autograder import __version__
from autograder.checks import diagnose, judge
from autograder.checks.bank import Topic, Version
from autograder.checks.diagnose import Transcript
from autograder.checks.local import (
    LocalStage,
    forbidden_message,
    reading_remarks,
    review_message,
    unchanged,
)
from autograder.checks.oracle import Key
from autograder.checks.play import Case, Play, Played, Stage
from autograder.checks.sandboxed import SandboxedStage
from autograder.checks.suite import Suite
from autograder.errors import ConfigError, SubmissionError, SuiteError
from autograder.models import (
    Assignment,
    Attempt,
    CaseOutcome,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    GradingConfig,
    Isolation,
    RunRecord,
    RunStatus,
    Visibility,
)
from autograder.sandbox.client import Worker
from autograder.worker.session import Session

Spawn = Callable[[], Worker]

_KILLED = (
    "its worker was killed from outside, most likely by the system for want of memory."
    " End other programs, use fewer --jobs or a smaller memory limit, then grade again."
)


class Examiner:
    """All that the attempts of one batch share: cases, truth, transcripts of known mistakes.

    Args:
        config: The course's configuration.
        assignment: What is graded.
        suite: The collected cases of its topics.
        topics: Their references and known mistakes.
        stubs: What was handed out, by topic: an exercise that equals it is not written.
        run_seed: Hidden inputs depend on it.
        dtype: Of drawn inputs; float64 grades, float32 is for `validate`.

    Raises:
        SuiteError: If an exercise has no case, its own reference does not pass, or a part of it
            cannot be earned.
    """

    def __init__(
        self,
        config: GradingConfig,
        assignment: Assignment,
        suite: Suite,
        topics: Mapping[str, Topic],
        *,
        stubs: Mapping[str, str],
        run_seed: str,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self._stubs = stubs
        self.config = config
        self.assignment = assignment
        self.suite = suite
        self.topics = topics
        self.run_seed = run_seed
        self.dtype = dtype
        self.known: dict[Key, Any] = {}
        self._references = {name: topic.solution for name, topic in topics.items()}
        self.cases = {exercise.key: self._cases(exercise) for exercise in assignment.exercises}
        self.truth: dict[str, tuple[str, ...]] = {}  # case id -> the part of each comparison
        for exercise in assignment.exercises:
            self._play_reference(exercise)
        self.transcripts = {
            exercise.key: self._transcripts(exercise) for exercise in assignment.exercises
        }

    # --- trusted versions -------------------------------------------------------------------

    def play_version(self, exercise: Exercise, version: Version | None) -> list[Played]:
        """Play an exercise's cases with a known version of it; None stands for the solution."""
        return self.suite.play(self.cases[exercise.key], self._play_of(exercise, version))

    def accepts(
        self, exercise: Exercise, version: Version, *, stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Say whether a version passes every case; a comparison that fails, or `stop`, ends it."""
        play = self._play_of(exercise, version)
        cases = self.cases[exercise.key]
        played = self.suite.play(cases, play, stop=lambda: stop() or _is_wrong(play))
        return len(played) == len(cases) and not any(
            _why_not_passed(one) or len(one.observations) < len(self.truth[one.case.id])
            for one in played
        )

    def _play_of(self, exercise: Exercise, version: Version | None) -> Play:
        topic = self.topics[exercise.topic]
        support = {exercise.topic: topic.support_text}
        session = Session.from_namespace(topic.namespace(version), support=support)
        known = self.known if version is None else None
        return self.play(LocalStage(session), device="cpu", known=known)

    def play(
        self,
        stage: Stage,
        *,
        device: str | None = None,
        known: MutableMapping[Key, Any] | None = None,
    ) -> Play:
        """Put a stage under this batch's seed, dtype and truth.

        What the reference asked the oracles is known to all; what another asks besides, led there
        by values of its own, is its own.
        """
        return Play(
            stage,
            run_seed=self.run_seed,
            assignment=self.assignment.id,
            tolerances=self.config.tolerances,
            references=self._references,
            known=ChainMap({}, self.known) if known is None else known,
            dtype=self.dtype,
            device=device or self.config.device,
        )

    def _cases(self, exercise: Exercise) -> tuple[Case, ...]:
        cases = self.suite.of(exercise.topic, exercise.id)
        if not cases:
            raise SuiteError(
                f"tests/hidden/test_{exercise.topic}.py: expected cases of {exercise.id}, got none."
                " Write some, or take the exercise out of grading_config.yml."
            )
        return cases

    def _play_reference(self, exercise: Exercise) -> None:
        for played in self.play_version(exercise, None):
            reason = _why_not_passed(played)
            if reason:
                raise SuiteError(
                    f"{played.case.id}: expected the reference solution to pass, got: {reason}."
                    " Mend the suite or the solution."
                )
            self.truth[played.case.id] = tuple(one.part for one in played.observations)
        self._check_parts(exercise)

    def _check_parts(self, exercise: Exercise) -> None:
        """Make sure that every part can be earned; public suites alone need not cover all."""
        cases = self.cases[exercise.key]
        decided = {part for case in cases for part in self.truth[case.id]}
        idle = [part for part in cases[0].weights if part not in decided]
        if idle and any(case.visibility is Visibility.HIDDEN for case in cases):
            raise SuiteError(
                f"tests/hidden/test_{exercise.topic}.py: expected comparisons of each part of"
                f" {exercise.id}, got none of {', '.join(idle)}. Write some, or correct the marks."
            )

    def _transcripts(self, exercise: Exercise) -> tuple[Transcript, ...]:
        return tuple(
            Transcript(
                mistake=version.id,
                hints=version.hints,
                seen=diagnose.transcribe(self.play_version(exercise, version)),
            )
            for version in self.topics[exercise.topic].mistakes_of(exercise.id)
        )

    # --- one attempt ------------------------------------------------------------------------------

    def examine(self, attempt: Attempt, spawn: Spawn, run_sha256: str) -> RunRecord:
        """Return all that the suites find about one attempt; never raises for a student's fault."""
        record = RunRecord(
            attempt_sha256=attempt.sha256, run_sha256=run_sha256, status=RunStatus.GRADED
        )
        if attempt.problem is not None:
            return dataclasses.replace(record, status=RunStatus.UNREADABLE, message=attempt.problem)
        try:
            files = contents(attempt)
        except ConfigError as fault:
            return dataclasses.replace(record, status=RunStatus.INTERNAL_ERROR, message=str(fault))
        workers: list[Worker] = []

        def hire() -> Worker:
            workers.append(spawn())
            return workers[-1]

        try:
            found = self._examine_files(record, files, hire)
        except SubmissionError as problem:
            found = dataclasses.replace(record, status=RunStatus.UNREADABLE, message=str(problem))
        if any(worker.was_killed for worker in workers):
            return dataclasses.replace(record, status=RunStatus.INTERNAL_ERROR, message=_KILLED)
        return found

    def stage(
        self, spawn: Spawn, files: Sequence[tuple[str, bytes]], *, armed: bool = True
    ) -> SandboxedStage:
        """Return the stage of one attempt; unarmed, forbidden operations are not watched."""
        forbidden = {
            exercise.id: [plain(one) for one in exercise.forbidden]
            for exercise in self.assignment.exercises
        }
        limits = self.assignment.limits
        return SandboxedStage(spawn, files, self._spec(), limits, forbidden if armed else {})

    def _examine_files(
        self, record: RunRecord, files: Sequence[tuple[str, bytes]], spawn: Spawn
    ) -> RunRecord:
        stage = self.stage(spawn, files)
        try:
            facts = stage.read()
            variants = _worth_grading(facts, self.assignment)
            records = [self._examine_variant(record, facts, variants[0], stage, files, spawn)]
        finally:
            stage.close()
        for variant in variants[1:]:
            with contextlib.closing(self.stage(spawn, files)) as other:
                records.append(
                    self._examine_variant(record, other.read(), variant, other, files, spawn)
                )
        best = max(records, key=lambda one: sum(result.points for result in one.exercises))
        faults = [fault for one in records if (fault := _our_fault(one)) is not None]
        if faults:
            return dataclasses.replace(best, status=RunStatus.INTERNAL_ERROR, message=faults[0])
        return best

    def _examine_variant(
        self,
        record: RunRecord,
        facts: Mapping[str, Any],
        variant: Mapping[str, Any],
        stage: SandboxedStage,
        files: Sequence[tuple[str, bytes]],
        spawn: Spawn,
    ) -> RunRecord:
        stage.choose(variant["candidates"])
        by_hand = _ByHand(facts["by_hand"], variant["candidates"])
        stage.load()
        is_loaded = stage.load_end is None
        traces: dict[str, list[str]] = {}
        results = []
        for exercise in self.assignment.exercises:
            if exercise.id not in variant["changed"]:
                cases = self.cases[exercise.key]
                results.append(unchanged(exercise, cases, self.truth, facts["lost"]))
                continue
            result, played = self._examine_exercise(exercise, stage, by_hand)
            if result.outcome is not ExerciseOutcome.PASSED and is_loaded:
                armed = result.outcome is not ExerciseOutcome.FORBIDDEN
                with contextlib.closing(self.stage(spawn, files, armed=armed)) as alone:
                    alone.read()
                    alone.choose(variant["candidates"])
                    alone.load()
                    result, played = self._examine_exercise(
                        exercise, alone, by_hand, witnessed=_witnessed(result)
                    )
            results.append(result)
            traces[exercise.key] = _traces(played)
        return dataclasses.replace(
            record,
            graded_file=variant["graded_file"],
            differs_from_stub=bool(variant["changed"]),
            exercises=tuple(results),
            remarks=(*reading_remarks(facts, variant["candidates"]), *stage.remarks),
            private={"prints": stage.prints, "traces": traces},
        )

    def _examine_exercise(
        self,
        exercise: Exercise,
        stage: SandboxedStage,
        by_hand: _ByHand,
        *,
        witnessed: str | None = None,
    ) -> tuple[ExerciseResult, list[Played]]:
        cases = self.cases[exercise.key]
        played: list[Played] = []
        if stage.load_end is None:
            stage.renew()
            played = self.suite.play(cases, self.play(stage), stop=lambda: stage.end is not None)
        result = judge.judge(
            exercise,
            cases,
            played,
            truth=self.truth,
            transcripts=self.transcripts[exercise.key],
            forbidden=by_hand.use(exercise.id) or witnessed,
            review=by_hand.review(exercise.id) or stage.suspicion,
            ended=stage.end,
        )
        return result, played

    def _spec(self) -> dict[str, Any]:
        names = set(self.assignment.topics)
        return {
            "exercises": [
                {
                    "id": exercise.id,
                    "topic": exercise.topic,
                    "forbidden": [plain(one) for one in exercise.forbidden],
                }
                for exercise in self.assignment.exercises
            ],
            "stubs": {name: self._stubs[name] for name in names},
            "support": {
                name: self.topics[name].support_text
                for name in names
                if self.topics[name].support_text
            },
            "names": list(self.assignment.files),
            "modules": [],
        }


def contents(attempt: Attempt) -> list[tuple[str, bytes]]:
    """Return the names and bytes of an attempt's files.

    Raises:
        ConfigError: If OUT does not hold them as they were handed in.
    """
    files = []
    for one in attempt.files:
        content = one.blob.read_bytes() if one.blob.is_file() else b""
        if hashlib.sha256(content).hexdigest() != one.sha256:
            raise ConfigError(
                f"{one.name}: its bytes in submissions/blobs are not what was handed in."
                " Collect it again."
            )
        files.append((one.name, content))
    return files


def run_sha256(
    config: GradingConfig,
    assignment: Assignment,
    attempt: Attempt,
    trusted_text: bytes,
    seed: int,
    isolation: Isolation,
) -> str:
    """Hash everything that the record of an attempt depends on, so that nothing is run twice.

    Args:
        config: Its tolerances and device count.
        assignment: Its exercises, what they forbid, limits and file names count; points, stars,
            dates and rules only score again.
        attempt: Its names and contents count, its time does not.
        trusted_text: The text of suites, references and mistakes.
        seed: Of the run.
        isolation: Where it runs.
    """
    facts = {
        "attempt": attempt.sha256,
        "problem": attempt.problem,
        "trusted": hashlib.sha256(trusted_text).hexdigest(),
        "exercises": [
            [exercise.key, [plain(one) for one in exercise.forbidden]]
            for exercise in assignment.exercises
        ],
        "assignment": assignment.id,
        "files": assignment.files,
        "limits": plain(assignment.limits),
        "tolerances": {name: plain(one) for name, one in sorted(config.tolerances.items())},
        "seed": seed,
        "device": config.device,
        "tool": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "tier": isolation.tier,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class _ByHand:
    """What the text of the chosen files shows of forbidden operations."""

    def __init__(self, facts: Mapping[str, Any], candidates: Sequence[int]) -> None:
        self._found = [facts.get(str(index), {}) for index in candidates]

    def use(self, exercise: str) -> str | None:
        """Return a sentence about the first forbidden use, if there is one."""
        uses = self._of(exercise).get("uses", [])
        return forbidden_message(exercise, uses[0]) if uses else None

    def review(self, exercise: str) -> str | None:
        """Return what a person should look at, if anything."""
        suspicious = self._of(exercise).get("suspicious", [])
        return review_message(suspicious[0]) if suspicious else None

    def _of(self, exercise: str) -> Mapping[str, Any]:
        """Return what is known of the file that gives the exercise: the first that changed it."""
        return next((found[exercise] for found in self._found if exercise in found), {})


def _worth_grading(facts: Mapping[str, Any], assignment: Assignment) -> list[Mapping[str, Any]]:
    variants: list[Mapping[str, Any]] = facts["variants"]
    if variants:
        return variants
    problems = " ".join(facts["problems"])
    wanted = ", ".join(exercise.id for exercise in assignment.exercises)
    raise SubmissionError(
        problems or f"expected a module or notebook that defines one of {wanted}, found none."
    )


def _why_not_passed(played: Played) -> str:
    """Return what is wrong with a case of the reference; nothing if it is skipped."""
    wrong = [one.verdict.message for one in played.observations if not one.verdict.ok]
    if played.fault or played.ended or wrong:
        return played.fault or (str(played.ended) if played.ended else "; ".join(wrong))
    return "" if played.observations or played.skipped else "expected a comparison, got none"


def _is_wrong(play: Play) -> bool:
    """Say whether the case that was just played found something wrong."""
    return play.expect is not None and not all(o.verdict.ok for o in play.expect.observations)


def _our_fault(record: RunRecord) -> str | None:
    """Return what a suite itself raised, if one did: never a student's fault, never a verdict."""
    for result in record.exercises:
        for case in result.cases:
            if case.outcome is CaseOutcome.ERROR:
                return f"{case.id}: the suite itself failed: {case.message}"
    return None


def _witnessed(result: ExerciseResult) -> str | None:
    if result.outcome is not ExerciseOutcome.FORBIDDEN:
        return None
    return result.diagnoses[0].hints[0].rstrip(".") if result.diagnoses else "forbidden operation"


def _traces(played: Sequence[Played]) -> list[str]:
    return [
        f"{one.case.id}\n{one.ended.trace or one.ended.message}"
        for one in played
        if one.ended is not None
    ]


def plain(value: Any) -> dict[str, Any]:
    """Return a noun as JSON can hold it, its own numbers as text."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(value), default=str))
    return plain
