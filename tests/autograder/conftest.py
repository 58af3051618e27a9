import pytest

from tests.autograder import arcs, layers


@pytest.fixture(scope="session", autouse=True)
def _children_are_measured():
    """Let `make coverage` see into jails."""
    with arcs.measured():
        yield


@pytest.fixture(scope="session")
def graded(tmp_path_factory) -> layers.Desk:
    """Return the class of the layers course, graded; to be read only."""
    desk = layers.desk(tmp_path_factory.mktemp("layers"))
    desk.grade("--jobs", "2")
    return desk
