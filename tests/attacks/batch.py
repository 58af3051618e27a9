"""One batch: every attack, an honest student and a half honest one after each, graded for real."""

from __future__ import annotations

import contextlib
import csv
import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.sandbox import tiers
from tests.attacks.catalogue import ATTACKS, SAMPLE
from tests.attacks.record import SECRET, Attack
from tests.autograder.sandbox.test_attacks import NOBODY, interpreter_for_nobody
from tests.crash.processes import children, command_of

ROOT = Path(__file__).parents[2]
COURSE = Path(__file__).with_name("course")
SEED = "7"
_PR_SET_CHILD_SUBREAPER = 36

PERFECT = '''"""Right."""

import torch


def scale(x, factor):
    return x * factor


def tanh_backward(grad_y, y):
    return grad_y * (1 - y**2)


def softmax(z):
    e = torch.exp(z - z.max(-1, keepdim=True).values)
    return e / e.sum(-1, keepdim=True)


def describe(x):
    return len(x), float(x.mean()), "up" if x[-1] > x[0] else "down"
'''
PARTLY = '''"""Half right: softmax without the shift, nothing described, and prints."""

import torch


def scale(x, factor):
    print("scaling", x)
    return x * factor


def tanh_backward(grad_y, y):
    return (1 - y) * grad_y * (1 + y)


def softmax(z):
    e = torch.exp(z)
    return e / e.sum(-1, keepdim=True)
'''

BEST = "best"


@dataclass(frozen=True)
class Setting:
    """Where a batch runs."""

    tier: str  # "A", "C", or the best that this machine has
    user: str = "self"  # or "nobody", who may do nothing
    is_sample: bool = False
    jobs: int = 2

    @property
    def attacks(self) -> tuple[Attack, ...]:
        """Who attacks, in this order."""
        return SAMPLE if self.is_sample else ATTACKS

    def __str__(self) -> str:
        return f"{self.tier}-{self.user}{'-sample' * self.is_sample}"


FAST = Setting(BEST, is_sample=True)
SLOW = tuple(Setting(tier, user) for tier in tiers.TIERS for user in ("self", "nobody"))


@dataclass(frozen=True)
class Batch:
    """What a graded batch left."""

    folder: Path
    students: dict[str, str]  # attack -> student id
    honest: dict[str, tuple[str, str]]  # attack -> ids of those directly after it
    code: int
    printed: bytes
    complaints: bytes
    left_over: list[str]  # command lines of processes that outlived it
    wall_s: float

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def document(self, kind: str, student: str) -> dict[str, Any]:
        """Return a student's `results`, `feedback` or `private` file."""
        return json.loads((self.out / kind / "small" / f"{student}.json").read_bytes())

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        """Return the rows of grades.csv, by student."""
        with (self.out / "grades.csv").open(encoding="utf-8", newline="") as file:
            return {row["student_id"]: row for row in csv.DictReader(file)}

    def said(self) -> str:
        """Return all that was written to the terminal."""
        return (self.printed + self.complaints).decode("utf-8")


def grade(setting: Setting, folder: Path) -> Batch:
    """Hand in every attack of a setting, and grade the class by the real command.

    Args:
        setting: Who grades what, and in which tier.
        folder: Empty, and below folders that an ordinary user may enter.
    """
    if setting.tier != BEST and (fault := tiers.attempt(setting.tier).fault):
        pytest.skip(f"tier {setting.tier}: {fault}")
    command, environment = _command(setting)
    shutil.copytree(COURSE, folder / "course")
    students, honest = _hand_in(folder, setting.attacks)
    (folder / "out").mkdir()
    _open_to_all(folder, setting)
    roster = folder / "course" / "roster.csv"
    arguments = ["-C", roster.parent, "grade", folder / "handed-in", "-a", "small"]
    arguments += ["-o", folder / "out", "--roster", roster, "--seed", SEED]
    arguments += ["--jobs", str(setting.jobs)]
    started = time.monotonic()
    with _orphans() as left_over:
        done = subprocess.run(
            [*command, *map(str, arguments)],
            cwd="/",
            env=environment | {"COLUMNS": "100", "COURSE_SECRET": f"SECRET {SECRET}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=900,
            check=False,
        )
        wall_s = time.monotonic() - started
        found = left_over()
    return Batch(
        folder=folder,
        students=students,
        honest=honest,
        code=done.returncode,
        printed=done.stdout,
        complaints=done.stderr,
        left_over=found,
        wall_s=wall_s,
    )


def _command(setting: Setting) -> tuple[list[str], dict[str, str]]:
    """Return the command of a user, and its environment."""
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    runner = ["-m", "tests.attacks.runner", setting.tier]
    if setting.user == "self":
        return [sys.executable, *runner], environment
    environment["PYTHONPATH"] += f":{Path(np.__file__).parents[1]}"
    return [*NOBODY, interpreter_for_nobody(environment), *runner], environment


def _hand_in(
    folder: Path, attacks: tuple[Attack, ...]
) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Write what everybody hands in, and the roster: after each attack two honest students."""
    students, honest, names = {}, {}, []
    for number, attack in enumerate(attacks):
        me = f"{number:03}-a-{attack.name}"
        place = folder / "handed-in" / (attack.refused or me)
        place.mkdir(parents=True)
        for name, content in attack.contents(str(folder)).items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if attack.place is not None:
            attack.place(place, folder)
        others = f"{number:03}-b-perfect", f"{number:03}-c-partly"
        for other, text in zip(others, (PERFECT, PARTLY), strict=True):
            (folder / "handed-in" / other).mkdir()
            (folder / "handed-in" / other / "small.py").write_text(text)
        students[attack.name], honest[attack.name] = me, others
        names += [(me, attack.called or f"Eve {number}"), *((one, "Honest") for one in others)]
    with (folder / "course" / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("student_id", "name"), *names])
    return students, honest


def _open_to_all(folder: Path, setting: Setting) -> None:
    """Let an ordinary user read the course and all that was handed in, and write OUT."""
    folder.chmod(0o755)
    if setting.user == "nobody":
        os.chown(folder / "out", 65534, 65534)


@contextlib.contextmanager
def _orphans() -> Iterator[Callable[[], list[str]]]:
    """Become the parent of every orphan; yield what tells which still live some seconds after."""
    before = children(os.getpid())
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def alive() -> list[str]:
        deadline = time.monotonic() + 20
        while True:
            found = [pid for pid in children(os.getpid()) if pid not in before]
            for pid in found:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if not found or time.monotonic() > deadline:
                return [command_of(pid) for pid in found]
            time.sleep(0.02)

    yield alive
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
