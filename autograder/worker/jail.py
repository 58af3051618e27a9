"""How the zygote shuts itself in, and how each worker is shut in further, tier by tier.

`Jail` is tier "none": resource limits only. `Landlocked` is tier C, for machines without
namespaces; tier A is in `namespaces`. The zygote calls `enter` once, before it imports anything
that students use; then, for each worker, `fork` and, in the child, `confine`.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.worker import landlock, seccomp
from autograder.worker.syscalls import call

SCRATCH = "/run/student"  # tier A: the one directory that a worker may write in
DEVICES = tuple(
    f"/dev/{name}"
    for name in ("null", "zero", "full", "random", "urandom")
    if Path("/dev", name).exists()
)
_FILE_BYTES = 64 << 20
_STACK_BYTES = 64 << 20

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the trusted side decides about a jail; it crosses as JSON, once."""

    tier: str
    trial: bool  # build the jail and one worker, then stop
    parent: int  # process id of the trusted side
    uid: int | None  # an unused one to become, when the trusted side is root
    trees: list[tuple[str, list[str]]]  # what may be read, each with the holes in it
    links: list[tuple[str, str]]  # symbolic links on the way there, and their texts
    root: str  # an empty directory, on which tier A builds its file system
    keep: list[int]  # descriptors through which tier C finds its modules
    packages: str  # the directory of what can be imported beside the standard library
    graders: list[int]  # descriptors of the control sockets, one a grader
    cpu_s: int
    memory_bytes: int
    reply_bytes: int
    processes: int


class Jail:
    """No jail at all, only resource limits: tier "none"."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._zygote = 0  # the zygote's process id, as its workers see it
        self._stat = -1  # /proc/self/stat of the zygote, opened while it still can be

    def enter(self) -> None:
        """Shut this process in; return in the process that goes on (it may be a child)."""
        self._zygote = os.getpid()
        self._stat = os.open("/proc/self/stat", os.O_RDONLY)
        die_with(self.plan.parent)

    def fork(self) -> int:
        """Fork a worker; return 0 in the worker and its process id in the zygote."""
        return os.fork()

    def confine(self, address_space: int) -> None:
        """Shut a worker in, once and for all.

        Args:
            address_space: What the zygote itself maps; the worker's memory limit comes on top.
        """
        die_with(self._zygote)
        self._limit(address_space)

    def usage(self) -> tuple[int, int]:
        """Return the zygote's number of threads and the size of its address space."""
        fields = os.pread(self._stat, 4096, 0).rpartition(b")")[2].split()
        return int(fields[17]), int(fields[20])

    def _limit(self, address_space: int) -> None:
        limits = {
            resource.RLIMIT_AS: address_space + self.plan.memory_bytes,
            resource.RLIMIT_CPU: self.plan.cpu_s,
            resource.RLIMIT_FSIZE: _FILE_BYTES,
            resource.RLIMIT_STACK: _STACK_BYTES,
            resource.RLIMIT_NOFILE: 256,
            resource.RLIMIT_NPROC: self.plan.processes,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_MSGQUEUE: 0,
            resource.RLIMIT_MEMLOCK: 0,
        }
        for kind, limit in limits.items():
            _, hard = resource.getrlimit(kind)
            allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(kind, (allowed, allowed))


class Landlocked(Jail):
    """Tier C: Landlock, seccomp and resource limits; works without any privilege."""

    def enter(self) -> None:
        """Give up every file but those of the image, and root's identity if it is root."""
        self._zygote = os.getpid()
        self._stat = os.open("/proc/self/stat", os.O_RDONLY)
        no_new_privileges()
        places = [place for tree, holes in self.plan.trees for place in around(Path(tree), holes)]
        landlock.restrict(read=places, devices=DEVICES)
        if self.plan.uid is not None:
            become(self.plan.uid)
        die_with(self.plan.parent)

    def confine(self, address_space: int) -> None:
        """Shut a worker in: no look at its siblings, few system calls, nowhere to write."""
        super().confine(address_space)
        landlock.separate()
        seal(changes_files=False)


def around(tree: Path, holes: list[str]) -> Iterator[str]:
    """Yield paths that together hold all of `tree` but its holes; links lead out, and are left."""
    if str(tree) in holes:
        return
    if not any(hole.startswith(f"{tree}/") for hole in holes):
        yield str(tree)
        return
    for entry in tree.iterdir():
        if not entry.is_symlink():
            yield from around(entry, holes)


def become(uid: int) -> None:
    """Change from root to the user and group `uid`, with no way back."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; a change of user undoes this.

    Args:
        parent: The parent's process id, as this process sees it: 0 if it is in an outer namespace.
    """
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)  # it died before the call above


def no_new_privileges() -> None:
    """Give up set-uid programs for good; Landlock and seccomp ask for it."""
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def may_be_looked_at(*, by_others: bool) -> None:
    """Say whether processes of the same user may trace this one; a change of user says no."""
    call("prctl", _PR_SET_DUMPABLE, int(by_others), 0, 0, 0)


def seal(*, changes_files: bool) -> None:
    """Give up all capabilities and most system calls: the last step of every jail.

    Args:
        changes_files: Whether the worker has a private directory to write in.
    """
    no_new_privileges()
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    call("capset", header, struct.pack("6I", 0, 0, 0, 0, 0, 0))
    may_be_looked_at(by_others=False)
    seccomp.install(
        seccomp.program(
            pid=os.getpid(),
            changes_files=changes_files,
            may_truncate=changes_files or landlock.abi() >= 3,
        )
    )
