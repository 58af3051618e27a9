"""Sandboxed workers, as the trusted process uses them.

    Sandbox     one for a run: finds the tier, starts the fork server before graders are forked
    Client      one for a grader: asks the fork server for workers over its own control socket
    Worker      one process that runs student code: requests, replies, prints, limits, death

Everything here is single-threaded. A request has one deadline for sending and receiving together
and a bound on CPU time, read from the worker's own CPU clock; prints are drained meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autograder.errors import JailError, SandboxError
from autograder.models import Isolation, Limits, Reason
from autograder.sandbox import tiers, wire
from autograder.sandbox.image import DISTRIBUTIONS, Image
from autograder.sandbox.launch import Zygote, cpu_backstop_s

_SPAWN_S = 60.0
_REAP_S = 30.0
_LAST_BREATH_S = 1.0  # between the end of its stream and the news of its death
_CHECK_S = 0.01  # the shortest time between two looks at the CPU clock
_CHUNK = 64 << 10
_CHUNKS_AT_ONCE = 16  # of prints, before limits are looked at again
_EXIT_JAIL, _EXIT_MEMORY = 97, 98  # see `autograder.worker.zygote`


class WorkerDied(Exception):  # noqa: N818 - what happened to student code, no error of ours
    """A worker is gone, or had to go: a verdict on student code, never a fault of ours."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a worker's process ended."""

    status: int  # its exit code, or minus the signal that killed it
    cpu_s: float
    unwanted: bool = False  # the fork server killed it, for its channel was hung up


