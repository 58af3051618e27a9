"""Sandbox, client and worker: what a grader sees of student code."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from autograder.errors import JailError, SandboxError
from autograder.models import Limits, Reason
from autograder.sandbox.client import Client, Prints, Sandbox, Worker, WorkerDied
from autograder.worker import zygote
from tests.autograder.sandbox.students import QUICK, ROOT, call, hand_in

COUNT = """
import os, sys, time
import torch

made = []

def attack(name, *args):
    return globals()[name](*args)

def softmax(z):
    return torch.softmax(z, -1)

def instructions():
    return torch.backends.cpu.get_cpu_capability()

def hold(mebibytes):
    made.append(bytearray(mebibytes << 20))

def remember(value):
    made.append(value)
    return made

def say(text, then=None):
    print(text)
    sys.stdout.flush()
    if then is not None:
        return globals()[then]()

def shout(count):
    print("x" * count)

def work():
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass

def leave():
    os._exit(3)

def loop():
    while True:
        pass

def half_hang_up():
    import socket
    hang_up(socket.SHUT_WR)

def hang_up(how=2):
    import socket
    for number in range(3, 64):
        try:
            socket.socket(fileno=os.dup(number)).shutdown(how)
        except OSError:
            pass
    time.sleep(60)

def import_late():
    import statistics, torch.distributions
    return statistics.mean([1, 3])
