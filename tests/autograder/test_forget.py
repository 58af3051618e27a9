"""To forget a student: no trace is left, nobody else's byte is touched, and it can be repeated."""

import io
import json
import re
import shutil
import unicodedata
import zipfile
from pathlib import Path

import pytest

from autograder import anonymous, config, forget, pipeline
from autograder import desk as instructor
from autograder.cli import main
from autograder.errors import GraderError
from autograder.report.store import Store
from tests.autograder import layers, postgresql, test_gradebook

WHO = "zoe-quux"
NAME = "Zoë Quux-Ångström"
BLOCKS = """\
external:
  project: {scale: 20}
course_grade: {scale: 4, formula: layers}
"""


class Unexpected:
    """Nothing is examined when only a decision is new."""

    def begin(self, isolation, total, known):
        assert total == 0


def request(desk, **changes) -> pipeline.Request:
    given = {"course_dir": desk.course, "source": None, "assignment": "layers", "out": desk.out}
    return pipeline.Request(**given | changes)


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> layers.Desk:
    """Return a class of three in which everything happened to one; to be read only."""
    desk = layers.desk(tmp_path_factory.mktemp("lived"), "own-class", "stub")
    roster = desk.course / "roster.csv"
    roster.write_text(f"{roster.read_text()}{WHO},{NAME}\n")
    desk.config.write_text(desk.config.read_text() + BLOCKS)
    own = (desk.source / "own-class" / "layers.py").read_text()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("layers.py", f"# {NAME}, {WHO}\n{own}")
    folder = desk.source / WHO
    desk.write(f"{WHO}/attempt-1", f"# by {NAME}\nprint('{WHO}')\nraise ValueError('{NAME}')\n")
    desk.write(f"{WHO}/attempt-2", own)  # the bytes of somebody else
    (folder / "attempt-3").mkdir()
    (folder / "attempt-3" / "work.zip").write_bytes(packed.getvalue())
    desk.grade()
    for kind, who in (("override", WHO), ("override", "stub"), ("excuse", WHO)):
        value = "2" if kind == "override" else None
        instructor.decide(request(desk), who, kind=kind, value=value, why="we met", by="sam")
    pipeline.grade(request(desk), Unexpected())
    table = desk.folder / "project.csv"
    table.write_text(f"student_id,score\n{WHO},12\nstub,13\n")
    arguments = ["scores", str(table), "--column", "project", "-o", str(desk.out)]
    assert main(["-C", str(desk.course), *arguments]) == 0
    pages = desk.out / "pages"
    pages.mkdir()
    aliases = anonymous.aliases(Store(desk.out))
    (pages / f"{WHO}.html").write_text("2 of 4")
    (pages / "class.html").write_text("<td>Zoë Quux-&Aring;ngström</td>".replace("&Aring;", "Å"))
    (pages / "anonymous.html").write_text(f"<td>{aliases[WHO]}</td>")
    (pages / "stub.html").write_text("<td>stub</td>")
    with zipfile.ZipFile(desk.out / "export.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("grades.csv", f"{WHO},2\n")
    shutil.copy(roster, desk.out / "roster.csv")
    (desk.out / "results" / "layers" / f".{WHO}.json.77.tmp").write_text(NAME)
    return desk


@pytest.fixture
def desk(lived, tmp_path) -> layers.Desk:
    return lived.copy(tmp_path)


def forgotten(desk):
    store = Store(desk.out)
    with store.lock():
        return forget.forget(store, config.load(desk.course), WHO)


def found(out: Path) -> list[str]:
    """Search without any help of the module that is tested: plainly, in every spelling."""
    spelt = [WHO, NAME, unicodedata.normalize("NFD", NAME), json.dumps(NAME)[1:-1], "Quux"]
    places = []
    for path in out.rglob("*"):
        text = str(path.relative_to(out)).encode() + (path.read_bytes() if path.is_file() else b"")
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                text += b"".join(archive.read(one) for one in archive.namelist())
        if any(word.lower().encode() in text.lower() for word in spelt):
            places.append(str(path.relative_to(out)))
    return places


def others(out: Path) -> dict[str, bytes]:
    """Return what is nobody's but others'."""
    made_again = {"grades.csv", "course.csv", "gradebook.sqlite", ".lock"}
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name not in made_again and ".tmp" not in path.name
    }


# --- nothing is left --------------------------------------------------------------------------


def test_no_trace_is_left_and_others_keep_every_byte(desk):
    before = others(desk.out)
    assert len(found(desk.out)) > 15
    done = forgotten(desk)
    assert found(desk.out) == []
    assert done.left == ()
    after = others(desk.out)
    cut = {"ledger.jsonl", "external/project.csv", "roster.csv"}
    assert {path for path, data in after.items() if data != before[path]} == cut
    gone = before.keys() - after.keys()
    assert all(re.search(rf"{WHO}|blobs/|pages/|export\.zip", path) for path in gone)
    assert "pages/anonymous.html" in gone
    assert "pages/stub.html" in after
    for path in cut:
        kept = before[path].splitlines(keepends=True)
        assert after[path] == b"".join(one for one in kept if WHO.encode() not in one)


