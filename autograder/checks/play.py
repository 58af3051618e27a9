"""What is being played: whose functions, which seed, which dtype. Fixtures are made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from autograder.checks.draw import Draw
from autograder.checks.expect import Expect, Observation
from autograder.checks.oracle import Key, Oracle
from autograder.checks.student import CaseEndedError, Student, Transport
from autograder.models import Tolerance, Visibility


class Stage(Transport, Protocol):
    """A transport that can be reset between exercises.

    Attributes:
        deaths: How often, in this exercise, all that the functions kept was lost.
    """

    deaths: int

    def begin(self, exercise: str, topic: str, seed: int) -> None:
        """Forget what the last exercise left behind; watch for what this one forbids."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One collected test of a suite."""

    id: str  # "hidden/test_losses.py::TestSoftmax::test_values[...]"
    title: str
    topic: str
    exercise: str
    exercise_title: str
    visibility: Visibility
    parts: tuple[str, ...]  # the parts that it may decide
    weights: Mapping[str, int]  # of all parts of the exercise
    item: Any = field(repr=False, compare=False)  # pytest.Item
    # The fixtures it asks for, if they are all ours; None if pytest must set it up.
    fixtures: tuple[str, ...] | None = None


@dataclass(slots=True, kw_only=True)
class Played:
    """What one case showed of one student."""

    case: Case
    observations: list[Observation] = field(default_factory=list)
    ended: CaseEndedError | None = None
    fault: str = ""  # of the suite itself
    skipped: bool = False
    calls: int = 0
    called: str = ""  # the call that ended the case
    remarks: list[str] = field(default_factory=list)
    duration_s: float = 0.0


class Play:
    """One student (or one known version) on stage.

    Args:
        stage: Where the functions run.
        run_seed: Of this run; hidden inputs depend on it, public ones never do.
        assignment: Part of the seed.
        tolerances: By dtype name.
        references: Each topic's reference functions; None where there are none.
        known: Oracle values by key, shared by all plays of a batch.
        dtype: The dtype of drawn inputs unless a case says otherwise.
        device: Where the functions get their inputs.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        run_seed: str,
        assignment: str,
        tolerances: Mapping[str, Tolerance],
        references: Mapping[str, Mapping[str, Any]] | None,
        known: MutableMapping[Key, Any],
        dtype: torch.dtype = torch.float64,
        device: str = "cpu",
    ) -> None:
        self._stage = stage
        self._run_seed = run_seed
        self._assignment = assignment
        self._tolerances = tolerances
        self._references = references
        self._known = known
        self._dtype = dtype
        self._device = device
        self._state = np.random.RandomState(0)  # one case at a time draws from it
        self._cache: dict[Any, Any] = {}
        self._deaths = 0
        self._exercise: tuple[str, str] | None = None
        self.student: Student | None = None
        self.expect: Expect | None = None

    def reset(self) -> None:
        """Begin the next exercise afresh, even if it is the one that was just played."""
        self._exercise = None

    def enter(self, case: Case) -> Student:
        """Return the student for one case."""
        if self._exercise != (case.topic, case.exercise):
            self._cache = {}
            seed = int.from_bytes(self._digest(case.exercise)[:4], "big")
            self._stage.begin(case.exercise, case.topic, seed)
            self._exercise = (case.topic, case.exercise)
        if self._stage.deaths != self._deaths:  # handles among the values mean nothing any more
            self._cache = {key: kept for key, kept in self._cache.items() if kept[1] is not None}
            self._deaths = self._stage.deaths
        self.student = Student(self._stage, cache=self._cache, device=self._device)
        self.expect = Expect(case.parts, self.student, self._tolerances)
        return self.student

    def leave(self) -> None:
        """Clear the stage between two cases."""
        self.student = self.expect = None

    def draw(self, case: Case) -> Draw:
        """Return the generator of one case's inputs."""
        seed = f"public|{case.id}"
        if case.visibility is Visibility.HIDDEN:
            seed = f"{self._run_seed}|{self._assignment}|{case.id}"
        return Draw(seed, dtype=self._dtype, state=self._state)

    def oracle(self, case: Case) -> Oracle:
        """Return the source of one case's expected values."""
        reference = None if self._references is None else self._references[case.topic]
        return Oracle(case.id, self._known, reference=reference, dtype=self._dtype)

    def _digest(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._run_seed}|{self._assignment}|{text}".encode()).digest()