"""


@pytest.fixture
def client(sandbox):
    return sandbox.client(0)


@pytest.fixture
def worker(client):
    with client.spawn() as spawned:
        hand_in(spawned, COUNT)
        yield spawned


def eventually(holds, *args):
    """Wait until something holds; return whether it does at last."""
    end = time.monotonic() + 20
    while not holds(*args) and time.monotonic() < end:
        time.sleep(0.02)
    return holds(*args)


def pid_of(worker):
    """Return the process id of a worker, as this process sees it."""
    text = Path(f"/proc/self/fdinfo/{worker._pidfd}").read_text()
    return int(text.partition("\nPid:")[2].split()[0])


def is_gone(pid):
    """Tell whether a process is no more, or only waits to be reaped by whoever adopted it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def members(session):
    """Return the living processes of a session; a fork server and its workers are one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


# --- requests ------------------------------------------------------------------------------------


def test_a_call_brings_back_values(worker):
    z = torch.randn(3, 4, dtype=torch.float64)
    assert torch.equal(call(worker, "attack", "softmax", z), torch.softmax(z, -1))


def test_torch_computes_with_the_same_instructions_as_the_grader(worker):
    assert call(worker, "attack", "instructions") == torch.backends.cpu.get_cpu_capability()
    x = torch.randn(20, 7, dtype=torch.float64)
    assert torch.equal(call(worker, "attack", "softmax", x @ x.T), torch.softmax(x @ x.T, -1))


def test_workers_share_nothing(client):
    for _ in range(2):
        with client.spawn() as worker:
            hand_in(worker, COUNT)
            assert call(worker, "attack", "remember", 1) == [1]


def test_two_workers_live_side_by_side(client):
    with client.spawn() as first, client.spawn() as second:
        hand_in(first, COUNT)
        hand_in(second, COUNT)
        assert call(first, "attack", "remember", 1) == [1]
        assert call(second, "attack", "remember", 2) == [2]
        assert call(first, "attack", "remember", 1) == [1, 1]


def test_each_grader_has_its_own_line(sandbox):
    with sandbox.client(0).spawn() as first, sandbox.client(1).spawn() as second:
        assert first.alive
        assert second.alive


def test_modules_can_still_be_imported_in_the_jail(worker):
    assert call(worker, "attack", "import_late") == 2


def test_cpu_time_is_counted_from_the_first_request(client):
    with client.spawn() as worker:
        hand_in(worker, COUNT)
        before = worker.cpu_s
        call(worker, "attack", "work")
        assert worker.cpu_s - before >= 0.3
    assert worker.cpu_s - before >= 0.3  # known after its death, too


# --- prints --------------------------------------------------------------------------------------


def test_prints_are_kept(worker):
    call(worker, "attack", "say", "hello")
    assert worker.output() == ("hello\n", 0)


def test_prints_beyond_the_limit_are_counted(worker):
    call(worker, "attack", "shout", 1 << 20)
    text, dropped = worker.output()
    assert text == "x" * QUICK.output_bytes
    assert dropped == (1 << 20) + 1 - QUICK.output_bytes


def test_prints_survive_death_and_closing(client):
    with client.spawn() as worker:
        hand_in(worker, COUNT)
        with pytest.raises(WorkerDied):
            call(worker, "attack", "say", "last words", "leave")
    assert worker.output() == ("last words\n", 0)


# --- death ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "limits", "reason", "message"),
    [
        ("leave", {}, Reason.EXITED, "ended its own process .exit code 3."),
        ("loop", {"cpu_s": 0.2}, Reason.CPU_TIME, "more CPU time than it may"),
        ("loop", {"cpu_s": 60.0, "wall_s": 0.2}, Reason.WALL_TIME, "longer than it may"),
        ("half_hang_up", {}, Reason.BAD_REPLY, "closed its connection"),
        ("hang_up", {}, Reason.BAD_REPLY, "closed its connection"),
    ],
)
def test_a_death_has_a_reason_and_stays(worker, function, limits, reason, message):
    with pytest.raises(WorkerDied, match=message) as first:
        call(worker, "attack", function, **limits)
    assert first.value.reason is reason
    assert not worker.alive
    assert not worker.was_killed  # by somebody else: that would be no student's fault
    with pytest.raises(WorkerDied, match=message) as second:
        call(worker, "attack", "remember", 1)
    assert second.value.reason is reason


def test_a_worker_that_the_system_kills_had_too_little_memory(worker):
    os.kill(pid_of(worker), signal.SIGKILL)
    with pytest.raises(WorkerDied, match="most likely for its use of memory") as death:
        call(worker, "attack", "remember", 1)
    assert death.value.reason is Reason.MEMORY


def test_our_own_code_can_run_out_of_memory_too(client):
    with client.spawn() as worker:
        hand_in(worker)
        with pytest.raises(WorkerDied, match="more memory than it may") as death:
            call(worker, "attack", "leave", zygote.EXIT_MEMORY)
    assert death.value.reason is Reason.MEMORY


def test_a_request_that_does_not_fit_beside_what_the_student_holds_is_their_memory(worker):
    assert call(worker, "attack", "hold", 180) is None
    with pytest.raises(WorkerDied, match="more memory than it may") as death:
        worker.request({"op": "begin"}, [bytes(200 << 20)], cpu_s=20.0)
    assert death.value.reason is Reason.MEMORY


def test_what_is_no_request_ends_the_worker_and_its_words_are_kept(worker):
    worker._channel.sendall(b"no frame at all!" * 2)
    with pytest.raises(WorkerDied, match=r"ended its own process .exit code 1.") as death:
        worker.request({"op": "begin"}, cpu_s=20.0)
    assert death.value.reason is Reason.EXITED
    assert "expected its magic word" in worker.output()[0]


def test_a_reply_out_of_turn_is_a_bad_one(client):
    with client.spawn() as worker:
        hand_in(worker)
        with pytest.raises(WorkerDied, match="what it was not asked") as death:
            call(worker, "attack", "forge")
    assert death.value.reason is Reason.BAD_REPLY


@pytest.mark.prove
def test_the_kernel_stops_who_outlasts_every_limit(sandbox):
    impatient = Limits(submission_cpu_s=0.0, import_cpu_s=0.0)
    with (
        Sandbox.start(jobs=1, limits=impatient, tier=sandbox.isolation.tier) as started,
        started.client(0).spawn() as worker,
    ):
        hand_in(worker, COUNT)
        with pytest.raises(WorkerDied, match="than a submission may") as death:
            call(worker, "attack", "loop", cpu_s=1000.0)
    assert death.value.reason is Reason.CPU_TIME


def test_closing_twice_does_nothing(client):
    worker = client.spawn()
    worker.close()
    worker.close()
    assert not worker.alive
    with pytest.raises(WorkerDied, match="it was closed"):
        worker.request({"op": "read"}, cpu_s=1.0)


# A process that joins the fork server's user namespace may bound what is made inside of it.
NO_MORE = """
import ctypes, os, sys
namespace = os.open(f"/proc/{sys.argv[1]}/ns/user", os.O_RDONLY)
assert ctypes.CDLL(None, use_errno=True).setns(namespace, 0) == 0, os.strerror(ctypes.get_errno())
open("/proc/sys/user/max_user_namespaces", "w").write("0")
"""


def allow_no_more_namespaces(sandbox):
    """Have the kernel refuse new user namespaces to this sandbox's fork server, and nobody else."""
    pid = sandbox._zygote._process.pid
    subprocess.run([sys.executable, "-c", NO_MORE, str(pid)], check=True)


# --- faults of ours ------------------------------------------------------------------------------


def test_a_jail_that_cannot_be_built_stops_the_start(sandbox):
    impossible = Limits(memory_bytes=1 << 70)  # no C integer
    with pytest.raises(JailError, match=r"decided at the start, [AC], got .*died of wait status"):
        Sandbox.start(jobs=1, limits=impossible, tier=sandbox.isolation.tier)


@pytest.mark.prove
def test_a_worker_that_cannot_be_shut_in_any_more_runs_nothing(sandbox):
    if sandbox.isolation.tier != "A":
        pytest.skip("only namespaces can be taken away from a sandbox that runs")
    with Sandbox.start(jobs=1, limits=QUICK, tier="A") as started:
        started.client(0).spawn().close()
        allow_no_more_namespaces(started)
        with pytest.raises(JailError, match=r"expected every worker in the tier.*No space left"):
            started.client(0).spawn()


def test_a_worker_that_dies_before_it_is_ready_is_our_fault():
    ours, theirs = socket.socketpair()
    output, prints = os.pipe()
    with subprocess.Popen(["/bin/sh", "-c", "echo oh dear"], stdout=prints) as process:
        pidfd = os.pidfd_open(process.pid)
    theirs.close()
    os.close(prints)
    control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    other.send(b'{"exited": 1, "status": 0, "cpu_s": 0.0}')
    client = Client(control, QUICK)
    worker = Worker(client, 1, pidfd, ours, Prints(output, QUICK))
    with pytest.raises(SandboxError, match=r"ready, got EOFError.*words: oh dear"):
        worker.wait_ready()
    client.close()
    other.close()


