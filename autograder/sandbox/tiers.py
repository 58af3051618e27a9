"""Which isolation this machine really gives: found by trying, never by asking."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from autograder.errors import SandboxError
from autograder.models import Isolation, Limits
from autograder.sandbox.image import Image
from autograder.sandbox.launch import JailError, Zygote

TIERS = ("A", "C")  # best first
MACHINES = ("x86_64", "aarch64")

_ALWAYS_MISSING = "memory cgroup"
_MISSING_IN_C = ("pid namespace", "hidden file names", "private temporary directory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of building one tier's jail and one worker in it."""

    tier: str
    fault: str = ""  # the kernel's refusal; empty if the jail stands
    landlock: int = 0


def attempt(tier: str) -> Trial:
    """Build the jail of `tier` and one worker in it, in a child process, and take them down.

    Raises:
        SandboxError: If that process dies of anything but a refusal.
    """
    if not supported():
        return Trial(tier=tier, fault=f"{sys.platform} on {platform.machine()}")
    image = Image.build((), by_descriptor=tier == "C")
    try:
        zygote = Zygote(tier, image, Limits(), trial=True)
        try:
            return Trial(tier=tier, landlock=zygote.wait_jailed())
        except JailError as fault:
            return Trial(tier=tier, fault=str(fault))
        finally:
            zygote.stop()
    finally:
        image.close()


def supported() -> bool:
    """Tell whether this is Linux on a machine whose system calls are known."""
    return sys.platform == "linux" and platform.machine() in MACHINES


def choose(wanted: str | None = None, *, trust: bool = False) -> Isolation:
    """Return the best tier that works here, or the wanted one.

    Args:
        wanted: "A", "C" or "none" (which needs `trust`); None for the best.
        trust: Whether to go on without any isolation.

    Raises:
        SandboxError: If no tier works, or the wanted one does not.
    """
    candidates = TIERS if wanted is None else (wanted,)
    faults = []
    for tier in candidates:
        if tier not in TIERS:
            continue
        trial = attempt(tier)
        if not trial.fault:
            return Isolation(tier=tier, missing=_missing(trial))
        faults.append(f"tier {tier}: {trial.fault}")
    if trust and wanted in (None, "none") and supported():
        return Isolation(tier="none", missing=("any isolation",))
    raise SandboxError(
        f"isolation: expected tier {' or '.join(candidates)}, got none ({'; '.join(faults)})."
        " Run `gradlab doctor` for what to change, or trust the code: --i-trust-this-code."
    )


def _missing(trial: Trial) -> tuple[str, ...]:
    landlock = () if trial.landlock else ("Landlock",)
    return (*landlock, *(_MISSING_IN_C if trial.tier == "C" else ()), _ALWAYS_MISSING)
