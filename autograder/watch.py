"""Run a command again whenever a file is saved: `gradlab check --watch`.

Each run is a process of its own, so that neither a crash nor an endless loop of a student's code
ends the watch; saving again ends a run that is still going.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder.attended import Attended

_POLL_S = 0.2
_KINDS = (".py", ".ipynb")

Stamp = tuple[tuple[str, int, int], ...]


def watch(
    folder: Path,
    arguments: Sequence[str],
    started: Callable[[], None],
    complain: Callable[[str], None],
) -> None:
    """Run `gradlab ARGUMENTS` now and after each save, until Ctrl-C.

    Args:
        folder: Whose modules and notebooks are looked at.
        arguments: Of the command line.
        started: Called before each run.
        complain: Called with a sentence about a run that did not come to its own end.
    """
    with _ended_by_signals():
        try:
            stamp = _settled(folder)
            while True:
                started()
                _run(arguments, folder, stamp, complain)
                stamp = _settled(folder)
        except KeyboardInterrupt:
            return


def _run(
    arguments: Sequence[str], folder: Path, stamp: Stamp, complain: Callable[[str], None]
) -> None:
    """Run the command, and wait until something is saved; kill it if it still runs then."""
    with Attended(arguments, stdin=subprocess.DEVNULL, **_group_of_its_own()) as running:
        while stamp_of(folder) == stamp:
            if running.has_ended(_POLL_S):
                break
        else:
            return
        _, problem = running.end()
    if problem:
        complain(problem)
    while stamp_of(folder) == stamp:
        _sleep()


def _group_of_its_own() -> dict[str, Any]:
    """Keep Ctrl-C for the watch: the check would have something to say about it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def _settled(folder: Path) -> Stamp:
    """Return what is in a folder once nobody writes there: editors save in several steps."""
    before = stamp_of(folder)
    while True:
        _sleep()
        now = stamp_of(folder)
        if now == before:
            return now
        before = now


def stamp_of(folder: Path) -> Stamp:
    """Return what changes when a module or a notebook in `folder` is saved, made or removed."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # moved away for a moment
        return ()
    return tuple(sorted(_stamps(entries)))


def _stamps(entries: Sequence[os.DirEntry[str]]) -> Iterator[tuple[str, int, int]]:
    for entry in entries:
        if entry.name.endswith(_KINDS) and not entry.name.startswith("."):
            try:
                facts = entry.stat()
            except OSError:  # removed just now
                continue
            yield entry.name, facts.st_mtime_ns, facts.st_size


def _sleep() -> None:
    time.sleep(_POLL_S)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have a closed terminal end the watch as Ctrl-C does, so that no check goes on alone."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    names = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(name, stop) for name in names]
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)
