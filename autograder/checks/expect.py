"""`expect`: record what was compared and go on, so that one wrong tensor does not hide another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograder.checks import compare, fingerprint
from autograder.checks.fingerprint import Fingerprint
from autograder.checks.student import CaseEndedError, Student
from autograder.errors import SuiteError
from autograder.models import Reason, Tolerance

_NO_ANSWER = ("", "NotImplementedError")  # a call that was not made, a stub


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One comparison of one case.

    Attributes:
        part: The part of the exercise that it decides.
        ordinal: Which comparison of the case it is, from 1.
        verdict: What was found.
        seen: Fingerprint of the student's value; None if it is right.
        sizes: Shape of the first tensor that the student was given.
        called: The student's last call, with its inputs; empty if the value is right.
    """

    part: str
    ordinal: int
    verdict: compare.Verdict
    seen: Fingerprint | None
    sizes: tuple[int, ...] = ()
    called: str = ""


class Expect:
    """The comparisons of one case.

    Args:
        parts: The parts that the case may decide.
        student: To know whether the student returned anything at all.
        tolerances: By dtype name.
    """

    def __init__(
        self, parts: Sequence[str], student: Student, tolerances: Mapping[str, Tolerance]
    ) -> None:
        self._parts = tuple(parts)
        self._student = student
        self._tolerances = tolerances
        self.observations: list[Observation] = []

    def __call__(
        self,
        actual: Any,
        expected: Any,
        *,
        name: str | None = None,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> None:
        """Compare a student's value with the right one.

        Args:
            actual: What the student returned, or something computed from it here.
            expected: The truth.
            name: The part that this decides, and what students call the value; may be left out
                if the case has one part.
            rtol: With `atol`, overrides the tolerance of the dtype; both or neither.
            atol: See `rtol`.
        """
        override = self._override(rtol, atol)
        verdict = compare.compare(
            actual,
            expected,
            label=self._label(name),
            tolerances=self._tolerances,
            tolerance=override,
        )
        self._record(name, verdict, actual)

    def any_of(self, actual: Any, expected: Sequence[Any], *, name: str | None = None) -> None:
        """Accept any of several right answers, such as the subgradients at a kink."""
        verdicts = [
            compare.compare(actual, one, label=self._label(name), tolerances=self._tolerances)
            for one in expected
        ]
        if not verdicts:
            raise SuiteError("expect.any_of: expected some right answers, got none. List them.")
        best = next((verdict for verdict in verdicts if verdict.ok), verdicts[0])
        self._record(name, best, actual)

    def raises(
        self,
        exception: type[BaseException],
        function: Callable[..., Any],
        *args: Any,
        name: str | None = None,
    ) -> None:
        """Expect a call of the student's function to raise `exception` (a builtin one)."""
        wanted = exception.__name__
        try:
            value = function(*args)
        except CaseEndedError as end:
            if end.reason is Reason.EXCEPTION and end.raised not in _NO_ANSWER:
                self._student.calls += 1  # an exception is an answer here
                self._record_raise(name, wanted, end)
                return
            raise
        verdict = compare.Verdict(
            reason=Reason.EXCEPTION,
            message=f"{self._label(name)}: expected {wanted}, got {compare.describe(value)}.",
            feedback=f"{self._label(name)}: {wanted} is expected for this input",
        )
        self._record(name, verdict, value)

    def _record_raise(self, name: str | None, wanted: str, end: CaseEndedError) -> None:
        verdict = compare.Verdict()
        if wanted not in (end.raised, *end.kinds):
            verdict = compare.Verdict(
                reason=Reason.EXCEPTION,
                message=f"{self._label(name)}: expected {wanted}, got {end.message}",
                feedback=f"{self._label(name)}: {wanted} is expected for this input",
            )
        self._append(name, verdict, None if verdict.ok else fingerprint.raised(end.raised))

    def _record(self, name: str | None, verdict: compare.Verdict, actual: Any) -> None:
        if not self._student.calls:
            raise SuiteError(
                "expect: expected a value that the student returned, got none in this case."
                " Call the student's function first."
            )
        self._append(name, verdict, None if verdict.ok else fingerprint.fingerprint(actual))

    def _append(self, name: str | None, verdict: compare.Verdict, seen: Fingerprint | None) -> None:
        observation = Observation(
            part=self._part(name),
            ordinal=len(self.observations) + 1,
            verdict=verdict,
            seen=seen,
            sizes=self._student.sizes,
            called="" if verdict.ok else self._student.last_call(),
        )
        self.observations.append(observation)

    def _label(self, name: str | None) -> str:
        return name if name is not None else self._part(None)

    def _part(self, name: str | None) -> str:
        if name in self._parts:
            return str(name)
        if len(self._parts) == 1:
            return self._parts[0]
        raise SuiteError(
            f"expect: expected name= to be one of the parts {list(self._parts)}, got {name!r}."
            " Name the part that this comparison decides."
        )

    @staticmethod
    def _override(rtol: float | None, atol: float | None) -> Tolerance | None:
        if rtol is None and atol is None:
            return None
        if rtol is None or atol is None:
            raise SuiteError("expect: expected both rtol and atol or neither, got one. Give both.")
        return Tolerance(rtol=rtol, atol=atol)
