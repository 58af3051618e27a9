"""`gradlab export`, and what comes in before it: a download, by commands only."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from autograder.anonymous import aliases
from autograder.cli import main
from autograder.publish.export import TARGETS
from autograder.report import store
from tests.autograder import layers
from tests.autograder.lms import canvas_site, moodle_site
from tests.autograder.lms.moodle_site import PARIS

EVENING = datetime(2026, 2, 9, 18, 20, tzinfo=PARIS)


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class of the layers course, to be changed."""
    return graded.copy(tmp_path)


def run(capsys, desk, *arguments, code=0):
    everything = ["-C", str(desk.course), *map(str, arguments)]
    assert main(everything) == code
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return " ".join(printed.out.split()), printed.err


def export(capsys, desk, target, *more, code=0):
    return run(capsys, desk, "export", desk.out, "-a", "layers", "--to", target, *more, code=code)


def moodle_of(desk, **options) -> moodle_site.Site:
    """Return a site whose participants are the class, by the names in the roster."""
    names = {student: row["name"] for student, row in desk.grades().items()}
    users = [
        moodle_site.User(4700 + index, name, id_number=student)
        for index, (student, name) in enumerate(names.items())
    ]
    return moodle_site.Site(users, **options)


def scores(desk) -> list[float | None]:
    return [float(row["score"]) if row["score"] else None for row in desk.grades().values()]


@pytest.mark.parametrize("language", moodle_site.LANGUAGES)
def test_moodle_takes_the_grades_that_out_holds(desk, capsys, tmp_path, language):
    site = moodle_of(desk, language=language, maximum=20)
    (tmp_path / "sheet.csv").write_bytes(site.worksheet())
    printed, _ = export(capsys, desk, "moodle", "--into", tmp_path / "sheet.csv")
    folder = desk.out / "exports" / "layers" / "moodle"
    site.take_worksheet((folder / "sheet.csv").read_bytes())
    site.take_feedback((folder / "feedback.zip").read_bytes())
    expected = [None if score is None else pytest.approx(score * 5) for score in scores(desk)]
    assert [user.grade for user in site.users] == expected
    assert "a score out of 4 becomes a grade out of 20: times 5." in printed
    handed_in = [user for user in site.users if user.id_number != "absent"]
    assert all(list(user.feedback) == ["feedback-layers.txt"] for user in handed_in)
    assert f"wrote {folder / 'feedback.zip'}" in printed


def test_a_dry_run_shows_every_change_and_writes_nothing(desk, capsys, tmp_path):
    site = moodle_of(desk)
    site.users[0].locked = True
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(site.worksheet())
    before = sorted(desk.folder.rglob("*"))
    printed, _ = export(capsys, desk, "moodle", "--into", sheet, "--dry-run")
    assert printed.endswith("Nothing was written.")
    assert "the grade is locked in Moodle" in printed
    assert "sheet.csv:3" in printed
    assert f"{desk.out}/exports/layers/moodle/sheet.csv: new" in printed
    assert sheet.read_bytes() == site.worksheet()
    assert sorted(desk.folder.rglob("*")) == before


@pytest.mark.parametrize("target", TARGETS[2:])
def test_a_dry_run_says_which_files_are_new_or_differ(desk, capsys, target):
    def dry():
        arguments = ["export", desk.out, "-a", "layers", "--to", target, "--dry-run"]
        assert main(["-C", str(desk.course), *map(str, arguments)]) == 0
        printed = capsys.readouterr().out
        assert "cell" not in printed
        assert printed.endswith("Nothing was written.\n")
        return dict(line.split(": ") for line in printed.splitlines() if line.startswith("/"))

    folder = desk.out / "exports" / "layers" / target
    before = dry()
    assert not folder.exists()
    export(capsys, desk, target)
    written = {str(path) for path in folder.rglob("*") if path.is_file()}
    assert before == dict.fromkeys(written, "new")
    assert dry() == dict.fromkeys(written, "the same")
    path = Path(min(written))
    path.write_text("something else")
    assert dry() == dict.fromkeys(written, "the same") | {str(path): "changed"}
    assert path.read_text() == "something else"
    path.unlink()
    path.mkdir()
    assert dry()[str(path)] == "changed"


