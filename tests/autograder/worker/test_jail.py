"""How a jail is described and built; what it holds back is shown by tests/autograder/sandbox."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.worker import landlock, namespaces
from autograder.worker.jail import around
from tests.autograder import arcs

ROOT = Path(__file__).parents[3]
needs_landlock = pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")


def in_child(script, *arguments):
    """Run a script in a process of its own, since there is no way out of a jail."""
    command = [sys.executable, "-c", arcs.boot() + script, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def tree(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def test_a_tree_without_holes_is_one_path(tmp_path):
    assert list(around(tmp_path, [])) == [str(tmp_path)]


def test_holes_are_left_out_and_all_else_is_there(tmp_path):
    tree(tmp_path, "a/x.py", "python3/site-packages/y.py", "python3/os.py")
    found = list(around(tmp_path, [str(tmp_path / "python3" / "site-packages")]))
    assert sorted(found) == [str(tmp_path / "a"), str(tmp_path / "python3" / "os.py")]


def test_links_beside_a_hole_are_not_followed(tmp_path):
    tree(tmp_path, "hole/x.py", "a.py")
    (tmp_path / "link").symlink_to("/etc")
    assert list(around(tmp_path, [str(tmp_path / "hole")])) == [str(tmp_path / "a.py")]


RESTRICT = """
import sys
from autograder.worker import landlock
from autograder.worker.jail import no_new_privileges
folder = sys.argv[1]
no_new_privileges()
landlock.restrict(read=[f"{folder}/read"], scratch=[f"{folder}/write"], devices=["/dev/null"])
def attempt(what, mode):
    try:
        open(what, mode).close()
        print("yes")
    except OSError:
        print("no")
attempt(f"{folder}/read/a.py", "r")
attempt(f"{folder}/read/a.py", "a")
attempt(f"{folder}/read/new.py", "w")
attempt(f"{folder}/other/a.py", "r")
attempt(f"{folder}/write/new.py", "w")
attempt("/dev/null", "w")
attempt("/etc/passwd", "r")
"""


@needs_landlock
def test_landlock_leaves_what_is_named(tmp_path):
    tree(tmp_path, "read/a.py", "other/a.py", "write/a.py")
    assert in_child(RESTRICT, tmp_path) == ["yes", "no", "no", "no", "yes", "yes", "no"]


@needs_landlock
def test_landlock_needs_paths_that_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        landlock.restrict(read=[str(tmp_path / "nowhere")])


SEAL = """
import os
from autograder.worker.jail import seal
seal(changes_files=False)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["CapEff"].strip(), status["CapPrm"].strip(), status["NoNewPrivs"].strip())
print(status["Seccomp"].strip())
try:
    os.fork()
except PermissionError:
    print("alone")
"""


def test_sealing_takes_capabilities_and_system_calls():
    assert in_child(SEAL) == ["0000000000000000", "0000000000000000", "1", "2", "alone"]


WITHOUT_LANDLOCK = """
from autograder.worker import landlock
from autograder.worker.jail import seal
seal(changes_files=False)
print(landlock.abi())
"""


def test_a_kernel_that_refuses_landlock_has_none():
    assert in_child(WITHOUT_LANDLOCK) == ["0"]


def test_a_mount_that_is_refused_is_named():
    with pytest.raises(OSError, match=r"mount: .* \(proc on /nowhere/at/all\)"):
        namespaces._mount("proc", "/nowhere/at/all", "proc", 0)
    with pytest.raises(OSError, match=r"mount: .* \(bind on /nowhere/at/all\)"):
        namespaces._mount("/nowhere", "/nowhere/at/all", None, 4096)
