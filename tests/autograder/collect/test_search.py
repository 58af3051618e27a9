"""From what stands in SOURCE to every student's attempts."""

import io
import os
import tempfile
import zipfile
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from autograder.collect import Caps, Found, Roster, Student, find_submissions
from autograder.errors import ConfigError
from autograder.models import Assignment, Exercise, Schedule, ScoreRules, TimeSource
from autograder.report.store import Store

EXERCISE = Exercise(id="softmax", topic="losses", points=Fraction(1))
ASSIGNMENT = Assignment(
    id="tp1",
    title="Losses",
    exercises=(EXERCISE,),
    rules=ScoreRules(),
    schedule=Schedule(),
    files=("losses.py", "losses.ipynb"),
)


@pytest.fixture
def find(tmp_path):
    """Lay out files below SOURCE, as a folder or as a zip archive, and search it."""
    store = Store(tmp_path / "out")

    def run(files, *, zipped=False, **options) -> Found:
        source = tmp_path / ("class.zip" if zipped else "class")
        if zipped:
            with zipfile.ZipFile(source, "w") as made:
                for name, content in files.items():
                    made.writestr(name, content)
        else:
            lay_out(source, files)
        options.setdefault("timezone", "Europe/Paris")
        return find_submissions(source, assignment=ASSIGNMENT, keep=store.keep, **options)

    with store.lock():
        yield run


def lay_out(source, files):
    for name, content in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())


def zip_of(files) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return data.getvalue()


def names(found: Found) -> dict[str, list[list[str]]]:
    return {
        submission.student_id: [[file.name for file in a.files] for a in submission.attempts]
        for submission in found.submissions
    }


def times(found: Found) -> dict[str, list[tuple[str | None, TimeSource]]]:
    return {
        submission.student_id: [
            (a.submitted_at and a.submitted_at.astimezone(UTC).strftime("%d %H:%M"), a.time_source)
            for a in submission.attempts
        ]
        for submission in found.submissions
    }


def roster(*ids, **aliases) -> Roster:
    return Roster(
        students={
            i: Student(
                student_id=i, name=i.title(), section="A", aliases=(aliases.get(i, i + "!"),)
            )
            for i in ids
        }
    )


def zip_bytes() -> bytes:
    return b"PK\x05\x06" + bytes(18)


both = pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])


# --- layouts ---


@both
def test_a_folder_per_student_holds_files_folders_and_archives(find, zipped):
    files = {
        "ana/losses (1).ipynb": "{}",
        "ana/my work/losses.py": "x",
        "ben/work.zip": zip_bytes(),
        "ben/.DS_Store": "",
        "__MACOSX/ana/._losses.py": "",
    }
    found = find(files, zipped=zipped)
    assert names(found) == {
        "ana": [["losses (1).ipynb", "my work/losses.py"]],
        "ben": [["work.zip"]],
    }
    assert found.notes == ()


@both
def test_one_file_per_student_is_named_after_the_student(find, zipped):
    files = {"ana.zip": zip_bytes(), "ben.ipynb": "{}", "c.d-1.PY": "x", "carl/losses.py": "x"}
    found = find(files, zipped=zipped)
    assert names(found) == {
        "ana": [["ana.zip"]],
        "ben": [["ben.ipynb"]],
        "c.d-1": [["c.d-1.PY"]],
        "carl": [["losses.py"]],
    }
    assert found.notes == ()


@both
def test_attempt_folders_are_attempts_in_order(find, zipped):
    files = {
        "ana/attempt-10/losses.py": "10",
        "ana/attempt-2/losses.py": "2",
        "ben/2026-02-10T09-00/losses.py": "later",
        "ben/2026-02-09T18-20/sub/losses.py": "first",
        "ben/2026-02-09T18.25.30+00:00/losses.py": "second",
    }
    found = find(files, zipped=zipped)
    assert names(found)["ana"] == [["losses.py"], ["losses.py"]]
    assert [a.files[0].blob.read_text() for a in found.submissions[0].attempts] == ["2", "10"]
    assert names(found)["ben"][0] == ["sub/losses.py"]
    assert times(found) == {
        "ana": [(None, TimeSource.UNKNOWN)] * 2,
        "ben": [
            ("09 17:20", TimeSource.ATTEMPT),
            ("09 18:25", TimeSource.ATTEMPT),
            ("10 08:00", TimeSource.ATTEMPT),
        ],
    }
    assert found.notes == ()