def test_a_dry_run_names_the_files_that_go(desk, capsys, tmp_path):
    export(capsys, desk, "gradescope", "-o", tmp_path / "there")
    path = desk.out / "results" / "layers" / "notebook.json"
    path.write_text(json.dumps(desk.document("results", "notebook") | {"status": "internal_error"}))
    printed, _ = export(capsys, desk, "gradescope", "-o", tmp_path / "there", "--dry-run")
    assert f"{tmp_path}/there/notebook/results.json: removed" in printed
    assert (tmp_path / "there" / "notebook" / "results.json").exists()
    printed, _ = export(capsys, desk, "gradescope", "--dry-run")
    assert ": removed" not in printed


def test_in_place_is_fine_and_the_archive_goes_beside_it(desk, capsys, tmp_path):
    site = moodle_of(desk)
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(site.worksheet())
    export(capsys, desk, "moodle", "--into", sheet, "-o", sheet)
    assert site.take_worksheet(sheet.read_bytes()) == sum(one is not None for one in scores(desk))
    assert (tmp_path / "sheet-feedback.zip").is_file()


def test_an_interrupted_export_leaves_the_old_file(desk, capsys, tmp_path, monkeypatch):
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(moodle_of(desk).worksheet())
    old = sheet.read_bytes()

    def stop(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(store.os, "fsync", stop)
    arguments = ["export", desk.out, "-a", "layers", "--to", "moodle", "--into", sheet, "-o", sheet]
    run(capsys, desk, *arguments, code=130)
    assert sheet.read_bytes() == old
    assert [path.name for path in tmp_path.glob(".*")] == []


_KILLED = """
import os, sys
from autograder.report import store
real = store._settle
def settle(stream, temporary, path):
    if path.suffix == ".csv":
        stream.flush()
        os._exit(9)  # as if killed, with half of the work done
    real(stream, temporary, path)
store._settle = settle
from autograder.cli import main
main(sys.argv[1:])
"""


def test_a_killed_export_leaves_the_old_file(desk, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(moodle_of(desk).worksheet())
    old = sheet.read_bytes()
    arguments = ["-C", desk.course, "export", desk.out, "-a", "layers", "--to", "moodle"]
    arguments += ["--into", sheet, "-o", sheet]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, *map(str, arguments)],
        env=layers.ENVIRONMENT,
        check=False,
        timeout=120,
    )
    assert done.returncode == 9
    assert sheet.read_bytes() == old


@pytest.mark.parametrize("comma", [False, True])
def test_canvas_takes_the_grades_that_out_holds(desk, capsys, tmp_path, comma):
    users = [
        canvas_site.User(70 + index, *row["name"].split(" ", 1), login=student)
        for index, (student, row) in enumerate(desk.grades().items())
    ]
    site = canvas_site.Site(users, title="Layers in TP", points=100, comma=comma)
    (tmp_path / "book.csv").write_bytes(site.gradebook())
    _, complaint = export(capsys, desk, "canvas", "--into", tmp_path / "book.csv", code=2)
    assert "Name one: --column." in complaint
    column = ("--column", "Layers in TP")
    export(capsys, desk, "canvas", "--into", tmp_path / "book.csv", *column)
    changes = site.take((desk.out / "exports/layers/canvas/book.csv").read_bytes())
    assert all(name.endswith(" 98765") for name in changes)
    expected = [None if score is None else pytest.approx(score * 25) for score in scores(desk)]
    assert [user.grade for user in site.users] == expected


def test_the_other_targets_write_what_they_say(desk, capsys):
    for target in ("gradescope", "classroom50", "junit", "csv"):
        printed, _ = export(capsys, desk, target)
        assert "wrote " in printed
    out = desk.out / "exports" / "layers"
    with_number = [i for i, row in desk.grades().items() if row["score"]]
    for student in with_number:
        score = float(desk.grades()[student]["score"])
        found = json.loads((out / "gradescope" / student / "results.json").read_text())
        assert found["score"] == score
        found = json.loads((out / "classroom50" / student / "result.json").read_text())
        assert found["score"] == round(score * 100)
    assert {path.parent.name for path in out.glob("gradescope/*/*")} == set(with_number)
    rows = list(csv.DictReader((out / "csv" / "layers.csv").read_text().splitlines()))
    assert [row["student_id"] for row in rows] == list(desk.grades())
    assert (out / "junit" / "students" / "notebook.xml").is_file()


