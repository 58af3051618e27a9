"""The gradebook: the same files make the same tables, in both databases, whatever came before."""

import json
import sqlite3

import pytest
import sqlalchemy

from autograder import config, gradebook, pipeline
from autograder import desk as instructor
from autograder.cli import main
from autograder.errors import ConfigError
from autograder.report.store import Store
from tests.autograder import layers, postgresql
from tests.autograder.report import sealing


class Unexpected:
    """Nothing is examined when only a decision is new."""

    def begin(self, isolation, total, known):
        assert total == 0


def request(desk, **changes) -> pipeline.Request:
    given = {"course_dir": desk.course, "source": None, "assignment": "layers", "out": desk.out}
    return pipeline.Request(**given | changes)


def grade(desk, **changes):
    pipeline.grade(request(desk, **changes), Unexpected())


def file_of(desk) -> bytes:
    return (desk.out / "gradebook.sqlite").read_bytes()


def rows_of(desk):
    return gradebook.rows(config.load(desk.course), Store(desk.out))


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class, to be changed."""
    return graded.copy(tmp_path)


@pytest.fixture
def lived(desk) -> layers.Desk:
    """Return a class with several attempts, decisions and grades."""
    desk.write("stub", "def relu_forward(x):\n    return x, x\n")
    at = {"source": desk.source, "at": "2026-02-09 18:25"}
    with pytest.raises(AssertionError):  # examined by no one: the attempt stays open
        grade(desk, **at)
    for value in ("3.5", "2"):
        more = {"kind": "override", "value": value, "why": "viva", "by": "sam"}
        instructor.decide(request(desk), "notebook", **more)
        with pytest.raises(AssertionError):
            grade(desk)
    return desk


# --- the file ---------------------------------------------------------------------------------


def test_grading_leaves_a_gradebook_with_a_row_for_each_student(graded):
    found = layers.tables(graded.out / "gradebook.sqlite")
    grades = {row["student_id"]: row for row in found["grades"]}
    assert len(found["students"]) == len(grades) == 11
    assert {s: row["score"] for s, row in grades.items() if row["score"] is not None} == {
        s: float(row["score"]) for s, row in graded.grades().items() if row["score"]
    }
    assert grades["empty-file"]["status"] == "unreadable"
    assert grades["empty-file"]["score"] is None
    assert (
        grades["einsum"]["run_sha256"]
        == (graded.document("results", "einsum")["environment"]["run_sha256"])
    )
    assert {row["exercise"] for row in found["exercises"]} == {
        "affine_forward", "affine_backward", "relu_forward", "relu_backward",
    }  # fmt: skip
    mistakes = {row["mistake"] for row in found["exercises"] if row["mistake"]}
    assert mistakes == {"db_keeps_an_axis", "ignores_the_gate"}


def test_the_file_is_sound_and_nothing_stands_beside_it(graded):
    connection = sqlite3.connect(graded.out / "gradebook.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    assert [path.name for path in graded.out.glob("*gradebook*")] == ["gradebook.sqlite"]


def test_two_rebuilds_and_the_run_itself_make_the_same_bytes(lived, capsys):
    grade_made = rows_of(lived)
    for _ in range(2):
        assert main(["-C", str(lived.course), "rebuild", str(lived.out)]) == 0
        first = file_of(lived)
        (lived.out / "gradebook.sqlite").unlink()
        assert main(["-C", str(lived.course), "rebuild", str(lived.out)]) == 0
        assert file_of(lived) == first
    assert gradebook.as_sqlite(grade_made) == first


def test_what_grade_left_is_what_a_rebuild_makes(desk):
    for value in ("3.5", "2", "withdrawn"):
        more = {"kind": "override", "value": value, "why": "viva", "by": "sam"}
        instructor.decide(request(desk), "notebook", **more)
        grade(desk)
        left = file_of(desk)
        assert main(["-C", str(desk.course), "rebuild", str(desk.out)]) == 0
        assert file_of(desk) == left


def test_a_damaged_gradebook_is_no_loss(desk):
    left = file_of(desk)
    (desk.out / "gradebook.sqlite").write_bytes(b"damaged")
    assert main(["-C", str(desk.course), "rebuild", str(desk.out)]) == 0
    assert file_of(desk) == left


def test_who_has_the_old_file_open_keeps_a_whole_one(desk):
    connection = sqlite3.connect(desk.out / "gradebook.sqlite")
    count = "SELECT count(*) FROM decisions"
    assert connection.execute(count).fetchone() == (0,)
    more = {"kind": "override", "value": "1", "why": "viva", "by": "sam"}
    instructor.decide(request(desk), "notebook", **more)
    grade(desk)
    assert connection.execute(count).fetchone() == (0,)
    connection.close()
    assert len(layers.tables(desk.out / "gradebook.sqlite")["decisions"]) == 1


def test_an_assignment_that_the_course_has_forgotten_keeps_its_rows(desk):
    for kind in ("submissions", "results", "history"):
        (desk.out / kind / "layers").rename(desk.out / kind / "old")
        for path in (desk.out / kind / "old").glob("*.json"):
            sealing.rewrite(path, lambda text: text.replace('"layers"', '"old"'))
    (row,) = rows_of(desk)["assignments"]
    assert row == {
        "assignment": "old", "title": "old",
        "scale": None, "class_end": None, "due": None, "closes": None,
    }  # fmt: skip
    assert len(rows_of(desk)["grades"]) == 11


def test_a_lost_result_is_a_pending_grade(desk):
    (desk.out / "results" / "layers" / "einsum.json").unlink()
    (row,) = [row for row in rows_of(desk)["grades"] if row["student_id"] == "einsum"]
    assert (row["status"], row["score"]) == ("pending", None)


@pytest.mark.parametrize("kind", ["results", "history"])
@pytest.mark.parametrize("more", [{"attempts": 3, "status": "graded"}, {"grades": [[]]}, {}])
def test_a_file_with_the_right_schema_and_wrong_content_is_a_pending_grade(desk, kind, more):
    path = desk.out / kind / "layers" / "einsum.json"
    schema = json.loads(path.read_text())["schema"]
    sealing.put(path, {"schema": schema, **more})
    store = Store(desk.out)
    tables = gradebook.rows(config.load(desk.course), store)
    (row,) = [row for row in tables["grades"] if row["student_id"] == "einsum"]
    is_whole = kind == "history" and more.get("grades") is None  # there were no grades yet
    assert row["status"] == ("graded" if is_whole else "pending")
    assert len(tables["grades"]) == 11
    assert is_whole != any("layers/einsum: result or history" in note for note in store.notes)
    gradebook.as_sqlite(tables)


def test_a_folder_without_grades_is_named(tmp_path, capsys):
    assert main(["-C", str(layers.COURSE), "rebuild", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}: expected a folder that `gradlab grade` has written, got none."
        " Name it, or grade first.\n"
    )


# --- PostgreSQL -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database():
    if reason := postgresql.why_not():
        pytest.skip(reason)
    with postgresql.server() as url:
        yield url


def dumped(url: str) -> dict[str, list]:
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: [dict(row) for row in connection.execute(table.select()).mappings()]
            for table in gradebook.META.sorted_tables
        }
    engine.dispose()
    return found


def in_order(tables):
    return {name: sorted(map(repr, rows)) for name, rows in tables.items()}


def test_postgresql_holds_the_same_rows_as_sqlite(lived, database, capsys):
    for _ in range(2):  # the second time over what the first one left
        arguments = ["rebuild", str(lived.out), "--database", database]
        assert main(["-C", str(lived.course), *arguments]) == 0
        expected = layers.tables(lived.out / "gradebook.sqlite")
        for row in expected["exercises"]:
            row["starred"] = bool(row["starred"])  # SQLite has no booleans
        assert len(expected["past_grades"]) > 11
        assert len(expected["decisions"]) == 2
        assert in_order(dumped(database)) == in_order(expected)


def test_a_fault_in_the_middle_changes_nothing_in_postgresql(desk, database):
    gradebook.write_database(database, rows_of(desk))
    before = in_order(dumped(database))
    broken = {**rows_of(desk)}
    broken["grades"] = [*broken["grades"], broken["grades"][0]]
    with pytest.raises(ConfigError, match="expected a database to write, got 'duplicate key"):
        gradebook.write_database(database, broken)
    assert in_order(dumped(database)) == before


def test_a_database_that_cannot_be_reached_is_one_line_without_the_password(desk, capsys):
    url = "postgresql+psycopg://sam:s3cret@127.0.0.1:1/grades"
    code = main(["-C", str(desk.course), "rebuild", str(desk.out), "--database", url])
    complaint = capsys.readouterr().err
    assert code == 2
    assert complaint.startswith("--database: expected a database to write, got ")
    assert complaint.count("\n") == 1
    assert "s3cret" not in complaint


@pytest.mark.parametrize("url", ["", "grades.sqlite", "mysql://h/d", "postgresql+nothing://h/d"])
def test_another_kind_of_database_is_refused(desk, url):
    with pytest.raises(ConfigError, match=r"^--database: expected postgresql\+psycopg://"):
        gradebook.write_database(url, rows_of(desk))


# --- history ----------------------------------------------------------------------------------


def test_history_has_every_attempt_grade_and_decision_in_time_order(desk):
    for value in ("3.5", "2"):
        more = {"kind": "override", "value": value, "why": "viva", "by": "sam"}
        instructor.decide(request(desk), "notebook", **more)
        grade(desk)
    events = gradebook.history(Store(desk.out), "notebook")
    assert [one.what for one in events] == [
        "handed_in", "graded", "decided", "graded", "decided", "graded",
    ]  # fmt: skip
    first, *_, last = [one for one in events if one.what == "graded"]
    run = desk.document("results", "notebook")["environment"]["run_sha256"][:12]
    assert first.text.startswith(f"4 of 4 (run {run}, tier ")
    assert last.text.startswith("2 of 4 ")
    assert last.text.endswith("An instructor set the score to 2.")
    assert events[2].text == "override 3.5, by sam: viva"
    assert [one.at for one in events] == sorted(one.at or "" for one in events) or not events[0].at


def test_a_grade_that_stays_the_same_is_remembered_once(desk):
    grade(desk)
    grade(desk)
    assert len(Store(desk.out).history("layers", "notebook")) == 1


def test_history_is_printed_in_the_time_of_the_course(desk, capsys):
    grade(desk, source=desk.source, at="2026-02-09 18:25")
    desk.replace("grading_config.yml", "timezone: UTC", "timezone: Europe/Paris")
    assert main(["-C", str(desk.course), "history", "notebook", "-o", str(desk.out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2026-02-09 19:25  layers  handed in: attempt 1: layers.ipynb")
    assert main(["-C", str(desk.course), "history", "stub", "-o", str(desk.out), "--json"]) == 0
    events = json.loads(capsys.readouterr().out)
    assert events[0].keys() == {"at", "assignment", "what", "text"}


@pytest.mark.parametrize("student", ["nobody", "../stub", ""])
def test_history_of_nobody_is_named(graded, student):
    with pytest.raises(ConfigError, match=r"out: expected a student's id, got .*collect first\."):
        gradebook.history(Store(graded.out), student)
