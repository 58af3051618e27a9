"""Moodle's downloads, in all schemes that it has had."""

import io
import zipfile
from datetime import datetime, timedelta

import pytest

from autograder.errors import ConfigError
from autograder.models import Account
from tests.autograder.lms.moodle_site import LANGUAGES, PARIS, Site, User

EVENING = datetime(2026, 2, 9, 18, 20, tzinfo=PARIS)


def users() -> list[User]:
    return [
        User(4711, "Ana_María Gómez", "ana@example.org", "2001", {"losses (1).ipynb": b"{}"},
             submitted_at=EVENING),
        User(4712, "Ben O'Neil", "ben@example.org", "2002",
             {"losses.py": b"1", "a_b/data.csv": b"2"}, submitted_at=EVENING + timedelta(days=1)),
        User(4713, "Zoé Müller", "zoe@example.org", "2003"),
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["new", "old", "flat"])
def test_every_naming_scheme_gives_the_same(search, seen, scheme):
    found = search(Site(users(), scheme=scheme).download())
    data = "a_b-data.csv" if scheme == "flat" else "a_b/data.csv"
    assert seen(found) == {
        "participant-4711": [["losses (1).ipynb"]],
        "participant-4712": [sorted(["losses.py", data])],
    }
    assert [one.name for one in found.submissions] == ["Ana María Gómez", "Ben ONeil"]
    assert found.notes == (
        "Moodle's download tells no times: name its grading worksheet with --worksheet.",
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worksheet_tells_times_and_who_is_missing(search, seen, times, language):
    site = Site(users(), language=language)
    found = search(site.download(), worksheet=site.worksheet())
    assert seen(found)["participant-4713"] == []
    assert times(found) == {
        "participant-4711": ["09 17:20 lms"],
        "participant-4712": ["10 17:20 lms"],
        "participant-4713": [],
    }
    assert [one.name for one in found.submissions] == [
        "Ana_María Gómez",
        "Ben O'Neil",
        "Zoé Müller",
    ]
    assert found.notes == ()
    ana = found.submissions[0]
    assert ana.accounts == (Account(platform="moodle", id="4711", name="Ana_María Gómez"),)
    assert "ana@example.org" in ana.aliases


def test_a_roster_finds_students_by_what_the_worksheet_says(search, seen, roster):
    site = Site(users())
    known = roster(
        ("ana", "A. Gómez", "2001"), ("ben", "B", "BEN@example.org"), ("zo", "Zoé Müller")
    )
    found = search(site.download(), worksheet=site.worksheet(), roster=known)
    assert list(seen(found)) == ["ana", "ben", "zo"]
    assert found.notes == ("1 of 3 were found in the roster by full name alone.",)
    assert found.submissions[0].name == "A. Gómez"


def test_two_students_of_one_name_are_never_guessed(search, seen, roster):
    people = [
        User(1, "Jean Martin", files={"losses.py": b"1"}),
        User(2, "Jean Martin", files={"losses.py": b"2"}),
    ]
    known = roster(("jean1", "Jean Martin"), ("jean2", "Jean Martin"))
    found = search(Site(people).download(), roster=known)
    assert seen(found) == {
        "jean1": [],
        "jean2": [],
        "participant-1": [["losses.py"]],
        "participant-2": [["losses.py"]],
    }
    assert (
        "Jean Martin (moodle 2): 2 students are called 'Jean Martin': jean1, jean2; "
        "kept as participant-2. Add an alias to the roster, and collect again."
    ) in found.notes


@pytest.mark.parametrize("name", ["Zoe Müller", "zoé müller", "Müller Zoé"])
def test_a_name_that_only_looks_alike_is_listed(search, seen, roster, name):
    found = search(
        Site([User(7, name, files={"losses.py": b"1"})]).download(),
        roster=roster(("zoe", "Zoé Müller")),
    )
    assert seen(found) == {"participant-7": [["losses.py"]], "zoe": []}
    assert f"nobody is called {name!r}, but zoe is 'Zoé Müller'" in found.notes[1]


def test_an_alias_settles_a_doubt(search, seen, roster):
    site = Site([User(7, "Zoe Müller", files={"losses.py": b"1"})])
    found = search(site.download(), roster=roster(("zoe", "Zoé Müller", "participant-7")))
    assert seen(found) == {"zoe": [["losses.py"]]}


def test_in_class_and_final_downloads_accumulate(search, seen, times, roster):
    ana = User(7, "Ana", files={"losses.py": b"first"}, submitted_at=EVENING)
    site = Site([ana])
    search(site.download(), worksheet=site.worksheet(), roster=roster(("ana", "Ana")))
    ana.files, ana.submitted_at = {"losses.py": b"better"}, EVENING + timedelta(days=3)
    known = search.store.submissions("tp1")
    search(site.download(), worksheet=site.worksheet(), known=known)  # and no roster this time
    (one,) = search.store.submissions("tp1")
    assert one.student_id == "ana"
    assert [a.files[0].blob.read_bytes() for a in one.attempts] == [b"first", b"better"]
    assert [f"{a.submitted_at:%d}" for a in one.attempts] == ["09", "12"]


@pytest.mark.parametrize("scheme", ["new", "old", "flat"])
def test_blind_marking_has_numbers_only(search, seen, times, scheme):
    site = Site(users(), scheme=scheme, blind=True)
    found = search(site.download(), worksheet=site.worksheet())
    assert list(seen(found)) == ["participant-4711", "participant-4712", "participant-4713"]
    assert times(found)["participant-4711"] == ["09 17:20 lms"]
    assert found.notes == ()


def test_blind_downloads_go_with_a_worksheet_that_names_people(search, seen):
    blind, open_ = Site(users(), blind=True), Site(users())
    found = search(blind.download(), worksheet=open_.worksheet())
    assert found.submissions[0].name == "Ana_María Gómez"
    assert found.notes == ()


def test_a_group_s_name_before_the_student_s_is_no_stranger(search, times):
    site = Site(users(), group="Group 3")
    found = search(site.download(), worksheet=site.worksheet())
    assert times(found)["participant-4711"] == ["09 17:20 lms"]
    assert found.notes == ()


@pytest.mark.parametrize("blind", [False, True])
def test_a_team_s_work_is_everybody_s_of_the_team(search, seen, blind):
    people = users()
    for one in people[:2]:
        one.team, one.team_number = "Team_A", 4713  # as a participant's number: no mix-up
        one.files = {"losses.py": b"ours"}
    site = Site(people, blind=blind)
    found = search(site.download(), worksheet=site.worksheet())
    assert seen(found) == {
        "participant-4711": [["losses.py"]],
        "participant-4712": [["losses.py"]],
        "participant-4713": [],
    }


def test_a_column_called_group_does_not_hide_who_works_alone(search, seen):
    people = users()
    people[0].team, people[0].team_number = "Team A", 52
    found = search(Site(people).download(), worksheet=Site(people).worksheet())
    assert seen(found)["participant-4711"] == [["losses (1).ipynb"]]
    assert seen(found)["participant-4712"] == [["a_b/data.csv", "losses.py"]]
    assert found.notes == ()


def test_online_text_comes_along_as_a_file(search, seen):
    one = User(7, "Ana", files={"losses.py": b"1"}, online_text=b"<p>hello</p>")
    for scheme in ("new", "old", "flat"):
        found = search(Site([one], scheme=scheme).download())
        assert seen(found) == {"participant-7": [["losses.py", "onlinetext.html"]]}


def test_a_submission_without_its_files_is_never_nothing(search):
    site = Site(users())
    sheet = site.worksheet()
    site.users[0].files = {}
    found = search(site.download(), worksheet=sheet)
    (attempt,) = found.submissions[0].attempts
    assert attempt.files == ()
    assert attempt.problem == (
        "Ana_María Gómez: Moodle has something of Monday, 9 February 2026, 6:20 PM, and the "
        "download holds no file of it. Look at it in Moodle."
    )
    assert found.notes == (attempt.problem,)


def test_dates_in_no_certain_format_are_listed_and_unknown(search, times):
    site = Site(users())
    sheet = site.worksheet().replace(b"Monday, 9 February 2026, 6:20 PM", b"09/02/26, 18:20")
    found = search(site.download(), worksheet=sheet)
    assert times(found)["participant-4711"] == ["time_unknown"]
    (note,) = found.notes
    assert note == (
        "worksheet.csv:2: 1 dates such as '09/02/26, 18:20' are in no format that is certain; "
        "those times stay unknown."
    )


def test_a_draft_is_said(search):
    site = Site(users())
    sheet = site.worksheet().replace(b"Submitted for grading", b"Draft (not submitted)", 1)
    found = search(site.download(), worksheet=sheet)
    assert found.notes == (
        "Ana_María Gómez: a draft in Moodle, not submitted; graded all the same.",
    )


def test_a_worksheet_without_times_is_said(search, times):
    site = Site(users())
    sheet = site.worksheet().replace(b"Last modified (submission)", b"Notes")
    assert (
        "worksheet.csv: it tells no times of submission."
        in search(site.download(), worksheet=sheet).notes
    )


def test_the_worksheet_of_another_assignment_is_refused(search):
    other = [User(one.number + 100, one.name) for one in users()]
    with pytest.raises(ConfigError, match=r"^worksheet\.csv: expected the worksheet of this down"):
        search(Site(users()).download(), worksheet=Site(other).worksheet())


def test_one_number_of_another_name_is_listed_and_keeps_no_time(search, times):
    site = Site(users())
    data = site.download()
    site.users[0].name = "Eve Other"
    found = search(data, worksheet=site.worksheet())
    assert times(found)["participant-4711"] == ["time_unknown"]
    assert found.submissions[0].name == "Ana María Gómez"
    assert (
        "Ana María Gómez_4711_assignsubmission_file: worksheet.csv has nobody of this number and "
        "name; its time is unknown."
    ) in found.notes


def test_what_is_not_moodle_s_is_left_out(search, seen):
    made = io.BytesIO(Site(users()).download())
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("readme.txt", "x")
    found = search(made.getvalue())
    assert "readme.txt: not named as Moodle does; left out." in found.notes
    assert len(seen(found)) == 2


def test_an_unpacked_download_inside_a_folder_is_recognised(search, seen, tmp_path):
    with zipfile.ZipFile(io.BytesIO(Site(users()).download())) as archive:
        archive.extractall(tmp_path / "x" / "COURSE-tp1-4242")
    numbers = ["participant-4711", "participant-4712"]
    assert list(seen(search(tmp_path / "x" / "COURSE-tp1-4242"))) == numbers
    assert list(seen(search(tmp_path / "x", origin="moodle"))) == numbers


def test_a_student_s_folder_that_looks_like_a_download_is_one_student_s(search, seen):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("eve/Ana_4711_assignsubmission_file/losses.py", "x")
        archive.writestr("eve/Ben_4712_assignsubmission_file/losses.py", "x")
    assert not {"participant-4711", "participant-4712"} & seen(search(made.getvalue())).keys()


def test_members_that_leave_the_archive_are_left_out(search, seen):
    made = io.BytesIO(Site(users()).download())
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("Eve_9_assignsubmission_file/../../../evil.py", "x")
    found = search(made.getvalue())
    assert "participant-9" not in seen(found)
    assert any("the name leaves the archive; left out" in note for note in found.notes)
