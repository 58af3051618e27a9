"""Is the suite itself right? The reference passes, every known mistake is caught and named.

Known versions are trusted code and are played in this process: what is under test here is the
suite, its references and its mistakes, not the sandbox.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from autograder import mutants
from autograder.batch import Run, make_examiner, test_files
from autograder.checks import judge
from autograder.checks.bank import Topic, Version
from autograder.checks.diagnose import AGREEMENT, Transcript
from autograder.checks.fingerprint import agree, magnitude, scaled
from autograder.checks.suite import Suite, open_suite
from autograder.errors import ConfigError, SuiteError
from autograder.examine import Examiner
from autograder.graders import Graders
from autograder.models import (
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    GradingConfig,
    Isolation,
)

DTYPES = (torch.float64, torch.float32)
Done = Callable[[str], None]
Found = TypeVar("Found", "Finding", "Survey")
_DIED = "expected its proof to end, got a process that died three times. Look at what it printed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the proof of one exercise found, under one seed and dtype.

    Attributes:
        exercise: Its key.
        seed: What the inputs were drawn from.
        dtype: What they were cast to.
        cases: How many cases it has.
        mistakes: How many known mistakes were tried.
        multiples: How many of those are another one times a constant.
        alternatives: How many other right versions were tried.
        degenerate: How many versions that nobody thought about.
        problems: A sentence for each thing that is not as it should be.
    """

    exercise: str
    seed: str
    dtype: str
    cases: int
    mistakes: int
    multiples: int
    alternatives: int
    degenerate: int
    problems: tuple[str, ...]


def validate(examiner: Examiner) -> Iterator[Finding]:
    """Prove one assignment's exercises under the examiner's seed and dtype.

    Making the examiner has already shown that the reference passes.
    """
    for exercise in examiner.assignment.exercises:
        topic = examiner.topics[exercise.topic]
        mistakes = topic.mistakes_of(exercise.id)
        alternatives = topic.alternatives_of(exercise.id)
        degenerates = tuple(_degenerates(exercise, topic))
        problems = [
            *_same_transcripts(examiner.transcripts[exercise.key]),
            *(p for one in mistakes for p in _mistake(examiner, exercise, one)),
            *(p for one in alternatives for p in _alternative(examiner, exercise, one)),
            *(p for one in degenerates for p in _degenerate(examiner, exercise, one)),
        ]
        yield Finding(
            exercise=exercise.key,
            seed=examiner.run_seed,
            dtype=str(examiner.dtype).removeprefix("torch."),
            cases=len(examiner.cases[exercise.key]),
            mistakes=len(mistakes),
            multiples=_multiples(examiner.transcripts[exercise.key]),
            alternatives=len(alternatives),
            degenerate=len(degenerates),
            problems=tuple(problems),
        )


def validate_topics(
    config: GradingConfig,
    topics: Sequence[str],
    seeds: int,
    only: Sequence[str] = (),
    *,
    jobs: int = 1,
    done: Done = lambda _: None,
) -> list[Finding]:
    """Prove topics under several seeds, one of them new in every run, in float64 and float32.

    Args:
        config: The course's configuration.
        topics: Which ones.
        seeds: How many.
        only: Ids of exercises; all of the topics, if empty.
        jobs: How many topics at once, each in a process of its own.
        done: Is told the name of each topic that is through.

    Raises:
        ConfigError: If `only` names what is no exercise of these topics.
        SuiteError: If a reference does not pass its own suite.
    """
    chosen = [str(seed) for seed in range(1, seeds)] + [str(secrets.randbits(32))]
    runs = tuple(_runs(config, topics, only))
    return _all(runs, lambda run: _prove(run, chosen), Finding, jobs, done)


def _prove(run: Run, seeds: Sequence[str]) -> list[Finding]:
    findings: list[Finding] = []

    def body(suite: Suite) -> None:
        for seed in seeds:
            for dtype in DTYPES:
                findings.extend(validate(make_examiner(run, suite, seed=seed, dtype=dtype)))

    open_suite(test_files(run), body, root=run.config.course_dir)
    return findings