class Sandbox:
    """The fork server and the control sockets of all graders; a context manager."""

    def __init__(
        self, isolation: Isolation, image: Image, zygote: Zygote, clients: Sequence[Client]
    ) -> None:
        self.isolation = isolation
        self._image = image
        self._zygote = zygote
        self._clients = clients
        self._owner = os.getpid()

    @classmethod
    def start(
        cls,
        *,
        jobs: int,
        limits: Limits,
        tier: str | None = None,
        trust: bool = False,
        distributions: Iterable[str] = DISTRIBUTIONS,
        wait: bool = True,
    ) -> Self:
        """Find the tier by trying, and start the fork server; to be called before forking graders.

        Args:
            jobs: How many graders there will be.
            limits: Bounds on every worker.
            tier: "A", "C" or "none"; None for the best that works.
            trust: Whether to go on where no isolation can be had.
            distributions: What students may import besides the standard library.
            wait: Whether to wait until it has imported torch, which takes seconds; if not,
                `wait_ready` does, later.

        Raises:
            IsolationError: If the tier cannot be had.
            JailError: If it could be had a moment ago, and no longer can.
            SandboxError: If torch cannot be imported in it.
        """
        isolation = tiers.choose(tier, trust=trust)
        with contextlib.ExitStack() as on_fault, contextlib.ExitStack() as always:
            image = Image.build(distributions, by_descriptor=isolation.tier == "C")
            on_fault.callback(image.close)
            clients, controls = [], []
            for _ in range(jobs):
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                clients.append(Client(on_fault.enter_context(ours), limits))
                controls.append(always.enter_context(theirs))
            zygote = Zygote(isolation.tier, image, limits, controls=controls)
            on_fault.callback(zygote.stop)
            try:
                zygote.wait_jailed()
            except JailError as fault:
                raise _unjailed(f"decided at the start, {isolation.tier}", str(fault)) from None
            if wait:
                zygote.wait_ready()
            on_fault.pop_all()
        return cls(isolation, image, zygote, clients)

    def wait_ready(self) -> None:
        """Wait until workers can be had, if `start` did not; once, before graders are forked.

        Raises:
            SandboxError: If torch cannot be imported.
        """
        self._zygote.wait_ready()

    def client(self, index: int) -> Client:
        """Return the client of grader `index`; to be called in that grader, after the fork."""
        return self._clients[index]

    def close(self) -> None:
        """End the fork server and every worker; in a forked grader, only let go of them."""
        for client in self._clients:
            client.close()
        if os.getpid() == self._owner:
            self._zygote.stop()
            self._image.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Client:
    """One grader's line to the fork server."""

    def __init__(self, control: socket.socket, limits: Limits) -> None:
        self.limits = limits
        self._control = control
        self._spawned = 0
        self._exits: dict[int, Exit] = {}

    def spawn(self) -> Worker:
        """Fork a worker and wait until its jail is complete.

        Raises:
            SandboxError: If it cannot be had; never the student's fault.
        """
        self._spawned += 1
        with contextlib.ExitStack() as on_fault:
            ours, theirs = socket.socketpair()
            reader, writer = os.pipe2(os.O_CLOEXEC)
            on_fault.callback(ours.close)
            on_fault.callback(os.close, reader)
            try:
                self._ask({"worker": self._spawned}, theirs.fileno(), writer)
            finally:
                theirs.close()
                os.close(writer)
            pidfd = self._answer()
            on_fault.pop_all()
        worker = Worker(self, self._spawned, pidfd, ours, Prints(reader, self.limits))
        worker.wait_ready()
        return worker

    def close(self) -> None:
        """Hang up; no worker can be had any more."""
        self._control.close()

    def wait_exit(self, number: int) -> Exit:
        """Wait until the fork server has reaped a worker that is dead or dying.

        Raises:
            SandboxError: If the fork server is gone.
        """
        deadline = time.monotonic() + _REAP_S
        while number not in self._exits:
            self._receive(deadline)
        return self._exits.pop(number)

    def _ask(self, request: dict[str, int], *descriptors: int) -> None:
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
        except OSError as fault:
            raise _no_server(type(fault).__name__) from fault

    def _answer(self) -> int:
        """Return the pidfd that answers the newest request."""
        deadline = time.monotonic() + _SPAWN_S
        while True:
            message, descriptors = self._receive(deadline)
            if message.get("worker") != self._spawned:
                continue
            if not descriptors:
                raise SandboxError(
                    f"sandbox: expected a new worker, got {message['fault']!r}."
                    " Use fewer jobs, or end other programs."
                )
            return descriptors[0]

    def _receive(self, deadline: float) -> tuple[dict[str, Any], list[int]]:
        """Receive one message; note it if it tells of a worker's end."""
        try:
            self._control.settimeout(max(deadline - time.monotonic(), 0.0))
            text, descriptors, _, _ = socket.recv_fds(
                self._control, _CHUNK, 1, socket.MSG_CMSG_CLOEXEC
            )
        except OSError as fault:  # no answer in time, hung up, or closed by ourselves
            raise _no_server(type(fault).__name__) from fault
        if not text:
            raise _no_server("the end of the stream")
        message: dict[str, Any] = json.loads(text)
        if "exited" in message:
            number = message.pop("exited")
            self._exits[number] = Exit(**message)
        return message, descriptors


