"""What leaves the house: the tool and the handouts, no solution, no mistake, no hidden test."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from autograder import leaks

COURSE = Path(__file__).parents[2]
MASTERS = sorted(COURSE.glob("reference/*/solution.py"))
TOPICS = [path.parent.name for path in MASTERS]


def python(*arguments: str, **options) -> str:
    """Run this Python; return what it printed."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(kind: str, folder: Path) -> Path:
    python("-m", "hatchling", "build", "-t", kind, "-d", str(folder), cwd=COURSE)
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return build("sdist", tmp_path_factory.mktemp("sdist"))


def read(archive: Path) -> dict[str, str]:
    """Return the text of each file in a wheel or a source distribution."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name).decode() for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        files = {member.name: sdist.extractfile(member) for member in sdist if member.isfile()}
        return {
            name.partition("/")[2]: file.read().decode()
            for name, file in files.items()
            if file is not None
        }


SECRETS = leaks.secrets_of(COURSE)


def test_a_wheel_holds_the_tool_and_the_handouts_only(wheel):
    names = read(wheel).keys()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not re.fullmatch(r"gradlab-[^/]+\.dist-info", top)} == {
        "autograder"
    }
    handouts = {name.split("/")[2] for name in names if name.startswith("autograder/assignments/")}
    assert handouts == set(TOPICS)


def test_a_wheel_holds_what_is_no_python(wheel):
    names = read(wheel).keys()
    for folder, suffixes in (("report/templates", {".html", ".css"}), ("workflows", {".yml"})):
        ours = [
            path for path in (COURSE / "autograder" / folder).iterdir() if path.suffix in suffixes
        ]
        assert len(ours) > 3
        assert {f"autograder/{folder}/{path.name}" for path in ours} <= names


@pytest.mark.parametrize("topic", TOPICS)
def test_a_wheel_holds_each_handout_as_the_repository_does(wheel, topic):
    prefix = f"autograder/assignments/{topic}/"
    found = {
        name.removeprefix(prefix): text
        for name, text in read(wheel).items()
        if name.startswith(prefix)
    }
    assert {f"{topic}.py", f"{topic}.ipynb", f"{topic}.json", f"test_{topic}.py"} <= found.keys()
    for name, text in found.items():
        assert (COURSE / "assignments" / topic / name).read_text(encoding="utf-8") == text
    assert ("support.py" in found) == (COURSE / "reference" / topic / "support.py").exists()


def test_a_source_distribution_holds_no_folder_of_the_teacher(sdist):
    tops = {name.split("/")[0] for name in read(sdist)}
    assert tops - {".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"} == {
        "autograder",
        "assignments",
    }


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
class TestNoSecretLeaves:
    def test_no_line_of_a_solution_a_mistake_or_a_hidden_test_is_in_a_handout(self, kind, request):
        files = read(request.getfixturevalue(kind)).items()
        handouts = {name: text.encode() for name, text in files if "assignments/" in name}
        assert len(handouts) > 5 * len(TOPICS)
        assert leaks.find(handouts, SECRETS) == []

    def test_no_two_lines_of_them_and_no_name_of_a_hidden_test_is_anywhere(self, kind, request):
        files = read(request.getfixturevalue(kind)).items()
        everything = {name: text.encode() for name, text in files}
        assert leaks.find(everything, SECRETS, tool=True) == []


SCRIPT = """
import sys
from pathlib import Path
import autograder, autograder.cli.student, autograder.checks.plugin
home = Path(autograder.__file__).parent
print(home)
print(*sorted(path.name for path in (home / "assignments").iterdir()))
print(*[name for name, module in sys.modules.items()
        if str(getattr(module, "__file__", None)).startswith(sys.argv[1])
        and "site-packages" not in module.__file__])
"""


@pytest.mark.prove
def test_an_installed_wheel_works_without_the_repository(wheel, tmp_path):
    target = tmp_path / "installed"
    options = ["--quiet", "--no-deps", "--no-index", "--target", str(target)]
    python("-m", "pip", "install", *options, str(wheel))
    environment = {**os.environ, "PYTHONPATH": str(target)}
    output = python("-c", SCRIPT, str(COURSE), cwd=tmp_path, env=environment)
    home, handouts, from_repository = output.split("\n")[:3]
    assert home == str(target / "autograder")
    assert handouts.split() == TOPICS
    assert from_repository == ""
