"""`gradlab doctor`: how well this machine can isolate student code, and what would do better."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autograder.errors import SandboxError
from autograder.sandbox.image import DISTRIBUTIONS, closure
from autograder.sandbox.tiers import Trial, attempt, missing, supported

_PROMISES = {
    "A": "own file system, processes, users and network (namespaces)",
    "C": "no file but the interpreter's, few system calls (Landlock and seccomp)",
}
_NEEDS_LANDLOCK = "Run Linux 5.13 or newer, with landlock among the lsm= of its command line."
_NEEDS_NAMESPACES = (
    "Allow user namespaces. In Docker: --security-opt seccomp=unconfined --security-opt"
    " systempaths=unconfined, for root in it also --cap-add SYS_ADMIN. On Debian:"
    " sysctl -w kernel.unprivileged_userns_clone=1"
)
_NEEDS_MOUNTS = (
    "Let user namespaces mount. On Ubuntu 23.10 and newer:"
    " sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
)
# What the kernel says, and what to do about it; the first that fits counts.
_REMEDIES = (
    ("No space left", "Allow user namespaces: sysctl -w user.max_user_namespaces=10000"),
    ("unshare", _NEEDS_NAMESPACES),
    ("proc on", "Show all of /proc. In Docker: --security-opt systempaths=unconfined"),
    ("mount:", _NEEDS_MOUNTS),
    ("mount_setattr", "Run Linux 5.12 or newer."),
    ("landlock", _NEEDS_LANDLOCK),
    ("seccomp", "Run a kernel with CONFIG_SECCOMP_FILTER."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was tried."""

    name: str
    good: bool
    found: str
    fix: str = ""  # what to do, when it is not good


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One tier on this machine."""

    name: str  # "A", "C" or "none"
    works: bool
    cannot_promise: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `gradlab doctor` found; its last check is the verdict."""

    checks: tuple[Check, ...]
    tiers: tuple[Tier, ...]

    @property
    def good(self) -> bool:
        """Whether `gradlab grade` runs here, unless it is asked for more."""
        return self.checks[-1].good


def examine() -> Report:
    """Try everything that isolation needs, each tier by building it in a child process."""
    trials = [_try(tier) for tier in _PROMISES]
    checks = (_machine(), _packages(), *map(_tier, trials), _landlock(trials), _verdict(trials))
    tiers = [
        Tier(name=one.tier, works=not one.fault, cannot_promise=missing(one))
        for one in (*trials, Trial(tier="none", fault="" if supported() else "not Linux"))
    ]
    return Report(checks=checks, tiers=tuple(tiers))


def render(report: Report, width: int) -> str:
    """Write a report as plain text: the checks, what to do, and what each tier cannot promise.

    Args:
        report: What was found.
        width: Of the terminal, in columns; only a word that is longer than a line goes beyond.
    """
    column = max(len(check.name) for check in report.checks)
    lines: list[str] = []
    for check in report.checks:
        begin = f"{'ok  ' if check.good else 'MISS'}  {check.name:{column}}  "
        lines += _wrapped(begin, check.found, width)
        if check.fix:
            lines += _wrapped(" " * len(begin), check.fix, width)
    return "\n".join([*lines, *_promises(report.tiers, width)])


def _wrapped(begin: str, text: str, width: int) -> list[str]:
    """Return text in lines that begin below one another; words stay whole, to be copied."""
    return textwrap.wrap(
        text,
        max(width, len(begin) + 20),
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as plain data, schema `gradlab/doctor/v1`."""
    return {"schema": "gradlab/doctor/v1", "good": report.good, **asdict(report)}


def remedy(fault: str) -> str:
    """Return what to do about the kernel's refusal of a tier; nothing if nobody knows."""
    return next((remedy for sign, remedy in _REMEDIES if sign in fault), "")


def _promises(tiers: Sequence[Tier], width: int) -> Iterator[str]:
    for tier in tiers:
        name = "Tier none (--i-trust-this-code)" if tier.name == "none" else f"Tier {tier.name}"
        yield f"\n{name} cannot promise:"
        for one in tier.cannot_promise:
            yield from _wrapped("  - ", one, width)


def _try(tier: str) -> Trial:
    try:
        return attempt(tier)
    except SandboxError as fault:
        return Trial(tier=tier, fault=str(fault))


def _machine() -> Check:
    who = "root" if hasattr(os, "geteuid") and os.geteuid() == 0 else "an ordinary user"
    found = f"{platform.system()} {platform.release()} on {platform.machine()}, {who}"
    fix = "" if supported() else "Run in Linux on x86_64 or aarch64."
    return Check(name="machine", good=supported(), found=found, fix=fix)


def _packages() -> Check:
    try:
        closure(DISTRIBUTIONS)
    except SandboxError as fault:
        return Check(name="packages", good=False, found=str(fault), fix="Install what is missing.")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in DISTRIBUTIONS]
    python = ".".join(map(str, sys.version_info[:3]))
    return Check(name="packages", good=True, found=f"Python {python}, {', '.join(versions)}")


def _tier(trial: Trial) -> Check:
    name = f"tier {trial.tier}"
    if not trial.fault:
        return Check(name=name, good=True, found=_PROMISES[trial.tier])
    return Check(name=name, good=False, found=trial.fault, fix=remedy(trial.fault))


def _landlock(trials: Sequence[Trial]) -> Check:
    version = max(trial.landlock for trial in trials)
    found = f"version {version}" if version else "this kernel has none"
    fix = "" if version else _NEEDS_LANDLOCK
    return Check(name="Landlock", good=version > 0, found=found, fix=fix)


def _verdict(trials: Sequence[Trial]) -> Check:
    works = [trial.tier for trial in trials if not trial.fault]
    if works:
        return Check(name="verdict", good=True, found=f"`gradlab grade` uses tier {works[0]}")
    return Check(
        name="verdict",
        good=False,
        found="`gradlab grade` refuses to run",
        fix="Follow the advice above, or pass --i-trust-this-code if you wrote all of it.",
    )