def _all(
    runs: Sequence[Run],
    work: Callable[[Run], list[Found]],
    kind: type[Found],
    jobs: int,
    done: Done,
) -> list[Found]:
    """Do the work of each topic, several at once; return what is found in the topics' order."""
    found: list[list[Found]] = [[] for _ in runs]
    if min(jobs, len(runs)) == 1:
        for number, run in enumerate(runs):
            found[number] = work(run)
            done(run.assignment.id)
        return [one for each in found for one in each]

    def answer(_: int, number: int) -> bytes:
        try:
            return json.dumps({"found": [as_json(one) for one in work(runs[number])]}).encode()
        except SuiteError as fault:
            return json.dumps({"fault": str(fault)}).encode()

    for number, told in Graders(answer, jobs=len(runs), graders=jobs):
        name = runs[number].assignment.id
        said: dict[str, Any] = {"fault": f"{name}: {_DIED}"}
        if told is not None:
            said = json.loads(told)
        if "fault" in said:
            raise SuiteError(said["fault"])
        found[number] = [_read(kind, one) for one in said["found"]]
        done(name)
    return [one for each in found for one in each]


def _read(kind: type[Found], data: dict[str, Any]) -> Found:
    lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    return kind(**{**data, **lists})


def _runs(config: GradingConfig, topics: Sequence[str], only: Sequence[str]) -> Iterator[Run]:
    """Yield a run for each topic, of those exercises that are asked for."""
    known = [one.id for topic in topics for one in config.topics[topic]]
    for name in only:
        if name not in known:
            raise ConfigError(
                f"-k: expected an exercise out of {', '.join(known)}, got {name!r}. Correct it."
            )
    for topic in topics:
        exercises = tuple(one for one in config.topics[topic] if not only or one.id in only)
        if exercises:
            assignment = dataclasses.replace(config.assignments[topic], exercises=exercises)
            yield Run(
                config=config, assignment=assignment, seed=0, isolation=Isolation(tier="none")
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """How many edits of one reference its suite notices.

    Attributes:
        exercise: Its key.
        mutants: How many edits there are.
        killed: How many of them the suite notices.
        explained: How many others `survivors.yml` gives a reason for.
        problems: A sentence for each of the rest.
        idle: A sentence for each reason without a survivor; rounding may decide about some.
    """

    exercise: str
    mutants: int
    killed: int
    explained: int
    problems: tuple[str, ...]
    idle: tuple[str, ...] = ()


def survey(
    config: GradingConfig,
    topics: Sequence[str],
    only: Sequence[str] = (),
    *,
    jobs: int = 1,
    done: Done = lambda _: None,
) -> list[Survey]:
    """Edit each reference, one operator or constant at a time, and see what the suites notice.

    Args and errors are those of `validate_topics`; a malformed list of survivors is a `SuiteError`.
    """
    return _all(tuple(_runs(config, topics, only)), _survey, Survey, jobs, done)


def _survey(run: Run) -> list[Survey]:
    (topic,) = run.assignment.topics
    reasons = mutants.known_survivors(run.config.course_dir, topic)
    found: list[Survey] = []

    def body(suite: Suite) -> None:
        examiners = [make_examiner(run, suite, seed=seed) for seed in ("1", "2")]
        found.extend(
            _survey_one(examiners, exercise, reasons.get(exercise.id, {}))
            for exercise in run.assignment.exercises
        )

    open_suite(test_files(run), body, root=run.config.course_dir)
    return found


def _survey_one(
    examiners: Sequence[Examiner], exercise: Exercise, reasons: Mapping[str, str]
) -> Survey:
    topic = examiners[0].topics[exercise.topic]
    whole = examiners[0].config.topics[exercise.topic]
    tried = tuple(mutants.mutants(topic, exercise, whole))
    survivors = [one for one in tried if all(_accepts(e, exercise, one) for e in examiners)]
    unknown = [one for one in survivors if one.edit not in reasons]
    idle = [edit for edit in reasons if edit not in {one.edit for one in survivors}]
    return Survey(
        exercise=exercise.key,
        mutants=len(tried),
        killed=len(tried) - len(survivors),
        explained=len(survivors) - len(unknown),
        problems=tuple(f"line {one.line}: {one.edit} is not noticed" for one in unknown),
        idle=tuple(f"survivors.yml: {edit} does not survive" for edit in idle),
    )


def _accepts(examiner: Examiner, exercise: Exercise, mutant: mutants.Mutant) -> bool:
    with mutants.Clock(mutants.SECONDS) as clock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an edit may well be odd
        try:
            return examiner.accepts(exercise, mutant.version, stop=lambda: clock.has_rung)
        except TimeoutError:  # between two calls
            return False


def as_json(finding: Finding | Survey) -> dict[str, Any]:
    """Return a finding as plain data."""
    return dataclasses.asdict(finding)


def judged(examiner: Examiner, exercise: Exercise, version: Version | None) -> ExerciseResult:
    """Return what a known version of an exercise would get."""
    return judge.judge(
        exercise,
        examiner.cases[exercise.key],
        examiner.play_version(exercise, version),
        truth=examiner.truth,
        transcripts=examiner.transcripts[exercise.key],
    )


def _mistake(examiner: Examiner, exercise: Exercise, version: Version) -> Iterator[str]:
    result = judged(examiner, exercise, version)
    if result.outcome is ExerciseOutcome.ERROR:
        yield f"mistake {version.id}: the suite itself fails: {_first_error(result)}"
    elif result.points == exercise.points:
        yield f"mistake {version.id} is not caught"
    elif [diagnosis.mistake for diagnosis in result.diagnoses] != [version.id]:
        names = ", ".join(str(diagnosis.mistake) for diagnosis in result.diagnoses) or "nothing"
        yield f"mistake {version.id} is caught but named {names}"


def _alternative(examiner: Examiner, exercise: Exercise, version: Version) -> Iterator[str]:
    result = judged(examiner, exercise, version)
    if result.points != exercise.points:
        broken = next(case for case in result.cases if case.outcome.value != "passed")
        yield f"alternative {version.id} fails {broken.title}: {broken.message}"


def _degenerate(examiner: Examiner, exercise: Exercise, version: Version) -> Iterator[str]:
    result = judged(examiner, exercise, version)
    for part in result.parts:
        if part.points:
            yield f"{version.id} earns the part {part.name}"


def _first_error(result: ExerciseResult) -> str:
    return next(case.message for case in result.cases if case.outcome.value == "error")


def _same_transcripts(transcripts: Sequence[Transcript]) -> Iterator[str]:
    for index, one in enumerate(transcripts):
        for other in transcripts[index + 1 :]:
            if _alike(one.seen, other.seen):
                yield f"mistakes {one.mistake} and {other.mistake} cannot be told apart"


def _multiples(transcripts: Sequence[Transcript]) -> int:
    """Count the mistakes that are an earlier one times a constant: variants, not new ideas."""
    return sum(
        any(_is_multiple(one.seen, earlier.seen) for earlier in transcripts[:index])
        for index, one in enumerate(transcripts)
    )


def _is_multiple(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    sizes = [sum(magnitude(value) for value in seen.values() if value) for seen in (one, other)]
    if not all(sizes):
        return False
    factor = sizes[0] / sizes[1]
    return any(
        _alike(one, {key: value and scaled(value, sign * factor) for key, value in other.items()})
        for sign in (1, -1)
    )


def _alike(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    if one.keys() != other.keys():
        return False
    for key, value in one.items():
        if (value is None) != (other[key] is None):
            return False
        if value is not None and not agree(value, other[key], rtol=AGREEMENT):
            return False
    return True


# --- what earns nothing ------------------------------------------------------------------------


def _degenerates(exercise: Exercise, topic: Topic) -> Iterator[Version]:
    """Yield versions that a student could write without a thought: zeros, NaN, None, an echo."""
    right = topic.namespace()[exercise.id.partition(".")[0]]
    if "." in exercise.id or isinstance(right, type):
        right = None  # a method has no plain result to imitate

    def stub(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"{exercise.id}: write this function")

    def none(*_: Any, **__: Any) -> Any:
        return None

    yield Version(exercise=exercise.id, id="the stub", definition=stub)
    yield Version(exercise=exercise.id, id="None", definition=none)
    if right is None:
        return
    for name, fill in _FILLS.items():
        definition = _filled(right, fill)
        yield Version(exercise=exercise.id, id=name, definition=definition)
    yield Version(exercise=exercise.id, id="an echo of the inputs", definition=_echo(right))


_FILLS: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda x: x * 0,
    "ones": lambda x: x * 0 + 1,
    "NaN": lambda x: x * 0 + (float("nan") if _is_floating(x) else 0),
}


def _filled(right: Callable[..., Any], fill: Callable[[Any], Any]) -> Callable[..., Any]:
    def filled(*args: Any, **kwargs: Any) -> Any:
        return _mapped(right(*args, **kwargs), lambda x: fill(_finite(x)))

    return filled


def _echo(right: Callable[..., Any]) -> Callable[..., Any]:
    def echo(*args: Any, **kwargs: Any) -> Any:
        result = right(*args, **kwargs)
        if isinstance(result, tuple):
            return tuple(args[index % len(args)] for index in range(len(result)))
        return args[0]

    return echo


def _finite(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return torch.nan_to_num(value.detach(), posinf=0.0, neginf=0.0)
    if isinstance(value, float | np.floating):
        return type(value)(0.0)
    return value


def _is_floating(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.is_floating_point()
    return isinstance(value, float | np.floating) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_mapped(item, change) for item in value)
    if isinstance(value, torch.Tensor | np.ndarray | np.generic | int | float):
        return change(value)
    return value