def test_files_beside_attempt_folders_are_an_attempt_of_their_own(find):
    found = find({"ana/attempt-1/a.py": "1", "ana/losses.py": "0", "ben/a.py": ""})
    assert names(found)["ana"] == [["losses.py"], ["a.py"]]
    assert found.notes == ("ana: files beside attempt-1 are an attempt of their own.",)


@pytest.mark.parametrize("folder", ["2026-02-30T10-00", "2026-02-09", "2026-02-09T25-00"])
def test_an_attempt_folder_without_a_real_time_is_noted(find, folder):
    found = find({f"ana/{folder}/a.py": "1", "ben/a.py": ""})
    assert times(found)["ana"] == [(None, TimeSource.UNKNOWN)]
    assert names(found)["ana"] == [["a.py"]]
    assert f"ana/{folder}: expected a date and time such as" in found.notes[0]


@both
@pytest.mark.parametrize("wrapper", ["class", "TP 3 remises"])
def test_a_folder_around_the_students_is_stepped_into(find, zipped, wrapper):
    found = find({f"{wrapper}/ana/a.py": "1", f"{wrapper}/ben.zip": zip_bytes()}, zipped=zipped)
    assert names(found) == {"ana": [["a.py"]], "ben": [["ben.zip"]]}
    assert found.notes == (f"{wrapper}/: read as the folder that holds the students.",)


def test_a_table_marks_the_folder_that_holds_the_students(find):
    table = "student_id,submitted_at\nana,2026-02-09T18:20\n"
    found = find({"x/ana/a.py": "1", "x/submissions.csv": table})
    assert times(found) == {"ana": [("09 17:20", TimeSource.TABLE)]}


@both
def test_a_student_s_own_table_tells_no_times(find, zipped):
    table = "student_id,submitted_at\nana,2026-01-01T00:00\nben,2026-01-01T00:00\n"
    files = {"ana/losses.py": "1", "ana/submissions.csv": table}
    found = find(files, zipped=zipped, roster=roster("ana", "ben"))
    assert times(found) == {"ana": [(None, TimeSource.UNKNOWN)], "ben": []}


def test_a_roster_decides_whether_a_single_folder_is_a_student(find):
    files = {"ana/ben/losses.py": "1", "ana/data/x.py": "2"}
    assert list(names(find(files, roster=roster("ana")))) == ["ana"]
    assert list(names(find(files, roster=roster("ben")))) == ["ben", "data"]


def test_a_single_folder_with_folders_is_a_student_with_a_note(find):
    found = find({"ana/losses.py": "1", "ana/data/x.csv": "2"})
    assert list(names(found)) == ["ana"]
    assert "ana/: the only folder, read as one student" in found.notes[0]


def test_two_things_of_one_student_are_two_attempts(find):
    found = find({"ana/a.py": "1", "ana.zip": zip_bytes()})
    assert names(found) == {"ana": [["a.py"], ["ana.zip"]]}
    assert found.notes == ("ana: handed in as ana, ana.zip; each is an attempt.",)


def test_the_same_files_have_the_same_hash_wherever_they_lie(find):
    found = find(
        {"ana/attempt-1/a.py": "1", "ana/attempt-2/a.py": "1", "ben/a.py": "1", "c/b.py": "1"}
    )
    (first, second), (third,), (other,) = (s.attempts for s in found.submissions)
    assert first.sha256 == second.sha256 == third.sha256 != other.sha256


# --- doubtful and wrong names ---


def test_doubtful_names_are_listed_and_left_out(find):
    found = find({"README.txt": "", "Ana María/a.py": "1", "losses (1).ipynb": "", "ben/a.py": ""})
    assert list(names(found)) == ["ben"]
    notes = "\n".join(found.notes)
    assert "README.txt: not a folder, .zip, .py or .ipynb of a student; left out." in notes
    assert "Ana María: expected a student id of at most 64 letters" in notes
    assert "losses (1).ipynb: expected a file named after a student, got the assignment" in notes


