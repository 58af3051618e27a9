"""Small disks and read-only folders, really mounted, in a mount namespace that only a test sees."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.autograder.layers import COMMAND, ENVIRONMENT, Desk

NOBODY = "65534"
_AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


class Elsewhere:
    """A mount namespace: what is mounted here is gone with it, and nobody else sees it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def run(
        self, *command: str, code: int | None = 0, nobody: bool = False, **environment: str
    ) -> subprocess.CompletedProcess:
        """Run a command here, as root or as an ordinary user, and expect an exit code."""
        done = subprocess.run(
            [
                *("nsenter", "-t", str(self._pid), "-m"),
                *(_AS_NOBODY if nobody else ()),
                *command,
            ],
            env=ENVIRONMENT | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    def gradlab(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """Run one of our commands here."""
        return self.run(*COMMAND, *arguments, **options)

    def mount(self, folder: Path, options: str, *, source: str = "tmpfs") -> None:
        """Mount a disk of memory (or change it: `remount`)."""
        self.run("mount", "-t", "tmpfs", "-o", options, source, str(folder))

    def seen(self, desk: Desk) -> Desk:
        """Return a desk as it looks from here, to be read from outside."""
        return Desk(Path(f"/proc/{self._pid}/root") / desk.folder.relative_to("/"))

    def let_nobody_in(self) -> None:
        """Let an ordinary user reach the interpreter where it lies in root's own home."""
        home = Path(os.path.realpath(os.sys.executable)).parents[1]
        hidden = [path for path in home.parents if path.stat().st_mode & 0o005 != 0o005]
        for path in hidden[:1]:
            kept = home.relative_to(path).parts[0]
            self.run(
                *("sh", "-ec"),
                'mkdir -p "$3" && mount -t tmpfs tmpfs "$3" && mkdir "$3/kept"'
                ' && mount --bind "$1/$2" "$3/kept" && mount -t tmpfs -o mode=755 tmpfs "$1"'
                ' && mkdir "$1/$2" && mount --bind "$3/kept" "$1/$2"',
                *("sh", str(path), kept, "/mnt"),
            )


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Make a mount namespace; skip the test where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("only root can mount a small disk for itself")
    holder = subprocess.Popen(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", "echo here; cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        if holder.stdout.readline() != "here\n":
            pytest.skip("this machine allows no mount namespace")
        yield Elsewhere(holder.pid)
        holder.stdin.close()
