"""The witness: watches one graded call for operations that the exercise forbids.

Three layers, each process-wide, so that threads and disabled dispatch modes do not escape them:

- *operators*: the kernels of the forbidden operators are replaced through `torch.library` for the
  time of the call, by ones that record the student's line and raise: those for dense tensors;
- *autograd*: the engine that every reverse-mode entry point of torch looks up (`backward`,
  `torch.autograd.grad`, `torch.func`) is replaced by a guard, and so is the operator that starts
  forward mode. Recording a graph is no use of it: `requires_grad` alone, `no_grad`, `detach` and
  reading `grad_fn` are free. A graph that was recorded and not seen used is `suspicious`;
- *audit*, on demand: the kernels of every other backend and transform are replaced too, and the
  profiler of all threads records the nodes of graphs that are evaluated, which shows TorchScript's
  own `grad` and an engine that was kept from before. Nothing else is recorded, so that a call with
  a million allowed operations takes no more time or memory than without.

Whoever can replace this module can escape it. It tells honest students, and a person, what
happened; it proves nothing.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Never, Self

import torch
from torch._C._autograd import (
    _disable_profiler,
    _enable_profiler,
    _get_sequence_nr,
    _prepare_profiler,
)
from torch._C._profiler import ProfilerConfig, ProfilerState, RecordScope, _ExperimentalConfig
from torch.autograd.variable import Variable
from torch.library import _scoped_library
from torch.profiler import ProfilerActivity

# Dense tensors; what reaches the other backends (mkldnn, sparse, nested) is left to the audit.
_DEVICES = (
    "CPU",
    *(["CUDA"] if torch.version.cuda or torch.version.hip else []),
    *(["MPS"] if torch.backends.mps.is_built() else []),
)
# Where else a call of an operator may arrive first: other layouts, graphs, `torch.func`.
_ELSEWHERE = (
    *("MkldnnCPU", "AutogradOther", "AutogradNestedTensor"),
    *("FuncTorchBatched", "FuncTorchDynamicLayerFrontMode"),
    *(f"Autograd{device}" for device in _DEVICES),
    *(
        f"{layout}{device}"
        for layout in ("Sparse", "SparseCsr", "NestedTensor", "Quantized")
        for device in _DEVICES
        if device != "MPS"  # has none of them, or not all
    ),
)
_LIBRARIES = (
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(torch.__file__).parent) + os.sep,
    str(Path(__file__).parents[1]) + os.sep,  # our own frames
    "<frozen ",
)
_MOST_USES = 50


class ForbiddenUse(BaseException):
    """A forbidden operation was used; not an `Exception`, so ordinary handlers let it pass."""


class Witness:
    """Watches one call; use as a context manager around nothing but the student's function.

    Entering and leaving costs about 12 us for each overload that is replaced and 50 us for
    autograd; allowed operations cost nothing. Nothing stays patched.

    Attributes:
        uses: ``{"name", "set", "line", "where"}`` for each use, in order. Look here after the
            call, however it ended: student code, a thread or TorchScript may have swallowed
            `ForbiddenUse`. `line` and `where` are None if only the audit saw it.
        suspicious: ``{"what", "line", "where"}``: a reason to audit the call, or for a person.
    """

    def __init__(self, forbidden: list[dict[str, Any]], *, audit: bool = False) -> None:
        self.uses: list[dict[str, Any]] = []
        self.suspicious: list[dict[str, Any]] = []
        self._forbidden = forbidden
        self._audit = audit
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if not self._forbidden:
            return self
        with ExitStack() as stack:
            stack.enter_context(self._operators_replaced())
            for group in self._forbidden:
                if group.get("autograd"):
                    if self._audit:
                        stack.enter_context(self._audited(group))
                    stack.enter_context(self._autograd_guarded(group))
                    break
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _use(self, operation: str, group: dict[str, Any], frame: FrameType | None) -> str:
        """Record a use and return its name."""
        name = _public_name(operation, group)
        line, where = _student_line(frame)
        if len(self.uses) < _MOST_USES:
            self.uses.append({"name": name, "set": group["name"], "line": line, "where": where})
        return name

    def _stop(self, operation: str, group: dict[str, Any], *_: Any, **__: Any) -> Never:
        """Take the place of a forbidden operation: record the line and raise."""
        caller = sys._getframe(1)  # noqa: SLF001 - the documented way to find a caller
        name = self._use(operation, group, caller)
        raise ForbiddenUse(f"{name} is forbidden here ({group['name']})")

    @contextmanager
    def _operators_replaced(self) -> Iterator[None]:
        """Replace the kernels of all forbidden operators."""
        keys = (*_DEVICES, *_ELSEWHERE) if self._audit else _DEVICES
        libraries: dict[str, Any] = {}
        with ExitStack() as stack:
            with _overriding():
                for group, operator in _operators(self._forbidden):
                    stop = functools.partial(self._stop, operator, group)
                    for namespace, name in _overloads(operator):
                        if namespace not in libraries:
                            scope = _scoped_library(namespace, "IMPL")
                            libraries[namespace] = stack.enter_context(scope)
                        for key in keys:
                            libraries[namespace].impl(name, stop, key)
            yield

    @contextmanager
    def _autograd_guarded(self, group: dict[str, Any]) -> Iterator[None]:
        """Guard both ways to differentiate: the engine, and the operator of forward mode."""
        stop = functools.partial(self._stop, "torch.autograd", group)
        variable: Any = Variable
        engine, nodes = variable._execution_engine, _get_sequence_nr()  # noqa: SLF001 - there is no public name
        with _scoped_library("aten", "IMPL") as library:
            with _overriding():
                library.impl("_make_dual", stop, "Autograd")
            variable._execution_engine = _GuardedEngine(engine, stop)  # noqa: SLF001 - see above
            try:
                yield
            finally:
                variable._execution_engine = engine  # noqa: SLF001 - see above
        if _get_sequence_nr() != nodes and not self.uses and not self._audit:
            what = "records a graph for autograd"
            self.suspicious.append({"what": what, "line": None, "where": None})

    @contextmanager
    def _audited(self, group: dict[str, Any]) -> Iterator[None]:
        """Have the nodes of graphs recorded in all threads; one that was evaluated is a use."""
        config, activities = _profiler_config(), {ProfilerActivity.CPU}
        with _quiet():
            _prepare_profiler(config, activities)
            scopes = {RecordScope.BACKWARD_FUNCTION}
            _enable_profiler(config, activities, scopes)  # type: ignore[call-arg]  # torch's stub is short of one
        try:
            yield
        finally:
            with _quiet():
                results = _disable_profiler()
        operation = "torch.autograd"
        seen = {(use["name"], use["set"]) for use in self.uses}
        if results.events() and (_public_name(operation, group), group["name"]) not in seen:
            self._use(operation, group, None)


class _GuardedEngine:
    """torch's autograd engine, but for running it."""

    def __init__(self, engine: Any, stop: Callable[..., Never]) -> None:
        self._engine = engine
        self.run_backward = stop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def unknown_operators(operators: list[str]) -> list[str]:
    """Return those that this version of torch does not have: nothing would be watched for them."""
    return [operator for operator in operators if not _overloads(operator)]


