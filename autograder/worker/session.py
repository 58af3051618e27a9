"""A session: one submission in one process, answering requests about it one at a time.

In the sandbox `serve` answers over a socket. On a student's own machine, and for the known mistakes
that the grader plays, the same session is called directly. What a student's code raises, returns
or prints is data; it never ends a session that the process itself survives.
"""

from __future__ import annotations

import builtins
import linecache
import operator
import os
import random
import socket
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType, ModuleType, TracebackType
from typing import Any, Self

import numpy as np
import torch

from autograder.sandbox import wire
from autograder.worker.loading import lay_out, load
from autograder.worker.reading import Facts, read
from autograder.worker.witness import Witness

REPLY_LIMITS = wire.WireLimits(payload_bytes=64 << 20)

Header = dict[str, Any]
Reply = tuple[Header, list[wire.Buffer]]
Call = tuple[list[Any], dict[str, Any]]

# Operators that a handle may be used with; each is a function of Python's `operator` module.
_OPERATORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        name: getattr(operator, name)
        for name in (
            *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
            *("neg", "pos", "abs", "invert", "and_", "or_", "xor", "lshift", "rshift"),
            *("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "imatmul"),
            *("eq", "ne", "lt", "le", "gt", "ge", "truth", "index", "contains"),
            *("getitem", "setitem", "delitem"),
        )
    }
)
_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_LIBRARIES = (
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *(str(Path(module.__file__ or "").parent) + os.sep for module in (np, torch)),
    _PACKAGE,
    "<frozen ",
    "<string>",
    "<__array_function__",
)
_IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, torch.dtype, torch.Generator})
_MESSAGE = 2000  # characters
_TRACEBACK = 8000  # characters
_FRAMES = 30
_FILE = 200  # characters
_MOST_HANDLES = 100_000


class Missing(Exception):  # noqa: N818 - a fact about a submission, not a fault of ours
    """What was called is not there; the message is the sentence that its author reads."""


class ForbiddenCall(Exception):  # noqa: N818 - a fact about a call, not a fault of ours
    """A call used what its exercise forbids, whatever came of it."""

    def __init__(self, use: Mapping[str, Any]) -> None:
        super().__init__(
            f"{use['where'] or 'somewhere'}: expected a version by hand, got {use['name']}"
            f" (forbidden: {use['set']}). Write it with simpler operations."
        )
        self.use = use


class Handles:
    """Objects that stay here, by the numbers that stand for them elsewhere.

    A number is never given twice, so one from before `clear` cannot mean a newer object.
    """

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}  # by `id`, which no one else has while we hold it
        self._given = 0

    def number(self, value: Any) -> int:
        """Return the number of an object, the same for the same object."""
        known = self._numbers.get(id(value))
        if known is not None:
            return known
        if len(self._objects) >= _MOST_HANDLES:
            raise wire.WireError(
                f"value: expected at most {_MOST_HANDLES} objects, got more. Use tensors."
            )
        self._given += 1
        self._objects[self._given] = value
        self._numbers[id(value)] = self._given
        return self._given

    def object(self, number: int, _type: str = "") -> Any:
        """Return the object of a number."""
        if number not in self._objects:
            raise wire.WireError(
                f"handle {number}: expected an object of this exercise, got none. Make it again."
            )
        return self._objects[number]

    def clear(self) -> None:
        """Let go of all objects."""
        self._objects.clear()
        self._numbers.clear()


@dataclass(slots=True)
class _Exercise:
    """What `begin` says."""

    id: str = ""
    forbidden: list[dict[str, Any]] = field(default_factory=list)


