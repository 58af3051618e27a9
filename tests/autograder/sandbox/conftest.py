import pytest

from autograder.sandbox import tiers
from autograder.sandbox.client import Sandbox
from tests.autograder.sandbox.students import QUICK


@pytest.fixture(params=tiers.TIERS, scope="session")
def sandbox(request):
    """Return a sandbox of each tier that this machine has, for two graders."""
    if fault := tiers.attempt(request.param).fault:
        pytest.skip(f"tier {request.param}: {fault}")
    with Sandbox.start(jobs=2, limits=QUICK, tier=request.param) as started:
        yield started
