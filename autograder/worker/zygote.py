"""The fork server: shuts itself in, imports torch once, then forks a worker for every request.

It is started by exec with a clean environment and never sees a byte of a student, a test or a
reference: what it holds in memory, every worker inherits. Requests come over one control socket a
grader, as `{"worker": id}` with two descriptors: the worker's end of its socket and the pipe for
its prints. Answers are `{"worker": id}` with a pidfd and, later, `{"exited": id, "status": ...}`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import site
import socket
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from autograder.worker import landlock
from autograder.worker.jail import Jail, Landlocked, Plan
from autograder.worker.namespaces import Namespaces
from autograder.worker.syscalls import LAST_DESCRIPTOR, call

JAILS = MappingProxyType({"A": Namespaces, "C": Landlocked, "none": Jail})

EXIT_JAIL = 97  # a worker ends with this when it cannot be shut in; it ran nothing
EXIT_MEMORY = 98  # a worker ends with this when our own code in it runs out of memory

_MESSAGE_BYTES = 1 << 20


def main(lifeline: socket.socket) -> NoReturn:
    """Serve until the trusted side closes the lifeline.

    Args:
        lifeline: Brings the plan, takes one message for each step done or the fault that ends it.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # whoever stops everything stops our parent, too
    os.umask(0o022)  # whoever we become must be able to read what we make
    plan = Plan(**json.loads(lifeline.recv(_MESSAGE_BYTES)))
    jail = JAILS[plan.tier](plan)
    try:
        jail.enter()
        fault = _try_worker(jail)
    except OSError as error:
        fault = str(error)
    _send(lifeline, {"fault": fault, "landlock": landlock.abi()})
    if fault or plan.trial:
        os._exit(0)
    _warm_up(plan.packages)
    threads, _ = jail.usage()
    _send(lifeline, {"threads": threads})
    if threads != 1:
        os._exit(1)
    ForkServer(plan, jail, lifeline).serve()


def _try_worker(jail: Jail) -> str:
    """Build one worker, which only exits; return what went wrong, or nothing."""
    reader, writer = os.pipe()
    pid = jail.fork()
    if pid == 0:
        status = 1
        try:
            jail.confine(jail.usage()[1])
            status = 0
        except OSError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(status)
    os.close(writer)
    fault = os.read(reader, 4096).decode()
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    return fault if fault or status == 0 else f"a worker died of wait status {status}"


