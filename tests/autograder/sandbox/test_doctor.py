"""`gradlab doctor`: what was tried, and what to do."""

import pytest

from autograder.errors import SandboxError
from autograder.sandbox import doctor
from autograder.sandbox.doctor import Check
from autograder.sandbox.tiers import Trial


def test_it_tries_everything():
    checks = doctor.examine()
    names = [check.name for check in checks]
    assert names == ["machine", "packages", "tier A", "tier C", "Landlock", "verdict"]
    assert all(check.good or check.fix for check in checks)
    assert all(not (check.good and check.fix) for check in checks)


@pytest.mark.parametrize(
    ("fault", "fix"),
    [
        ("[Errno 1] unshare: Operation not permitted", "seccomp=unconfined"),
        ("[Errno 28] unshare: No space left on device", "user.max_user_namespaces"),
        ("[Errno 1] mount: Operation not permitted (bind on /)", "apparmor_restrict"),
        ("[Errno 1] mount: Operation not permitted (proc on /proc)", "systempaths=unconfined"),
        ("[Errno 38] mount_setattr: Function not implemented", "Linux 5.12"),
        ("[Errno 38] landlock_create_ruleset: Function not implemented", "Linux 5.13"),
        ("[Errno 22] seccomp: Invalid argument", "CONFIG_SECCOMP_FILTER"),
    ],
)
def test_each_refusal_of_the_kernel_has_a_remedy(monkeypatch, fault, fix):
    monkeypatch.setattr(doctor, "attempt", lambda tier: Trial(tier=tier, fault=fault))
    tier_a = next(check for check in doctor.examine() if check.name == "tier A")
    assert (tier_a.good, tier_a.found) == (False, fault)
    assert fix in tier_a.fix


def test_without_any_tier_the_verdict_says_what_to_do(monkeypatch):
    def attempt(tier):
        raise SandboxError(f"tier {tier} is out of order")

    monkeypatch.setattr(doctor, "attempt", attempt)
    verdict = doctor.examine()[-1]
    assert not verdict.good
    assert "--i-trust-this-code" in verdict.fix


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "DISTRIBUTIONS", ("no-such-thing",))
    packages = next(check for check in doctor.examine() if check.name == "packages")
    assert not packages.good
    assert "no-such-thing" in packages.found


def test_it_is_shown_in_plain_lines():
    checks = (
        Check(name="machine", good=True, found="Linux"),
        Check(name="tier A", good=False, found="refused", fix="Allow it."),
    )
    expected = "ok    machine  Linux\nMISS  tier A   refused\n               Allow it."
    assert doctor.render(checks) == expected