@pytest.mark.prove
def test_without_the_fork_server_there_are_no_workers(sandbox):
    with Sandbox.start(jobs=1, limits=QUICK, tier=sandbox.isolation.tier) as started:
        worker = started.client(0).spawn()
        os.kill(started._zygote._process.pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match="expected an answer from the fork server"):
            started.client(0).spawn()
        worker.close()


def test_a_tier_that_does_not_exist_is_refused():
    with pytest.raises(SandboxError, match="isolation: expected tier B, got none"):
        Sandbox.start(jobs=1, limits=QUICK, tier="B")


def test_packages_that_are_not_installed_are_named():
    with pytest.raises(SandboxError, match="no-such-thing: expected an installed distribution"):
        Sandbox.start(jobs=1, limits=QUICK, distributions=("no-such-thing",))


@pytest.mark.prove
def test_torch_must_be_among_the_packages(sandbox):
    with pytest.raises(SandboxError, match="No module named 'torch'"):
        Sandbox.start(jobs=1, limits=QUICK, tier=sandbox.isolation.tier, distributions=("numpy",))


def test_an_interpreter_that_does_not_run_is_our_fault(sandbox, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SandboxError, match="expected to start /nowhere/python, got No such file"):
        Sandbox.start(jobs=1, limits=QUICK, tier=sandbox.isolation.tier)


@pytest.mark.prove
def test_our_umask_does_not_matter(sandbox):
    before = os.umask(0o077)
    try:
        started = Sandbox.start(jobs=1, limits=QUICK, tier=sandbox.isolation.tier)
    finally:
        os.umask(before)
    with started, started.client(0).spawn() as worker:
        hand_in(worker, COUNT)
        assert call(worker, "attack", "import_late") == 2


def test_a_fork_that_fails_is_our_fault():
    control, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with control, server:
        server.send(b'{"worker": 1, "fault": "[Errno 11] Resource temporarily unavailable"}')
        with pytest.raises(SandboxError, match=r"expected a new worker, got .*Errno 11"):
            Client(control, QUICK).spawn()


def test_news_of_other_workers_is_no_answer():
    control, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with control, server:
        server.send(b'{"exited": 9, "status": 0, "cpu_s": 0.5}')
        server.send(b'{"worker": 0}')
        server.send(b'{"worker": 1, "fault": "full"}')
        client = Client(control, QUICK)
        with pytest.raises(SandboxError, match="expected a new worker, got 'full'"):
            client.spawn()
        assert client.wait_exit(9).cpu_s == 0.5


def test_nobody_can_be_asked_after_hanging_up():
    control, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with control, server:
        client = Client(control, QUICK)
        client.close()
        with pytest.raises(SandboxError, match="expected an answer from the fork server, got OSE"):
            client.spawn()


@pytest.mark.prove
def test_torch_can_be_waited_for_later_and_a_forked_grader_only_lets_go(sandbox):
    started = Sandbox.start(jobs=1, limits=QUICK, tier=sandbox.isolation.tier, wait=False)
    with started:
        started.wait_ready()
        grader = os.fork()
        if grader == 0:
            started.close()
            os._exit(0)
        assert os.waitpid(grader, 0)[1] == 0
        with started.client(0).spawn() as worker:
            hand_in(worker, COUNT)
            assert call(worker, "attack", "import_late") == 2


def test_a_fork_server_with_threads_is_refused(sandbox, monkeypatch):
    monkeypatch.setattr(sandbox._zygote, "_receive", lambda _: {"threads": 2})
    with pytest.raises(SandboxError, match="one thread after importing torch, got 2"):
        sandbox._zygote.wait_ready()


# --- nobody is left behind -----------------------------------------------------------------------


@pytest.mark.prove
def test_closing_the_sandbox_leaves_no_process(sandbox):
    started = Sandbox.start(jobs=1, limits=QUICK, tier=sandbox.isolation.tier)
    session = started._zygote._process.pid
    worker = started.client(0).spawn()
    assert len(members(session)) >= 2
    folder = started._image.folder
    assert folder.exists()
    started.close()
    worker.close()
    assert members(session) == []
    assert not folder.exists()


@pytest.mark.prove
def test_killing_a_grader_or_the_parent_leaves_no_process(sandbox):
    script = Path(__file__).with_name("orphans.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(script), sandbox.isolation.tier],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        who = json.loads(parent.stdout.readline())
        time.sleep(0.3)  # for the worker to be in its loop
        assert not is_gone(who["worker"])
        os.kill(who["grader"], signal.SIGKILL)
        assert eventually(is_gone, who["worker"])
        print(file=parent.stdin, flush=True)
        assert json.loads(parent.stdout.readline()) == []  # another grader goes on
        assert members(who["server"]) != []
        parent.kill()
    assert eventually(lambda: members(who["server"]) == [])
