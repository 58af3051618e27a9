"""The student, as a suite sees them: functions that take plain data and return plain data.

`student.softmax_backward(grad_p, p)` packs its arguments, hands them to a transport and unpacks the
reply. The transport is the only difference between the doors: a sandboxed worker when grading, a
session in this very process for `gradlab check` and `pytest` on the student's own machine.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

import numpy as np
import torch

from autograder.checks.compare import typed
from autograder.models import Reason
from autograder.sandbox import wire

# Names that say nothing about hidden inputs; that of a student's own class might.
_KNOWN_EXCEPTIONS = frozenset(
    kind.__name__
    for module in (builtins, torch, torch.linalg, np.exceptions, np.linalg)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, BaseException)
)
# What using a value of the wrong kind, shape or length raises; RuntimeError is torch's.
_UNUSABLE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError)
_CALL = 240  # characters of a call that are shown
_MOST_KINDS = 32
_MOST_LINES = 1_000_000  # a larger number is no line of a file


class CaseEndedError(Exception):
    """A call that gave no value; ends the case and says why."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        feedback: str = "",
        raised: str = "",
        kinds: Sequence[str] = (),
        trace: str = "",
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.feedback = feedback or "gave no value"  # never the message: it may quote the student
        self.raised = raised  # name of the exception's class, for recognising known mistakes
        self.kinds = tuple(kinds)  # names of the builtin classes that it is one of
        self.trace = trace


class BlockedError(CaseEndedError):
    """A call that needs the result of an earlier one, which failed: `not_run`, not wrong."""


class Transport(Protocol):
    """Carries one request to where student code runs, and its reply back."""

    def request(
        self, header: dict[str, Any], buffers: Sequence[Any]
    ) -> tuple[dict[str, Any], bytearray]:
        """Send a request and wait for the reply.

        Raises:
            CaseEndedError: If there is no reply: too slow, too large, crashed, exited.
        """
        ...


class LocalTransport:
    """A worker session in this process, for code that this process may run.

    That is the student's own code on the student's own machine, and a teacher's known mistakes.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def request(
        self, header: dict[str, Any], buffers: Sequence[Any]
    ) -> tuple[dict[str, Any], bytearray]:
        """Hand the bytes over as a socket would."""
        payload = bytearray(b"".join(bytes(buffer) for buffer in buffers))
        reply, answer = self._session.handle(header, payload)
        return reply, bytearray(b"".join(bytes(buffer) for buffer in answer))


class Handle:
    """Something that stays with the student: a private cache, an instance of their class.

    It can be handed back, its attributes and methods can be used and operators cross by name;
    it refuses all that would judge it here.
    """

    __slots__ = ("_id", "_student", "_type")
    __array_ufunc__ = None  # an array leaves operators to us
    described_as = "an object of your own"

    def __init__(self, student: Student, identity: int, type_name: str) -> None:
        self._student = student
        self._id = identity
        self._type = type_name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._student.request({"op": "call", "target": self._target("get", name)}, (), {})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it where it lives."""
        target = self._target("attribute", None)
        return self._student.request({"op": "call", "target": target}, args, kwargs)

    def __repr__(self) -> str:
        return f"<{self._type} of the student>"

    def _target(self, key: str, value: Any) -> dict[str, Any]:
        return {"handle": self._id, key: value}

    def _refuse(self, *_: Any) -> NoReturn:
        __tracebackhide__ = True  # for pytest: the line of the test says more
        raise TypeError(
            "handle: expected to compare plain data, got an object that stays with the student."
            " Ask for one of its attributes, or call one of its methods."
        )

    __bool__ = __len__ = __iter__ = __float__ = __int__ = __index__ = __eq__ = __ne__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _refuse
    __hash__ = _refuse


