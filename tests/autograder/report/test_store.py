"""OUT: whole files or none, one grader at a time, nothing that stops a class."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.errors import ConfigError, GraderError
from autograder.models import (
    Account,
    Attempt,
    Grade,
    Isolation,
    RunRecord,
    RunStatus,
    Score,
    Status,
    Submission,
    TimeSource,
)
from autograder.report.json import Environment, feedback_document, result_document
from autograder.report.store import Store, _merged, write_atomically
from tests.autograder.report import sealing
from tests.autograder.report.test_json import exercise_result

ROOT = Path(__file__).parents[3]
NINE = datetime(2026, 2, 9, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "out")
    with made.lock():
        yield made


def attempt_of(store, text="x", at=None, source=TimeSource.UNKNOWN) -> Attempt:
    file = store.keep("losses.py", [text.encode()])
    return Attempt(files=(file,), sha256=file.sha256, submitted_at=at, time_source=source)


def submission(*attempts, student_id="ana", **changes) -> Submission:
    made = Submission(student_id=student_id, assignment="tp1", attempts=attempts, name="Ana")
    return replace(made, **changes)


def record(sha="a", **changes) -> RunRecord:
    made = RunRecord(attempt_sha256=sha * 64, run_sha256="run", status=RunStatus.GRADED)
    return replace(made, **changes)


def documents(handed_in, value=Fraction(13, 4)):
    zero = Fraction(0)
    score = Score(
        value=value,
        scale=Fraction(4),
        core=zero,
        starred=zero,
        raw=value,
        late_penalty=zero,
        caps=(),
        explanation="",
    )
    grade = Grade(
        student_id=handed_in.student_id,
        assignment=handed_in.assignment,
        status=Status.GRADED,
        score=score,
        best_attempt=0,
    )
    environment = Environment(
        isolation=Isolation(tier="A"),
        python="3.11",
        torch="2.13",
        device="cpu",
        seed=1,
        policy_sha256="c" * 64,
    )
    return (
        result_document(handed_in, grade, {}, environment, NINE),
        feedback_document(handed_in, grade, {}, NINE),
    )


def python(code, *arguments, **options) -> subprocess.Popen:
    """Run `code` in another process, with OUT as its first argument."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


# --- the lock ---

HOLD = """
    import sys, time
    from pathlib import Path
    from autograder.report.store import Store
    with Store(Path(sys.argv[1])).lock():
        print("held", flush=True)
        time.sleep(600)
"""


def test_a_second_grader_is_told_who_is_at_work_and_a_dead_one_is_not_in_the_way(tmp_path):
    with python(HOLD, tmp_path) as holder:
        assert holder.stdout.readline() == "held\n"
        expected = f"expected no other grader at work here, got process {holder.pid} on .* since 20"
        with pytest.raises(GraderError, match=expected), Store(tmp_path).lock():
            pass
        holder.kill()
    with Store(tmp_path).lock():
        assert str(os.getpid()) in (tmp_path / ".lock").read_text()


def test_a_machine_without_a_name_is_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "")
    with Store(tmp_path).lock():
        said = (tmp_path / ".lock").read_text()
    assert said.startswith(f"process {os.getpid()} on this machine since ")


def test_the_lock_is_free_after_use_and_after_a_fault(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(KeyError), store.lock():
        raise KeyError
    with store.lock():
        pass
    with Store(tmp_path).lock():
        pass


def test_reading_needs_no_lock_and_writing_does(tmp_path):
    store = Store(tmp_path)
    assert store.result("tp1", "ana") is None
    assert store.submissions("tp1") == []
    with pytest.raises(AssertionError, match="under its lock"):
        store.write_grades()
    with pytest.raises(AssertionError, match="under its lock"):
        store.keep("a.py", [b"x"])
    with store.lock(), pytest.raises(AssertionError, match="locked once"), store.lock():
        pass


def test_an_out_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "out").write_text("a file")
    expected = "expected a folder, got a file. Name another one: -o."
    with pytest.raises(GraderError, match=expected) as caught, Store(tmp_path / "out").lock():
        pass
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_system_without_locks_is_one_line(tmp_path):
    (tmp_path / ".lock").touch()
    opened = os.open(tmp_path / ".lock", os.O_RDONLY)  # which cannot be locked for writing
    try:
        with pytest.raises(GraderError, match="expected a file system with locks, got 'Bad file"):
            Store(tmp_path)._take(opened)
    finally:
        os.close(opened)


