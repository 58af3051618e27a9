"""Time for running a file's own statements: a training loop is stopped, what follows still runs.

A timer ticks while statements run; when one has had its share, the tick raises `OutOfTime` inside
it, again and again until it ends, so that a `try` around the loop body does not keep it alive.
Only the main thread of a Unix process can do this. Elsewhere, and against code that swallows
every exception, the limit is the one from outside.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Self

_TICK_S = 0.02
_WALL_FACTOR = 2.5  # a statement that sleeps is stopped too
_LEAST_S = 0.05  # a share below this is no share
_DEFINITION_S = 0.5  # for a definition or a constant after everything is spent


class OutOfTime(BaseException):
    """A statement has had its share; not an `Exception`, so ordinary handlers let it pass."""


@dataclass(slots=True)
class _Running:
    """One statement that runs: the frame that runs it and when it must end."""

    frame: FrameType
    cpu: float
    wall: float

    def is_over(self) -> bool:
        return time.process_time() >= self.cpu or time.monotonic() >= self.wall


class Budget:
    """CPU seconds for a sequence of statements; use as a context manager around all of them.

    Each statement may take half of what is left, so that one loop cannot take everything.
    """

    def __init__(self, cpu_s: float) -> None:
        self._cpu_s = cpu_s
        self._spent_before = time.process_time()
        self._running: list[_Running] = []
        self._restore: tuple[Any, tuple[float, float]] | None = None

    def __enter__(self) -> Self:
        on_main_thread = threading.current_thread() is threading.main_thread()
        if hasattr(signal, "setitimer") and on_main_thread:
            handler = signal.signal(signal.SIGALRM, self._tick)
            self._restore = handler, signal.setitimer(signal.ITIMER_REAL, _TICK_S, _TICK_S)
        return self

    def __exit__(self, *_: object) -> None:
        if self._restore is not None:
            handler, timer = self._restore
            signal.setitimer(signal.ITIMER_REAL, *timer)
            signal.signal(signal.SIGALRM, handler)

    def share(self, *, is_definition: bool) -> float:
        """Return the seconds that the next statement may take, 0 if it may not run."""
        left = self._cpu_s - (time.process_time() - self._spent_before)
        if left / 2 >= _LEAST_S:
            return left / 2
        return _DEFINITION_S if is_definition else 0.0

    def run(self, code: CodeType, namespace: dict[str, Any], share_s: float) -> None:
        """Run one statement.

        Raises:
            OutOfTime: If it took longer than `share_s`.
        """
        cpu, wall = time.process_time(), time.monotonic()
        here = sys._getframe  # noqa: SLF001 - the documented way to name a frame
        self._running.append(_Running(here(), cpu + share_s, wall + share_s * _WALL_FACTOR))
        try:
            exec(code, namespace)  # noqa: S102 - running what a student wrote is what we are for
        finally:
            self._running.pop()
            if self._running:  # the statement that imported this one gets its time back
                self._running[-1].cpu += time.process_time() - cpu
                self._running[-1].wall += time.monotonic() - wall

    def _tick(self, _: int, frame: FrameType | None) -> None:
        """Stop the innermost statement if it is over, but only while its own code runs."""
        if not self._running or not self._running[-1].is_over():
            return
        runner = self._running[-1].frame
        if frame is runner:
            return
        while frame is not None and frame is not runner:
            frame = frame.f_back
        if frame is runner:
            raise OutOfTime