def test_a_file_for_each_student_goes_into_a_folder(desk, capsys, tmp_path):
    with_number = {i for i, row in desk.grades().items() if row["score"]}
    export(capsys, desk, "gradescope", "-o", tmp_path / "there")
    assert {path.parent.name for path in (tmp_path / "there").glob("*/results.json")} == with_number
    for target in ("gradescope", "classroom50"):
        _, complaint = export(capsys, desk, target, "-o", tmp_path / "x.json", code=2)
        assert complaint == (
            f"-o: expected a folder for the files of {len(with_number)} students, got 'x.json'. "
            f"Name a folder.\n"
        )
    assert not (tmp_path / "x.json").exists()
    export(capsys, desk, "junit", "-o", tmp_path / "class.xml")
    class_report = (tmp_path / "class.xml").read_bytes()
    export(capsys, desk, "junit")
    assert (desk.out / "exports" / "layers" / "junit" / "layers.xml").read_bytes() == class_report


def test_one_student_s_file_is_one_file(tmp_path, capsys):
    desk = layers.desk(tmp_path, "notebook")
    roster = ("--roster", desk.course / "roster.csv")
    run(capsys, desk, "grade", desk.source, *roster, "-a", "layers", "-o", desk.out)
    export(capsys, desk, "classroom50", "-o", tmp_path / "result.json")
    assert json.loads((tmp_path / "result.json").read_text())["score"] == 400


@pytest.mark.parametrize("there", [None, "there"])
def test_a_student_who_has_no_number_any_more_keeps_no_old_file(desk, capsys, tmp_path, there):
    to = ("-o", tmp_path / there) if there else ()
    folder = tmp_path / there if there else desk.out / "exports" / "layers" / "gradescope"
    export(capsys, desk, "gradescope", *to)
    assert (folder / "notebook" / "results.json").is_file()
    path = desk.out / "results" / "layers" / "notebook.json"
    path.write_text(json.dumps(desk.document("results", "notebook") | {"status": "internal_error"}))
    export(capsys, desk, "gradescope", *to)
    assert not (folder / "notebook" / "results.json").exists()
    assert (folder / "einsum" / "results.json").is_file()


@pytest.mark.parametrize("target", ["gradescope", "classroom50", "junit", "csv", "moodle"])
def test_no_export_holds_anything_that_only_the_instructor_may_see(desk, capsys, tmp_path, target):
    (tmp_path / "sheet.csv").write_bytes(moodle_of(desk).worksheet())
    into = ("--into", tmp_path / "sheet.csv") if target == "moodle" else ()
    export(capsys, desk, target, *into)
    shown, known = set(), set()
    for kind, texts in (("feedback", shown), ("results", known)):
        for document in desk.documents(kind).values():
            for exercise in document["exercises"]:
                for case in exercise["cases"]:
                    texts |= {case["id"], case["message"]}
    secrets = {one for one in known - shown if len(one) > 20}
    assert len(secrets) > 10
    written = _texts(desk.out / "exports")
    assert written
    assert [secret for secret in secrets if secret in written] == []


def _texts(folder: Path) -> str:
    pieces = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                pieces += [archive.read(name).decode() for name in archive.namelist()]
        elif path.is_file():
            pieces.append(path.read_text())
    return "\n".join(pieces)


@pytest.mark.parametrize("target", ["gradescope", "junit", "csv"])
def test_anonymous_exports_name_nobody(desk, capsys, target):
    export(capsys, desk, target, "--anonymous")
    folder = desk.out / "exports" / "layers" / target
    everything = _texts(folder) + "\n".join(map(str, folder.rglob("*")))
    everything = everything.replace("notebook.ipynb", "")
    for student, row in desk.grades().items():
        assert row["name"] not in everything
        assert f"{student}/" not in everything
        assert f",{student}," not in everything
        assert f".{student}." not in everything


@pytest.mark.parametrize("target", ["canvas", "classroom50"])
def test_what_finds_students_by_name_cannot_be_anonymous(desk, capsys, target):
    _, complaint = export(capsys, desk, target, "--anonymous", code=2)
    assert complaint.startswith("--anonymous: expected a target that needs no names, got")