# --- whole or not at all ---

WRITE = """
    import sys
    from pathlib import Path
    from autograder.report.store import write_atomically
    path = Path(sys.argv[1])
    print("go", flush=True)
    while True:
        for letter in (b"a", b"b"):
            write_atomically(path, letter * 300_000)
"""


def test_a_writer_that_is_killed_leaves_the_old_or_the_new_file(tmp_path):
    path = tmp_path / "ana.json"
    path.write_bytes(b"a" * 300_000)
    for _ in range(5):
        with python(WRITE, path) as writer:
            writer.stdout.readline()
            for _ in range(20):  # read while it writes, too
                data = path.read_bytes()
                assert data in (b"a" * 300_000, b"b" * 300_000)
            writer.send_signal(signal.SIGKILL)
        assert path.read_bytes() in (b"a" * 300_000, b"b" * 300_000)


KEEP = """
    import sys, time
    from pathlib import Path
    from autograder.report.store import Store
    store = Store(Path(sys.argv[1]))
    def chunks():
        yield b"x" * 1_000_000
        print("half", flush=True)
        time.sleep(600)
    with store.lock():
        store.keep("losses.py", chunks())
"""


def test_a_collector_that_is_killed_leaves_no_half_blob(tmp_path):
    with python(KEEP, tmp_path) as collector:
        assert collector.stdout.readline() == "half\n"
        collector.kill()
    blobs = tmp_path / "submissions" / "blobs"
    assert [path.name for path in blobs.iterdir()] == [f".blob.{collector.pid}.tmp"]
    store = Store(tmp_path)
    with store.lock():
        assert list(blobs.iterdir()) == []
        file = store.keep("losses.py", [b"x" * 1_000_000])
    assert file.blob.stat().st_size == 1_000_000


def test_a_reader_that_fails_leaves_nothing(store):
    def chunks():
        yield b"x"
        raise KeyError

    with pytest.raises(KeyError):
        store.keep("losses.py", chunks())
    assert list((store.out / "submissions" / "blobs").iterdir()) == []


FULL = """
    import resource, sys
    from pathlib import Path
    from autograder.errors import GraderError
    from autograder.report.store import Store
    if sys.argv[2] == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    store = Store(Path(sys.argv[1]))
    with store.lock():
        store._write_bytes(store.out / "a.json", b"old")
        for write in (
            lambda: store._write_bytes(store.out / "a.json", b"x" * 200_000),
            lambda: store.keep("a.py", [b"x" * 40_000] * 5),
        ):
            try:
                write()
            except GraderError as error:
                print(error)
        assert (store.out / "a.json").read_bytes() == b"old"
        print(sorted(str(path.relative_to(store.out)) for path in store.out.rglob("*")))
"""


def said_when_full(process) -> list[str]:
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out.splitlines()


