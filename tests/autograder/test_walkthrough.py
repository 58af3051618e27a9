"""A first day: nothing but the release's zip, an empty folder and a fresh environment.

Captures of the terminal go to build/captures/, for people to read. The environment borrows the
packages that are installed here (torch alone is a gigabyte); the tool itself comes from the zip.
"""

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from autograder import config
from autograder.release import release_zips
from tests.autograder.layers import ROOT

pytestmark = pytest.mark.prove

CAPTURES = ROOT / "build" / "captures"
STUB = 'raise NotImplementedError("softmax: write this function")'
WRONG = "e = (z - z.amax(dim, keepdim=True)).exp()\n    return e / e.sum()"
RIGHT = "e = (z - z.amax(dim, keepdim=True)).exp()\n    return e / e.sum(dim, keepdim=True)"


class Terminal:
    """A student's terminal: what is typed and what is shown is kept."""

    def __init__(self, folder: Path, environment: Path) -> None:
        self.folder = folder
        self._shown: list[str] = []
        path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._variables = {**kept, "PATH": path, "NO_COLOR": "1", "PIP_NO_INPUT": "1"}

    def type(self, command: str, code: int = 0) -> str:
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=self._variables, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )  # fmt: skip
        self._shown.append(f"$ {command}\n{done.stdout}")
        assert done.returncode == code, "".join(self._shown)
        return done.stdout

    def keep(self, name: str) -> None:
        CAPTURES.mkdir(parents=True, exist_ok=True)
        (CAPTURES / f"{name}.txt").write_text("\n".join(self._shown))
        self._shown.clear()


@pytest.fixture(scope="module")
def downloads(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("downloads")
    release_zips(config.load(ROOT), ["losses"], folder)
    return folder / "losses.zip"


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """Return a fresh virtual environment that sees this one's packages, but not this tool."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file is searched; what editable installs left there is not followed.
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder


@pytest.fixture(scope="module")
def terminal(downloads, environment, tmp_path_factory) -> Terminal:
    folder = tmp_path_factory.mktemp("work")
    with zipfile.ZipFile(downloads) as archive:
        archive.extractall(folder)
    made = Terminal(folder / "losses", environment)
    made.type("pip install --quiet --no-index --no-deps --force-reinstall ./gradlab-*.whl")
    made.keep("1-install")
    return made


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_the_tool_comes_from_the_zip(terminal, environment):
    where = terminal.type('python -c "import autograder; print(autograder.__file__)"')
    assert Path(where.strip()).is_relative_to(environment)


def test_the_requirements_need_nothing_that_is_here_already(terminal):
    said = terminal.type("pip install --dry-run -r requirements.txt")
    would = re.search(r"^Would install (.*)$", said, re.MULTILINE)
    assert not re.search(r"\b(torch|nvidia)", would[1] if would else "")
    assert re.search(r"Requirement already satisfied: torch>=2\.6", said)


def test_a_day_from_start_to_pack(terminal):
    assert "losses/losses.py" in terminal.type("gradlab start losses")
    module = terminal.folder / "losses" / "losses.py"
    said = terminal.type("gradlab check losses", code=1)
    assert "losses.py: 0 of 13 exercises pass their public tests." in said
    assert said.count("not written yet") == 13
    terminal.keep("2-start")

    edit(module, STUB, WRONG)
    said = terminal.type("gradlab check losses -k softmax", code=1)
    assert "result: p[1, 3]: expected 0.896245, got 0.156252" in said
    assert "input: softmax(float64 of shape (3, 4), dim=0)" in said
    assert "hint: All results together sum to 1" in said
    assert said.count("hint: ") == 1
    assert terminal.type("gradlab check losses -k softmax --hint", code=1).count("hint: ") == 2
    terminal.keep("3-wrong")

    edit(module, WRONG, RIGHT)
    said = terminal.type("gradlab check losses -k softmax")
    assert "losses.py: 1 of 1 exercise passes its public tests." in said
    assert "Hidden tests also vary the shape (1 to 3 axes" in said
    assert "3 passed" in terminal.type("python -m pytest -q losses/test_losses.py::TestSoftmax")
    terminal.keep("4-right")

    said = terminal.type("gradlab pack losses")
    assert said.startswith("losses.zip: 2 files, ")
    assert "losses.py (graded)" in said
    assert "losses.py: 1 of 1 written pass the public tests." in said
    with zipfile.ZipFile(terminal.folder / "losses.zip") as packed:
        assert packed.read("losses.py") == module.read_bytes()
    terminal.keep("5-pack")