def test_anonymous_exports_and_reports_call_a_student_the_same(desk, capsys):
    export(capsys, desk, "csv", "--anonymous")
    text = (desk.out / "exports" / "layers" / "csv" / "layers.csv").read_text()
    written = {row["student_id"] for row in csv.DictReader(text.splitlines())}
    assert written == set(aliases(store.Store(desk.out)).values())


@pytest.mark.parametrize("target", ["moodle", "canvas"])
def test_a_table_to_fill_is_asked_for(desk, capsys, target):
    _, complaint = export(capsys, desk, target, code=2)
    assert complaint.startswith("--into: expected the ")
    assert complaint.strip().endswith("Download it, and name it: --into FILE.")


@pytest.mark.parametrize(
    ("target", "option", "wanted"),
    [
        *((target, "--into", "moodle or canvas") for target in TARGETS[2:]),
        *((target, "--column", "canvas") for target in TARGETS if target != "canvas"),
    ],
)
def test_what_a_target_has_no_use_for_is_refused(desk, capsys, target, option, wanted):
    _, complaint = export(capsys, desk, target, option, "book.csv", code=2)
    assert complaint == (
        f"{option}: expected it with --to {wanted}, got --to {target}. Leave it out.\n"
    )
    assert not (desk.out / "exports").exists()


def test_an_empty_out_says_what_to_do(desk, capsys, tmp_path):
    everything = ("export", tmp_path / "nothing", "-a", "layers", "--to", "csv")
    _, complaint = run(capsys, desk, *everything, code=2)
    assert "expected results of layers, got none. Grade first: gradlab grade" in complaint


def test_a_folder_that_cannot_be_written_is_one_line(desk, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    _, complaint = export(capsys, desk, "csv", "-o", tmp_path / "file" / "x.csv", code=2)
    assert "expected room and leave to write, got" in complaint


def test_the_command_offers_every_target(capsys, desk):
    printed, _ = run(capsys, desk, "export", "--help")
    assert f"[{'|'.join(TARGETS)}]" in printed


def test_a_moodle_download_becomes_grades_in_moodle_by_two_commands(tmp_path, capsys):
    desk = layers.desk(tmp_path, "notebook", "einsum", "stub")
    users = []
    for number, student in enumerate(("notebook", "einsum", "stub")):
        (file,) = (desk.source / student).iterdir()
        users.append(
            moodle_site.User(
                4711 + number, ["Ana_María Gómez", "Jean Martin", "Jean Martin"][number],
                files={file.name: file.read_bytes()}, submitted_at=EVENING,
            )
        )  # fmt: skip
    users.append(moodle_site.User(4800, "Zoé Absent"))
    site = moodle_site.Site(users, language="fr", maximum=20)
    (tmp_path / "d.zip").write_bytes(site.download())
    (tmp_path / "w.csv").write_bytes(site.worksheet())
    sheet = ("--worksheet", tmp_path / "w.csv")
    run(capsys, desk, "grade", tmp_path / "d.zip", *sheet, "-a", "layers", "-o", desk.out)
    export(capsys, desk, "moodle", "--into", tmp_path / "w.csv")
    folder = desk.out / "exports" / "layers" / "moodle"
    assert site.take_worksheet((folder / "w.csv").read_bytes()) == 4
    assert [user.grade for user in site.users] == [20.0, 14.0, 0.0, 0.0]
    attempt = desk.document("submissions", "participant-4711")["attempts"][0]
    assert attempt["time_source"] == "lms"
    archive = zipfile.ZipFile(io.BytesIO((folder / "feedback.zip").read_bytes()))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 4
    written = sorted(folder.iterdir())
    for user in site.users:
        user.number += 1000
    (tmp_path / "other.csv").write_bytes(site.worksheet())
    _, complaint = export(capsys, desk, "moodle", "--into", tmp_path / "other.csv", code=2)
    assert complaint.startswith("other.csv:2: expected participant 4711, the number with which")
    assert complaint.endswith(" Download both from the same assignment.\n")
    assert sorted(folder.iterdir()) == written
    assert (tmp_path / "other.csv").read_bytes() == site.worksheet()
