"""Student code in a sandboxed worker: the grader's door.

One worker serves a whole attempt. When it dies the case fails with the reason, and the next call
gets a new worker with the same files; the second death in an exercise ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograder.checks.student import CaseEndedError
from autograder.errors import SubmissionError
from autograder.models import Limits, Reason
from autograder.sandbox import wire
from autograder.sandbox.client import Worker, WorkerDied

READ_CPU_S = 20.0  # our own parsers, on the largest source that is accepted
DEATHS = 2
_SPARE_CPU_S = 2.0  # what the worker itself may need beyond the budget it keeps
_TIMES = (Reason.CPU_TIME, Reason.WALL_TIME)
_USED_UP = "the time for this {} is used up"

_SENTENCES = {
    Reason.CPU_TIME: "was stopped after {budget:g} s of computing. Does a loop never end?",
    Reason.WALL_TIME: "was stopped after {wall:g} s. Does it wait for something?",
    Reason.MEMORY: "ran out of memory",
    Reason.CRASHED: "crashed the Python interpreter",
    Reason.EXITED: "ended the Python interpreter instead of returning",
    Reason.BAD_REPLY: "sent a reply that cannot be read",
}


class SandboxedStage:
    """The stage of one attempt.

    Args:
        spawn: Starts a fresh worker.
        files: Names and contents, as handed in.
        spec: What the worker must know to read them; public facts only.
        limits: Per call, exercise and submission.
        forbidden: The forbidden sets of each exercise, as plain data.
    """

    def __init__(
        self,
        spawn: Callable[[], Worker],
        files: Sequence[tuple[str, bytes]],
        spec: Mapping[str, Any],
        limits: Limits,
        forbidden: Mapping[str, list[dict[str, Any]]],
    ) -> None:
        self._spawn = spawn
        self._files = files
        self._spec = spec
        self._limits = limits
        self._forbidden = forbidden
        self._candidates: list[int] = []
        self._worker: Worker | None = None
        self._spent_s = 0.0  # CPU of workers that are gone
        self._begun_at_s = 0.0
        self._begin: dict[str, Any] | None = None
        self._load_end: CaseEndedError | None = None
        self._last_death: CaseEndedError | None = None
        self._names: frozenset[str] = frozenset()  # of operations that the exercise forbids
        self._audited = True
        self.deaths = 0  # in this exercise
        self.suspicion: str | None = None  # what the witness could not settle, in this exercise
        self.remarks: tuple[str, ...] = ()
        self.missing: Mapping[str, str] = {}
        self._was_loaded = False
        self._printed = ""  # by workers that are gone

    # --- before the first student statement -----------------------------------------------

    def read(self) -> dict[str, Any]:
        """Return the facts about the files.

        Raises:
            SubmissionError: If reading them ends the worker.
        """
        worker = self._worker = self._spawn()
        header = {"op": "read", "spec": dict(self._spec), "files": self._listing()}
        buffers = [content for _, content in self._files]
        try:
            facts: dict[str, Any] = self._value(worker, header, buffers, cpu_s=READ_CPU_S)
        except WorkerDied as death:
            self.close()
            raise SubmissionError(
                f"reading the files {_sentence(death.reason, READ_CPU_S, self._limits)}."
                " Hand in the plain module or notebook."
            ) from None
        return facts

    def choose(self, candidates: Sequence[int]) -> None:
        """Say which of the candidates are graded, best first."""
        self._candidates = list(candidates)

    def renew(self) -> None:
        """Give the next exercise its own budget and its own deaths."""
        self.deaths = 0
        self.suspicion = None
        self._begun_at_s = self._cpu_s()

    # --- a Stage ----------------------------------------------------------------------------

    def begin(self, exercise: str, topic: str, seed: int) -> None:
        """Reset the worker for an exercise, starting it if need be."""
        del topic
        forbidden = self._forbidden.get(exercise, [])
        self._begin = {"op": "begin", "exercise": exercise, "seed": seed, "forbidden": forbidden}
        self._audited = not forbidden
        self._names = _names(forbidden)
        if self._worker is not None and self._load_end is None:
            self._loaded()
            self._exchange(self._begin, (), self._limits.call_cpu_s)
        self._begun_at_s = self._cpu_s()

    def request(
        self, header: dict[str, Any], buffers: Sequence[Any]
    ) -> tuple[dict[str, Any], bytearray]:
        """Send one request within all budgets."""
        self._loaded()
        budget = min(self._limits.call_cpu_s, self.exercise_left_s, self.submission_left_s)
        if budget <= 0 and self.end is not None:
            raise self.end
        if header["op"] == "call" and not self._audited:
            self._audited = True
            header = {**header, "audit": True}
        reply, payload = self._exchange(header, buffers, budget)
        if reply.get("suspicious") and self._names:
            self._audited = False  # look closely at the next call
            self.suspicion = _suspicion(reply["suspicious"])
        return _without_claims(reply, self._names), payload

    @property
    def exercise_left_s(self) -> float:
        """CPU seconds left for the exercise."""
        return self._limits.exercise_cpu_s - (self._cpu_s() - self._begun_at_s)

    @property
    def submission_left_s(self) -> float:
        """CPU seconds left for the attempt."""
        return self._limits.submission_cpu_s - self._cpu_s()

    @property
    def end(self) -> CaseEndedError | None:
        """Why the rest of the exercise is not run, if it is not."""
        if self._load_end is not None:
            return self._load_end
        if self.deaths >= DEATHS:
            return self._last_death
        for what, left_s in (("exercise", self.exercise_left_s), ("file", self.submission_left_s)):
            if left_s <= 0:
                said = _USED_UP.format(what)
                return CaseEndedError(Reason.CPU_TIME, said, feedback=said)
        return None

    @property
    def load_end(self) -> CaseEndedError | None:
        """Why the file's own statements ended the worker, if they did."""
        return self._load_end

    @property
    def prints(self) -> str:
        """What the student's code has printed so far."""
        if self._worker is None:
            return self._printed
        text, dropped = self._worker.output()
        return self._printed + text + (f"\n[{dropped} more bytes]\n" if dropped else "")

    def close(self) -> None:
        """End the worker; keep what it printed."""
        if self._worker is None:
            return
        self._spent_s += self._worker.cpu_s
        self._printed = self.prints
        self._worker.close()
        self._worker = None

    # --- one worker, always loaded ------------------------------------------------------------

    def load(self) -> None:
        """Run the chosen file's own statements now; what goes wrong is kept in `load_end`."""
        try:
            self._loaded()
        except CaseEndedError as end:
            self._load_end = end

    def _loaded(self) -> Worker:
        if self._load_end is not None:
            raise self._load_end
        if self._worker is not None and self._worker_is_loaded:
            return self._worker
        before_s = self._cpu_s()
        try:
            return self._loaded_anew()
        finally:
            self._begun_at_s += self._cpu_s() - before_s  # loading is not the exercise's to pay

    def _loaded_anew(self) -> Worker:
        if self._worker is None:
            self._read_again()
        self._worker_is_loaded = True
        limit = self._limits.import_cpu_s
        header = {"op": "load", "candidates": self._candidates, "cpu_s": limit}
        try:
            value = self._value(self._current(), header, (), cpu_s=limit + _SPARE_CPU_S)
        except WorkerDied as death:
            said = f"running the file {_sentence(death.reason, limit, self._limits)}"
            raise self._not_loaded(death.reason, said, feedback=said) from None
        except SubmissionError as refusal:  # student code runs there: its word, whatever it says
            said = "running the file failed"
            message = f"{said}: {refusal}"
            raise self._not_loaded(Reason.EXCEPTION, message, feedback=said) from None
        if not self._was_loaded:  # later ones may tell what an earlier worker has seen
            self.remarks, self.missing = _claims(value)
            self._was_loaded = True
        if self._begin is not None:
            self._exchange(self._begin, (), self._limits.call_cpu_s)
        return self._current()

    def _read_again(self) -> None:
        """Read what was read before, in a new worker; slow files may not manage twice."""
        try:
            self.read()
        except SubmissionError as refusal:
            said = str(refusal)
            raise self._not_loaded(Reason.CPU_TIME, said, feedback=said) from None

    def _not_loaded(self, reason: Reason, message: str, *, feedback: str) -> CaseEndedError:
        self.close()
        self._load_end = CaseEndedError(reason, message, feedback=feedback)
        return self._load_end

    _worker_is_loaded = False

    def _current(self) -> Worker:
        assert self._worker is not None
        return self._worker

    def _exchange(
        self, header: dict[str, Any], buffers: Sequence[Any], budget: float
    ) -> tuple[dict[str, Any], bytearray]:
        try:
            return self._send(self._current(), header, buffers, cpu_s=budget)
        except WorkerDied as death:
            self.deaths += 1
            self.close()
            self._worker_is_loaded = False
            target = header.get("target")
            subject = target if isinstance(target, str) else "the call"
            sentence = f"{subject} {_sentence(death.reason, budget, self._limits)}"
            feedback = sentence
            if budget < self._limits.call_cpu_s and death.reason in _TIMES:
                # How much was left, the calls before have chosen: it could be a hidden input.
                feedback = f"{subject} used up the time that was left"
            self._last_death = CaseEndedError(
                death.reason, sentence, feedback=feedback, trace=death.message
            )
            raise self._last_death from None

    def _send(
        self, worker: Worker, header: dict[str, Any], buffers: Sequence[Any], *, cpu_s: float
    ) -> tuple[dict[str, Any], bytearray]:
        wall_s = self._limits.wall_s(cpu_s)
        return worker.request(header, buffers, cpu_s=cpu_s, wall_s=wall_s)

    def _value(
        self, worker: Worker, header: dict[str, Any], buffers: Sequence[Any], *, cpu_s: float
    ) -> Any:
        reply, payload = self._send(worker, header, buffers, cpu_s=cpu_s)
        if reply.get("ok") is not True:
            error = reply.get("error")
            said = (
                [error.get(key) for key in ("message", "type")] if isinstance(error, dict) else ()
            )
            text = next(filter(None, said), "no reason given")  # a MemoryError has no message
            raise SubmissionError(str(text)[:500])
        try:
            return wire.unpack(reply.get("value"), payload)
        except wire.WireError as fault:
            raise WorkerDied(Reason.BAD_REPLY, str(fault)) from None

    def _listing(self) -> list[dict[str, Any]]:
        listing, offset = [], 0
        for name, content in self._files:
            listing.append({"name": name, "offset": offset, "size": len(content)})
            offset += len(content)
        return listing

    def _cpu_s(self) -> float:
        return self._spent_s + (self._worker.cpu_s if self._worker is not None else 0.0)


