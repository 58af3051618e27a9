"""The fork server's own end of things; what its jails hold back is shown by tests/.../sandbox."""

import importlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from autograder.worker import landlock, zygote
from autograder.worker.jail import Jail, Plan
from autograder.worker.zygote import ForkServer
from tests.autograder import arcs

ROOT = Path(__file__).parents[3]
needs_landlock = pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")
SERVE = """
import socket, sys, threading, time
from autograder.worker import landlock, zygote
from autograder.worker.jail import no_new_privileges
{before}
zygote.main(socket.socket(fileno=int(sys.argv[1])))
"""


def plan(**changes):
    made = {
        "tier": "none",
        "trial": False,
        "parent": os.getpid(),
        "uid": None,
        "trees": [("/", [])],
        "links": [],
        "root": "/nowhere",
        "keep": [],
        "packages": "/nowhere",
        "graders": [],
        "cpu_s": 60,
        "memory_bytes": 1 << 30,
        "reply_bytes": 1 << 20,
        "processes": 4096,
    }
    return Plan(**(made | changes))


def serve(plan, before=""):
    """Run a fork server; return its messages and its exit code."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        script = arcs.boot() + SERVE.format(before=before)
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(theirs.fileno())],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        ours.send(json.dumps(asdict(plan)).encode())
        messages = []
        while text := ours.recv(1 << 16):
            messages.append(json.loads(text))
        return messages, process.wait(60)


@needs_landlock
def test_a_jail_that_cannot_be_entered_is_said():
    trees = [("/nowhere/at/all", [])]
    (message,), code = serve(plan(tier="C", trees=trees))
    assert message["fault"] == "[Errno 2] No such file or directory: '/nowhere/at/all'"
    assert code == 0


@needs_landlock
def test_a_worker_that_cannot_be_confined_is_said():
    layers = "no_new_privileges()\nfor _ in range(15): landlock.separate()"  # of 16
    (message,), code = serve(plan(tier="C"), layers)
    assert "landlock_restrict_self: Argument list too long" in message["fault"]
    assert code == 0


def test_a_worker_that_dies_while_it_is_confined_is_said():
    (message,), _ = serve(plan(memory_bytes=1 << 70))
    assert message["fault"] == "a worker died of wait status 256"


def test_a_trial_ends_when_the_jail_stands():
    (message,), code = serve(plan(trial=True))
    assert message == {"fault": "", "landlock": landlock.abi()}
    assert code == 0


def test_threads_that_imports_leave_behind_end_it():
    sleep = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    messages, code = serve(plan(), f"zygote._warm_up = lambda _: {sleep}")
    assert messages[1:] == [{"threads": 2}]
    assert code == 1


def test_a_fork_server_whose_parent_is_gone_ends():
    messages, code = serve(plan(parent=1 << 22))
    assert (messages, code) == ([], 0)


class Full(Jail):
    """A machine with no process to spare; what a kernel says then."""

    def usage(self):
        return 1, 0

    def fork(self):
        raise BlockingIOError(11, "Resource temporarily unavailable")


@pytest.fixture
def control():
    """Return a grader's end of a control socket, and the fork server at the other."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lifeline, other = socket.socketpair()
    with ours, lifeline, other:
        made = plan(graders=[theirs.detach()])
        server = ForkServer(made, Full(made), lifeline)
        (line,) = server._controls.values()
        with line:
            yield ours, server


def test_a_fork_that_fails_is_answered_and_leaves_no_descriptor(control):
    grader, server = control
    before = len(os.listdir("/proc/self/fd"))
    channel, reader, writer = os.open("/dev/null", os.O_RDONLY), *os.pipe()
    socket.send_fds(grader, [b'{"worker": 7}'], [channel, writer])
    for descriptor in (channel, reader, writer):
        os.close(descriptor)
    (line,) = server._controls.values()
    server._spawn(line)
    said = {"worker": 7, "fault": "[Errno 11] Resource temporarily unavailable"}
    assert json.loads(grader.recv(1000)) == said
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("unread", [b"", b"an answer that it never read"])  # a reset, then
def test_a_grader_that_is_gone_is_not_listened_to(control, unread):
    grader, server = control
    (line,) = server._controls.values()
    if unread:
        line.send(unread)
    grader.close()
    server._spawn(line)
    assert line.fileno() not in [number for number, _ in server._poll.poll(0)]


def test_importing_the_entry_point_starts_nothing():
    assert importlib.import_module("autograder.worker.__main__").main is zygote.main
