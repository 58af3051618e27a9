"""`gradlab doctor`: what was tried, and what to do."""

import pytest

from autograder.errors import SandboxError
from autograder.sandbox import doctor
from autograder.sandbox.doctor import Check, Report, Tier
from autograder.sandbox.tiers import Trial


def test_it_tries_everything():
    checks = doctor.examine().checks
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
    tier_a = next(check for check in doctor.examine().checks if check.name == "tier A")
    assert (tier_a.good, tier_a.found) == (False, fault)
    assert fix in tier_a.fix


def test_without_any_tier_the_verdict_says_what_to_do(monkeypatch):
    def attempt(tier):
        raise SandboxError(f"tier {tier} is out of order")

    monkeypatch.setattr(doctor, "attempt", attempt)
    verdict = doctor.examine().checks[-1]
    assert not verdict.good
    assert "--i-trust-this-code" in verdict.fix


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "DISTRIBUTIONS", ("no-such-thing",))
    packages = next(check for check in doctor.examine().checks if check.name == "packages")
    assert not packages.good
    assert "no-such-thing" in packages.found


def test_it_is_shown_in_plain_lines():
    checks = (
        Check(name="machine", good=True, found="Linux"),
        Check(name="tier A", good=False, found="refused", fix="Allow it."),
    )
    tiers = (Tier(name="none", works=True, cannot_promise=("this", "that")),)
    assert doctor.render(Report(checks=checks, tiers=tiers), 80).splitlines() == [
        "ok    machine  Linux",
        "MISS  tier A   refused",
        "               Allow it.",
        "",
        "Tier none (--i-trust-this-code) cannot promise:",
        "  - this",
        "  - that",
    ]


def test_no_line_is_longer_than_the_terminal_and_no_word_is_cut():
    check = Check(name="tier A", good=False, found="refused", fix=doctor._NEEDS_MOUNTS)
    tier = Tier(name="A", works=False, cannot_promise=("a promise of many words " * 3,))
    report = Report(checks=(check,), tiers=(tier,))
    assert doctor.render(report, 60).splitlines() == [
        "MISS  tier A  refused",
        "              Let user namespaces mount. On Ubuntu 23.10 and",
        "              newer: sysctl -w",
        "              kernel.apparmor_restrict_unprivileged_userns=0",
        "",
        "Tier A cannot promise:",
        "  - a promise of many words a promise of many words a",
        "    promise of many words",
    ]
    assert "kernel.apparmor_restrict_unprivileged_userns=0" in doctor.render(report, 10)


def test_every_tier_is_there_with_what_it_cannot_promise():
    report = doctor.examine()
    assert [tier.name for tier in report.tiers] == ["A", "C", "none"]
    shown = doctor.render(report, 1000)
    for tier in report.tiers:
        assert tier.cannot_promise
        for promise in tier.cannot_promise:
            assert f"  - {promise}" in shown
    works = {check.name: check.good for check in report.checks}
    assert {f"tier {tier.name}": tier.works for tier in report.tiers[:2]}.items() <= works.items()


def test_programs_can_read_it():
    report = Report(
        checks=(Check(name="verdict", good=False, found="refuses", fix="Allow it."),),
        tiers=(Tier(name="A", works=False, cannot_promise=("this",)),),
    )
    assert doctor.as_json(report) == {
        "schema": "gradlab/doctor/v1",
        "good": False,
        "checks": ({"name": "verdict", "good": False, "found": "refuses", "fix": "Allow it."},),
        "tiers": ({"name": "A", "works": False, "cannot_promise": ("this",)},),
    }