def test_bytes_that_somebody_else_handed_in_stay(desk):
    done = forgotten(desk)
    (shared,) = done.removed.shared
    own = (desk.source / "own-class" / "layers.py").read_bytes()
    assert (desk.out / shared).read_bytes() == own
    assert len([path for path in done.removed.files if "blobs" in path]) == 2
    submission = Store(desk.out).submissions("layers")[0]
    assert submission.student_id == "own-class"
    assert submission.attempts[0].problem is None


def test_tables_are_made_again_without_the_student(desk):
    forgotten(desk)
    assert set(desk.grades()) == {"own-class", "stub"}
    tables = layers.tables(desk.out / "gradebook.sqlite")
    for rows in tables.values():
        assert WHO not in {row.get("student_id") for row in rows}
    assert len(tables["decisions"]) == 1
    assert "stub" in (desk.out / "course.csv").read_text()


def test_the_class_is_graded_on_as_if_the_student_had_never_been(desk):
    forgotten(desk)
    summary = pipeline.grade(request(desk), Unexpected())
    assert [row.student_id for row in summary.rows] == ["own-class", "stub"]
    assert found(desk.out) == []


def test_names_on_platforms_and_addresses_go_from_exports_too(desk):
    path = desk.out / "submissions" / "layers" / f"{WHO}.json"
    account = {"platform": "moodle", "id": "4711", "name": "Zoë_Q. (Erasmus)"}
    more = {"accounts": [account], "aliases": ["zoe.q@example.org", "1"]}
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    sheet = desk.out / "exports" / "layers" / "moodle" / "sheet.csv"
    sheet.parent.mkdir(parents=True)
    rows = ["id,name,mail", "Participant 4711,Zoë_Q. (Erasmus),", "Participant 1,,x@y.org"]
    rows.append("Participant 9,Somebody,ZOE.Q@example.org".replace("ZOE.Q", "zoe.q"))
    sheet.write_text("\n".join(rows) + "\n")
    with zipfile.ZipFile(sheet.with_name("feedback.zip"), "w") as made:
        made.writestr("Zoë Q_4711/feedback.txt", "for Zoë_Q. (Erasmus)")
    forgotten(desk)
    assert sheet.read_text() == "id,name,mail\nParticipant 1,,x@y.org\n"
    assert not sheet.with_name("feedback.zip").exists()


def test_folders_of_the_student_s_go_with_their_files_and_without(desk):
    exports = desk.out / "exports" / "layers"
    (exports / "gradescope" / WHO).mkdir(parents=True)
    (exports / "gradescope" / WHO / "results.json").write_text("{}")
    (exports / "classroom50" / WHO / "old").mkdir(parents=True)  # emptied by an earlier version
    (exports / "gradescope" / "stub").mkdir()
    done = forgotten(desk)
    assert done.left == ()
    assert f"exports/layers/classroom50/{WHO}" in done.removed.files
    assert sorted(exports.glob("*/*")) == [exports / "gradescope" / "stub"]


def test_to_forget_again_changes_nothing(desk):
    forgotten(desk)
    before = {path: path.read_bytes() for path in desk.out.rglob("*") if path.is_file()}
    done = forgotten(desk)
    assert done.removed.files == done.removed.rows == done.left == ()
    before.pop(desk.out / ".lock")
    assert before.items() <= {p: p.read_bytes() for p in desk.out.rglob("*") if p.is_file()}.items()


class Killed(Exception):  # noqa: N818 -- how a test stops a run, no error
    pass


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 7, 9, 11, 12, 13])
def test_what_was_interrupted_is_finished_by_the_next(desk, monkeypatch, after):
    steps = 0

    def stopping(function):
        def wrapped(*arguments, **more):
            nonlocal steps
            steps += 1
            if steps > after:
                raise Killed
            return function(*arguments, **more)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stopping(Path.unlink))
        patch.setattr(shutil, "rmtree", stopping(shutil.rmtree))
        patch.setattr(forget, "write_atomically", stopping(forget.write_atomically))
        patch.setattr(Store, "write_grades", stopping(Store.write_grades))
        with pytest.raises(Killed):
            forgotten(desk)
    assert forgotten(desk).left == ()
    assert found(desk.out) == []
    assert set(desk.grades()) == {"own-class", "stub"}


def test_a_damaged_list_of_attempts_is_forgotten_too(desk):
    path = desk.out / "submissions" / "layers" / f"{WHO}.json"
    path.with_name(f"{WHO}.json.unreadable").write_bytes(path.read_bytes()[:-20])
    path.write_bytes(b'{"schema": "gradlab/sub')
    done = forgotten(desk)
    assert not list((desk.out / "submissions").rglob(f"{WHO}*"))
    assert len([one for one in done.removed.files if "blobs" in one]) == 2


def test_a_list_that_somebody_s_bytes_stand_in_protects_them_even_if_damaged(desk):
    path = desk.out / "submissions" / "layers" / "own-class.json"
    path.rename(path.with_name("own-class.json.unreadable"))
    assert len(forgotten(desk).removed.shared) == 1


