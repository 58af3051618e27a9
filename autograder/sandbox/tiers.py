"""Which isolation this machine really gives: found by trying, never by asking."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from autograder.errors import IsolationError, JailError
from autograder.models import Isolation, Limits
from autograder.sandbox.image import Image
from autograder.sandbox.launch import Zygote, spare_uid

TIERS = ("A", "C")  # best first
MACHINES = ("x86_64", "aarch64")

# What is not promised, in words that stand alone: in `doctor`, on the terminal, in every result.
_NOTHING = (
    "any isolation: student code can read and write all that this account can, hidden tests and"
    " grades included, and use the network; only CPU time and memory are bounded"
)
_NO_LANDLOCK = "a second lock behind the namespaces: this kernel has no Landlock"
_NOT_IN_C = (
    "a file system of its own: whether a path exists, its size and its age can be told",
    "a process tree of its own: which processes run can be told; signals to them are refused",
    "a network and shared memory of its own: a list of system calls alone keeps it from others'",
    "a private directory: nothing can be written anywhere, so work that writes files fails",
    "a count of threads of its own: submissions graded at the same time share one bound",
)
_SAME_USER = (
    "a user of its own: it runs as the grader's, so a hole in the locks would reach the grades"
)
_NEVER = (
    "safety from bugs in the kernel or the processor: run exams in a virtual machine",
    "a proof of how a value was computed: forbidden operations are searched for, not ruled out",
    "a memory cgroup: a bound on each worker's address space stands in for it",
    "a GPU: student code runs on the CPU",
)


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


def choose(
    wanted: str | None = None, *, at_least: str | None = None, trust: bool = False
) -> Isolation:
    """Return the best tier that works here, or the wanted one.

    Args:
        wanted: "A", "C" or "none" (which needs `trust`); None for the best.
        at_least: "A" or "C": nothing less will do, whatever `trust` says.
        trust: Whether to go on without any isolation.

    Raises:
        IsolationError: If no tier works that is good enough.
    """
    candidates: tuple[str, ...] = TIERS if wanted is None else (wanted,)
    if at_least is not None:
        candidates = TIERS[: TIERS.index(at_least) + 1]
    faults: list[str] = []
    for tier in candidates:
        if tier not in TIERS:
            continue
        trial = attempt(tier)
        if not trial.fault:
            return Isolation(tier=tier, missing=missing(trial), why="; ".join(faults))
        faults.append(f"tier {tier}: {trial.fault}")
    if trust and at_least is None and wanted in (None, "none") and supported():
        return Isolation(tier="none", missing=missing(Trial(tier="none")), why="; ".join(faults))
    where, advice = "isolation", ", or trust the code: --i-trust-this-code"
    if at_least is not None:
        where = "--min-tier"
        advice = "; --i-trust-this-code does not lower --min-tier" if trust else ", or lower it"
    raise IsolationError(
        f"{where}: expected tier {' or '.join(candidates)}, got none ({'; '.join(faults)})."
        f" Run `gradlab doctor` for what to change{advice}."
    )


def missing(trial: Trial) -> tuple[str, ...]:
    """Return what a tier cannot promise on this machine; each of it stands alone."""
    if trial.tier == "none":
        return (_NOTHING, *_NEVER)
    if trial.tier == "C":
        return (*_NOT_IN_C, *(() if _changes_user() else (_SAME_USER,)), *_NEVER)
    return (*(() if trial.landlock else (_NO_LANDLOCK,)), *_NEVER)


def _changes_user() -> bool:
    return supported() and spare_uid() is not None