def _warm_up(packages: str) -> None:
    """Import what students use and touch what initialises itself at its first use.

    torch._dynamo is imported by the first step of any optimizer, which then takes 1.5 s.
    """
    sys.path.remove(packages)
    sys.path.append(packages)  # behind the standard library
    tempfile.tempdir = os.environ["TMPDIR"]  # the search for a writable one would find none
    site.setquit()
    site.sethelper()
    faulthandler.enable()
    importlib.import_module("autograder.worker.session")
    importlib.import_module("encodings.utf_8_sig")  # else by the first file that is decoded
    torch = importlib.import_module("torch")
    importlib.import_module("torch._dynamo")
    torch.set_num_threads(1)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    (model(torch.zeros(2, 1, 4, 4)) @ torch.ones(1, 3)).sum().backward()
    optimizer.step()
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One living worker, as its zygote knows it."""

    id: int
    pid: int
    control: socket.socket  # of the grader that asked for it
    channel: int  # a copy of its socket: hung up at the other end when the grader is done or dead


class ForkServer:
    """Forks, reaps and, when a channel is hung up, kills."""

    def __init__(self, plan: Plan, jail: Jail, lifeline: socket.socket) -> None:
        self._plan = plan
        self._jail = jail
        self._lifeline = lifeline
        self._controls = {number: socket.socket(fileno=number) for number in plan.graders}
        self._children: dict[int, Child] = {}  # by pidfd
        self._unwanted: set[int] = set()  # pidfds of those that were killed here
        self._poll = select.poll()
        for number in (lifeline.fileno(), *self._controls):
            self._poll.register(number, select.POLLIN)

    def serve(self) -> NoReturn:
        """Do what is asked, until the lifeline is closed."""
        while True:
            number, _ = self._poll.poll()[0]  # one at a time: numbers of closed ones come again
            if number == self._lifeline.fileno():
                self._end()
            elif number in self._controls:
                self._spawn(self._controls[number])
            elif number in self._children:
                self._reap(number)
            else:
                self._kill_unwanted(number)

    def _spawn(self, control: socket.socket) -> None:
        try:
            text, passed, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, 2)
        except ConnectionError:
            text, passed = b"", []
        if len(passed) != 2:
            self._poll.unregister(control.fileno())  # the grader is gone; its workers follow
            return
        channel, output = passed
        worker = json.loads(text)["worker"]
        threads, address_space = self._jail.usage()
        assert threads == 1, threads
        try:
            pid = self._jail.fork()
        except OSError as error:
            _send(control, {"worker": worker, "fault": str(error)})
            os.close(channel)
        else:
            if pid == 0:
                self._work(channel, output, address_space)
            pidfd = call("pidfd_open", pid, 0)
            self._children[pidfd] = Child(id=worker, pid=pid, control=control, channel=channel)
            self._poll.register(pidfd, select.POLLIN)
            self._poll.register(channel, 0)  # POLLHUP needs no asking
            _send(control, {"worker": worker}, pidfd)
        os.close(output)

    def _work(self, channel: int, output: int, address_space: int) -> NoReturn:
        """Be the worker: the rest of this process's life."""
        status = EXIT_JAIL
        try:
            _keep_only([*self._plan.keep, channel], output)
            self._jail.confine(address_space)
            status = 1
            _serve_student(channel, self._plan.reply_bytes)
            status = 0
        except MemoryError:
            status = EXIT_MEMORY
            raise
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)

    def _reap(self, pidfd: int) -> None:
        child = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        with contextlib.suppress(KeyError):  # `_kill_unwanted` may have done it
            self._poll.unregister(child.channel)
        _, status, usage = os.wait4(child.pid, 0)
        os.close(pidfd)
        os.close(child.channel)  # only now does the grader see the end of the stream
        code = os.waitstatus_to_exitcode(status)
        cpu_s = usage.ru_utime + usage.ru_stime
        unwanted = pidfd in self._unwanted
        self._unwanted.discard(pidfd)
        exited = {"exited": child.id, "status": code, "cpu_s": cpu_s, "unwanted": unwanted}
        _send(child.control, exited)

    def _kill_unwanted(self, channel: int) -> None:
        """Kill the worker whose channel is hung up: by its grader, or by itself."""
        self._poll.unregister(channel)
        for pidfd, child in self._children.items():
            if child.channel == channel:
                self._unwanted.add(pidfd)
                _kill(pidfd)

    def _end(self) -> NoReturn:
        for pidfd in list(self._children):
            _kill(pidfd)
            self._reap(pidfd)
        os._exit(0)


def _serve_student(channel: int, reply_bytes: int) -> None:
    """Say that the jail is complete, then answer requests."""
    wire = importlib.import_module("autograder.sandbox.wire")
    limits = wire.WireLimits(payload_bytes=reply_bytes)
    session = importlib.import_module("autograder.worker.session").Session(limits=limits)
    sock = socket.socket(fileno=channel)
    wire.send(sock, {"ready": True})
    session.serve(sock)


def _keep_only(descriptors: list[int], output: int) -> None:
    """Make `output` the worker's stdout and stderr, and close all but `descriptors`."""
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    first = 3
    for kept in sorted(descriptors):
        if first < kept:
            call("close_range", first, kept - 1, 0)
        first = kept + 1
    call("close_range", first, LAST_DESCRIPTOR, 0)


def _kill(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        call("pidfd_send_signal", pidfd, signal.SIGKILL, None, 0)


def _send(sock: socket.socket, message: Mapping[str, object], *descriptors: int) -> None:
    """Send one message; a peer that is gone will not miss it."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        socket.send_fds(sock, [json.dumps(message).encode()], descriptors)
