"""Tiers: found by trying."""

import os
import shutil
import subprocess
import sys

import pytest

from autograder.errors import SandboxError
from autograder.models import Isolation
from autograder.sandbox import tiers
from autograder.sandbox.launch import spare_uid
from autograder.sandbox.tiers import Trial
from tests.autograder.sandbox.students import ROOT

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
    assert tiers.choose() == Isolation(tier="A", missing=("memory cgroup",))
    refusing("A")
    assert tiers.choose().tier == "C"
    assert "pid namespace" in tiers.choose().missing


def test_trust_does_not_lower_the_tier(refusing):
    refusing("A")
    assert tiers.choose(trust=True).tier == "C"


def test_without_any_tier_only_trust_goes_on(refusing):
    refusing("A", "C")
    assert tiers.choose(trust=True) == Isolation(tier="none", missing=("any isolation",))
    with pytest.raises(SandboxError, match=r"tier A or C, got none \(tier A: refused; tier C"):
        tiers.choose()


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
