"""A disk that is full, read-only or gone: one line, what was done is kept, and it goes on later."""

import random
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.autograder.layers import COMMAND, ENVIRONMENT, Desk, gradlab
from tests.crash.elsewhere import elsewhere
from tests.crash.test_kills import SEED, hidden

pytestmark = pytest.mark.prove

FULL = "expected room and leave to write, got 'No space left on device'"


@pytest.fixture
def place():
    with elsewhere() as made:
        yield made


def the_line(done) -> str:
    """Return the one line that a command complains in; progress stands before it."""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if "expected" in line or "Mend" in line]
    assert len(lines) == 1, done.stderr
    return done.stderr.splitlines()[-1]


def check_whole(desk: Desk, right: dict) -> int:
    """Check that every file is as it would be in peace; return how many there are."""
    found = desk.files()
    for name, one in found.items():
        if name.startswith("private/"):  # of all attempts; some may not be examined yet
            assert one["attempts"].items() <= right[name]["attempts"].items()
        else:
            assert one == right[name], name
    assert hidden(desk) in ([], [".lock"])
    return len(found)


@pytest.mark.parametrize("what", ["size", "nr_inodes"])
def test_a_disk_that_fills_up_again_and_again_loses_nothing(place, few, few_graded, tmp_path, what):
    desk = few.copy(tmp_path)
    right = few_graded.files()
    most = {"size": 1_700_000, "nr_inodes": 420}[what]
    sizes = sorted(random.Random(SEED).sample(range(most // 20, most), 4))
    desk.out.mkdir()
    place.mount(desk.out, f"{what}={sizes[0]}")
    known = 0
    for size in sizes:
        place.run("mount", "-o", f"remount,{what}={size}", str(desk.out))
        done = place.gradlab(*desk.grading("--jobs", "2"), code=None)
        if done.returncode == 0:
            break
        said = f"CRASH_SEED={SEED}, {what} {size}"
        assert done.returncode == 2, said + done.stderr
        assert FULL in the_line(done), said
        assert known <= check_whole(place.seen(desk), right), said
        known = len(place.seen(desk).files())
    assert known
    place.run("mount", "-o", f"remount,{what}={most * 4}", str(desk.out))
    place.gradlab(*desk.grading("--jobs", "2"))
    assert place.seen(desk).files() == right


def filled(place, desk: Desk, room: int) -> None:
    """Put the graded OUT on a disk of its own, with so many bytes left."""
    kept = desk.folder / "kept"
    desk.out.rename(kept)
    desk.out.mkdir()
    place.mount(desk.out, "size=8m")
    place.run("cp", "-a", f"{kept}/.", str(desk.out))
    place.run("sh", "-c", 'dd if=/dev/zero of="$1/filler" 2>/dev/null; true', "sh", str(desk.out))
    place.run("truncate", "-s", f"-{room}", f"{desk.out}/filler")


def test_grades_csv_that_finds_no_room_stays_as_it_was(place, few, few_graded, tmp_path):
    desk = few_graded.copy(tmp_path)
    long = few_graded.grades()
    # Results are written one by one and find room; the table of all of them does not.
    filled(place, desk, 2 * 4096)
    before = (place.seen(desk).out / "grades.csv").read_bytes()
    done = place.gradlab(*desk.grading(), code=2)
    assert FULL in the_line(done)
    assert (place.seen(desk).out / "grades.csv").read_bytes() == before
    place.run("rm", f"{desk.out}/filler")
    place.gradlab(*desk.grading())
    assert place.seen(desk).files() == few_graded.files()
    assert place.seen(desk).grades().keys() == long.keys()


def test_other_commands_on_a_full_disk_are_one_line_too(place, few_graded, tmp_path):
    desk = few_graded.copy(tmp_path)
    desk.write("student-000", "x = 1\n", "another.py")
    filled(place, desk, 0)
    deciding = ["student-000", "--kind", "override", "--value", "3", "--why", "viva", "--by", "sam"]
    done = place.gradlab(*desk.arguments("adjust", *deciding), code=2)
    assert FULL in the_line(done)
    assert "Nothing was written." in done.stderr
    done = place.gradlab(*desk.arguments("collect", str(desk.source)), code=2)
    assert FULL in the_line(done)
    place.gradlab(*desk.arguments("explain", "student-000"))  # which only reads
    place.run("rm", f"{desk.out}/filler")
    place.gradlab(*desk.arguments("adjust", *deciding))
    place.gradlab(*desk.arguments("collect", str(desk.source)))
    place.gradlab(*desk.grading())
    assert place.seen(desk).grades()["student-000"]["score"] == "3"


def test_no_room_for_temporary_files_is_a_fault_of_the_grader(place, few, tmp_path):
    desk = few.copy(tmp_path / "desk")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    place.mount(temporary, "size=32k")  # enough to look usable
    done = place.gradlab(*desk.grading(), code=3, TMPDIR=str(temporary))
    assert "expected room and leave to write, got 'No space" in the_line(done)
    assert "TMPDIR" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("fault", ["EDQUOT", "EIO"])
def test_a_quota_or_a_broken_disk_is_one_line(few_graded, tmp_path, fault):
    """A kernel that answers a write so is hard to come by: strace answers instead of it."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    desk = few_graded.copy(tmp_path)
    before = desk.files()
    ledger = desk.out / "ledger.jsonl"
    said = {"EDQUOT": "Disk quota exceeded", "EIO": "Input/output error"}[fault]
    deciding = ["student-000", "--kind", "excuse", "--why", "ill", "--by", "sam"]
    for call in ("write", "fsync"):
        done = subprocess.run(
            [
                *("strace", "-qqq", "-o", "/dev/null", "-P", str(ledger), "-e", f"trace={call}"),
                *("-e", f"inject={call}:error={fault}", *COMMAND),
                *desk.arguments("adjust", *deciding),
            ],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert f"got {said!r}. Nothing was written. Mend that, then decide again." in (
            the_line(done)
        )
        assert ledger.read_bytes() == b""
        ledger.unlink()
    assert desk.files() == before


# --- read-only, or not ours -------------------------------------------------------------------


def test_a_read_only_out_is_one_line_and_can_be_read(place, few_graded, tmp_path):
    desk = few_graded.copy(tmp_path)
    place.run("mount", "--bind", str(desk.out), str(desk.out))
    place.run("mount", "-o", "remount,ro,bind", str(desk.out))
    deciding = ["student-000", "--kind", "excuse", "--why", "ill", "--by", "sam"]
    for command in (
        desk.grading(),
        desk.arguments("collect", str(desk.source)),
        desk.arguments("adjust", *deciding),
    ):
        line = the_line(place.gradlab(*command, code=2))
        assert "expected room and leave to write, got 'Read-only file system'" in line
    assert place.gradlab(*desk.arguments("explain", "student-000")).stdout
    assert desk.files() == few_graded.files()


@pytest.fixture
def open_folder():
    """Return a folder that everybody can reach; pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_an_ordinary_user_is_told_what_may_not_be_read_or_written(place, few, open_folder):
    desk = few.copy(open_folder)
    open_folder.chmod(0o755)  # as `few` is not
    place.let_nobody_in()
    desk.config.chmod(0)
    line = the_line(place.gradlab(*desk.grading(), code=2, nobody=True))
    assert line == f"{desk.config}: expected a readable file, got: Permission denied."
    desk.config.chmod(0o644)
    line = the_line(place.gradlab(*desk.grading(), code=2, nobody=True))
    assert f"{desk.out}/.lock: expected room and leave to write, got 'Permission denied'" in line
    desk.out.mkdir()
    desk.out.chmod(0o777)
    (desk.source / "student-000").chmod(0)
    next((desk.source / "student-001").rglob("*.py")).chmod(0)
    collected = place.gradlab(*desk.arguments("collect", str(desk.source)), nobody=True)
    said = " ".join(collected.stdout.split())
    why = "expected a file or folder that the grader can read, got 'Permission denied'"
    assert f"student-000: {why}" in said
    assert f"layers.py: {why}" in said
    desk.source.chmod(0)
    done = place.gradlab(*desk.grading(), code=2, nobody=True)
    assert len(done.stderr.splitlines()) == 1
    assert f"Path '{desk.source}' is not readable." in done.stderr


# --- a SOURCE that is no folder, or no longer --------------------------------------------------


def test_a_loop_of_links_is_no_source(few, tmp_path):
    desk = few.copy(tmp_path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    done = gradlab(*desk.arguments("collect", str(loop)))
    assert done.returncode == 2
    assert "expected a folder or a zip archive" in the_line(done)
    shutil.rmtree(desk.source / "student-000")
    (desk.source / "student-000").mkdir()
    (desk.source / "student-000" / "round").symlink_to(desk.source)
    done = gradlab(*desk.arguments("collect", str(desk.source)))
    assert done.returncode == 0
    assert "student-000/round: a link or a device" in done.stdout


def test_a_source_that_vanishes_while_it_is_read_is_one_line_and_nothing_is_recorded(
    few, few_graded, tmp_path
):
    desk = few.copy(tmp_path)
    away = tmp_path / "away"
    moments = random.Random(SEED)
    for _ in range(3):
        point = moments.randrange(1, 35)

        def take_away(point=point):
            while len(list(desk.out.glob("submissions/blobs/*"))) < point:
                time.sleep(0.001)
            desk.source.rename(away)

        thief = threading.Thread(target=take_away)
        thief.start()
        done = gradlab(*desk.grading("--jobs", "2"))
        thief.join()
        assert done.returncode == 2, (SEED, point, done.stderr)
        assert "expected SOURCE to stay as it is while it is read" in the_line(done)
        assert not (desk.out / "submissions" / "layers").exists()
        away.rename(desk.source)
        shutil.rmtree(desk.out)
    desk.grade("--jobs", "2")
    assert desk.files() == few_graded.files()