class Session:
    """One submission, loaded or about to be.

    Args:
        limits: How much one reply may hold.
    """

    def __init__(self, *, limits: wire.WireLimits = REPLY_LIMITS) -> None:
        self._limits = limits
        self._is_worker = False
        self._facts: Facts | None = None
        self._namespace: Mapping[str, Any] = {}
        self._missing: Mapping[str, str] = {}
        self._support: Mapping[str, str] = {}
        self._support_modules: dict[str, ModuleType] = {}
        self._handles = Handles()
        self._exercise = _Exercise()
        self._operations: Mapping[str, Callable[[Header, bytearray], Reply]] = {
            "read": self._read,
            "load": self._load,
            "begin": self._begin,
            "call": self._call,
            "support": self._make,
        }

    @classmethod
    def from_namespace(
        cls, namespace: Mapping[str, Any], *, support: Mapping[str, str] | None = None
    ) -> Self:
        """Return a session about functions that are here already.

        Args:
            namespace: What is called, by name.
            support: The source of `support.py`, by topic.
        """
        session = cls()
        session._namespace = namespace
        session._support = support or {}
        return session

    def serve(self, sock: socket.socket) -> None:
        """Answer requests until the peer hangs up; for a process that does nothing else."""
        self._is_worker = True
        streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
        while True:
            try:
                header, payload = wire.receive(sock)
                reply, buffers = self.handle(header, payload)
                for stream in streams:
                    _flush(stream)
                self._send(sock, reply, buffers)
            except EOFError:
                return

    def _send(self, sock: socket.socket, reply: Header, buffers: list[wire.Buffer]) -> None:
        try:
            wire.send(sock, reply, buffers, limits=self._limits)
        except wire.WireError as error:
            wire.send(sock, {"seq": reply["seq"], "ok": False, "error": _failure(error)})

    def handle(self, header: Header, payload: bytearray) -> Reply:
        """Answer one request; a fault of the student's is an answer too.

        Args:
            header: ``{"op", "seq", ...}``.
            payload: The bytes that its trees refer to; shared with what the student is given.

        Returns:
            The reply, ``{"seq", "ok": True, "value", ...}`` or ``{"seq", "ok": False, "error"}``,
            and the buffers of its payload.
        """
        seq = header.get("seq")
        try:
            reply, buffers = self._operation(header)(header, payload)
        except BaseException as error:
            if not self._is_worker and not issubclass(type(error), Exception | SystemExit):
                raise  # Ctrl-C, and pytest's own exceptions, on the student's machine
            return {"seq": seq, "ok": False, "error": _failure(error)}, []
        return {"seq": seq, "ok": True, **reply}, buffers

    def _operation(self, header: Header) -> Callable[[Header, bytearray], Reply]:
        name = str(header.get("op"))
        if name not in self._operations:
            raise wire.WireError(
                f"op: expected one of {', '.join(self._operations)}, got {name[:80]}."
            )
        return self._operations[name]

    def _value(self, value: Any, name: str) -> Reply:
        tree, buffers = wire.pack(
            value, handle=self._handles.number, name=name, limits=self._limits
        )
        return {"value": tree}, buffers

    # --- before the first call

    def _read(self, header: Header, payload: bytearray) -> Reply:
        """Turn bytes into facts; no statement of the student's runs."""
        spec = header["spec"]
        files = [
            (one["name"], bytes(payload[one["offset"] : one["offset"] + one["size"]]))
            for one in header["files"]
        ]
        self._facts = read(files, spec)
        self._support = spec.get("support", {})
        return self._value(self._facts.as_dict(), "what was read")

    def _load(self, header: Header, _: bytearray) -> Reply:
        """Run the submission's own statements."""
        if self._facts is None:
            raise wire.WireError("load: expected files that were read, got none. Read them first.")
        remarks = lay_out(self._facts, Path.cwd()) if self._has_own_directory() else []
        loaded = load(self._facts, header["candidates"], header["cpu_s"])
        self._namespace, self._missing = loaded.namespace, loaded.missing
        value = {"remarks": [*remarks, *loaded.remarks], "missing": loaded.missing}
        return self._value(value, "what was loaded")

    def _has_own_directory(self) -> bool:
        return self._is_worker and os.environ.get("TMPDIR") == os.getcwd()  # noqa: PTH109 - as text

    def _begin(self, header: Header, _: bytearray) -> Reply:
        """Undo what earlier exercises may have left behind, and seed every generator."""
        seed = header["seed"]
        random.seed(seed)
        np.random.seed(seed % (1 << 32))  # noqa: NPY002 - students use the global generator
        if self._is_worker:  # it has no GPU; to remember a seed for one takes as long as a call
            torch.default_generator.manual_seed(seed % (1 << 63))
            torch.set_num_threads(1)
        else:
            torch.manual_seed(seed % (1 << 63))
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_grad_enabled(True)
        self._handles.clear()
        self._exercise = _Exercise(header["exercise"], header["forbidden"])
        return {"value": None}, []

    def _make(self, header: Header, payload: bytearray) -> Reply:
        """Build an object of the instructor's `support.py`."""
        topic, name = header["topic"], header["name"]
        args, kwargs = self._arguments(header, payload)
        maker = getattr(self._support_module(topic), name, None)
        if maker is None:
            raise Missing(f"{topic}/support.py: expected {name} in it, got none. Define it there.")
        return self._value(maker(*args, **kwargs), f"the result of support.{name}")

    def _support_module(self, topic: str) -> ModuleType:
        if topic not in self._support:
            raise Missing(f"{topic}/support.py: expected this file, got none. Write it.")
        if topic not in self._support_modules:
            source = self._support[topic]
            filename = f"{_PACKAGE}support{os.sep}{topic}.py"  # ours, to whoever looks for a line
            lines = source.splitlines(keepends=True)
            linecache.cache[filename] = (len(source), None, lines, filename)
            module = ModuleType(f"support_{topic}")
            sys.modules[module.__name__] = module  # dataclasses look themselves up there
            code = compile(source, filename, "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102 - the instructor's code, in the student's process
            self._support_modules[topic] = module
        return self._support_modules[topic]

    # --- calls

    def _call(self, header: Header, payload: bytearray) -> Reply:
        """Call a function, a handle, a method or an operator, and look at what became of it all."""
        target = header["target"]
        name = target if isinstance(target, str) else "the object"
        args, kwargs = self._arguments(header, payload)
        inputs = _Inputs(args, kwargs, payload)
        call = partial(self._target(target), *args, **kwargs)
        value, suspicious = self._watched(call, name, audit=header.get("audit") is True)
        reply, buffers = self._value(value, f"the result of {name}")
        reply["mutated"] = []
        if not inputs.are_surely_unchanged():
            originals = self._arguments(header, inputs.payload)
            reply["mutated"] = inputs.changed_from(*originals)
        reply["requires_grad"] = wire.requires_grad(reply["value"])
        if suspicious:
            reply["suspicious"] = suspicious
        return reply, buffers

    def _arguments(self, header: Header, payload: bytearray) -> Call:
        trees = [header["args"], header["kwargs"]]
        args, kwargs = wire.unpack(trees, payload, keep_layout=True, handle=self._handles.object)
        return args, kwargs

    def _target(self, target: Any) -> Callable[..., Any]:
        """Return what a target means; looking up attributes is part of the call."""
        match target:
            case str():
                return self._named(target)
            case {"operator": str(name)} if name in _OPERATORS:
                return _OPERATORS[name]
            case {"handle": int(number), "get": str(name)}:
                return partial(getattr, self._handles.object(number), name)
            case {"handle": int(number), "attribute": None}:
                return partial(_apply, self._handles.object(number))
            case {"handle": int(number), "attribute": str(name)}:
                return partial(_apply_method, self._handles.object(number), name)
            case _:
                raise wire.WireError(f"target: expected something to call, got {str(target)[:80]}.")

    def _named(self, name: str) -> Callable[..., Any]:
        head, _, method = name.partition(".")
        if head not in self._namespace:
            sentence = f"{name}: expected a definition, got none. Define it at the top level."
            raise Missing(self._missing.get(name, sentence))
        found = self._namespace[head]
        return partial(_apply_method, found, method) if method else partial(_apply, found)

    def _watched(
        self, call: Callable[[], Any], name: str, *, audit: bool
    ) -> tuple[Any, list[dict[str, Any]]]:
        """Call under the witness and return the value, and what is suspicious."""
        if not self._exercise.forbidden:
            return self._explained(call, name), []
        witness = Witness(self._exercise.forbidden, audit=audit)
        try:
            with witness:
                value = self._explained(call, name)
        except BaseException:
            if witness.uses:
                raise ForbiddenCall(witness.uses[0]) from None
            raise
        if witness.uses:  # the student's code swallowed it, or only the audit saw it
            raise ForbiddenCall(witness.uses[0])
        return value, witness.suspicious

    def _explained(self, call: Callable[[], Any], name: str) -> Any:
        """Call; if a name is not there, say what loading knows about it."""
        try:
            return call()
        except NameError as error:
            sentence = self._missing.get(name) or self._missing.get(self._exercise.id)
            if sentence and type(error) is NameError:
                error.args = (f"{error}: {sentence}",)
            raise


def _apply(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def _apply_method(holder: Any, name: str, /, *args: Any, **kwargs: Any) -> Any:
    return getattr(holder, name)(*args, **kwargs)


class _Inputs:
    """The arguments of a call, to tell which of them it changes."""

    def __init__(self, args: list[Any], kwargs: dict[str, Any], payload: bytearray) -> None:
        self._inputs = _by_key(args, kwargs)
        self._shared = payload  # the memory of tensors and arrays
        self.payload = bytearray(payload)
        self._marks = self._mark()

    def are_surely_unchanged(self) -> bool:
        """Take a quick look, which is enough nearly always."""
        marks = self._mark()
        return None not in marks and marks == self._marks and self._shared == self.payload

    def changed_from(self, args: list[Any], kwargs: dict[str, Any]) -> list[int | str]:
        """Return the positions and names of those that differ from the originals."""
        pairs = zip(self._inputs, _by_key(args, kwargs), strict=True)
        return [key for (key, now), (_, then) in pairs if _snapshot(now) != _snapshot(then)]

    def _mark(self) -> list[tuple[Any, ...] | None]:
        return [_mark(value) for _, value in self._inputs]


def _by_key(args: list[Any], kwargs: dict[str, Any]) -> list[tuple[int | str, Any]]:
    return [*enumerate(args), *kwargs.items()]


def _mark(value: Any) -> tuple[Any, ...] | None:
    """Return what changes with an argument if its memory does not, or None if nothing is sure."""
    kind = type(value)
    if kind is torch.Tensor and value.is_cpu and not value.storage_offset():  # others are copies
        return value.data_ptr(), value.shape, value.stride()
    if kind is np.ndarray:
        return value.shape, value.strides
    return () if kind in _IMMUTABLE else None


def _snapshot(value: Any) -> object:
    """Return what tells whether an argument changed, layout included."""
    if type(value) is torch.Generator:  # drawing from it is what it is for
        return None
    try:
        tree, buffers = wire.pack(value, keep_layout=True, handle=id)
    except wire.WireError as error:  # it was data when it came
        return str(error)
    return tree, b"".join(buffers)


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except (OSError, ValueError):  # the student closed it
        return


# --- what went wrong ----------------------------------------------------------------------------


_BUILTINS = {id(one) for one in vars(builtins).values() if isinstance(one, type)}


def _builtin_kinds(kind: type) -> list[str]:
    """Name the builtin classes that a class is one of, whatever its metaclass says."""
    bases = type.__dict__["__mro__"].__get__(kind)
    return [wire.type_name(one) for one in bases if id(one) in _BUILTINS]


def _failure(error: BaseException) -> dict[str, Any]:
    """Describe an exception that may lie about everything but its class."""
    kind = type(error)
    name, origin, line, file = wire.type_name(kind), _origin(kind), None, None
    trace = _student_part(sys.exc_info()[2])
    if trace is not None:
        line, file = _place(trace)
    message = _message(error)
    if _is_out_of_memory(kind, message):
        name, origin = "MemoryError", "builtins"
    failure = {
        "kind": "exception",
        "type": name,
        "kinds": _builtin_kinds(kind),
        "origin": origin,
        "message": message,
        "traceback": _traceback(error, trace),
        "line": line,
        "file": file,
        "name": None,
    }
    if kind is wire.WireError:
        failure["kind"] = "unsupported"
    elif kind is Missing:
        failure["kind"] = "missing"
    elif kind is ForbiddenCall:
        use = vars(error)["use"]
        failure |= {"kind": "forbidden", "name": use["name"], "set": use["set"]}
        failure["line"] = use["line"]
    return failure


def _message(error: BaseException) -> str:
    try:
        return wire.printable(str(error), _MESSAGE)
    except BaseException:  # noqa: BLE001 - `__str__` may be the student's
        return "(its message cannot be shown)"


def _traceback(error: BaseException, trace: TracebackType | None) -> str:
    try:
        lines = traceback.format_exception(type(error), error, trace, limit=-_FRAMES)
    except BaseException:  # noqa: BLE001 - the exception may be the student's
        return "(its traceback cannot be shown)"
    return wire.printable("".join(lines)[-_TRACEBACK:], _TRACEBACK)


def _is_student(trace: TracebackType) -> bool:
    return not trace.tb_frame.f_code.co_filename.startswith(_LIBRARIES)


def _student_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without our own frames at its top."""
    while trace is not None and not _is_student(trace):
        trace = trace.tb_next
    return trace


def _place(trace: TracebackType | None) -> tuple[int | None, str | None]:
    """Return the line and the file of the innermost frame that is the student's."""
    place: tuple[int | None, str | None] = None, None
    while trace is not None:
        if _is_student(trace):
            file = wire.printable(trace.tb_frame.f_code.co_filename, _FILE)
            place = trace.tb_lineno, file
        trace = trace.tb_next
    return place


def _is_out_of_memory(kind: type, message: str) -> bool:
    """Whether Python or torch had no memory to give, however they put it."""
    if issubclass(kind, MemoryError | torch.OutOfMemoryError):
        return True
    return kind is RuntimeError and "DefaultCPUAllocator" in message


def _origin(kind: type) -> str:
    """Return where a class is from, by looking it up there: its own word counts for nothing."""
    name = wire.type_name(kind)
    if vars(builtins).get(name) is kind:
        return "builtins"
    module = type.__dict__["__dict__"].__get__(kind).get("__module__")
    head = module.partition(".")[0] if type(module) is str else ""
    home = sys.modules.get(module) if head in ("torch", "numpy") else None
    return head if type(home) is ModuleType and vars(home).get(name) is kind else "student"