def test_a_file_too_large_for_its_limit_is_one_line_and_nothing_half_written(tmp_path):
    first, second, files = said_when_full(python(FULL, tmp_path, "limit"))
    assert "a.json: expected room and leave to write, got 'File too large'. Mend that" in first
    assert "blob: expected room and leave to write, got 'File too large'." in second
    assert files == "['.lock', 'a.json', 'submissions', 'submissions/blobs']"


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    command = [unshare or "false", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_full_disk_is_one_line_and_nothing_half_written(tmp_path):
    if not can_mount():
        pytest.skip("cannot mount a small disk here")
    mount = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -c "$3" "$1" disk'
    code = textwrap.dedent(FULL)
    command = ["unshare", "-m", "sh", "-c", mount, "sh", str(tmp_path), sys.executable, code]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    first, second, files = said_when_full(process)
    assert "a.json: expected room and leave to write, got 'No space left on device'." in first
    assert "No space left on device" in second
    assert files == "['.lock', 'a.json', 'submissions', 'submissions/blobs']"


def test_a_new_file_has_the_usual_rights(tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    write_atomically(tmp_path / "new" / "a.json", b"x")
    assert (tmp_path / "new" / "a.json").stat().st_mode == usual.stat().st_mode


# --- the run ---


def test_a_seed_is_random_then_kept(tmp_path):
    seeds = []
    for name in ["one", "two"]:
        store = Store(tmp_path / name)
        with store.lock():
            seeds.append(store.run_seed())
            assert store.run_seed() == seeds[-1]
        with Store(tmp_path / name).lock():
            assert store.notes == []
    assert seeds[0] != seeds[1]
    schema = json.loads((ROOT / "docs" / "schemas" / "run.v1.schema.json").read_text())
    jsonschema.validate(json.loads((tmp_path / "one" / "run.json").read_text()), schema)


def test_a_given_seed_is_kept_and_another_is_refused(store):
    assert store.run_seed(17) == 17
    assert store.run_seed(17) == store.run_seed() == 17
    with pytest.raises(ConfigError, match="expected the seed 17 that this run began with, got 18"):
        store.run_seed(18)


# --- attempts accumulate ---


def test_attempts_are_read_back_as_they_were_recorded(store):
    ana = submission(
        attempt_of(store, "first"),
        attempt_of(store, "second", NINE, TimeSource.TABLE),
        section="B",
    )
    broken = Attempt(files=(), sha256="0" * 64, submitted_at=None, problem="ben.zip: cut short.")
    store.record_attempts([submission(broken, student_id="ben"), ana])
    assert store.submissions("tp1") == [ana, submission(broken, student_id="ben")]
    assert store.submissions("tp2") == []
    assert store.assignments() == ["tp1"]
    assert store.submissions("tp1")[0].attempts[0].files[0].blob.read_text() == "first"


def test_an_out_that_was_moved_still_finds_its_bytes(store, tmp_path):
    store.record_attempts([submission(attempt_of(store, "first"))])
    moved = Store(store.out.rename(tmp_path / "elsewhere"))
    (ana,) = moved.submissions("tp1")
    assert ana.attempts[0].problem is None
    assert ana.attempts[0].files[0].blob.read_text() == "first"


def test_later_attempts_are_added_to_earlier_ones(store):
    store.record_attempts([submission(attempt_of(store, "in class", NINE))])
    store.record_attempts([submission(attempt_of(store, "final", NINE + HOUR), name="")])
    store.record_attempts([submission(section="B", name="")])
    (ana,) = store.submissions("tp1")
    assert [a.files[0].blob.read_text() for a in ana.attempts] == ["in class", "final"]
    assert (ana.name, ana.section) == ("Ana", "B")


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ([NINE, NINE + HOUR], NINE),
        ([NINE + HOUR, NINE], NINE),
        ([None, NINE], NINE),
        ([NINE, None], NINE),
        ([None, None], None),
    ],
)
def test_the_same_files_again_are_one_attempt_at_the_earliest_known_time(store, times, kept):
    for at in times:
        store.record_attempts([submission(attempt_of(store, "same", at))])
    (ana,) = store.submissions("tp1")
    assert [attempt.submitted_at for attempt in ana.attempts] == [kept]


