"""Small courses on disk, and students in this process who play them."""

from __future__ import annotations

import dataclasses
import hashlib
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch

from autograder import config
from autograder.batch import Run, make_examiner, test_files
from autograder.checks import judge
from autograder.checks.local import LocalStage
from autograder.checks.play import Played
from autograder.checks.suite import Suite, open_suite
from autograder.examine import Examiner
from autograder.models import (
    Attempt,
    Exercise,
    ExerciseResult,
    GradingConfig,
    Isolation,
    RunRecord,
    RunStatus,
    SubmittedFile,
)
from autograder.report.json import dump, record_document
from autograder.worker.session import Session

Found = TypeVar("Found")

TOPIC = "toy"
DOUBLE = '''
"""Doubling"""

import pytest
import torch


@pytest.mark.exercise("double", parts={"y": 1})
class TestDouble:
    """Doubling"""

    @pytest.mark.parametrize("shape", [(3,), (2, 3)], ids=str)
    def test_random(self, student, draw, expect, shape):
        """random numbers"""
        x = draw.normal(*shape)
        expect(student.double(x), 2 * x)
'''
SOLUTION = '''
# %%
def double(x):
    """Return twice `x`."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION
'''
EXERCISES: Mapping[str, str] = MappingProxyType({"double": "{points: 2}"})


def write(
    folder: Path,
    *,
    hidden: str = DOUBLE,
    public: str = "",
    solution: str = SOLUTION,
    exercises: Mapping[str, str] = EXERCISES,
    more: str = "",
    **reference: str,
) -> GradingConfig:
    """Write a course of one topic; `reference` holds mistakes, alternatives, support."""
    texts = {
        "grading_config.yml": _config(exercises) + textwrap.dedent(more),
        "tests/hidden/test_toy.py": hidden,
        "tests/public/test_toy.py": public,
        "reference/toy/solution.py": solution,
        **{f"reference/toy/{name}.py": text for name, text in reference.items()},
    }
    for name, text in texts.items():
        if text:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return config.load(folder)


def _config(exercises: Mapping[str, str]) -> str:
    listed = "".join(f"      {name}: {rest}\n" for name, rest in exercises.items())
    return f"title: Toys\ntimezone: UTC\ntopics:\n  toy:\n    title: Toys\n    exercises:\n{listed}"


def examined(
    course: GradingConfig,
    body: Callable[[Examiner], Found],
    *,
    topic: str = TOPIC,
    seed: str = "7",
    dtype: torch.dtype = torch.float64,
) -> Found:
    """Collect a topic's suites as the grader does, and return what `body` finds."""
    run = Run(
        config=course,
        assignment=course.assignments[topic],
        seed=7,
        isolation=Isolation(tier="none"),
    )
    found: list[Found] = []

    def inside(suite: Suite) -> None:
        found.append(body(make_examiner(run, suite, seed=seed, dtype=dtype)))

    open_suite(test_files(run), inside, root=course.course_dir)
    return found[0]


def exercise(examiner: Examiner, name: str | None = None) -> Exercise:
    """Return an exercise by its id, or the first one."""
    exercises = examiner.assignment.exercises
    return next(one for one in exercises if name in (None, one.id))


def play(examiner: Examiner, functions: Mapping[str, Any], name: str | None = None) -> list[Played]:
    """Play one exercise with functions of this process."""
    topic = examiner.topics[exercise(examiner, name).topic]
    session = Session.from_namespace(functions, support={topic.name: topic.support_text})
    cases = examiner.cases[exercise(examiner, name).key]
    return examiner.suite.play(cases, examiner.play(LocalStage(session)))


def judged(
    examiner: Examiner, functions: Mapping[str, Any], name: str | None = None
) -> ExerciseResult:
    """Return what functions of this process would get for one exercise."""
    chosen = exercise(examiner, name)
    return judge.judge(
        chosen,
        examiner.cases[chosen.key],
        play(examiner, functions, name),
        truth=examiner.truth,
        transcripts=examiner.transcripts[chosen.key],
    )


def grade(
    course: GradingConfig, *students: Mapping[str, Any], name: str | None = None
) -> list[ExerciseResult]:
    """Return what each student, a dict of functions, gets for one exercise."""
    return examined(course, lambda examiner: [judged(examiner, one, name) for one in students])


def document(result: ExerciseResult) -> bytes:
    """Return a result as the bytes that a record keeps, without its times."""
    cases = tuple(dataclasses.replace(case, duration_s=0.0) for case in result.cases)
    record = RunRecord(
        attempt_sha256="",
        run_sha256="",
        status=RunStatus.GRADED,
        exercises=(dataclasses.replace(result, cases=cases),),
    )
    return dump(record_document(record))


def attempt(folder: Path, **files: str) -> Attempt:
    """Return an attempt with some files; in their names, two underscores stand for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    submitted = []
    for key, text in files.items():
        name = key.replace("__", ".")
        content = textwrap.dedent(text).lstrip().encode()
        (folder / name).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        file = SubmittedFile(name=name, sha256=sha256, size=len(content), blob=folder / name)
        submitted.append(file)
    sha256 = hashlib.sha256(repr(submitted).encode()).hexdigest()
    return Attempt(files=tuple(submitted), sha256=sha256, submitted_at=None)
