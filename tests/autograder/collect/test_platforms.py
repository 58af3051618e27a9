"""Which platform SOURCE comes from."""

import io
import zipfile

import pytest

from autograder.cli.instructor import commands
from autograder.collect import ORIGINS
from autograder.errors import ConfigError
from tests.autograder.lms import canvas_site, moodle_site

MOODLE = moodle_site.Site([moodle_site.User(7, "Ana", files={"losses.py": b"1"})])
CANVAS = canvas_site.Site([canvas_site.User(77, "Ana", "Gómez", files={"losses.py": b"1"})])


def packed(files) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_the_command_line_offers_every_origin():
    for name in ("collect", "grade"):
        (option,) = [one for one in commands.commands[name].params if one.name == "origin"]
        assert sorted(option.type.choices) == sorted(ORIGINS)


def test_folder_is_always_a_folder(search, seen):
    source = packed({"b_7_assignsubmission_file/a.py": "x", "worksheet.csv": ""})
    assert list(seen(search(source, origin="folder"))) == ["b_7_assignsubmission_file"]
    source = packed({"b_7_assignsubmission_file/a.py": "x", "c_8_assignsubmission_file/a.py": "x"})
    assert list(seen(search(source))) == ["participant-7", "participant-8"]
    assert "participant-7" not in seen(search(source, origin="folder"))


def test_a_stray_name_does_not_make_a_download(search, seen):
    source = packed({"ana/losses.py": "1", "b_7_assignsubmission_file/a.py": "x"})
    assert list(seen(search(source))) == ["ana", "b_7_assignsubmission_file"]


def test_a_submissions_csv_makes_a_folder_of_one_s_own(search, seen):
    table = "student_id,path,submitted_at\nana,x_77_1_losses.py,2026-02-09T18:20\n"
    found = search(packed({"submissions.csv": table, "x_77_1_losses.py": "1"}))
    assert list(seen(found)) == ["ana"]


@pytest.mark.parametrize("origin", ["gradescope", "classroom50", "git"])
def test_a_worksheet_goes_with_moodle_and_canvas_only(search, origin):
    with pytest.raises(ConfigError, match="^--worksheet: expected a download of Moodle or Canvas"):
        search(MOODLE.download(), worksheet=MOODLE.worksheet(), origin=origin)


def test_a_worksheet_without_a_download_that_fits_is_refused(search):
    with pytest.raises(ConfigError, match="expected a download of Moodle or Canvas to go with --w"):
        search(packed({"ana/losses.py": "1"}), worksheet=MOODLE.worksheet())


@pytest.mark.parametrize("origin", ["moodle", "canvas", "git"])
def test_a_named_platform_that_finds_nothing_is_a_config_error(search, origin):
    with pytest.raises(ConfigError, match="named after each student, got none"):
        search(packed({"readme/x/y": ""}), origin=origin)


def test_a_student_id_must_be_safe_as_a_file_s_name(search, tmp_path):
    (tmp_path / "class" / "Ana María" / ".git").mkdir(parents=True)
    (tmp_path / "class" / "Ana María" / "losses.py").write_text("1")
    with pytest.raises(ConfigError, match="expected a student id that is safe as a file's name"):
        search(tmp_path / "class", origin="git")


@pytest.mark.parametrize("site", [MOODLE, CANVAS])
def test_collecting_twice_changes_nothing(search, site):
    search(site.download())
    once = search.store.submissions("tp1")
    search(site.download(), known=once)
    assert search.store.submissions("tp1") == once