class Worker:
    """One process that runs student code; a context manager that kills it."""

    def __init__(
        self, client: Client, number: int, pidfd: int, channel: socket.socket, prints: Prints
    ) -> None:
        self._client = client
        self._limits = client.limits
        self._number = number
        self._pidfd = pidfd
        self._channel = channel
        self._prints = prints
        self._clock = _cpu_clock(pidfd)
        self._exit: Exit | None = None
        self._death: WorkerDied | None = None
        self._closed = False
        self.was_killed = False  # by neither us nor one of its limits: nothing it did counts
        self._sequence = 0
        self._setup_cpu_s = 0.0
        self._cpu_until = math.inf
        self._wall_until = math.inf
        self._poll = select.poll()
        self._poll.register(channel)
        self._poll.register(prints.descriptor, select.POLLIN)

    def request(
        self,
        header: dict[str, Any],
        buffers: Sequence[wire.Buffer] = (),
        *,
        cpu_s: float,
        wall_s: float | None = None,
    ) -> tuple[dict[str, Any], bytearray]:
        """Send one request and return the header and payload of its reply.

        Args:
            header: The request; its `seq` is added here, and checked in the reply.
            buffers: Its payload.
            cpu_s: The CPU time that it may take.
            wall_s: The time that it may take; unless given, what goes with `cpu_s`.

        Raises:
            WorkerDied: If the worker is gone, reaches a limit or gives no proper reply; it is dead
                from then on.
        """
        if self._death is not None:
            raise WorkerDied(self._death.reason, self._death.message)
        self._sequence += 1
        self._cpu_until = self._spent() + cpu_s
        self._wall_until = time.monotonic() + (wall_s or self._limits.wall_s(cpu_s))
        try:
            wire.send(self._channel, {**header, "seq": self._sequence}, buffers, wait=self._wait)
            reply, payload = self._receive()
        except EOFError:
            raise self._ended() from None
        if reply.get("seq") != self._sequence:
            raise self._kill(Reason.BAD_REPLY, "it answered what it was not asked")
        self._check_limits()
        return reply, payload

    @property
    def cpu_s(self) -> float:
        """The CPU time used since its jail was complete."""
        return max(self._spent() - self._setup_cpu_s, 0.0)

    @property
    def alive(self) -> bool:
        """Whether it can still answer."""
        return self._death is None and not self._closed and not _readable(self._pidfd)

    def output(self) -> tuple[str, int]:
        """Return what it printed, up to the limit, and how many bytes more there were."""
        self._prints.drain()
        return self._prints.kept.decode(errors="replace"), self._prints.dropped

    def wait_ready(self) -> None:
        """Wait for the frame that says that the jail is complete.

        Raises:
            JailError: If it could not be shut in.
            SandboxError: If the frame does not come for another reason.
        """
        self._wall_until = time.monotonic() + _SPAWN_S
        try:
            wire.receive(self._channel, wait=self._wait)
        except (EOFError, wire.WireError, WorkerDied) as fault:
            self.close()
            words = self.output()[0].strip()[-500:]
            if self._exit is not None and self._exit.status == _EXIT_JAIL:
                raise _unjailed("decided at the start", words.rpartition("\n")[2]) from None
            raise SandboxError(
                f"sandbox: expected a worker that is ready, got {type(fault).__name__}."
                f" Run `gradlab doctor`. Its last words: {words or 'none'}"
            ) from fault
        self._setup_cpu_s = self._spent()

    def close(self) -> None:
        """Kill it and have it reaped; what it printed stays."""
        if self._closed:
            return
        self._closed = True
        self._hang_up()
        with contextlib.suppress(SandboxError):  # without a fork server there is no worker either
            self._reap()
        self._prints.close()
        self._channel.close()
        os.close(self._pidfd)
        self._death = self._death or WorkerDied(Reason.EXITED, "it was closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _receive(self) -> tuple[dict[str, Any], bytearray]:
        allowed = wire.WireLimits(payload_bytes=self._limits.reply_bytes)
        try:
            return wire.receive(self._channel, limits=allowed, wait=self._wait)
        except wire.WireError as fault:
            raise self._kill(Reason.BAD_REPLY, f"its reply is malformed ({fault})") from None

    def _wait(self, sock: socket.socket, writing: bool) -> None:  # noqa: FBT001 - see wire.Wait
        """Wait until the socket is ready; meanwhile take its prints and look at its limits."""
        self._poll.modify(sock, select.POLLOUT if writing else select.POLLIN)
        while True:
            pause_s = self._check_limits()
            ready = {descriptor for descriptor, _ in self._poll.poll(math.ceil(pause_s * 1000))}
            if self._prints.descriptor in ready and not self._prints.drain():
                self._poll.unregister(self._prints.descriptor)
            if sock.fileno() in ready:
                return

    def _check_limits(self) -> float:
        """Return for how long nobody needs to look again.

        Raises:
            WorkerDied: If a limit of the current request is reached.
        """
        cpu_left = self._cpu_until - self._spent()
        if cpu_left <= 0:
            raise self._kill(Reason.CPU_TIME, "it used more CPU time than it may")
        wall_left = self._wall_until - time.monotonic()
        if wall_left <= 0:
            raise self._kill(Reason.WALL_TIME, "it took longer than it may")
        return min(wall_left, max(cpu_left / 4, _CHECK_S))

    def _spent(self) -> float:
        """Return all CPU time that the process has used."""
        if self._exit is None:
            with contextlib.suppress(OSError):  # reaped: its clock is gone
                spent = time.clock_gettime(self._clock)
                if not _readable(self._pidfd):  # else the clock may be another process's by now
                    return spent
        return self._reap().cpu_s

    def _ended(self) -> WorkerDied:
        """Find out how it came to close its end of the socket."""
        if not _readable(self._pidfd, _LAST_BREATH_S):
            return self._kill(Reason.BAD_REPLY, "it closed its connection")
        ended, backstop_s = self._reap(), cpu_backstop_s(self._limits)
        self.was_killed = _is_foreign(ended, backstop_s)
        self._death = _verdict(ended, backstop_s)
        return self._death

    def _kill(self, reason: Reason, message: str) -> WorkerDied:
        self._hang_up()
        self._reap()
        self._death = WorkerDied(reason, message)
        return self._death

    def _hang_up(self) -> None:
        """Have the fork server kill it, as it would if this process died."""
        with contextlib.suppress(OSError):  # the other end is closed already
            self._channel.shutdown(socket.SHUT_RDWR)

    def _reap(self) -> Exit:
        if self._exit is None:
            self._exit = self._client.wait_exit(self._number)
        return self._exit


class Prints:
    """The reading end of a worker's stdout and stderr."""

    def __init__(self, descriptor: int, limits: Limits) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.kept = bytearray()
        self.dropped = 0
        self._limit = limits.output_bytes
        self._open = True

    def drain(self) -> bool:
        """Take what is there, of an endless stream only a part; return whether more may come."""
        for _ in range(_CHUNKS_AT_ONCE if self._open else 0):
            try:
                data = os.read(self.descriptor, _CHUNK)
            except BlockingIOError:
                return True
            if not data:
                return False
            room = max(self._limit - len(self.kept), 0)
            self.kept += data[:room]
            self.dropped += max(len(data) - room, 0)
        return True

    def close(self) -> None:
        """Take the rest, and close the pipe."""
        self.drain()
        self._open = False
        os.close(self.descriptor)


def _unjailed(tier: str, fault: str) -> JailError:
    return JailError(
        f"isolation: expected every worker in the tier {tier}, got one that cannot be shut in"
        f" ({fault}). Nothing ran outside of it, and what was graded is kept."
        " Run `gradlab doctor`, then grade again."
    )


def _cpu_clock(pidfd: int) -> int:
    """Return the id of a process's CPU clock: see `clock_getcpuclockid` in the C library."""
    lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text(encoding="ascii").splitlines()
    pid = next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))
    return (~pid << 3) | 2