def test_what_others_say_about_the_student_is_reported(desk, capsys):
    with (desk.out / "ledger.jsonl").open("a") as file:
        entry = {"kind": "excuse", "student_id": "stub", "assignment": "layers", "by": "sam"}
        more = {"at": "2026-02-12T09:30:00+01:00", "why": f"worked with {NAME}"}
        file.write(json.dumps(entry | more) + "\n")
    arguments = ["-C", str(desk.course), "forget", WHO, "-o", str(desk.out), "--yes"]
    assert main(arguments) == 1
    said = capsys.readouterr().err.splitlines()
    assert "ledger.jsonl: the id or the name still stands here, in another's words" in said
    assert len((desk.out / "ledger.jsonl").read_text().splitlines()) == 2


def test_a_numeric_id_is_no_score(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("student_id,score\n12,3\n13,12\n")
    assert forget._cut(table, ("12",)) == b"student_id,score\n13,12\n"
    table.write_text("name,id\nAna,20261234\nBen,20261235\n")
    assert forget._cut(table, ("20261234", "Ana")) == b"name,id\nBen,20261235\n"


def test_an_id_inside_another_id_is_another(desk):
    words = forget._Words(("zoe", "12"))
    for text in (f"{WHO} 123 x-12 12_a azoe", "zoë"):
        (desk.out / "note.txt").write_text(text)
        assert not words.are_in(desk.out / "note.txt", desk.out)
    for text in ("by ZOE.", "(12)", "zoe.py"):
        (desk.out / "note.txt").write_text(text)
        assert words.are_in(desk.out / "note.txt", desk.out)


def test_a_disk_without_leave_to_write_is_one_line(desk, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(GraderError, match="expected room and leave to write, got 'Permission"):
        forgotten(desk)


# --- the command ------------------------------------------------------------------------------


def test_without_yes_nothing_goes_and_everything_is_named(desk, capsys):
    before = others(desk.out)
    assert main(["-C", str(desk.course), "forget", WHO, "-o", str(desk.out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "Nothing was removed. Add --yes."
    assert f"would go: records/layers/{WHO}" in lines
    assert f"would go: feedback/layers/{WHO}.json" in lines
    assert "would go: lines of ledger.jsonl" in lines
    assert any(re.fullmatch("stays: .*, which somebody else handed in, too", one) for one in lines)
    assert others(desk.out) == before


def test_with_yes_it_says_what_went(desk, capsys):
    assert main(["-C", str(desk.course), "forget", WHO, "-o", str(desk.out), "--yes"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert f"removed: results/layers/{WHO}.json" in said
    assert said[-1] == f"{WHO}: neither the id nor the name is in {desk.out}"
    assert found(desk.out) == []


def test_the_last_student_may_be_forgotten_and_forgotten_again(desk, capsys):
    said = []
    for who in (WHO, "own-class", "stub", "stub"):
        code = main(["-C", str(desk.course), "forget", who, "-o", str(desk.out), "--yes"])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        said.append("stub: there was nothing to remove; is the id right?\n" in printed.out)
    assert said == [False, False, False, True]
    assert desk.grades() == {}


def test_an_id_that_nobody_has_is_refused_unless_something_says_it(desk, capsys):
    before = others(desk.out)
    arguments = ["-C", str(desk.course), "forget", "nobody", "-o", str(desk.out)]
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        f"{desk.out}: expected a student's id, got 'nobody'. Correct it, or collect first.\n"
    )
    assert others(desk.out) == before
    (desk.out / "pages" / "note.txt").write_text("about nobody")
    assert main(arguments) == 0


def test_a_row_that_an_interrupted_run_left_is_a_trace(desk):
    rows = (desk.out / "grades.csv").read_bytes()
    forgotten(desk)
    store = Store(desk.out)
    assert not forget.is_known(store, WHO)
    (desk.out / "grades.csv").write_bytes(rows)  # killed before it was made again
    assert forget.is_known(store, WHO)


@pytest.mark.parametrize("who", ["../zoe", "", ".lock", "a/b", "*"])
def test_what_is_no_id_is_refused(desk, who, capsys):
    before = others(desk.out)
    assert main(["-C", str(desk.course), "forget", who, "-o", str(desk.out), "--yes"]) == 2
    assert "forget: expected a student id of at most 64 letters" in capsys.readouterr().err
    assert others(desk.out) == before


def test_a_folder_that_is_no_out_is_refused(desk, capsys):
    code = main(["-C", str(desk.course), "forget", WHO, "-o", str(desk.source), "--yes"])
    assert code == 2
    assert (desk.source / WHO).exists()


def test_rows_go_from_postgresql_too(desk):
    if reason := postgresql.why_not():
        pytest.skip(reason)
    with postgresql.server() as url:
        base = ["-C", str(desk.course)]
        assert main([*base, "rebuild", str(desk.out), "--database", url]) == 0
        assert WHO in str(test_gradebook.dumped(url))
        more = ["-o", str(desk.out), "--yes", "--database", url]
        assert main([*base, "forget", WHO, *more]) == 0
        dumped = str(test_gradebook.dumped(url))
    assert WHO not in dumped
    assert "Quux" not in dumped
    assert "own-class" in dumped
