"""Starting and stopping the fork server, when it or the machine does not play along."""

import shutil
import subprocess
import sys

import pytest

from autograder.errors import SandboxError
from autograder.models import Limits
from autograder.sandbox import launch, tiers
from autograder.sandbox.image import Image
from autograder.sandbox.launch import JailError, Zygote, spare_uid
from autograder.sandbox.tiers import Trial
from tests.autograder import arcs
from tests.autograder.sandbox.students import ROOT

SLEEP = "import time; time.sleep(600)"
SPARE_UID = "from autograder.sandbox.launch import spare_uid; print(spare_uid())"


@pytest.fixture
def image():
    built = Image.build(())
    yield built
    built.close()


@pytest.fixture
def hung(monkeypatch, image):
    """A fork server that neither answers nor ends by itself."""
    monkeypatch.setattr(launch, "_command", lambda _: [sys.executable, "-S", "-c", SLEEP])
    monkeypatch.setattr(launch, "_STOP_S", 0.05)
    return Zygote("none", image, Limits())


def test_a_fork_server_that_does_not_end_is_killed(hung):
    hung.stop()
    assert hung._process.returncode == -9


def test_a_fork_server_that_does_not_answer_is_our_fault(hung, monkeypatch):
    monkeypatch.setattr(launch, "_JAIL_S", 0.05)
    with pytest.raises(SandboxError, match="got one that died or hung. Run `gradlab doctor`"):
        hung.wait_jailed()
    hung.stop()


def test_only_root_becomes_another_user(monkeypatch):
    monkeypatch.setattr(launch.os, "geteuid", lambda: 1000)
    assert spare_uid() is None


def test_a_user_who_has_a_name_is_not_to_become(monkeypatch):
    monkeypatch.setattr(launch, "_FREE_UIDS", range(1))  # root
    assert spare_uid() is None


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare of util-linux")
def test_root_of_a_namespace_with_one_user_has_no_one_to_become():
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c"]
    script = arcs.boot() + SPARE_UID
    done = subprocess.run([*command, script], cwd=ROOT, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == "None\n", done.stderr


def test_a_refusal_of_the_kernel_is_the_fault_of_a_trial(monkeypatch):
    def refuse(_):
        raise JailError("unshare: Operation not permitted")

    monkeypatch.setattr(Zygote, "wait_jailed", refuse)
    assert tiers.attempt("A") == Trial(tier="A", fault="unshare: Operation not permitted")
