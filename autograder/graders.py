"""Many attempts at once: forked graders, one job at a time each, no job ever lost.

The parent has collected the suite, computed the truth and the transcripts and holds one thread;
each grader is a fork of it. A grader takes a job by its number and answers with the record as JSON.
When a grader dies or reports a fault of ours, the job is tried again, then given to a person.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from autograder.errors import JailError, SandboxError

TRIES = 3
_STOPS = (signal.SIGINT, signal.SIGTERM)  # for the parent, who ends its graders
# What follows: an answer, a traceback, why this grader ends, why no grader may go on.
_DONE, _FAILED, _STOPPED, _UNJAILED = range(4)
_HEAD = struct.Struct("<BQ")  # one of these, and the length of what follows
_JOB = struct.Struct("<I")

Work = Callable[[int, int], bytes]  # (number of the grader, number of the job) -> its record


@dataclass(slots=True)
class _Grader:
    pid: int
    sock: socket.socket
    job: int | None = None
    received: bytearray = field(default_factory=bytearray)


class Graders:
    """Forks of this process, each doing one job at a time.

    Args:
        work: Does one job, in a grader; what it raises is a fault of ours.
        jobs: How many jobs there are.
        graders: How many run at once.
        spares: How many more graders may be started when some die; one whose work only raises
            lives on.
        retry: Whether an answer is a fault of ours that is worth another try.
    """

    def __init__(
        self,
        work: Work,
        *,
        jobs: int,
        graders: int,
        spares: int = 0,
        retry: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self._work = work
        self._waiting = deque(range(jobs))
        self._tries = [0] * jobs
        self._wanted = min(graders, jobs)
        self._most = self._wanted + spares
        self._retry = retry
        self._started = 0
        self._last_words = "none"
        self._said: set[bytes] = set()  # what was raised, to be printed once
        self._graders: list[_Grader] = []
        self._selector = selectors.DefaultSelector()

    def __iter__(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield the number of each job and its answer as it comes; None if nobody could do it.

        Raises:
            JailError: If a worker could not be shut in; nobody tries again without.
            SandboxError: If graders die faster than they can be replaced, or if this process has
                threads, with which forked children hang.
        """
        _assert_single_threaded()
        try:
            for _ in range(self._wanted):
                self._start()
            while self._waiting or any(one.job is not None for one in self._graders):
                yield from self._step()
        finally:
            self._stop()

    def _step(self) -> Iterator[tuple[int, bytes | None]]:
        for key, _ in self._selector.select():
            grader = key.data
            try:
                answer = self._receive(grader)
            except EOFError:
                yield from self._lose(grader)
            else:
                yield from self._take(grader, *answer) if answer is not None else ()

    def _take(
        self, grader: _Grader, kind: int, answer: bytes
    ) -> Iterator[tuple[int, bytes | None]]:
        if kind == _UNJAILED:
            raise JailError(answer.decode())
        if kind == _STOPPED:
            self._last_words = answer.decode()
            yield from self._lose(grader)
            return
        if kind == _FAILED and answer not in self._said:
            self._said.add(answer)
            sys.stderr.write(answer.decode())
        job, grader.job = grader.job, None
        assert job is not None
        is_fault = kind == _FAILED or self._retry(answer)
        if is_fault and self._tries[job] < TRIES:
            self._waiting.append(job)
        else:
            yield job, None if kind == _FAILED else answer
        self._give(grader)

    def _lose(self, grader: _Grader) -> Iterator[tuple[int, bytes | None]]:
        """Bury a dead grader; its job is tried by another, three times in all."""
        job = grader.job
        self._bury(grader)
        if job is not None and self._tries[job] < TRIES:
            self._waiting.append(job)
        elif job is not None:
            yield job, None
        if self._waiting:
            self._start()

    def _receive(self, grader: _Grader) -> tuple[int, bytes] | None:
        """Return the kind of a whole answer and the answer, or None while there is more to come.

        Raises:
            EOFError: If the grader is gone.
        """
        try:
            data = grader.sock.recv(1 << 20)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError
        grader.received += data
        if len(grader.received) < _HEAD.size:
            return None
        kind, length = _HEAD.unpack_from(grader.received)
        if len(grader.received) < _HEAD.size + length:
            return None
        answer = bytes(grader.received[_HEAD.size :])
        grader.received.clear()
        return kind, answer

    def _start(self) -> None:
        if self._started >= self._most:
            raise SandboxError(
                f"graders: expected them to live, got {self._started} that died."
                " Run `gradlab doctor`, then grade again; what was graded is kept."
                f" Their last words: {self._last_words}"
            )
        number = self._started
        self._started += 1
        sys.stdout.flush()
        sys.stderr.flush()
        with _without_interrupts():  # from its first moment a grader leaves them to its parent
            ours, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                ours.close()
                for other in self._graders:
                    other.sock.close()  # else nobody would notice that the parent is gone
                self._selector.close()
                _serve(theirs, lambda job: self._work(number, job))
            theirs.close()
            grader = _Grader(pid, ours)
            self._graders.append(grader)
            self._selector.register(ours, selectors.EVENT_READ, grader)
        self._give(grader)

    def _give(self, grader: _Grader) -> None:
        if not self._waiting:
            return
        grader.job = self._waiting.popleft()
        self._tries[grader.job] += 1
        with contextlib.suppress(ConnectionError):  # a dead grader is noticed when it is read
            grader.sock.sendall(_JOB.pack(grader.job))

    def _bury(self, grader: _Grader) -> None:
        self._selector.unregister(grader.sock)
        grader.sock.close()
        self._graders.remove(grader)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(grader.pid, 0)

    def _stop(self) -> None:
        for grader in list(self._graders):
            with contextlib.suppress(ProcessLookupError):
                os.kill(grader.pid, signal.SIGKILL)
            self._bury(grader)
        self._selector.close()


