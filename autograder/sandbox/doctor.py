"""`gradlab doctor`: how well this machine can isolate student code, and what would do better."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.errors import SandboxError
from autograder.sandbox.image import DISTRIBUTIONS, closure
from autograder.sandbox.tiers import Trial, attempt, supported

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


def examine() -> tuple[Check, ...]:
    """Try everything that isolation needs, each tier by building it in a child process."""
    trials = [_try(tier) for tier in _PROMISES]
    return (_machine(), _packages(), *map(_tier, trials), _landlock(trials), _verdict(trials))


def render(checks: Sequence[Check]) -> str:
    """Write the checks as plain text, a line each and a line for what to do."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{'ok  ' if check.good else 'MISS'}  {check.name:{width}}  {check.found}")
        if check.fix:
            lines.append(f"      {'':{width}}  {check.fix}")
    return "\n".join(lines)


def _try(tier: str) -> Trial:
    try:
        return attempt(tier)
    except SandboxError as fault:
        return Trial(tier=tier, fault=str(fault))


def _machine() -> Check:
    who = "root" if os.geteuid() == 0 else "an ordinary user"
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
    remedies = (remedy for sign, remedy in _REMEDIES if sign in trial.fault)
    return Check(name=name, good=False, found=trial.fault, fix=next(remedies, ""))


def _landlock(trials: Sequence[Trial]) -> Check:
    version = max(trial.landlock for trial in trials)
    fix = (
        ""
        if version
        else "Run Linux 5.13 or newer, with landlock among the lsm= of its command line."
    )
    found = f"version {version}" if version else "this kernel has none"
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
