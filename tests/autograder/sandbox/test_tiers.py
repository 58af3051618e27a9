"""Tiers: found by trying."""

import os
import shutil
import subprocess
import sys

import pytest

from autograder.errors import IsolationError, SandboxError
from autograder.models import Isolation
from autograder.sandbox import tiers
from autograder.sandbox.launch import spare_uid
from autograder.sandbox.tiers import Trial
from tests.autograder.sandbox.students import ROOT, call, hand_in

# What a worker of each tier can tell or do of the things that tier C cannot promise.
CURIOUS = """
import os


def attack(path, pid):
    return [name for name, look in {
        "a file exists": lambda: os.stat(path),
        "its content": lambda: open(path).read(),
        "a process runs": lambda: os.stat(f"/proc/{pid}"),
        "its command": lambda: open(f"/proc/{pid}/cmdline").read(),
        "write a file": lambda: open("file", "w").write("x"),
    }.items() if works(look)]


def works(look):
    try:
        look()
    except OSError:
        return False
    return True
"""
DOCKER = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+mknod,+setgid,+setpcap,+setuid"


@pytest.fixture
def refusing(monkeypatch):
    """Make the kernel refuse the tiers that are asked for."""

    def refuse(*refused):
        def attempt(tier):
            return Trial(tier=tier, fault="refused" if tier in refused else "", landlock=7)

        monkeypatch.setattr(tiers, "attempt", attempt)

    return refuse


def test_the_best_tier_that_works_is_taken(refusing):
    refusing()
    assert tiers.choose() == Isolation(tier="A", missing=tiers.missing(Trial(tier="A", landlock=7)))
    refusing("A")
    assert tiers.choose().tier == "C"
    assert tiers.choose().why == "tier A: refused"


def words(tier, landlock=7):
    """Return the first words of all that a tier cannot promise."""
    return [one.partition(":")[0] for one in tiers.missing(Trial(tier=tier, landlock=landlock))]


NEVER = [
    "safety from bugs in the kernel or the processor",
    "a proof of how a value was computed",
    "a memory cgroup",
    "a GPU",
]


def test_each_tier_says_what_it_cannot_promise(monkeypatch):
    assert words("A") == NEVER
    assert words("A", landlock=0) == ["a second lock behind the namespaces", *NEVER]
    monkeypatch.setattr(tiers, "spare_uid", lambda: 61184)
    assert words("C") == [
        "a file system of its own",
        "a process tree of its own",
        "a network and shared memory of its own",
        "a private directory",
        "a count of threads of its own",
        *NEVER,
    ]
    assert words("none") == ["any isolation", *NEVER]


def test_tier_c_of_an_ordinary_user_has_one_lock_less(monkeypatch):
    monkeypatch.setattr(tiers, "spare_uid", lambda: None)
    assert "a user of its own" in words("C")
    assert "a user of its own" not in words("A")


def test_trust_does_not_lower_the_tier(refusing):
    refusing("A")
    assert tiers.choose(trust=True).tier == "C"


def test_without_any_tier_only_trust_goes_on(refusing):
    refusing("A", "C")
    chosen = tiers.choose(trust=True)
    assert (chosen.tier, chosen.why) == ("none", "tier A: refused; tier C: refused")
    with pytest.raises(
        IsolationError, match=r"tier A or C, got none \(tier A: refused; tier C"
    ) as no:
        tiers.choose()
    assert no.value.exit_code == 2


def test_the_least_tier_is_a_bound_and_no_wish(refusing):
    refusing()
    assert tiers.choose(at_least="C").tier == "A"
    refusing("A")
    assert tiers.choose(at_least="C").tier == "C"
    with pytest.raises(IsolationError, match=r"^--min-tier: expected tier A, got none .*lower it"):
        tiers.choose(at_least="A")


@pytest.mark.parametrize(("least", "refused"), [("A", ("A",)), ("C", ("A", "C"))])
def test_trust_never_goes_below_the_least_tier(refusing, least, refused):
    refusing(*refused)
    with pytest.raises(IsolationError, match="--i-trust-this-code does not lower --min-tier"):
        tiers.choose(at_least=least, trust=True)


def test_what_a_tier_cannot_promise_is_really_so(sandbox):
    with sandbox.client(0).spawn() as worker:
        hand_in(worker, CURIOUS)
        found = call(worker, "attack", __file__, os.getpid())
    can = {"A": ["write a file"], "C": ["a file exists", "a process runs"]}
    assert found == can[sandbox.isolation.tier]


def test_a_wanted_tier_is_not_replaced_by_another(refusing):
    refusing("A")
    with pytest.raises(SandboxError, match="expected tier A, got none"):
        tiers.choose("A")
    with pytest.raises(SandboxError, match="expected tier A, got none"):
        tiers.choose("A", trust=True)


def test_no_isolation_needs_trust(refusing):
    refusing()
    assert tiers.choose("none", trust=True).tier == "none"
    with pytest.raises(SandboxError, match="expected tier none"):
        tiers.choose("none")


def test_another_system_has_no_tier(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tiers.attempt("A").fault.startswith("darwin on ")
    with pytest.raises(SandboxError, match=r"got none \(tier A: darwin"):
        tiers.choose(trust=True)


def test_the_uid_to_become_belongs_to_nobody():
    uid = spare_uid()
    if os.geteuid() == 0 and uid is not None:
        assert 61184 <= uid < 65520
    else:
        assert uid is None


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, setpriv")
def test_root_without_the_right_to_mount_falls_back_on_tier_c():
    if fault := tiers.attempt("C").fault:
        pytest.skip(fault)
    script = "from autograder.sandbox import tiers; print(tiers.choose().tier)"
    command = ["setpriv", f"--bounding-set={DOCKER}", sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout == "C\n"