def default_graders(jobs: int | None) -> int:
    """Return how many graders run at once: what was asked for, else one for each core."""
    return jobs if jobs is not None else max(1, len(os.sched_getaffinity(0)))


def _serve(sock: socket.socket, work: Callable[[int], bytes]) -> None:
    """Be a grader until the parent is gone. Never returns into the parent's code."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)
    code = 1
    try:
        while len(message := sock.recv(_JOB.size, socket.MSG_WAITALL)) == _JOB.size:
            kind, answer = _try(work, _JOB.unpack(message)[0])
            sock.sendall(_HEAD.pack(kind, len(answer)) + answer)
        code = 0
    except ConnectionError:
        code = 0
    except SandboxError as fault:
        words = str(fault).encode()
        kind = _UNJAILED if isinstance(fault, JailError) else _STOPPED
        with contextlib.suppress(ConnectionError):
            sock.sendall(_HEAD.pack(kind, len(words)) + words)
    finally:
        os._exit(code)


def _try(work: Callable[[int], bytes], job: int) -> tuple[int, bytes]:
    """Do a job; what it raises is a fault of ours, and no reason to stop the others."""
    try:
        return _DONE, work(job)
    except SandboxError:  # nothing works without it
        raise
    except Exception:  # noqa: BLE001 -- the job is tried again, then given to a person
        return _FAILED, traceback.format_exc().encode("utf-8", "backslashreplace")


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _assert_single_threaded() -> None:
    task = "/proc/self/task"
    threads = len(os.listdir(task)) if os.path.isdir(task) else threading.active_count()  # noqa: PTH112, PTH208 -- one call each
    if threads != 1:
        raise SandboxError(
            f"graders: expected one thread before forking, got {threads}."
            " Set OMP_NUM_THREADS=1, or run `gradlab grade` instead of calling it from a program."
        )


def warm_up() -> None:
    """Do once, before forking, what every fork would else do for itself: torch's lazy imports."""
    import torch  # noqa: PLC0415 -- this module itself knows nothing of tensors

    torch.set_num_threads(1)
    x = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    torch.autograd.grad((x @ x).exp().sum(), x)
    gc.collect()
    gc.freeze()  # else every collection in a fork copies the pages of all that is shared