def _operator(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    def apply(self: Handle, *others: Any) -> Any:
        args = (*others, self) if reflected else (self, *others)
        target = {"operator": name}
        return self._student.request({"op": "call", "target": target}, args, {})

    return apply


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    setattr(Handle, f"__{_name}__", _operator(_name))
    setattr(Handle, f"__r{_name}__", _operator(_name, reflected=True))
for _name in ("neg", "pos", "abs", "getitem"):
    setattr(Handle, f"__{_name}__", _operator(_name))


class Student:
    """One student's functions, callable by name.

    Attributes:
        calls: How many calls gave a value, in this case.
        heard: Whether anything in this case came from where the student's code runs.
        remarks: What was noticed and costs nothing.
        sizes: Shape of the first tensor or array that the last call was given, for the probes.
        returned: What the last call gave.
    """

    def __init__(
        self, transport: Transport, *, cache: dict[Any, Any] | None = None, device: str = "cpu"
    ) -> None:
        self._transport = transport
        self._cache: dict[Any, Any] = {} if cache is None else cache
        self._device = device
        self.calls = 0
        self.heard = False
        self.remarks: list[str] = []
        self.sizes: tuple[int, ...] = ()
        self.returned: Any = None
        self._called: tuple[Any, Sequence[Any], Mapping[str, Any]] | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self.request({"op": "call", "target": name}, args, kwargs)

        call.__name__ = name
        return call

    def cached(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return `compute()`, done once for this student and exercise.

        A failure is remembered too: what depends on a call that failed is blocked, not wrong.
        """
        if key not in self._cache:
            try:
                self._cache[key] = (compute(), None)
            except CaseEndedError as failure:
                self._cache[key] = (None, failure)
            except _UNUSABLE as failure:
                unusable = CaseEndedError(Reason.TYPE, f"its result cannot be used: {failure}")
                self._cache[key] = (None, unusable)
        self.heard = True
        value, end = self._cache[key]
        if end is not None:
            raise BlockedError(
                end.reason,
                f"needs {key}, which failed: {end.message}",
                feedback=f"needs {key}, which failed",
            )
        return value

    def make(self, topic: str, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Build an object of the topic's `support.py` where the student's code runs."""
        return self.request({"op": "support", "topic": topic, "name": name}, args, dict(kwargs))

    def request(
        self, header: dict[str, Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Send one request and return the decoded value.

        Raises:
            CaseEndedError: If the student's code gave no value.
        """
        if header["op"] == "call":
            self._called = header["target"], args, kwargs
        arrays = (a for a in args if isinstance(a, torch.Tensor | np.ndarray) and a.ndim)
        self.sizes = next((tuple(a.shape) for a in arrays), self.sizes)
        (positional, named), buffers = wire.pack(
            [list(args), dict(kwargs)],
            keep_layout=True,
            handle=_identity,
            device=None if self._device == "cpu" else self._device,
        )
        message = {**header, "args": positional, "kwargs": named}
        reply, payload = self._transport.request(message, buffers)
        self.heard = True
        if reply.get("ok") is not True:
            raise _case_ended(reply.get("error"), header.get("target", ""))
        tree = reply.get("value")
        try:
            value = wire.unpack(tree, payload, handle=self._handle)
        except wire.WireError as fault:
            raise CaseEndedError(
                Reason.BAD_REPLY,
                f"the reply could not be read: {fault}",
                feedback="what came back could not be read",
            ) from None
        self._check_device(wire.devices(tree), given=wire.devices([positional, named]))
        self._note(reply)
        if header["op"] == "call":
            self.calls += 1
            self.returned = value
        return value

    def last_call(self) -> str:
        """Return the last call as one would type it; small inputs with their numbers."""
        if self._called is None:
            return ""
        target, args, kwargs = self._called
        name = target if isinstance(target, str) else "your object"
        given = [
            *(typed(value) for value in args),
            *(f"{key}={typed(value)}" for key, value in kwargs.items()),
        ]
        text = f"{name}({', '.join(given)})"
        return text if len(text) <= _CALL else f"{text[: _CALL - 4]} ..."

    def _handle(self, identity: int, type_name: str) -> Handle:
        return Handle(self, identity, type_name)

    def _check_device(self, devices: Sequence[str], *, given: Sequence[str]) -> None:
        """Tensors come back as bytes; a tag says where each one was.

        Who was given no tensor cannot know the device, and may answer on the CPU.
        """
        right = {self._device} if given else {self._device, "cpu"}
        for device in devices:
            if device.partition(":")[0] not in right:
                raise CaseEndedError(
                    Reason.TYPE,
                    f"expected results on {self._device}, where the inputs are, got {device}",
                    feedback=f"a result is not on {self._device}, where the inputs are",
                )

    def _note(self, reply: Mapping[str, Any]) -> None:
        if reply.get("mutated"):
            self._remark("an input is changed in place; the caller may still need it")
        if reply.get("requires_grad") is True:
            self._remark("a result carries a gradient graph (requires_grad)")

    def _remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)


def _identity(value: object) -> int:
    if isinstance(value, Handle):
        return value._id  # noqa: SLF001 -- one class and its own proxy
    raise wire.WireError(f"expected data or a handle, got {type(value).__name__}")


def _case_ended(error: Any, target: Any) -> CaseEndedError:
    """Turn a worker's claim of failure into a failure; it costs only its own student."""
    if not isinstance(error, dict):
        return CaseEndedError(Reason.BAD_REPLY, "the reply holds neither a value nor an error")
    kind, name = str(error.get("kind")), str(error.get("type"))[:80]
    message, trace = str(error.get("message"))[:2000], str(error.get("traceback"))[:8000]
    line = error.get("line")
    where = f" (line {line})" if type(line) is int and 0 < line < _MOST_LINES else ""
    called = target if isinstance(target, str) else "the object"
    if kind == "forbidden":
        used = str(error.get("name"))[:120]
        return CaseEndedError(
            Reason.FORBIDDEN,
            f"{called} uses {used}, which is forbidden here{where}",
            feedback="uses a forbidden operation",
            trace=trace,
        )
    if kind == "missing":
        return CaseEndedError(
            Reason.EXCEPTION, message, feedback=f"{called} is not there", raised="NameError"
        )
    if kind == "unsupported":
        return CaseEndedError(Reason.TYPE, message, feedback="the result cannot be compared")
    if name == "MemoryError" or error.get("memory") is True:
        return CaseEndedError(
            Reason.MEMORY,
            f"{called} ran out of memory{where}",
            feedback="ran out of memory",
            raised=name,
            trace=trace,
        )
    known, kinds = name in _KNOWN_EXCEPTIONS, error.get("kinds")
    return CaseEndedError(
        Reason.EXCEPTION,
        f"{called} raised {name}: {message}{where}",
        feedback=f"raised {name}" if known else "raised an exception of its own",
        raised=name,
        kinds=[str(one)[:80] for one in kinds[:_MOST_KINDS]] if isinstance(kinds, list) else (),
        trace=trace,
    )
