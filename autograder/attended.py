"""A command that runs a student's code, in a process of its own; another one sees how it ends.

Code can end its interpreter before anything is printed, and with exit code 0: by `os._exit`, by a
crash, by taking all memory. So the command writes down that it came to its own end. Where that is
missing, nothing has passed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any, Self

# -P: no module of the folder in which a student works takes the place of another.
_INSIDE = "from autograder import attended, cli; raise SystemExit(attended.inside(cli.main))"
_PROGRAM = (sys.executable, "-P", "-c", _INSIDE)
_NOTE: ContextVar[Path | None] = ContextVar("note", default=None)


class Attended:
    """A running command.

    Args:
        arguments: Of the command line.
        given: For `subprocess.Popen`.
    """

    def __init__(self, arguments: Sequence[str], **given: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gradlab-", ignore_cleanup_errors=True)
        self._note = Path(self._folder.name) / "note.json"
        command = [*_PROGRAM, str(self._note), *arguments]
        self.process = subprocess.Popen(command, **given)  # noqa: S603 -- our own, no shell

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what still runs."""
        self.process.kill()
        self.process.wait()
        self._folder.cleanup()

    def has_ended(self, patience_s: float | None = None) -> bool:
        """Wait for the end, for some seconds at most; say whether it came."""
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> tuple[int, str]:
        """Return the exit code, and what to say of a command that did not come to its own end."""
        note = self._read()
        if "ended" in note:
            return int(note["ended"]), ""
        file, what, code = note.get("began", ("gradlab", "the command", 3))
        returned = self.process.returncode
        how = f"that the file ended (exit code {returned}). Look for exit() or os._exit in it."
        if returned < 0:
            name = signal.strsignal(-returned)
            how = f"that a signal ended ({name}). Look for what crashes it or takes all memory."
        elif "began" not in note:
            how = f"that ended (exit code {returned}). Run it again."
        return int(code), f"{file}: expected {what} to end, got an interpreter {how}"

    def _read(self) -> dict[str, Any]:
        try:
            note: dict[str, Any] = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # ended before it wrote anything, or while it did
            return {}
        return note


def attend(arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command to its end; return its exit code, and what to say if that never came.

    It has this process's terminal, so a debugger works in it, and Ctrl-C is for it alone.
    """
    running: list[Attended] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        del frame
        if running and (number != signal.SIGINT or not _both_get_ctrl_c()):
            running[0].process.send_signal(number)

    with _handled_by(pass_on), Attended(arguments) as command:
        running.append(command)
        command.has_ended()
        return command.end()


def inside(main: Callable[[list[str]], int]) -> int:
    """Run the command in the process that is attended, and write down that it came to its end."""
    _NOTE.set(Path(sys.argv[1]))
    code = main(sys.argv[2:])
    _write({"ended": code})
    return code


def begins(file: str, what: str, *, code: int) -> None:
    """Write down that a student's code runs from here on.

    Args:
        file: Whose code it is.
        what: What must come to its end.
        code: The exit code if it does not.
    """
    _write({"began": [file, what, code]})


def _write(note: dict[str, Any]) -> None:
    path = _NOTE.get()
    if path is not None:
        path.write_text(json.dumps(note), encoding="utf-8")


def _both_get_ctrl_c() -> bool:
    """Whether a terminal sends Ctrl-C to all of its processes, or somebody means this one alone."""
    return sys.platform == "win32" or any(os.isatty(number) for number in (0, 1, 2))


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM, unless they are ignored: a new process ignores them then, too."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, was in before.items():
        if was is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)
