"""A student's own check: the public suite on the module or notebook in front of them.

No sandbox, no reference, no hidden test: everything here is on the student's machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from autograder.checks import judge, local
from autograder.checks.local import Home, Opened, PublicData
from autograder.checks.student import BlockedError
from autograder.checks.suite import Suite, open_suite
from autograder.errors import ConfigError, SubmissionError, SuiteError
from autograder.models import Exercise, ExerciseResult, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `gradlab check` found."""

    topic: str
    file: str
    results: tuple[ExerciseResult, ...]
    remarks: tuple[str, ...]
    varies: Mapping[str, str]  # what hidden tests vary, by exercise, in the handout's words

    @property
    def passed(self) -> int:
        """How many exercises pass their public tests."""
        return sum(result.outcome.value == "passed" for result in self.results)


def check(
    path: Path, only: Sequence[str] = (), *, begins: Callable[[str], None] | None = None
) -> Report:
    """Run the public suite on a student's file.

    Args:
        path: The module or notebook, or the folder it is in.
        only: Ids of the exercises to check; all if empty.
        begins: Called with the file's name before its code runs.

    Raises:
        ConfigError: If the folder holds no assignment, or an id is unknown.
        SubmissionError: If the file is missing or cannot be read.
        SuiteError: If the assignment's own files are damaged, or no longer those that came.
    """
    topic, folder = _find(path)
    data = PublicData.load(folder / f"{topic}.json")
    _check_known("-k", only, data)
    file, others = (path, ()) if path.is_file() else local.choose_file(folder, data)
    if begins is not None:
        begins(file.name)
    report = _report(folder, data, local.open_file(file, data), only, file.name)
    if not others:
        return report
    also = f"also here: {', '.join(others)}; name a file to test it."
    return replace(report, remarks=(*report.remarks, also))


def check_kernel(
    folder: Path, topic: str, exercise: str, namespace: Mapping[str, Any], cells: Sequence[str]
) -> Report:
    """Run the public cases of one exercise on what a notebook's kernel has defined.

    Args:
        folder: Where the assignment lies.
        topic: Its name.
        exercise: The id of the exercise.
        namespace: The kernel's names.
        cells: What the kernel ran, as in IPython's `In`: index 0 is nothing.

    Raises:
        ConfigError: If the exercise is unknown.
        SuiteError: If the assignment's own files are missing or damaged.
    """
    data = PublicData.load(folder / f"{topic}.json")
    _check_known("grader.check", (exercise,), data)
    opened = local.open_kernel(namespace, cells, data, folder)
    return _report(folder, data, opened, (exercise,), opened.file)


def check_files(
    files: Sequence[tuple[str, bytes]], homes: Sequence[Home], names: Sequence[str]
) -> list[list[Report]]:
    """Run all public cases on what is about to be handed in.

    Args:
        files: Names and contents.
        homes: The assignments that it belongs to.
        names: The expected file names, most expected first.

    Returns:
        For each module or notebook that a grader would grade, a report for each assignment.
    """
    found: list[list[Report]] = []
    number = 0
    while True:
        session, facts = local.read_files(files, homes, names)
        if number == len(facts["variants"]):
            return found
        opened = local.open_read(session, facts, number, homes)
        found.append(
            [
                _report(home.folder, home.data, one, (), one.file)
                for home, one in zip(homes, opened, strict=True)
            ]
        )
        number += 1


def _check_known(where: str, only: Sequence[str], data: PublicData) -> None:
    known = [exercise["id"] for exercise in data.exercises]
    for name in only:
        if name not in known:
            raise ConfigError(
                f"{where}: expected one of {', '.join(known)}, got {name!r}. Correct it."
            )


def _report(
    folder: Path, data: PublicData, opened: Opened, only: Sequence[str], file: str
) -> Report:
    results: list[ExerciseResult] = []

    def body(suite: Suite) -> None:
        _check_whole(suite, data)
        chosen = [one for one in data.exercises if not only or one["id"] in only]
        results.extend(
            _check_one(_exercise(one, data.topic), suite, opened, data) for one in chosen
        )

    open_suite([folder / f"test_{data.topic}.py"], body, root=folder)
    return Report(
        topic=data.topic,
        file=file,
        results=tuple(results),
        remarks=opened.remarks,
        varies={one["id"]: one.get("varies", "") for one in data.exercises},
    )


def _check_whole(suite: Suite, data: PublicData) -> None:
    """Make sure that the tests are those that the public data is about."""
    found = {case.id for case in suite.cases}
    if found != data.truth.keys():
        odd = min(found ^ data.truth.keys())
        got = f"also {odd}" if odd in found else f"no {odd}"
        raise SuiteError(
            f"test_{data.topic}.py: expected the tests that came with {data.topic}.json, got {got}."
            " Put your own into another file, or download the assignment again."
        )


def _check_one(
    exercise: Exercise, suite: Suite, opened: Opened, data: PublicData
) -> ExerciseResult:
    cases = suite.of(exercise.topic, exercise.id)
    if exercise.id not in opened.changed:
        return local.unchanged(exercise, cases, data.truth, opened.lost)
    forbidden = opened.uses.get(exercise.id)
    played = [] if forbidden else suite.play(cases, opened.play)
    return judge.judge(
        exercise,
        cases,
        played,
        truth=data.truth,
        transcripts=data.transcripts.get(exercise.id, ()),
        forbidden=forbidden,
        review=opened.review.get(exercise.id),
        ended=BlockedError(Reason.FORBIDDEN, forbidden) if forbidden else None,
    )


def _exercise(data: dict[str, Any], topic: str) -> Exercise:
    return Exercise(
        id=data["id"], topic=topic, points=Fraction(data["points"]), starred=data["starred"]
    )


def _find(path: Path) -> tuple[str, Path]:
    """Return the topic and folder of an assignment: where `<topic>.json` and its tests lie."""
    folder = path.parent if path.is_file() else path
    if not path.exists():
        raise SubmissionError(f"{path}: expected your file or its folder, got no such path.")
    topics = [
        test.stem.removeprefix("test_")
        for test in sorted(folder.glob("test_*.py"))
        if test.with_name(f"{test.stem.removeprefix('test_')}.json").exists()
    ]
    if path.is_file() and path.stem in topics:
        return path.stem, folder
    if path.is_file() and not topics:
        word = re.match(r"\w*", path.stem)
        topic = word[0] if word else path.stem  # "losses (1)" is a second losses
        raise ConfigError(
            f"{path}: expected test_{topic}.py and {topic}.json beside it, got no such files."
            f" Move it to the folder that you were given; `gradlab start {topic}` makes one."
        )
    if len(topics) != 1:
        found = f"{len(topics)} of them" if topics else "none"
        raise ConfigError(
            f"{folder}: expected the files of one assignment, got {found}."
            " Name your file, or go to its folder; `gradlab start TOPIC` makes one."
        )
    return topics[0], folder