def test_accounts_and_aliases_accumulate_and_none_is_there_twice(store):
    moodle, canvas = (Account(platform=p, id="7", name="Ana") for p in ("moodle", "canvas"))
    store.record_attempts([submission(accounts=(moodle,), aliases=("a@x.org",))])
    store.record_attempts([submission(accounts=(canvas, moodle), aliases=("n1", "a@x.org"))])
    store.record_attempts([submission()])
    (ana,) = store.submissions("tp1")
    assert ana.accounts == (moodle, canvas)
    assert ana.aliases == ("a@x.org", "n1")


attempts = st.builds(
    Attempt,
    files=st.just(()),
    sha256=st.sampled_from("abc"),
    submitted_at=st.none() | st.integers(0, 3).map(lambda hours: NINE + hours * HOUR),
)


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(st.lists(st.lists(attempts, max_size=3).map(tuple), min_size=1, max_size=4))
def test_nothing_recorded_is_ever_lost(batches):
    known = None
    for batch in batches:
        known = _merged(known, submission(*batch))
    handed_in = [attempt for batch in batches for attempt in batch]
    assert {a.sha256 for a in known.attempts} == {a.sha256 for a in handed_in}
    assert len({a.sha256 for a in known.attempts}) == len(known.attempts)
    assert list(known.attempts) == sorted(known.attempts, key=lambda a: a.when)
    for attempt in known.attempts:
        times = [a.submitted_at for a in handed_in if a.sha256 == attempt.sha256]
        assert attempt.submitted_at == min((t for t in times if t), default=None)
    assert _merged(known, submission(*handed_in)) == known


def test_recording_the_same_again_writes_nothing(store):
    store.record_attempts([submission(attempt_of(store, "x", NINE))])
    path = store.out / "submissions" / "tp1" / "ana.json"
    before = path.stat().st_ino
    store.record_attempts([submission(attempt_of(store, "x", NINE))])
    assert path.stat().st_ino == before


def test_lost_bytes_are_a_problem_until_they_are_collected_again(store):
    lost = attempt_of(store, "x")
    store.record_attempts([submission(lost)])
    lost.files[0].blob.write_bytes(b"")
    problem = store.submissions("tp1")[0].attempts[0].problem
    assert problem == ("losses.py: its bytes are gone from submissions/blobs. Collect it again.")
    store.record_attempts([submission(attempt_of(store, "x"))])
    assert store.submissions("tp1")[0].attempts[0].problem is None


# --- what cannot be read back ---

