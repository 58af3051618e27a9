"""The list of system calls that student code may make; the kernel refuses all others.

A filter is a small program of the classic BPF machine: 8 bytes an instruction, `struct sock_filter`
of linux/filter.h, run by the kernel on `struct seccomp_data` at every call. Ours says yes to the
names below, looks at one argument of a few, and answers EPERM to the rest. No new process, no
program, no socket, no signal to anyone else, no change to a file's owner, mode or times outside the
private directory: Landlock cannot forbid the last three (see the "not restrictable" list of the
kernel's Landlock page), so they are forbidden here.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
from collections.abc import Iterable, Mapping

from autograder.worker.syscalls import call, number

_FILES = """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range
    dup dup2 dup3 pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl
    epoll_wait epoll_pwait epoll_pwait2 open openat stat fstat lstat newfstatat statx statfs fstatfs
    access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd chdir fchdir umask
    fadvise64 readahead
"""
_CHANGES = """
    creat truncate ftruncate fallocate fsync fdatasync sendfile copy_file_range mkdir mkdirat rmdir
    unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat
    fchmodat2 utime utimes futimesat utimensat flock
"""
_PROCESS = """
    mmap munmap mprotect mremap msync madvise mincore brk futex futex_waitv set_robust_list
    get_robust_list set_tid_address rseq membarrier arch_prctl sched_yield sched_getaffinity
    sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getcpu gettid
    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times getitimer setitimer
    alarm rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend
    sigaltstack pause restart_syscall getpid getppid getuid geteuid getgid getegid getresuid
    getresgid getgroups getpgrp getpgid getsid uname sysinfo getrusage getrlimit capget getrandom
    exit exit_group
"""
_INHERITED_SOCKET = """
    sendto recvfrom sendmsg recvmsg shutdown getsockopt setsockopt getsockname getpeername
"""

# fcntl: descriptors, their flags and pipe sizes; never F_SETOWN or F_SETSIG, which aim a signal at
# any process of the same user.
_FCNTL = (0, 1, 2, 3, 4, 1030, 1031, 1032)
# ioctl: is it a terminal, how wide, how much to read, close on exec, blocking or not.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451, 0x5421)
# prctl: a thread's name and a mapping's name; never PR_SET_PDEATHSIG or PR_SET_DUMPABLE.
_PRCTL = (15, 16, 0x53564D41)
# A worker that the kernel killed, or stopped, was killed by somebody else: it cannot pretend.
_DEADLY = (signal.SIGKILL, signal.SIGSTOP)

_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_X32 = 0x40000000  # calls of the x32 ABI carry this bit
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_SECCOMP_SET_MODE_FILTER = 1


def program(
    *,
    pid: int,
    changes_files: bool,
    may_truncate: bool = True,
    machine: str = platform.machine(),
) -> bytes:
    """Write the filter of one worker.

    Args:
        pid: The worker's process id, as it sees it: the only one that it may signal.
        changes_files: Whether it has a private directory to write in.
        may_truncate: Whether to allow O_TRUNC, which Landlock before ABI 3 does not watch.
        machine: "x86_64" or "aarch64".
    """
    refuse = _answer(_errno(errno.EPERM))
    code = [
        _op(_LOAD, 4),
        _op(_JUMP_EQUAL, _ARCHITECTURES[machine], yes=1),
        _answer(_KILL),
        _op(_LOAD, 0),
        _op(_JUMP_AT_LEAST, _X32, no=1),
        _answer(_KILL),
    ]
    for name, body in _looked_at(pid, may_truncate=may_truncate).items():
        code += _when(number(name, machine), body)
    names = _FILES + _PROCESS + _INHERITED_SOCKET + (_CHANGES if changes_files else "")
    for name in names.split():
        code += _when(number(name, machine), [_answer(_ALLOW)])
    return b"".join([*code, refuse])


def install(code: bytes) -> None:
    """Put this process and its later threads under the filter, for good.

    Raises:
        OSError: If the kernel refuses, for want of `no_new_privs` for example.
    """
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    call("seccomp", _SECCOMP_SET_MODE_FILTER, 0, head)


def _looked_at(pid: int, *, may_truncate: bool) -> Mapping[str, list[bytes]]:
    """Return the calls whose arguments decide; such a body ends in an answer."""
    bodies = {
        # Threads only. clone3 hides its flags behind a pointer; libc falls back on clone.
        "clone": [
            _op(_LOAD, _argument(0)),
            _op(_JUMP_ANY_BIT, _CLONE_NAMESPACES, no=1),
            _answer(_errno(errno.EPERM)),
            _op(_JUMP_ANY_BIT, _CLONE_THREAD, yes=1),
            _answer(_errno(errno.EPERM)),
            _answer(_ALLOW),
        ],
        "clone3": [_answer(_errno(errno.ENOSYS))],
        "kill": _none_of(1, _DEADLY, then=_one_of(0, (pid,))),
        "tgkill": _none_of(2, _DEADLY, then=_one_of(0, (pid,))),
        # Only reading: under a lower limit of its own the kernel would kill it, as if from outside.
        "prlimit64": _null(2, then=_one_of(0, (0, pid))),
        "fcntl": _one_of(1, _FCNTL),
        "ioctl": _one_of(1, _IOCTL),
        "prctl": _one_of(0, _PRCTL),
    }
    if not may_truncate:
        bodies["open"] = _without_bit(1, os.O_TRUNC)
        bodies["openat"] = _without_bit(2, os.O_TRUNC)
    return bodies


def _one_of(index: int, values: Iterable[int]) -> list[bytes]:
    body = [_op(_LOAD, _argument(index))]
    for value in values:
        body += [_op(_JUMP_EQUAL, value, no=1), _answer(_ALLOW)]
    return [*body, _answer(_errno(errno.EPERM))]


def _none_of(index: int, values: Iterable[int], *, then: list[bytes]) -> list[bytes]:
    body = [_op(_LOAD, _argument(index))]
    for value in values:
        body += [_op(_JUMP_EQUAL, value, no=1), _answer(_errno(errno.EPERM))]
    return [*body, *then]


def _null(index: int, *, then: list[bytes]) -> list[bytes]:
    """Require a null pointer; its two halves are looked at one by one."""
    body = []
    for half in (0, 4):
        body += [
            _op(_LOAD, _argument(index) + half),
            _op(_JUMP_EQUAL, 0, yes=1),
            _answer(_errno(errno.EPERM)),
        ]
    return [*body, *then]


def _without_bit(index: int, bit: int) -> list[bytes]:
    return [
        _op(_LOAD, _argument(index)),
        _op(_JUMP_ANY_BIT, bit, no=1),
        _answer(_errno(errno.EPERM)),
        _answer(_ALLOW),
    ]


def _when(slot: int | None, body: list[bytes]) -> list[bytes]:
    return [] if slot is None else [_op(_JUMP_EQUAL, slot, no=len(body)), *body]


def _argument(index: int) -> int:
    """Return where the low half of an argument lies; both machines are little endian."""
    return 16 + 8 * index


def _errno(code: int) -> int:
    return 0x00050000 | code


def _answer(value: int) -> bytes:
    return _op(_RETURN, value)


def _op(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Write one instruction; `yes` and `no` count the instructions that a jump skips."""
    return struct.pack("=HBBI", code, yes, no, value)