def _operators(forbidden: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    for group in forbidden:
        for operator in group.get("operators", ()):
            yield group, operator


@functools.cache
def _overloads(operator: str) -> tuple[tuple[str, str], ...]:
    """Return the overloads that are meant by an operator, as (namespace, name).

    "aten::_softmax" means all of its overloads, "aten::_softmax.out" means that one. A kernel of
    the device takes the place of a composite one too.
    """
    namespace, _, name = operator.partition("::")
    packet, _, wanted = name.partition(".")
    found = getattr(getattr(torch.ops, namespace), packet, None)
    return tuple(
        (namespace, packet if overload == "default" else f"{packet}.{overload}")
        for overload in (found.overloads() if found is not None else ())
        if wanted in ("", overload)
    )


@contextmanager
def _overriding() -> Iterator[None]:
    """Keep torch from warning that a kernel is overridden: that is what is meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _public_name(operation: str, group: dict[str, Any]) -> str:
    """Return the name of the set that students write for an operator, else the operation."""
    bare = operation.partition("::")[2].partition(".")[0].strip("_")
    names = group.get("names", ())
    return next((name for name in names if name.rpartition(".")[2] == bare), operation)


def _student_line(frame: FrameType | None) -> tuple[int | None, str | None]:
    """Return the line of the innermost code that belongs to no library, and where it is."""
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_LIBRARIES):
            return frame.f_lineno, f"{file}, line {frame.f_lineno}"
        frame = frame.f_back
    return None, None


def _profiler_config() -> Any:
    nothing_more = (False,) * 5  # shapes, memory, stacks, flops, modules
    try:
        wide = _ExperimentalConfig(profile_all_threads=True)
    except TypeError:  # torch < 2.8 profiles the calling thread only
        wide = _ExperimentalConfig()
    return ProfilerConfig(ProfilerState.KINETO, *nothing_more, wide)


@contextmanager
def _quiet() -> Iterator[None]:
    """Send away what the profiler writes to file descriptor 2 when it starts and stops."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        with suppress(OSError):  # without /dev/null, it writes
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