def test_an_alias_of_the_roster_names_the_student(find):
    found = find({"Ana María/a.py": "1"}, roster=roster("ana", ana="Ana María"))
    assert names(found) == {"ana": [["a.py"]]}
    assert (found.submissions[0].name, found.submissions[0].section) == ("Ana", "A")


def test_students_without_files_have_not_submitted(find):
    found = find({"ana/a.py": "1", "carl/": ""}, roster=roster("ana", "ben", "carl"))
    assert names(found) == {"ana": [["a.py"]], "ben": [], "carl": []}
    assert found.notes == ("carl: an empty folder; nothing was handed in.",)


def test_students_who_are_not_in_the_roster_are_listed_and_graded(find):
    found = find({"ana/a.py": "1", "zoe/a.py": "1"}, roster=roster("ana"))
    assert list(names(found)) == ["ana", "zoe"]
    assert found.notes == ("zoe: not in the roster; graded all the same.",)


@both
def test_a_source_with_nothing_in_it_is_a_config_error(find, zipped):
    with pytest.raises(ConfigError, match="named after each student, got none"):
        find({"notes/": "", "README": ""}, zipped=zipped, roster=roster("ana"))


# --- what cannot be read ---


def test_a_link_in_place_of_a_student_is_a_problem_not_a_stop(find, tmp_path):
    lay_out(tmp_path / "class", {"ben/a.py": "1"})
    (tmp_path / "class" / "ana").symlink_to("/etc")
    found = find({})
    ana = found.submissions[0]
    assert ana.attempts[0].problem == (
        "ana: a link or a device, not a regular file; left out. Hand in the file itself."
    )
    assert names(found) == {"ana": [[]], "ben": [["a.py"]]}


def test_a_link_beside_readable_files_is_left_out(find, tmp_path):
    lay_out(tmp_path / "class", {"ana/a.py": "1", "ben/a.py": "1"})
    (tmp_path / "class" / "ana" / "b.py").symlink_to("/etc/passwd")
    found = find({})
    assert names(found)["ana"] == [["a.py"]]
    assert found.submissions[0].attempts[0].problem is None
    assert found.notes[0].startswith("ana/b.py: a link")


@pytest.mark.parametrize(
    "content", [b"", b"Rar!\x1a", b"PK\x03\x04 and then the network went away"]
)
@pytest.mark.parametrize("name", ["ana.zip", "ana/work.zip"])
def test_an_archive_that_is_cut_short_is_a_problem_not_a_stop(find, name, content):
    found = find({name: content, "ben/a.py": "1"})
    (attempt,) = found.submissions[0].attempts
    assert attempt.problem is not None
    assert attempt.problem.startswith(f"{name}: expected a zip archive, got a file without the end")
    assert attempt.files[0].blob.read_bytes() == content
    assert found.notes == (attempt.problem,)


def test_a_damaged_member_is_a_problem_of_its_student_only(find, tmp_path):
    find({"ana.py": "one", "ben.py": "two"}, zipped=True)
    source = tmp_path / "class.zip"
    source.write_bytes(source.read_bytes().replace(b"one", b"eno"))
    store = Store(tmp_path / "other")
    with store.lock():
        found = find_submissions(source, assignment=ASSIGNMENT, keep=store.keep, timezone="UTC")
    ana, ben = found.submissions
    assert "ana.py: cannot be read (Bad CRC-32" in (ana.attempts[0].problem or "")
    assert ben.attempts[0].problem is None
    assert not list((tmp_path / "other").rglob("*.tmp"))


