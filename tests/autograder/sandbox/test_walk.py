"""What a worker can read, file by file."""

import sys
import sysconfig
from pathlib import Path

import pytest

from autograder.models import Limits
from autograder.sandbox import tiers
from autograder.sandbox.client import Sandbox
from autograder.sandbox.image import DISTRIBUTIONS, closure, files_of
from tests.autograder.sandbox.students import ROOT, readable_files

LIBRARIES = ("/usr/lib", "/lib", "/usr/local")
SYSTEM = ("/dev/", "/etc/ld.so.cache", "/proc/cpuinfo", "/sys/devices/system/cpu/")
OURS = {"models.py", "client.py", "score.py", "bank.py", "conftest.py", "grading_config.yml"}


@pytest.fixture(params=tiers.TIERS, scope="module")
def readable(request):
    if fault := tiers.attempt(request.param).fault:
        pytest.skip(fault)
    limits = Limits(submission_cpu_s=300.0)
    with Sandbox.start(jobs=1, limits=limits, tier=request.param) as sandbox:
        return readable_files(sandbox.client(0), [ROOT, Path("/etc"), Path.home()])


@pytest.fixture(scope="module")
def allowed():
    members = [member for found in closure(DISTRIBUTIONS) for member in files_of(found)]
    packages = [str((above / name).resolve()) for above, name in members]
    stdlib = Path(sysconfig.get_path("stdlib")).resolve()
    return (*LIBRARIES, *SYSTEM, *packages, f"{stdlib}/", f"{Path(sys.base_prefix).resolve()}/lib/")


@pytest.mark.prove
def test_a_worker_reads_the_interpreter_its_packages_and_nothing_else(readable, allowed):
    image = {path for path in readable if "/image/lib" in path or path.startswith("/proc/self/fd/")}
    assert image
    assert {path for path in readable - image if not path.startswith(allowed)} == set()


@pytest.mark.prove
def test_a_worker_reads_no_file_of_this_repository(readable):
    ours = {path for path in readable if Path(path).is_relative_to(ROOT)}
    assert {path for path in ours if "site-packages" not in path} == set()
    assert {
        path for path in readable if Path(path).name in OURS and "/autograder/" in path
    } == set()


@pytest.mark.prove
def test_a_worker_reads_no_foreign_package_and_no_pth_file(readable):
    assert {path for path in readable if path.endswith(".pth")} == set()
    foreign = {path for path in readable if "-packages/pytest" in path or "-packages/pip/" in path}
    assert foreign == set()


@pytest.mark.prove
def test_a_worker_does_read_torch(readable):
    assert any(path.endswith("/torch/nn/functional.py") for path in readable)
