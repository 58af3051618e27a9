import shutil
from pathlib import Path

import pytest

from autograder.cli import main
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


@pytest.fixture(scope="session")
def _layers_handout(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("handouts")
    assert main(["-C", str(layers.COURSE), "release", "-o", str(folder)]) == 0
    return folder / "layers"


@pytest.fixture
def home(_layers_handout, tmp_path) -> Path:
    """Return the folder of a student of the layers course who writes in the module."""
    folder = Path(shutil.copytree(_layers_handout, tmp_path / "layers"))
    (folder / "layers.ipynb").unlink()
    return folder