def _names(forbidden: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return every name by which a worker may call a forbidden operation."""
    groups = [(*group["names"], *group["operators"], "torch.autograd") for group in forbidden]
    return frozenset(name for names in groups for name in names)


def _without_claims(reply: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Take no word of a worker's for what is forbidden, and where: students read both.

    A line is a number of the student's choice, which might be a hidden input. The lines that the
    text shows were found before any statement ran, and the traceback has the others.
    """
    error = reply.get("error")
    if not isinstance(error, dict) or error.get("kind") != "forbidden":
        return reply
    name = error.get("name")
    known = name if isinstance(name, str) and name in names else "an operation"
    return {**reply, "error": {**error, "name": known, "line": None}}


def _suspicion(found: Any) -> str:
    first = found[0] if isinstance(found, list) and found else None
    what = first.get("what") if isinstance(first, dict) else None
    return wire.printable(str(what), 200) if what else "does something that nobody could name"


def _claims(value: Any) -> tuple[tuple[str, ...], dict[str, str]]:
    """Take what a worker says after student code ran: sentences, nothing else."""
    if not isinstance(value, dict):
        return (), {}
    remarks, missing = value.get("remarks"), value.get("missing")
    return (
        tuple(wire.printable(str(one), 500) for one in remarks[:50])
        if isinstance(remarks, list)
        else (),
        {wire.printable(str(k), 200): wire.printable(str(v), 500) for k, v in missing.items()}
        if isinstance(missing, dict)
        else {},
    )


def _sentence(reason: Reason, budget: float, limits: Limits) -> str:
    template = _SENTENCES.get(reason, "failed")
    return template.format(budget=round(budget, 1), wall=round(limits.wall_s(budget), 1))