@pytest.fixture
def as_nobody():
    """Yield a folder of a user to whom file modes mean something, as whom the test goes on."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, 65534, 65534)
        os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("lost", ["ben/losses.py", "ben/more", "ben"])
def test_what_the_grader_may_not_read_makes_the_attempt_unreadable(as_nobody, lost):
    source, store = as_nobody / "class", Store(as_nobody / "out")
    lay_out(source, {"ana/a.py": "1", "ben/a.py": "1", "ben/losses.py": "2", "ben/more/b.py": "3"})
    mode = (source / lost).stat().st_mode
    (source / lost).chmod(0)

    def found() -> Found:
        return find_submissions(source, assignment=ASSIGNMENT, keep=store.keep, timezone="UTC")

    with store.lock():
        first = found()
        (source / lost).chmod(mode)
        again = found()
    ana, ben = first.submissions
    assert ana.attempts[0].problem is None
    assert ben.attempts[0].files == ()
    assert ben.attempts[0].problem == (
        f"{lost}: expected a file or folder that the grader can read, got 'Permission denied'."
        " This is no fault of the student's: make it readable, then collect again."
    )
    assert first.notes == (ben.attempts[0].problem,)
    assert names(again)["ben"] == [["a.py", "losses.py", "more/b.py"]]
    assert again.submissions[1].attempts[0].problem is None
    assert again.submissions[1].attempts[0].sha256 != ben.attempts[0].sha256


@pytest.mark.parametrize(
    ("caps", "problem"),
    [
        (
            Caps(files=2),
            "ana: expected at most 2 files, got 3. Hand in notebooks and modules only.",
        ),
        (Caps(attempt_bytes=2), "ana: expected at most 0 MiB in all, got 0 MiB"),
        (Caps(file_bytes=0), "ana/a.py: expected at most 0 MiB, got 0 MiB; left out"),
        (Caps(name_chars=3), "ana/a.py...: too long a name; left out. Shorten it."),
    ],
)
def test_caps_make_a_problem_not_a_stop(find, caps, problem):
    found = find({"ana/a.py": "1", "ana/b.py": "2", "ana/c.py": "3", "ben/x": ""}, caps=caps)
    ana = found.submissions[0].attempts[0]
    assert ana.problem is not None
    assert ana.problem.startswith(problem)
    assert ana.files == ()
    assert problem in "\n".join(found.notes)


def test_a_member_that_is_there_twice_is_noted(find, tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as made:
        made.writestr("ben.py", "old")
        made.writestr("ana/a.py", "old")
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("ana/a.py", "new")
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("ben.py", "new")
    store = Store(tmp_path / "other")
    with store.lock():
        found = find_submissions(
            tmp_path / "class.zip", assignment=ASSIGNMENT, keep=store.keep, timezone="UTC"
        )
    for submission in found.submissions:
        assert submission.attempts[0].files[0].blob.read_text() == "new"
    assert found.notes == (
        "ana/a.py: there twice; the last one counts.",
        "ben.py: there twice; the last one counts.",
    )


# --- times ---


def test_file_times_are_never_used(find, tmp_path):
    lay_out(tmp_path / "class", {"ana/a.py": "1"})
    os.utime(tmp_path / "class" / "ana" / "a.py", (0, 0))
    assert times(find({})) == {"ana": [(None, TimeSource.UNKNOWN)]}


def test_collected_at_is_the_time_of_attempts_without_a_better_one(find):
    at = datetime(2026, 2, 9, 17, 30, tzinfo=UTC)
    found = find({"ana/a.py": "1", "ben/2026-02-09T18-20/a.py": "1"}, at=at)
    assert times(found) == {
        "ana": [("09 17:30", TimeSource.COLLECTED)],
        "ben": [("09 17:20", TimeSource.ATTEMPT)],
    }


@both
def test_a_table_without_paths_gives_each_student_a_time(find, zipped):
    table = (
        "student_id,submitted_at\nana,2026-02-09T18:20\nben,2026-02-09T18:20Z\n"
        "zoe,\nyan,2026-02-09T18:20\n"
    )
    found = find({"ana.zip": zip_bytes(), "ben/a.py": "1", "submissions.csv": table}, zipped=zipped)
    assert times(found) == {
        "ana": [("09 17:20", TimeSource.TABLE)],
        "ben": [("09 18:20", TimeSource.TABLE)],
    }
    assert found.notes == ("submissions.csv:5: SOURCE has nothing of yan.",)


@both
def test_a_table_with_paths_makes_an_attempt_of_each_row(find, zipped):
    table = (
        "student_id,path,submitted_at\n"
        "ana,ana/first.zip,2026-02-09T18:20\n"
        "ana,./ana/second/,2026-02-10T18:20\n"
        "ben,upload_17,2026-02-09T18:00\n"
        "carl,carl.ipynb,\n"
        "dora,,2026-02-09T18:10\n"
    )
    files = {
        "submissions.csv": table,
        "ana/first.zip": zip_bytes(),
        "ana/second/work/losses.py": "1",
        "ana/notes.py": "2",
        "upload_17/losses.py": "3",
        "carl.ipynb": "{}",
        "dora/2026-02-12T10-00/a.py": "1",
    }
    found = find(files, zipped=zipped)
    assert names(found) == {
        "ana": [["notes.py"], ["first.zip"], ["work/losses.py"]],
        "ben": [["losses.py"]],
        "carl": [["carl.ipynb"]],
        "dora": [["a.py"]],
    }
    assert times(found)["ana"] == [
        (None, TimeSource.UNKNOWN),
        ("09 17:20", TimeSource.TABLE),
        ("10 17:20", TimeSource.TABLE),
    ]
    assert times(found)["dora"] == [("09 17:10", TimeSource.TABLE)]
    assert found.notes == (
        "ana: files that are not in submissions.csv are an attempt of their own.",
    )


def test_all_faults_of_a_table_come_at_once_and_nothing_is_stored(find, tmp_path):
    table = (
        "student_id,path,submitted_at\n"
        "ana,ana/nowhere.py,2026-02-09T18:20\n"
        "ana,ana/a.py,tomorrow\n"
        "ana,ana/a.py,2026-02-09T18:20\n"
        "Bén,ana,2026-02-09T18:20\n"
        "ana,../ana,2026-02-09T18:20\n"
        "ben,ana.zip,2026-02-09T18:20\n"
        "carl,,2026-02-09T18:20\n"
        "carl,,2026-02-09T18:30\n"
    )
    files = {
        "submissions.csv": table,
        "ana/a.py": "1",
        "ana.zip": "1",
        "ben/a.py": "1",
        "carl/attempt-1/a.py": "",
        "carl/attempt-2/a.py": "",
    }
    with pytest.raises(ConfigError) as caught:
        find(files, roster=roster("ana", "ben", "carl"))
    expected = [
        "2: expected each file once, got 'ana/nowhere.py', which line 5 has. Drop one.",
        "3: expected a date and time such as 2026-02-09T18:20, got 'tomorrow'.",
        "3: expected each file once, got 'ana/a.py', which line 5 has.",
        "4: expected each file once, got 'ana/a.py', which line 5 has.",
        "5: expected a path of Bén, got 'ana' of ana. Correct it.",
        "5: expected a student id of at most 64 letters,",
        "6: expected a path in SOURCE, got '../ana'. Correct it.",
        "7: expected a path of ben, got 'ana.zip' of ana. Correct it.",
        "8: expected one attempt of carl, got carl/attempt-1, carl/attempt-2. Add a path",
        "9: expected one line for carl, got another on line 8. Name their paths.",
    ]
    for line, start in zip(str(caught.value).splitlines(), expected, strict=True):
        assert line.startswith(f"submissions.csv:{start}")
    assert not (tmp_path / "out" / "submissions").exists()


def test_a_path_that_is_not_there_and_one_that_is_there_twice_are_faults(find):
    table = "student_id,path,submitted_at\nana,ana/b.py,\nana,ana/a.py,\nana,ana/a.py,\n"
    with pytest.raises(ConfigError) as caught:
        find({"submissions.csv": table, "ana/a.py": ""})
    assert str(caught.value).splitlines() == [
        "submissions.csv:2: expected a path in SOURCE, got 'ana/b.py'. Correct it.",
        "submissions.csv:4: expected each file once, got 'ana/a.py', which line 3 has. Drop one.",
    ]


def test_a_table_that_cannot_be_read_is_a_config_error(find, tmp_path):
    source = tmp_path / "broken.zip"
    with zipfile.ZipFile(source, "w") as made:
        made.writestr("ana/a.py", "1")
        made.writestr("submissions.csv", "student_id,submitted_at\n")
    source.write_bytes(source.read_bytes().replace(b"submitted_at\n", b"submitted_at\t"))
    with pytest.raises(ConfigError, match=r"submissions\.csv: expected CSV, got Bad CRC-32"):
        find_submissions(source, assignment=ASSIGNMENT, keep=Store(tmp_path).keep, timezone="UTC")
    with pytest.raises(ConfigError, match=r"submissions\.csv:1: expected the columns student_id"):
        find({"submissions.csv": "who,when\n", "ana/a.py": ""})


def test_a_source_may_itself_be_a_link(find, tmp_path):
    lay_out(tmp_path / "real", {"ana/a.py": "1"})
    (tmp_path / "class").symlink_to(tmp_path / "real")
    assert names(find({})) == {"ana": [["a.py"]]}


# --- teams ------------------------------------------------------------------------------------


def teams(**members) -> Roster:
    return Roster(
        students={
            i: Student(student_id=i, section=i, team=team, aliases=(f"{i}@school.example",))
            for team, ids in members.items()
            for i in ids
        }
    )


RED = teams(red=("ana", "ben", "cem"), blue=("dora",))


@pytest.mark.parametrize("name", ["red/losses.py", "red.py", "red.zip"])
def test_what_a_team_hands_in_is_every_members(find, name):
    found = find({name: zip_of({"losses.py": "x"}) if name == "red.zip" else "x"}, roster=RED)
    file = name.removeprefix("red/")
    assert names(found) == {"ana": [[file]], "ben": [[file]], "cem": [[file]], "dora": []}
    assert found.notes == ()
    assert [one.section for one in found.submissions] == ["ana", "ben", "cem", "dora"]
    assert len({one.attempts[0].sha256 for one in found.submissions if one.attempts}) == 1


def test_what_a_member_hands_in_is_every_members(find):
    found = find({"ben/losses.py": "x", "dora/losses.py": "y"}, roster=RED)
    assert names(found) == {who: [["losses.py"]] for who in ("ana", "ben", "cem", "dora")}


@pytest.mark.parametrize("name", ["ben.py", "ben/ben.py", "ben@school.example.py"])
def test_a_file_with_a_members_name_has_the_teams_for_the_others(find, name):
    found = find({name: "x"}, roster=RED)
    own = name.rpartition("/")[2]
    assert names(found) == {"ana": [["red.py"]], "ben": [[own]], "cem": [["red.py"]], "dora": []}


def test_what_is_wrong_with_a_members_hand_in_names_no_member_to_the_others(find):
    found = find({"ben.zip": "no zip"}, roster=RED)
    problems = {one.student_id: one.attempts[0].problem for one in found.submissions[:3]}
    assert problems["ben"].startswith("ben.zip: expected a zip archive")
    assert problems["ana"] == problems["cem"]
    assert problems["ana"].startswith("red/red.zip: expected a zip archive")
    assert "ben" not in problems["ana"]


def test_each_hand_in_of_a_team_is_an_attempt_of_all(find):
    files = {"ana/2026-02-09T18-20/losses.py": "x", "red/2026-02-09T18-25/losses.py": "y"}
    found = find(files, roster=RED)
    expected = [("09 17:20", TimeSource.ATTEMPT), ("09 17:25", TimeSource.ATTEMPT)]
    assert times(found) == {"ana": expected, "ben": expected, "cem": expected, "dora": []}


def test_times_of_a_team_come_from_the_table(find):
    table = "student_id,submitted_at\nred,2026-02-09T18:20\n"
    found = find({"red/losses.py": "x", "submissions.csv": table}, roster=RED)
    expected = [("09 17:20", TimeSource.TABLE)]
    assert times(found) == {"ana": expected, "ben": expected, "cem": expected, "dora": []}


def test_an_empty_folder_of_a_team_is_a_note(find):
    found = find({"red/": "", "dora/losses.py": "x"}, roster=RED)
    assert names(found) == {"ana": [], "ben": [], "cem": [], "dora": [["losses.py"]]}
    assert found.notes == ("red: an empty folder; nothing was handed in.",)
