"""Landlock: a process gives up all files but those it names, without any privilege.

Rules are on the real file or directory, found once when the rule is made; names and links play no
part afterwards. Whatever is forked inherits them. See docs.kernel.org/userspace-api/landlock.html.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable

from autograder.worker.syscalls import call

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = (
    1 << bit for bit in range(6, 13)
)
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

_READ = _READ_FILE | _READ_DIR
_SCRATCH = (
    _READ
    | (_WRITE_FILE | _TRUNCATE | _REFER)
    | (_REMOVE_DIR | _REMOVE_FILE)
    | (_MAKE_DIR | _MAKE_REG | _MAKE_FIFO | _MAKE_SYM)
)
_DEVICE = _READ_FILE | _WRITE_FILE
_ON_FILES = (1 << 0) | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_NET, _SCOPES = 3, 3  # bind and connect of TCP; abstract sockets and signals

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1


def abi() -> int:
    """Return the version of Landlock in this kernel, 0 if it has none."""
    try:
        return call("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def restrict(
    *, read: Iterable[str], scratch: Iterable[str] = (), devices: Iterable[str] = ()
) -> None:
    """Give up every file but these, for good; needs `no_new_privs`.

    Args:
        read: Files, and directories with all that is in them, to read.
        scratch: Directories to read and write.
        devices: Device files to read and write.

    Raises:
        OSError: If the kernel has no Landlock, or a path is missing.
    """
    handled = _handled_files(abi())
    ruleset = _ruleset(handled)
    for rights, paths in ((_READ, read), (_SCRATCH, scratch), (_DEVICE, devices)):
        for path in paths:
            _allow(ruleset, path, rights & handled)
    _enforce(ruleset)


def separate() -> None:
    """Begin a domain of one's own beneath the one inherited; needs `no_new_privs`.

    Processes of one domain may look at each other; those of two sibling domains may not.
    """
    _enforce(_ruleset(_MAKE_CHAR | _MAKE_BLOCK))


def _handled_files(version: int) -> int:
    """Return every right on files that this version knows, so that none stays open."""
    newest = {0: 12, 1: 12, 2: 13, 3: 14, 4: 14}.get(version, 15)
    return (1 << (newest + 1)) - 1


def _ruleset(handled: int) -> int:
    version = abi()
    attributes = struct.pack("QQQ", handled, _NET, _SCOPES)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    return call("landlock_create_ruleset", attributes, size, 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _ON_FILES
        beneath = struct.pack("=Qi", rights, place)
        call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, beneath, 0)
    finally:
        os.close(place)


def _enforce(ruleset: int) -> None:
    call("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)
