"""The image: which files a worker may read."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from autograder.errors import SandboxError
from autograder.sandbox.image import DISTRIBUTIONS, Image, Tree, closure, files_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=[False, True], ids=["by path", "by descriptor"])
def image(request):
    built = Image.build(by_descriptor=request.param)
    yield built
    built.close()


def installed(folder, name, files, record=None, requires=""):
    """Install a distribution by hand into `folder`."""
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
    if record is not None:
        (info / "RECORD").write_text("".join(f"{line},,\n" for line in record))
    return info


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def packages_of(image):
    return image.prefix / Path(image.packages).relative_to(image.home)


def test_the_image_of_a_killed_run_is_swept_away_and_a_living_one_is_not(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = Image.build(())
    code = "import os, signal; from autograder.sandbox.image import Image\n"
    code += "print(Image.build(()).folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False,
                            stdout=subprocess.PIPE, text=True).stdout.strip()  # fmt: skip
    others = [tmp_path / "gradlab-image-mine", tmp_path / "gradlab-image-of-cats"]
    for other in others:
        other.mkdir()
    (others[1] / "cat.jpg").touch()
    assert {Path(killed), living.folder} < set(tmp_path.iterdir())
    another = Image.build(())
    assert set(tmp_path.iterdir()) == {living.folder, another.folder, *others}
    for image in (living, another):
        image.close()
    assert set(tmp_path.iterdir()) == set(others)


@pytest.mark.parametrize("folder", ["/proc", "/nowhere"])
def test_temporary_files_that_cannot_be_written_are_one_line(monkeypatch, folder):
    monkeypatch.setattr(tempfile, "tempdir", folder)
    said = r"^/.*: expected room and leave to write, got '.*'. Make room there, or name another"
    with pytest.raises(SandboxError, match=said):
        Image.build(())


def test_torch_and_numpy_are_found_in_it(image):
    for name in DISTRIBUTIONS:
        assert (packages_of(image) / name / "__init__.py").is_file()


def test_the_standard_library_is_found_in_it(image):
    stdlib = packages_of(image).parent
    assert (stdlib / "os.py").is_file()
    assert (stdlib / "json" / "decoder.py").is_file()
    foreign = [path for path in stdlib.glob("*-packages") if path.is_symlink()]
    assert foreign == []


def test_our_own_code_is_a_copy_under_empty_packages(image):
    code = packages_of(image) / "autograder"
    assert sorted(path.name for path in code.iterdir()) == ["__init__.py", "sandbox", "worker"]
    assert sorted(path.name for path in (code / "sandbox").iterdir()) == ["__init__.py", "wire.py"]
    assert not any(path.is_symlink() for path in code.rglob("*"))
    assert {path.read_text() for path in code.rglob("__init__.py")} == {""}


def test_no_other_package_and_no_pth_file_is_in_it(image):
    names = {path.name for path in packages_of(image).iterdir()}
    assert "pytest" not in names
    assert "pip" not in names
    assert {name for name in names if name.endswith(".pth") or "editable" in name} == set()


def test_the_trees_leave_out_what_others_installed(image):
    site = Path(sysconfig.get_path("purelib")).resolve()
    stdlib = Path(sysconfig.get_path("stdlib")).resolve()
    for tree in image.trees:
        assert tree.path != site
        if (stdlib / "site-packages").is_relative_to(tree.path):
            assert stdlib / "site-packages" in tree.holes


def test_other_users_can_read_it_whatever_our_umask():
    before = os.umask(0o077)
    try:
        image = Image.build(())
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in image.prefix.rglob("*.py")}
    image.close()
    assert {mode & 0o044 for mode in modes} == {0o044}


def test_closing_deletes_it(image):
    image.close()
    assert not image.folder.exists()
    assert image.descriptors == {}


def test_a_tree_has_holes_where_packages_are(tmp_path):
    (tmp_path / "python3.11" / "site-packages").mkdir(parents=True)
    (tmp_path / "dist-packages").mkdir()
    holes = (tmp_path / "dist-packages", tmp_path / "python3.11" / "site-packages")
    assert Tree.of(tmp_path) == Tree(tmp_path, holes)


def test_what_a_distribution_needs_comes_along(site):
    needs = 'Requires-Dist: low_er>=1\nRequires-Dist: absent; sys_platform == "win32"\n'
    installed(site, "upper", ["upper/__init__.py"], ["upper/__init__.py"], needs)
    installed(site, "low-er", ["lower.py"], ["lower.py"])
    assert [found.name for found in closure(["upper"])] == ["upper", "low-er"]


def test_extras_stay_out(site):
    needs = 'Requires-Dist: numpy; extra == "all"\n'
    installed(site, "upper", ["upper/__init__.py"], ["upper/__init__.py"], needs)
    assert [found.name for found in closure(["upper"])] == ["upper"]


def test_a_distribution_that_is_not_installed_is_named():
    with pytest.raises(SandboxError, match="nowhere: expected an installed distribution, got none"):
        closure(["nowhere"])


def test_only_a_distribution_s_own_entries_come_in(site):
    files = ["mine/a.py", "mine.pth", "__editable__.mine.pth", "__editable___mine_finder.py"]
    files += ["__pycache__/mine.cpython-311.pyc", "__pycache__/other.cpython-311.pyc", "other.py"]
    record = [*files[:5], "../../../bin/mine", "/etc/mine", "gone.py"]
    installed(site, "mine", files, record)
    found = {name for _, name in files_of(importlib.metadata.distribution("mine"))}
    assert found == {"mine", "__pycache__/mine.cpython-311.pyc"}


def test_without_a_record_the_top_level_names_count(site):
    info = installed(site, "old", ["old/__init__.py", "older.py", "other.py"])
    (info / "top_level.txt").write_text("old\nolder\n")
    found = {name for _, name in files_of(importlib.metadata.distribution("old"))}
    assert found == {"old", "older.py"}


def test_without_any_list_of_files_a_distribution_is_refused(site):
    installed(site, "vague", ["vague.py"])
    with pytest.raises(SandboxError, match=r"vague: expected a list of its files \(RECORD\)"):
        list(files_of(importlib.metadata.distribution("vague")))
