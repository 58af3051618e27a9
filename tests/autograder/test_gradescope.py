"""Gradescope: autograder.zip, run as root where Gradescope's container would run it."""

import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autograder import config, gradescope
from autograder.errors import ConfigError
from autograder.models import Schedule
from autograder.release import autograder_zip, build_wheel
from tests.autograder.layers import ENVIRONMENT, ROOT
from tests.autograder.sandbox.test_tiers import DOCKER
from tests.autograder.test_release import WHEEL

CASES = ROOT / "tests" / "submissions"
COURSE = config.load(ROOT)

# A container without Docker: our own mounts, so that nothing but /autograder is seen to change.
CONTAINER = """
set -e
mount --bind "$1" /autograder
if [ "$2" != "$3" ]; then mount --bind "$2" "$3"; fi
cd /autograder
exec setpriv --bounding-set="$4" env -i PATH=/usr/bin:/bin HOME=/root \\
  /autograder/source/run_autograder
"""


def unpacked(data: bytes, folder: Path) -> Path:
    """Lay a zip out as Gradescope does."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            path = Path(archive.extract(info, folder / "source"))
            path.chmod(info.external_attr >> 16 & 0o777)
    (folder / "results").mkdir()
    return folder


# --- the zip ----------------------------------------------------------------------------------


def test_it_is_laid_out_as_otter_grader_s(tmp_path):
    home = unpacked(autograder_zip(COURSE, "tp1", WHEEL), tmp_path)
    names = {path.name for path in (home / "source").iterdir()}
    assert names == {
        "run_autograder", "run_otter.py", "setup.sh", "otter_config.json", "tests", "files",
    }  # fmt: skip
    for name in ("run_autograder", "setup.sh"):
        assert os.access(home / "source" / name, os.X_OK)
        checked = subprocess.run(["bash", "-n", str(home / "source" / name)], check=False)
        assert checked.returncode == 0
    settings = json.loads((home / "source" / "otter_config.json").read_text())
    assert settings["assignment_name"] == "tp1"
    assert settings["points_possible"] == 4.0
    assert (home / "source" / "tests" / "softmax.py").is_file()
    assert (home / "source" / "files" / WHEEL[0]).read_bytes() == WHEEL[1]
    course = config.load(home / "source" / "files")
    assert course.assignments["tp1"] == COURSE.assignments["tp1"]


def test_it_is_the_same_bytes_every_time_and_its_seed_follows_from_the_tests(tmp_path):
    first = autograder_zip(COURSE, "tp1", WHEEL)
    assert autograder_zip(COURSE, "tp1", WHEEL) == first
    seeds = set()
    for name in ("tp1", "losses"):
        home = unpacked(autograder_zip(COURSE, name, WHEEL), tmp_path / name)
        seeds.add(json.loads((home / "source" / "otter_config.json").read_text())["seed"])
    assert len(seeds) == 2


# --- what Gradescope says ---------------------------------------------------------------------


def test_microseconds_are_left_out_of_a_time():
    assert gradescope._whole_seconds("2026-02-09T18:22:32.365935-07:00") == (
        "2026-02-09T18:22:32-07:00"
    )
    assert gradescope._whole_seconds(None) is None


END = datetime(2026, 2, 9, 18, 30, tzinfo=UTC)
ASSIGNMENT = dataclasses.replace(
    COURSE.assignments["tp1"], schedule=Schedule(class_end=END, due=None, closes=None)
)


def earlier(minutes=-5, *, differs=True, **more):
    when = (END + ASSIGNMENT.rules.grace + timedelta(minutes=minutes)).isoformat()
    results = {"extra_data": {"gradlab": {"differs_from_stub": differs}}}
    return {"submission_time": when, "results": results, **more}


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (earlier(), True),
        (earlier(0), True),
        (earlier(5), False),
        (earlier(differs=False), False),
        (earlier(results=None), False),
        (earlier(results={"score": 1}), False),
        (earlier(submission_time="yesterday"), False),
        ({}, False),
    ],
)
def test_an_earlier_submission_counts_if_it_was_work_in_time(one, counts):
    assert gradescope._was_work_in_time(one, ASSIGNMENT) is counts


@pytest.mark.parametrize("text", ["{", "[]"])
def test_damaged_files_of_the_autograder_are_named(tmp_path, text):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "otter_config.json").write_text(text)
    with pytest.raises(ConfigError, match=r"otter_config.json: expected .*, got "):
        gradescope.grade(tmp_path)


# --- end to end -------------------------------------------------------------------------------


def can_unshare() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        return False
    return subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0


@pytest.fixture(scope="module")
def autograder(tmp_path_factory):
    """Return the unpacked zip, with this environment where setup.sh would make one."""
    if not can_unshare():
        pytest.skip("mount namespaces need root, unshare and setpriv")
    home = unpacked(autograder_zip(COURSE, "tp1", build_wheel()), tmp_path_factory.mktemp("home"))
    (home / "venv").symlink_to(sys.prefix)
    return home


@pytest.fixture
def run(autograder, tmp_path):
    """Return what grades a submission as Gradescope does: the exit code, results, what is said."""

    def graded(files: dict[str, bytes], **metadata):
        home = tmp_path / "autograder"
        shutil.copytree(autograder, home, symlinks=True)
        for name, data in files.items():
            (home / "submission" / name).parent.mkdir(parents=True, exist_ok=True)
            (home / "submission" / name).write_bytes(data)
        (home / "submission_metadata.json").write_text(
            json.dumps({"created_at": "2026-02-09T18:00:00.5+01:00", **metadata})
        )
        where = [sys.executable, "-I", "-c", "import autograder as a; print(a.__path__[0])"]
        installed = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
        made = not Path("/autograder").exists()
        Path("/autograder").mkdir(exist_ok=True)
        try:
            done = subprocess.run(
                ["unshare", "-m", "--propagation", "private", "bash", "-c", CONTAINER, "bash",
                 str(home), str(ROOT / "autograder"), installed, DOCKER],
                env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
        finally:
            if made:
                Path("/autograder").rmdir()
        path = home / "results" / "results.json"
        found = json.loads(path.read_text()) if path.exists() else None
        return done.returncode, found, done.stdout + done.stderr

    return graded


def case(name: str) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in (CASES / name).iterdir()
        if path.suffix in {".py", ".ipynb", ".zip"}
    }


TEST_KEYS = {"number", "name", "name_format", "score", "max_score", "status", "output",
             "output_format", "visibility", "tags", "extra_data"}  # fmt: skip


def assert_is_gradescope_s(found):
    """Check the format, as Gradescope's documentation has it."""
    assert set(found) <= {
        "score", "output", "output_format", "test_output_format", "test_name_format",
        "visibility", "stdout_visibility", "tests", "extra_data", "execution_time", "leaderboard",
    }  # fmt: skip
    assert isinstance(found["score"], int | float)
    assert "leaderboard" not in found
    assert found["visibility"] == "visible"
    for test in found["tests"]:
        assert set(test) == TEST_KEYS
        assert test["status"] in {"passed", "failed"}
        assert test["visibility"] == "visible"  # one hidden test hides the total, too
        assert 0 <= test["score"] <= test["max_score"]
    # Root has in it what Docker leaves it, so that there are no namespaces to be had.
    assert "Your code ran in a sandbox (tier C)." in found["output"]


