"""The system call filter, run here on an imitation of the kernel's machine, for both processors."""

import errno
import os
import re
import struct
from pathlib import Path

import pytest

from autograder.worker import seccomp
from autograder.worker.syscalls import MACHINES, NUMBERS, call, number

ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE, ABSENT = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID = 77


def run(code, slot, architecture, arguments=()):
    """Run a filter on one system call, as the kernel does."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", slot, architecture, 0, *(value % (1 << 64) for value in padded))
    instructions = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    position = accumulator = 0
    while True:
        operation, yes, no, value = instructions[position]
        position += 1
        if operation == 0x06:
            return value
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
            continue
        tests = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: accumulator & value}
        position += yes if tests[operation] else no


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


@pytest.fixture
def ask(machine):
    def ask(name, *arguments, changes_files=False, may_truncate=True):
        code = seccomp.program(
            pid=PID, changes_files=changes_files, may_truncate=may_truncate, machine=machine
        )
        return run(code, number(name, machine), ARCHITECTURE[machine], arguments)

    return ask


def test_what_python_needs_is_allowed(ask):
    for name in ("read", "openat", "mmap", "futex", "exit_group", "clock_gettime", "sendmsg"):
        assert ask(name) == ALLOW


def test_what_builds_a_jail_is_refused(ask):
    for name in ("unshare", "setns", "mount", "umount2", "pivot_root", "seccomp", "capset"):
        assert ask(name) == REFUSE


def test_whatever_nobody_thought_of_is_refused(machine):
    code = seccomp.program(pid=PID, changes_files=True, machine=machine)
    assert run(code, 5000, ARCHITECTURE[machine]) == REFUSE


def test_another_machine_s_calls_are_deadly(machine):
    code = seccomp.program(pid=PID, changes_files=True, machine=machine)
    assert run(code, number("read", machine), 0x40000003) == KILL
    assert run(code, number("read", machine) | 0x40000000, ARCHITECTURE[machine]) == KILL


def test_files_change_only_where_there_is_a_private_directory(ask):
    for name in ("unlinkat", "renameat2", "ftruncate", "fchmodat", "utimensat", "mkdirat"):
        assert ask(name) == REFUSE
        assert ask(name, changes_files=True) == ALLOW


def test_threads_are_allowed_and_processes_are_not(ask):
    thread, signal_child, new_user = 0x003D0F00, 17, 0x10000000
    assert ask("clone", thread) == ALLOW
    assert ask("clone", signal_child) == REFUSE
    assert ask("clone", thread | new_user) == REFUSE
    assert ask("clone3") == ABSENT


def test_signals_go_only_to_oneself(ask):
    for name in ("kill", "tgkill"):
        assert ask(name, PID, PID, 6) == ALLOW
        assert {ask(name, other, PID, 6) for other in (0, 1, -1, PID + 1)} == {REFUSE}


def test_nobody_can_kill_itself_as_somebody_else_would(ask):
    for deadly in (9, 19):  # SIGKILL, SIGSTOP
        assert ask("kill", PID, deadly) == REFUSE
        assert ask("tgkill", PID, PID, deadly) == REFUSE


def test_limits_are_read_and_one_s_own(ask):
    nothing, low, high = 0, 1, 1 << 32
    assert {ask("prlimit64", own, 0, nothing) for own in (0, PID)} == {ALLOW}
    assert ask("prlimit64", PID + 1, 0, nothing) == REFUSE
    assert {ask("prlimit64", own, 0, new) for own in (0, PID) for new in (low, high)} == {REFUSE}


def test_a_descriptor_cannot_be_made_to_signal(ask):
    get_flags, set_owner, set_signal, set_owner_ex = 3, 8, 10, 15
    assert ask("fcntl", 0, get_flags) == ALLOW
    assert {ask("fcntl", 0, command) for command in (set_owner, set_signal, set_owner_ex)} == {
        REFUSE
    }
    is_terminal, push_back, make_asynchronous = 0x5401, 0x5412, 0x5452
    assert ask("ioctl", 0, is_terminal) == ALLOW
    assert {ask("ioctl", 0, command) for command in (push_back, make_asynchronous)} == {REFUSE}


def test_the_tie_to_the_parent_stays(ask):
    death_signal, dumpable, set_name = 1, 4, 15
    assert ask("prctl", set_name) == ALLOW
    assert {ask("prctl", option) for option in (death_signal, dumpable)} == {REFUSE}


def test_truncation_is_watched_where_landlock_does_not(ask):
    flags = os.O_RDONLY | os.O_TRUNC
    assert ask("openat", -100, 0, flags) == ALLOW
    assert ask("openat", -100, 0, flags, may_truncate=False) == REFUSE
    assert ask("openat", -100, 0, os.O_RDONLY, may_truncate=False) == ALLOW


def test_jumps_stay_within_the_filter(machine):
    code = seccomp.program(pid=PID, changes_files=True, may_truncate=False, machine=machine)
    length = len(code) // 8
    assert length <= 4096
    for position in range(length):
        _, yes, no, _ = struct.unpack_from("=HBBI", code, 8 * position)
        assert (
            position + 1 + max(yes, no) < length
            or struct.unpack_from("=H", code, 8 * position)[0] == 0x06
        )


def test_the_numbers_are_the_kernel_s():
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("the kernel's headers are not installed")
    found = dict(re.findall(r"#define __NR_(\w+)\s+(\d+)", header.read_text()))
    ours = {name: first for name, (first, _) in NUMBERS.items() if name in found}
    assert len(ours) > 150
    assert ours == {name: int(found[name]) for name in ours}


def test_a_refused_call_is_an_error_that_names_it():
    with pytest.raises(OSError, match="setns: Bad file descriptor"):
        call("setns", -1, 0)
