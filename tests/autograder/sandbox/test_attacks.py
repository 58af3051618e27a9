"""Every attack of evil.py, played in every tier, by whoever tests and by an ordinary user."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograder.sandbox import tiers
from autograder.sandbox.client import Sandbox
from tests.autograder import arcs
from tests.autograder.sandbox.students import QUICK, ROOT, attack, play_all

REFUSED = (
    "open",
    "open by descriptor",
    "look into the grader",
    "look into memory",
    "see processes",
    "start a process",
    "make a socket",
    "make system calls",
    "kill the grader",
    "kill by descriptor",
    "die as if killed",
    "outlive the grader",
    "raise limits",
    "change files",
    "write",
    "be honest after all that",
)
ENDS = {
    "leave": "exited",
    "segfault": "crashed",
    "abort": "crashed",
    "recurse": "crashed",
    "babble": "bad_reply",
    "forge a reply": "bad_reply",
    "loop": "cpu_time",
    "loop in threads": "cpu_time",
    "flood": "cpu_time",
    "sleep": "wall_time",
    "hang up": "wall_time",
}
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
CAN_GRADE = """
import os, sys, numpy.linalg, autograder.models
sys.exit(not os.access(os.path.realpath(sys.executable), os.X_OK))
"""


def interpreter_for_nobody(environment):
    """Return an interpreter that a user without any rights can run with our packages."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}"):
        probe = [*NOBODY, candidate, "-c", CAN_GRADE]
        done = subprocess.run(probe, env=environment, cwd="/", capture_output=True, check=False)
        if done.returncode == 0:
            return candidate
    pytest.skip("no interpreter that an ordinary user can run sees numpy and this repository")


@pytest.fixture(scope="session")
def played(sandbox, tmp_path_factory):
    """Return the tier and the outcome of every attack, played by this process."""
    own = tmp_path_factory.mktemp("grader") / "grades.json"
    own.touch()
    outcomes = play_all(sandbox.client(1), str(own))
    assert own.read_bytes() == b""
    return sandbox.isolation.tier, outcomes


def outcomes_for_nobody(tier):
    packages = str(Path(np.__file__).parents[1])
    environment = {"PYTHONPATH": f"{ROOT}:{packages}", "PATH": os.environ["PATH"]}
    environment |= {arcs.FILE: os.environ[arcs.FILE]} if arcs.FILE in os.environ else {}
    script = str(Path(__file__).with_name("students.py"))
    command = [*NOBODY, interpreter_for_nobody(environment), script, tier]
    done = subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_achieves_nothing(played, name):
    assert played[1][name] == []


@pytest.mark.parametrize("name", ENDS)
def test_an_attack_ends_with_its_reason(played, name):
    assert played[1][name] == ENDS[name]


def test_the_private_directory_is_small_or_missing(played):
    tier, found = played
    assert found["fill the disk"] <= {"A": 64, "C": 0}[tier]


def test_threads_are_few(played):
    assert 0 < played[1]["start threads"] < 4000


def test_memory_ends_as_an_exception_that_students_can_read(played):
    assert played[1]["allocate bytes"].startswith("MemoryError")
    assert "can't allocate memory" in played[1]["allocate a tensor"]


@pytest.mark.prove
@pytest.mark.parametrize("tier", tiers.TIERS)
def test_an_ordinary_user_is_as_well_protected(tier):
    found = outcomes_for_nobody(tier)
    assert {name: found[name] for name in REFUSED} == {name: [] for name in REFUSED}
    assert {name: found[name] for name in ENDS} == ENDS
    assert found["fill the disk"] <= {"A": 64, "C": 0}[tier]
    assert 0 < found["start threads"] < 4000


@pytest.mark.prove
def test_without_isolation_the_attacks_do_achieve_something():
    with Sandbox.start(jobs=1, limits=QUICK, tier="none", trust=True) as sandbox:
        client = sandbox.client(0)
        assert attack(client, "openable", [__file__]) == [__file__]
        assert "AF_INET" in attack(client, "new_socket")
        assert str(os.getpid()) in attack(client, "processes")
        assert "PR_SET_PDEATHSIG" in attack(client, "outlive")
        assert attack(client, "signal_by_descriptor", [os.getpid()]) != []