@pytest.mark.prove
def test_a_right_submission_has_all_points(run):
    code, found, said = run(case("perfect-module"))
    assert code == 0, said
    assert_is_gradescope_s(found)
    assert found["score"] == 4
    assert len(found["tests"]) == 8
    assert {test["status"] for test in found["tests"]} == {"passed"}
    assert re.search(r"graded attempt \(.*\): tp1.py$", found["output"], re.MULTILINE)


@pytest.mark.prove
def test_a_wrong_submission_reads_what_is_wrong_and_no_hidden_number(run):
    code, found, said = run(case("diagonal-only"))
    assert code == 0, said
    assert_is_gradescope_s(found)
    assert 0 < found["score"] < 4
    (wrong,) = [one for one in found["tests"] if one["name"] == "softmax_backward"]
    assert wrong["status"] == "failed"
    assert "hint: " in wrong["output"]
    whole = json.dumps(found)
    assert "hidden/" not in whole
    assert "Traceback" not in whole


@pytest.mark.prove
def test_an_unreadable_submission_says_why(run):
    code, found, said = run(case("binary-garbage"))
    assert code == 0, said
    assert_is_gradescope_s(found)
    assert found["score"] == 0
    assert "mlp.py: expected Python source, got binary data" in found["output"]
    assert found["tests"] == []


HOSTILE = b"""
import os, sys
for path in ("/autograder/results/results.json", "/autograder/results/mine.json"):
    try:
        open(path, "w").write('{"score": 4}')
    except OSError:
        pass
for root in ("/autograder/source/files", "/autograder"):
    try:
        print(os.listdir(root))
    except OSError:
        pass
try:
    secret = open("/autograder/source/files/reference/losses/solution.py").read()
    print("SECRET", secret[:80])
except OSError:
    secret = ""

def softmax(z, dim=-1):
    raise ValueError(secret[:200] or "nothing found")

def softmax_backward(grad_p, p):
    os.kill(os.getppid(), 9)
    os._exit(0)

class Liar:
    def __eq__(self, other): return True
    def __reduce__(self): return (os.system, ("echo owned > /autograder/results/owned",))

def cross_entropy(logits, target, reduction="mean"):
    return Liar()
"""


@pytest.mark.prove
def test_a_hostile_submission_gets_nothing_and_reads_nothing(run, tmp_path):
    code, found, said = run({"losses.py": HOSTILE, "../results/results.json": b'{"score": 4}'})
    assert code == 0, said
    assert_is_gradescope_s(found)
    assert found["score"] == 0
    assert "SECRET" not in json.dumps(found) + said
    assert "END SOLUTION" not in json.dumps(found)
    left = {path.name for path in (tmp_path / "autograder" / "results").iterdir()}
    assert left == {"results.json"}


@pytest.mark.prove
def test_an_earlier_submission_in_time_lifts_the_cap_of_the_class(run):
    late = "2026-02-10T12:00:00+01:00"
    _, capped, _ = run(case("perfect-module"), created_at=late)
    assert capped["score"] == 1


@pytest.mark.prove
def test_after_work_in_time_a_later_submission_counts_in_full(run):
    before = {
        "submission_time": "2026-02-09T18:10:00.1+01:00",
        "results": {"extra_data": {"gradlab": {"differs_from_stub": True}}},
    }
    late = "2026-02-10T12:00:00+01:00"
    _, found, said = run(case("perfect-module"), created_at=late, previous_submissions=[before])
    assert found is not None, said
    assert found["score"] == 4


@pytest.mark.prove
def test_a_fault_of_the_grader_writes_no_results(run, autograder, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(autograder, broken, symlinks=True)
    hidden = broken / "source" / "files" / "tests" / "hidden" / "test_losses.py"
    hidden.write_text("def broken(:\n")
    shutil.copytree(CASES / "perfect-module", broken / "submission")
    assert gradescope.main(broken) != 0
    assert not (broken / "results" / "results.json").exists()
