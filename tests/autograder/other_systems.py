"""Run commands as if on Windows or macOS, as far as that can be had on Linux.

    python tests/autograder/other_systems.py win32 '{"it": ["gradlab", "check", "losses"]}'

The libraries are imported first: they were built for this system. Then all that other systems lack
is taken away, and what follows is ours. Prints the exit code and the output of each command.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import io
import json
import os
import select
import signal
import socket
import sys
import sysconfig
import time

import click
import numpy as np
import pytest
import rich.console
import rich.progress
import torch

LIBRARIES = (click, np, pytest, rich.console, rich.progress, torch)
MODULES = {
    "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "_posixshmem",
    "_posixsubprocess",
}  # fmt: skip
ATTRIBUTES = {
    os: """
        fork forkpty setsid setpgid getpgid killpg getuid geteuid getgid getegid setuid setgid
        setresuid setresgid setgroups sched_getaffinity sched_setaffinity pipe2 mkfifo mknod chown
        fchown lchown fchmod wait wait3 wait4 waitid WNOHANG pidfd_open memfd_create statvfs
        O_NOFOLLOW O_DIRECTORY O_PATH posix_spawn uname ctermid getloadavg nice
    """,
    signal: """
        SIGKILL SIGALRM SIGHUP SIGCHLD SIGXCPU SIGUSR1 SIGSTOP SIG_BLOCK SIG_SETMASK alarm pause
        pthread_sigmask setitimer getitimer sigwait pidfd_send_signal
    """,
    socket: """
        AF_UNIX SOCK_SEQPACKET SOCK_NONBLOCK MSG_CMSG_CLOEXEC MSG_DONTWAIT SCM_RIGHTS send_fds
        recv_fds CMSG_LEN
    """,
    select: "poll epoll",
    time: "clock_gettime clock_settime pthread_getcpuclockid",
}


class Missing(importlib.abc.MetaPathFinder):
    """Says of each of these modules that it does not exist."""

    def find_spec(self, name, path=None, target=None):
        del path, target
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def pretend(platform: str) -> None:
    """Take away what `platform` lacks; of the two, both get what both have."""
    sysconfig.get_config_vars()  # of this build of Python; it looks for a file by `sys.platform`
    for name in MODULES - {"posix", "_posixsubprocess"}:  # `os` itself is made of these
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing())
    for module, names in ATTRIBUTES.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    sys.platform = platform


def run(words: list[str]) -> dict[str, object]:
    """Run one command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if words[0] == "pytest":
            code = int(pytest.main(words[1:]))
        elif words[0] == "python":
            code = 0
            exec(compile(words[1], "<test>", "exec"), {})
        else:
            from autograder.cli import main as gradlab  # noqa: PLC0415 -- on the other system

            code = gradlab(words[1:])
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    pretend(sys.argv[1])
    sys.stdout.write(
        json.dumps({name: run(words) for name, words in json.loads(sys.argv[2]).items()})
    )