DAMAGE = {
    "empty": b"",
    "cut": b'{"schema": "gradlab/res',
    "bytes": b"\xff\xfe\x00",
    "list": b"[]",
    "nested": b"[" * 200_000,
    "newer": b'{"schema": "gradlab/result/v9"}',
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_counts_as_absent_with_a_note(store, damage):
    ana = submission(attempt_of(store))
    store.record_attempts([ana])
    store.write_record("tp1", "ana", record(private={"prints": "x"}))
    store.write_result(*documents(ana))
    seed = store.run_seed(17)
    for path in store.out.rglob("*.json"):
        path.write_bytes(DAMAGE[damage])
    assert store.result("tp1", "ana") is None
    assert store.feedback("tp1", "ana") is None
    assert store.record("tp1", "ana", "a" * 64, "run") is None
    assert store.private("tp1", "ana", "a" * 64) == {}
    assert store.submissions("tp1") == []
    assert len(store.notes) == 5
    assert "results/tp1/ana.json: unreadable, so it counts as absent (" in store.notes[0]
    assert store.run_seed(seed + 1) == seed + 1
    store.write_record("tp1", "ana", record(private={"prints": "y"}))
    assert store.private("tp1", "ana", "a" * 64) == {"prints": "y"}
    store.write_grades()


def test_damaged_attempts_are_set_aside_for_a_person(store):
    store.record_attempts([submission(attempt_of(store, "first", NINE))])
    path = store.out / "submissions" / "tp1" / "ana.json"
    path.write_bytes(b"{")
    store.record_attempts([submission(attempt_of(store, "second"))])
    assert path.with_name("ana.json.unreadable").read_bytes() == b"{"
    assert "set aside as ana.json.unreadable. Look for lost attempts." in store.notes[-1]
    assert len(store.submissions("tp1")[0].attempts) == 1
    path.write_bytes(b"[")
    store.record_attempts([submission(attempt_of(store, "third"))])
    assert path.with_name("ana.json.unreadable").read_bytes() == b"{"
    assert path.with_name("ana.json.unreadable-2").read_bytes() == b"["


def test_every_grade_that_differs_is_remembered(store):
    ana = submission(attempt_of(store))
    first, feedback = documents(ana)
    store.write_result(first, feedback)
    store.write_result({**first, "graded_at": "2026-03-01T00:00:00+00:00"}, feedback)
    store.write_result({**first, "score": None, "status": "pending"}, feedback)
    assert [(one["graded_at"], one["status"]) for one in store.history("tp1", "ana")] == [
        (first["graded_at"], "graded"),
        (first["graded_at"], "pending"),
    ]
    assert store.history("tp1", "ben") == []


ODD_NUMBERS = {
    "a duration beyond every float": ("duration_s", 10**400, "int too large"),
    "points of a billion digits": ("points", "1e999999999", "expected a number such as 3 or 3/4"),
    "points that no one can have": ("points", "1/0", "Fraction"),
}


@pytest.mark.parametrize("odd", ODD_NUMBERS)
def test_a_record_with_an_odd_number_counts_as_absent(store, odd):
    name, value, said = ODD_NUMBERS[odd]
    store.write_record("tp1", "ana", record(exercises=(exercise_result(),)))
    path = store.out / "records" / "tp1" / "ana" / f"{'a' * 64}.json"
    change = rf'("{name}": )["\d./]+', rf"\g<1>{json.dumps(value)}"
    sealing.rewrite(path, lambda text: re.sub(*change, text))
    assert store.record("tp1", "ana", "a" * 64, "run") is None
    assert said in store.notes[-1]


def test_attempts_at_a_time_without_an_offset_count_as_absent(store):
    store.record_attempts([submission(attempt_of(store, at=NINE))])
    path = store.out / "submissions" / "tp1" / "ana.json"
    sealing.rewrite(path, lambda text: text.replace("+00:00", ""))
    assert store.submissions("tp1") == []
    assert "expected a time with an offset, got '2026-02-09T09:00:00'" in store.notes[-1]


@pytest.mark.parametrize("name", ["\\ud800", "\\u0000", "x" * 300])
def test_bytes_under_a_name_that_no_file_can_have_are_gone(store, name):
    store.record_attempts([submission(attempt_of(store))])
    path = store.out / "submissions" / "tp1" / "ana.json"
    document = json.loads(path.read_text())
    digest = document["attempts"][0]["files"][0]["sha256"]
    sealing.rewrite(path, lambda text: text.replace(digest, name))
    assert "its bytes are gone" in store.submissions("tp1")[0].attempts[0].problem


@pytest.mark.parametrize("change", [{"attempts": ["x"]}, {"score": {"value": "v", "caps": 5}}])
def test_a_result_that_is_odd_inside_leaves_its_line_of_grades_empty(store, change):
    ana = submission(attempt_of(store))
    store.record_attempts([ana])
    store.write_result(*documents(ana))
    path = store.out / "results" / "tp1" / "ana.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    store.write_grades()
    assert "ana,Ana,tp1,,,,pending" in (store.out / "grades.csv").read_text()
    assert "results/tp1/ana.json: unreadable" in store.notes[-1]


@pytest.mark.parametrize("kind", ["submissions", "records", "results", "private"])
def test_a_file_with_the_right_schema_and_wrong_content_stops_nothing(store, kind):
    ana = submission(attempt_of(store))
    store.record_attempts([ana])
    store.write_record("tp1", "ana", record())
    store.write_result(*documents(ana))
    for path in (store.out / kind).rglob("*.json"):
        schema = json.loads(path.read_text())["schema"]
        path.write_text(json.dumps({"schema": schema, "attempts": 3, "status": "graded"}))
    store.write_grades()
    assert (store.record("tp1", "ana", "a" * 64, "run") is None) == (kind in {"records", "private"})
    assert store.private("tp1", "ana", "a" * 64) == {}
    grades = (store.out / "grades.csv").read_text().splitlines()[1:]
    expected = {"submissions": 0, "results": 1, "records": 1, "private": 1}
    assert len(grades) == expected[kind]
    assert ("pending" in grades[-1] if grades else True) == (kind in {"results", "submissions"})


def everything(store) -> None:
    ana = submission(attempt_of(store, "x", NINE))
    store.run_seed(17)
    store.record_attempts([ana])
    store.write_record("tp1", "ana", record())
    store.write_result(*documents(ana))


WHAT_GRADES_REST_ON = {
    "run.json": lambda store: store._read(store.out / "run.json", "gradlab/run/v1"),
    "submissions/tp1/ana.json": lambda store: store.submissions("tp1"),
    f"records/tp1/ana/{'a' * 64}.json": lambda store: store.record("tp1", "ana", "a" * 64, "run"),
}


@pytest.mark.parametrize("name", WHAT_GRADES_REST_ON)
def test_whatever_byte_of_what_grades_rest_on_changes_it_is_noticed(store, name):
    everything(store)
    read = WHAT_GRADES_REST_ON[name]
    right, path = read(store), store.out / name
    data = path.read_bytes()
    for place, byte in enumerate(data):
        path.write_bytes(data[:place] + bytes([byte ^ 1 << place % 8]) + data[place + 1 :])
        reader = Store(store.out)
        assert read(reader) == right or "counts as absent" in reader.notes[0], place


@pytest.mark.parametrize("kind", ["submissions", "results", "feedback", "private"])
def test_what_is_somebody_elses_counts_as_absent(store, kind):
    everything(store)
    theirs = store.out / kind / "tp1" / "ben.json"
    theirs.write_bytes((store.out / kind / "tp1" / "ana.json").read_bytes())
    assert [one.student_id for one in store.submissions("tp1")] == ["ana"]
    assert store.result("tp1", "ben") is None
    assert store.feedback("tp1", "ben") is None
    assert store.private("tp1", "ben", "a" * 64) == {}
    assert (
        "ben.json: unreadable, so it counts as absent (expected the student_id 'ben'"
        in (store.notes[0])
    )


def test_a_record_whose_private_part_is_damaged_is_made_again_with_it(store):
    store.write_record("tp1", "ana", record("a", private={"prints": "x"}))
    store.write_record("tp1", "ana", record("b", private={"prints": "y"}))
    path = store.out / "private" / "tp1" / "ana.json"
    path.write_bytes(path.read_bytes()[:-20])
    assert store.record("tp1", "ana", "a" * 64, "run") is None
    store.write_record("tp1", "ana", record("a", private={"prints": "x"}))
    assert store.record("tp1", "ana", "a" * 64, "run") is not None
    assert store.record("tp1", "ana", "b" * 64, "run") is None
    path.unlink()  # by a person, on purpose
    assert store.record("tp1", "ana", "b" * 64, "run") is not None


def test_private_parts_are_the_same_bytes_in_whatever_order_attempts_are_examined(store):
    path = store.out / "private" / "tp1" / "ana.json"
    written = []
    for order in ("ab", "ba"):
        for name in order:
            store.write_record("tp1", "ana", record(name))
        written.append(path.read_bytes())
        path.unlink()
    assert written[0] == written[1]


def test_bytes_that_are_damaged_are_kept_anew_when_they_are_collected_again(store):
    blob = store.keep("losses.py", [b"right"]).blob
    blob.write_bytes(b"wrong")
    assert store.keep("losses.py", [b"right"]).blob.read_bytes() == b"right"


def test_halves_that_killed_graders_left_are_swept_away_and_nothing_else(tmp_path):
    store = Store(tmp_path)
    halves = [
        tmp_path / ".run.json.77.tmp",
        tmp_path / "records" / "tp1" / "ana" / ".aa.json.77.tmp",
        tmp_path / "submissions" / "blobs" / ".blob.77.tmp",
    ]
    others = [tmp_path / ".notes.tmp", tmp_path / "mine" / ".a.77.tmp", tmp_path / "results" / "a"]
    for path in (*halves, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with store.lock():
        assert not any(path.exists() for path in halves)
        assert all(path.exists() for path in others)


def test_a_folder_in_place_of_a_file_is_one_line(store):
    (store.out / "results" / "tp1" / "ana.json").mkdir(parents=True)
    with pytest.raises(GraderError, match="expected a file to read, got 'Is a directory'. Move"):
        store.result("tp1", "ana")


# --- records and results ---


def test_a_record_is_found_only_in_the_same_run(store):
    store.write_record("tp1", "ana", record(remarks=("odd",)))
    assert store.record("tp1", "ana", "a" * 64, "run") == record(remarks=("odd",))
    assert store.record("tp1", "ana", "a" * 64, "another run") is None
    assert store.record("tp1", "ana", "b" * 64, "run") is None
    assert store.record("tp1", "ben", "a" * 64, "run") is None


def test_a_fault_of_ours_is_run_again(store):
    store.write_record("tp1", "ana", record(status=RunStatus.INTERNAL_ERROR))
    assert store.record("tp1", "ana", "a" * 64, "run") is None


def test_tracebacks_and_prints_are_in_private_only(store):
    store.write_record("tp1", "ana", record("a", private={"prints": "SECRET \udc80"}))
    store.write_record("tp1", "ana", record("b", private={"prints": "other"}))
    assert store.record("tp1", "ana", "a" * 64, "run") == record("a")
    assert store.private("tp1", "ana", "a" * 64) == {"prints": "SECRET \udc80"}
    assert store.private("tp1", "ana", "b" * 64) == {"prints": "other"}
    files = [path for path in store.out.rglob("*.json") if "SECRET" in path.read_text()]
    assert files == [store.out / "private" / "tp1" / "ana.json"]


def test_results_are_read_back_and_make_grades(store):
    ana, ben = (submission(attempt_of(store, name), student_id=name) for name in ["ana", "ben"])
    store.record_attempts([ben, ana])
    result, feedback = documents(ana)
    store.write_result(result, feedback)
    assert store.result("tp1", "ana") == result
    assert store.feedback("tp1", "ana") == feedback
    store.write_grades()
    lines = (store.out / "grades.csv").read_text().splitlines()
    assert lines[1].startswith("ana,Ana,tp1,3.25,3.25,,graded,,2026-02-09T09:00:00+00:00,")
    assert lines[2] == "ben,Ana,tp1,,,,pending,,,"


def test_writing_the_same_results_twice_gives_the_same_bytes(tmp_path):
    contents = []
    for name in ["one", "two"]:
        store = Store(tmp_path / name)
        with store.lock():
            store.run_seed(17)
            ana = submission(attempt_of(store, "x", NINE))
            store.record_attempts([ana])
            store.write_record("tp1", "ana", record(private={"b": 1, "a": 2}))
            store.write_result(*documents(ana))
            store.write_grades()
        files = sorted(path for path in store.out.rglob("*") if path.is_file())
        contents.append(
            {
                path.relative_to(store.out): path.read_bytes()
                for path in files
                if path.name != ".lock"
            }
        )
    assert contents[0] == contents[1]
    assert len(contents[0]) == 9


def test_a_name_that_leaves_out_is_never_written(store):
    for student_id in ["..", "../ana", "", ".ana"]:
        with pytest.raises(AssertionError):
            store.record_attempts([submission(student_id=student_id)])