def _readable(descriptor: int, timeout_s: float = 0.0) -> bool:
    """Tell whether a descriptor can be read; a pidfd can once its process is dead."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _verdict(ended: Exit, backstop_s: int) -> WorkerDied:
    """Say in which way student code ended its own process."""
    if ended.status >= 0:
        if ended.status == _EXIT_MEMORY:
            return WorkerDied(Reason.MEMORY, "it used more memory than it may")
        return WorkerDied(Reason.EXITED, f"it ended its own process (exit code {ended.status})")
    if ended.unwanted:  # nobody here did: the worker itself hung up
        return WorkerDied(Reason.BAD_REPLY, "it closed its connection")
    name = signal.Signals(-ended.status).name
    if _is_foreign(ended, backstop_s):
        return WorkerDied(Reason.MEMORY, "the system killed it, most likely for its use of memory")
    if -ended.status in (signal.SIGKILL, signal.SIGXCPU):
        return WorkerDied(Reason.CPU_TIME, "it used more CPU time than a submission may")
    return WorkerDied(Reason.CRASHED, f"it crashed ({name})")


def _is_foreign(ended: Exit, backstop_s: int) -> bool:
    """Tell whether somebody else killed it: the system for want of memory, or a person."""
    # The kernel enforces its limit by clock ticks, which may be far more than what it reports.
    killed = ended.status == -signal.SIGKILL and not ended.unwanted
    return killed and ended.cpu_s < backstop_s / 2


def _no_server(got: str) -> SandboxError:
    return SandboxError(
        f"sandbox: expected an answer from the fork server, got {got}."
        " Grade again; if it stays, run `gradlab doctor`."
    )
