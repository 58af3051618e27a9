"""Classroom 50's downloads: a checkout for each student, and the teacher's scores.csv."""

import io
import zipfile

import pytest

from autograder.errors import ConfigError
from autograder.models import Account

HEADER = (
    "username,first_name,last_name,email,section,score,max_score,datetime,submission_tag,late\n"
)
SCORES = HEADER + (
    "ana,Ana,Gómez,ana@example.org,A,3,4,2026-02-09T17:20:00Z,submit/b,false\n"
    "ana,Ana,Gómez,ana@example.org,A,1,4,2026-02-08T17:20:00Z,submit/a,false\n"
    "b-ana,Ben,Oak,ben@example.org,A,4,4,2026-02-10T17:20:00Z,submit/c,true\n"
    "zoe,Zoé,Müller,zoe@example.org,B,,,,,\n"
)


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "tp1_submissions"
    for name in ("dl-hello-ana", "dl-hello-b-ana"):
        (source / name / ".git").mkdir(parents=True)
        (source / name / "losses.py").write_text(name)
    (source / "scores.csv").write_text(SCORES)
    return source


def test_a_download_tells_who_and_when(search, seen, times, folder):
    found = search(folder)
    assert seen(found) == {"ana": [["losses.py"]], "b-ana": [["losses.py"]], "zoe": []}
    assert times(found) == {"ana": ["09 17:20 git"], "b-ana": ["10 17:20 git"], "zoe": []}
    ana = found.submissions[0]
    assert ana.attempts[0].files[0].blob.read_text() == "dl-hello-ana"
    assert ana.accounts == (Account(platform="github", id="ana", name="Ana Gómez"),)
    assert found.notes == (
        ("Times are those of commits in scores.csv, which students can set: for rules about time, "
         "collect at the end of class."),
    )  # fmt: skip


def test_a_roster_finds_students_by_login_or_address(search, seen, folder, roster):
    known = roster(("s1", "A", "ana"), ("s2", "B", "BEN@example.org"), ("s3", "Zoé Müller"))
    assert list(seen(search(folder, roster=known))) == ["s1", "s2", "s3"]


def test_a_submission_without_its_folder_is_never_nothing(search, folder):
    (folder / "dl-hello-ana" / "losses.py").unlink()
    found = search(folder)
    assert found.submissions[0].attempts[0].problem == (
        "ana: scores.csv has a submission, the download no file of it. Download again."
    )


def test_a_folder_of_nobody_is_listed(search, folder):
    (folder / "notes" / "x").mkdir(parents=True)
    assert "notes: nobody in scores.csv; left out." in search(folder).notes


def test_one_folder_that_two_users_could_own_is_refused(search, folder):
    (folder / "dl-hello-ana" / "losses.py").unlink()
    (folder / "dl-hello-ana" / ".git").rmdir()
    (folder / "dl-hello-ana").rmdir()
    with pytest.raises(ConfigError, match="expected folders <classroom>-<assignment>-<username>"):
        search(folder)


def test_the_assignment_s_own_name_settles_it(search, seen, folder):
    for one in list(folder.glob("dl-hello-*")):
        one.rename(folder / one.name.replace("hello", "tp1"))
    (folder / "dl-tp1-ana" / "losses.py").unlink()
    (folder / "dl-tp1-ana" / ".git").rmdir()
    (folder / "dl-tp1-ana").rmdir()
    assert seen(search(folder))["b-ana"] == [["losses.py"]]


def test_scores_that_are_wrong_are_a_config_error(search, folder):
    (folder / "scores.csv").write_text(HEADER + "../ana,,,,,,,,,\n")
    with pytest.raises(ConfigError, match=r"^scores\.csv:2: expected a GitHub username, got"):
        search(folder)
    (folder / "scores.csv").unlink()
    with pytest.raises(ConfigError, match=r"expected scores\.csv of `gh teacher download`, got"):
        search(folder, origin="classroom50")


def test_a_damaged_table_is_a_config_error(search):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("scores.csv", SCORES)
        archive.writestr("dl-tp1-ana/losses.py", "1")
    damaged = made.getvalue().replace(b"Oak", b"Elm")
    with pytest.raises(ConfigError, match=r"^scores\.csv: expected CSV, got Bad CRC-32"):
        search(damaged, origin="classroom50")
    assert "scores.csv" not in seen_tops(search(damaged))


def seen_tops(found) -> set[str]:
    return {one.student_id for one in found.submissions}


def test_a_time_that_is_none_is_said(search, times, folder):
    (folder / "scores.csv").write_text(SCORES.replace("2026-02-10T17:20:00Z", "soon"))
    found = search(folder)
    assert times(found)["b-ana"] == ["time_unknown"]
    assert "scores.csv:4: no time that is certain; it stays unknown." in found.notes


def test_any_other_scores_csv_is_just_a_file(search, seen, tmp_path):
    (tmp_path / "class" / "ana").mkdir(parents=True)
    (tmp_path / "class" / "ana" / "losses.py").write_text("1")
    (tmp_path / "class" / "scores.csv").write_text("name,points\n")
    found = search(tmp_path / "class")
    assert seen(found) == {"ana": [["losses.py"]]}
