"""Tier A: a file system, a process tree and a network of one's own, made of Linux namespaces.

The zygote's root is an empty tmpfs onto which exactly the files of the image are bound, read-only,
each at its own path. A worker gets a copy of that with a private directory, a process tree in which
it is alone, and a user of its own without any power over the mounts.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

from autograder.worker import landlock
from autograder.worker.jail import (
    DEVICES,
    SCRATCH,
    Jail,
    Plan,
    become,
    die_with,
    may_be_looked_at,
    no_new_privileges,
    seal,
)
from autograder.worker.syscalls import LAST_DESCRIPTOR, call

_NEWNS, _NEWUTS, _NEWIPC = 0x00020000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_BARE = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_ATTR_READ_ONLY = 1 | _MS_NOSUID | _MS_NODEV

_SCRATCH_OPTIONS = "size=64m,nr_inodes=4096,mode=700"
_STUDENT = 1000  # the worker's user id, as it sees it


class Namespaces(Jail):
    """Tier A, for root and for ordinary users."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._processes = -1  # the zygote's own process tree, to come back to after a fork

    def enter(self) -> None:
        """Move into the new file system, and go on as process 1 of a new process tree."""
        outer = _NEWNS | _NEWNET | _NEWIPC | _NEWUTS
        if self.plan.uid is None:
            user, group = os.getuid(), os.getgid()
            call("unshare", outer | _NEWUSER | _NEWPID)
            _map_ids(0, user, group)
            self._build()
        else:  # as root, for what only root can reach; then as a user who owns a namespace
            call("unshare", outer)
            self._build()
            become(self.plan.uid)
            may_be_looked_at(by_others=True)  # else /proc/self/uid_map stays root's
            call("unshare", _NEWUSER | _NEWPID | _NEWNS)
            _map_ids(0, self.plan.uid, self.plan.uid)
        self._become_first()

    def fork(self) -> int:
        """Fork a worker as process 1 of a process tree of its own."""
        call("unshare", _NEWPID)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid != 0:
                call("setns", self._processes, _NEWPID)
        return pid

    def confine(self, address_space: int) -> None:
        """Shut a worker in: private directory, its own user without power, few system calls."""
        call("unshare", _NEWNS | _NEWIPC | _NEWNET)
        _mount("tmpfs", SCRATCH, "tmpfs", _BARE, _SCRATCH_OPTIONS)
        _mount("proc", "/proc", "proc", _BARE, "subset=pid")
        call("unshare", _NEWUSER)
        _map_ids(_STUDENT, 0, 0)
        os.chdir(SCRATCH)
        super().confine(address_space)
        no_new_privileges()
        if landlock.abi():
            landlock.restrict(read=["/"], scratch=[SCRATCH], devices=DEVICES)
        seal(changes_files=True)

    def _build(self) -> None:
        """Make the new file system and move into it; nothing of the old one stays within reach."""
        root = self.plan.root
        _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
        socket.sethostname("gradlab")
        _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=16m,mode=755")
        for name, text in self.plan.links:
            link = Path(root + name)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(text)
        for path, holes in sorted(self.plan.trees):
            _bind(path, root + path)
            for hole in holes:
                _mount("tmpfs", root + hole, "tmpfs", _BARE, "size=16m,mode=755")
        for path in (*DEVICES, "/proc"):
            _make_place(path, root + path)
        Path(root + SCRATCH).mkdir(parents=True)
        _make_read_only(root)
        for path in (*DEVICES, "/proc"):
            _bind(path, root + path)
        os.chdir(root)
        call("pivot_root", b".", b".")
        call("umount2", b".", _MNT_DETACH)
        os.chdir("/")

    def _become_first(self) -> None:
        """Fork; the child is process 1 and goes on, the parent only waits for it."""
        child = os.fork()
        if child:
            die_with(self.plan.parent)
            call("close_range", 0, LAST_DESCRIPTOR, 0)
            _, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        die_with(0)
        _mount("proc", "/proc", "proc", _BARE)
        self._processes = os.open("/proc/self/ns/pid", os.O_RDONLY)
        self._stat = os.open("/proc/self/stat", os.O_RDONLY)


def _map_ids(inner: int, user: int, group: int) -> None:
    """Say who this process is inside its new user namespace."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inner} {user} 1"),
        ("gid_map", f"{inner} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text, encoding="ascii")


def _bind(path: str, target: str) -> None:
    _make_place(path, target)
    _mount(path, target, None, _MS_BIND | _MS_REC)


def _make_place(path: str, target: str) -> None:
    """Make sure that there is something to mount `path` on."""
    place = Path(target)
    if Path(path).is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def _make_read_only(root: str) -> None:
    attributes = struct.pack("4Q", _MOUNT_ATTR_READ_ONLY, 0, 0, 0)
    path = os.fsencode(root)
    call("mount_setattr", _AT_FDCWD, path, _AT_RECURSIVE, attributes, len(attributes))


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    texts = [text if text is None else os.fsencode(text) for text in (source, target, kind)]
    data = options if options is None else options.encode()
    try:
        call("mount", *texts, flags, data)
    except OSError as fault:
        raise OSError(fault.errno, f"{fault.strerror} ({kind or 'bind'} on {target})") from fault
