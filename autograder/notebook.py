"""`grader.check("softmax")` in a notebook: the public tests, on what its kernel has defined.

The notebook is an ordinary one of otter-grader. Its test files, `tests/<exercise>.py`, hold no
tests of their own: they call the public suite, so that a cell says what `gradlab check` says.
Where otter-grader is not installed, `Notebook` below takes its place.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.check import check_kernel
from autograder.checks.local import PublicData
from autograder.errors import ConfigError, GraderError
from autograder.models import ExerciseOutcome, ExerciseResult
from autograder.report import cell


class NotPassedError(Exception):
    """Tells otter-grader that an exercise does not pass; the text is what the student reads."""


class PublicTests:
    """The public tests of one exercise, as otter-grader calls a test case.

    Args:
        topic: The assignment, whose files lie in the kernel's folder.
        exercise: Its id.
    """

    def __init__(self, topic: str, exercise: str) -> None:
        self._topic = topic
        self._exercise = exercise
        self.verdict: Verdict | None = None

    def __call__(self, env: Mapping[str, Any]) -> None:
        """Check what the kernel has defined.

        Args:
            env: The kernel's names; otter-grader gives them to a parameter of this name.

        Raises:
            NotPassedError: If the exercise does not pass.
        """
        _register()
        self.verdict = check(self._topic, self._exercise, env, Path.cwd())
        if not self.verdict.is_pass:
            raise NotPassedError(repr(self.verdict))


class Verdict:
    """What a check found, or why there is none; a cell shows it."""

    def __init__(self, found: ExerciseResult | GraderError, varies: str = "") -> None:
        self.found = found
        self._varies = varies  # what hidden tests vary

    @property
    def is_pass(self) -> bool:
        """Whether the exercise passes its public tests."""
        return (
            isinstance(self.found, ExerciseResult) and self.found.outcome is ExerciseOutcome.PASSED
        )

    def __repr__(self) -> str:
        return cell.as_text(self.found, self._varies)

    def _repr_html_(self) -> str:
        return cell.as_html(self.found, self._varies)


class Notebook:
    """Stands in for `otter.Notebook` where otter-grader is not installed.

    Args:
        nb_path: As otter-grader takes it; not needed here.
        tests_dir: The folder of the test files, which lies beside the assignment's own files.
    """

    def __init__(self, nb_path: str | None = None, tests_dir: str = "tests") -> None:
        del nb_path
        self._folder = Path(tests_dir).absolute().parent

    def check(self, question: str, global_env: Mapping[str, Any] | None = None) -> Verdict:
        """Check one exercise.

        Args:
            question: Its id.
            global_env: The names to look at; the kernel's own, if left out.
        """
        env = _kernel_names() if global_env is None else global_env
        try:
            topic = _topic_of(self._folder, question)
        except GraderError as fault:
            return Verdict(fault)
        return check(topic, question, env, self._folder)


def check(topic: str, exercise: str, env: Mapping[str, Any], folder: Path) -> Verdict:
    """Run the public tests of an exercise; the kernel's generators and defaults stay as they were.

    Args:
        topic: The assignment.
        exercise: The id of the exercise.
        env: The kernel's names; `In` among them holds the cells that ran.
        folder: Where the assignment lies.
    """
    try:
        with _state_kept():
            report = check_kernel(folder, topic, exercise, env, _cells(env))
            return Verdict(report.results[0], report.varies[exercise])
    except GraderError as fault:
        return Verdict(fault)


def _cells(env: Mapping[str, Any]) -> list[str]:
    cells = env.get("In")
    if not isinstance(cells, list):
        raise ConfigError(
            "grader.check: expected the names of a notebook's kernel, got others."
            " Outside of notebooks: gradlab check."
        )
    return [str(one) for one in cells]


def _topic_of(folder: Path, exercise: str) -> str:
    """Return the assignment in `folder` that has an exercise."""
    known: list[str] = []
    for test in sorted(folder.glob("test_*.py")):
        topic = test.stem.removeprefix("test_")
        if test.with_name(f"{topic}.json").is_file():
            data = PublicData.load(test.with_name(f"{topic}.json"))
            if any(one["id"] == exercise for one in data.exercises):
                return topic
            known += [one["id"] for one in data.exercises]
    raise ConfigError(
        f"grader.check: expected one of {', '.join(known) or 'the exercises'}, got {exercise!r}."
        f" Correct it, or open the notebook in the assignment's folder (this is {folder})."
    )


@contextmanager
def _state_kept() -> Iterator[None]:
    """Give the kernel back as it was: a check seeds all generators, a student's cells go on."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 -- the student's
    dtype, grad, device = (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_default_device(),
    )
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002 -- as above
        torch.set_rng_state(states[2])
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        torch.set_default_device(None if device.type == "cpu" else device)


def _kernel() -> Any:
    try:
        from IPython.core.getipython import get_ipython  # noqa: PLC0415 -- only where a kernel is
    except ImportError:
        return None
    return get_ipython()


def _kernel_names() -> Mapping[str, Any]:
    kernel = _kernel()
    names: Mapping[str, Any] = kernel.user_ns if kernel is not None else {}
    return names


def _register() -> None:
    """Have IPython show otter-grader's results of our tests as `cell` does; others stay as is."""
    kernel = _kernel()
    if kernel is None:
        return
    from otter.test_files import TestFile  # type: ignore[import-untyped] # noqa: PLC0415

    formatters = kernel.display_formatter.formatters
    formatters["text/html"].for_type(TestFile, _html)
    formatters["text/plain"].for_type(TestFile, _plain)


def _verdicts(file: Any) -> list[Verdict]:
    """Return what our cases of an otter test file found; nothing if it has others."""
    cases = [getattr(one.body, "test_func", None) for one in file.test_cases]
    found = [one.verdict for one in cases if isinstance(one, PublicTests)]
    return [one for one in found if one is not None] if len(found) == len(cases) else []


def _html(file: Any) -> str:
    shown = [one._repr_html_() for one in _verdicts(file)]
    return "".join(shown) or str(file._repr_html_())


def _plain(file: Any, printer: Any, cycle: bool) -> None:  # noqa: FBT001 -- IPython's signature
    del cycle
    printer.text("\n".join(map(repr, _verdicts(file))) or repr(file))
