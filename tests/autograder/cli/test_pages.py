"""`gradlab report`, as it is typed."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from autograder.cli import main
from autograder.report.store import Store
from tests.autograder import layers


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class, to be changed."""
    return graded.copy(tmp_path)


def run(capsys, desk, *arguments, code=0):
    """Run `gradlab report` and return its output and its complaints."""
    command = ["-C", str(desk.course), "report", str(desk.out), *map(str, arguments)]
    assert main(command) == code
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.out, printed.err


def made(folder) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.html"))
    }


def test_everybody_graded_gets_a_page_and_the_class_one(desk, capsys):
    printed, _ = run(capsys, desk)
    assert printed == f"{desk.out}/pages/layers/index.html, and 11 feedback pages\n"
    pages = made(desk.out / "pages")
    students = desk.documents("feedback")
    assert pages.keys() == {"layers/index.html"} | {f"layers/students/{s}.html" for s in students}
    assert "Isolation tier <strong>" in pages["layers/students/einsum.html"]


def test_the_second_time_nothing_changes(desk, capsys):
    first = run(capsys, desk), made(desk.out / "pages")
    assert (run(capsys, desk), made(desk.out / "pages")) == first


def test_a_student_s_page_holds_nothing_of_the_instructor_s_file(desk, capsys):
    """What only the result file says must not be on the page: it is made from the feedback."""
    result = desk.document("results", "known-mistakes")
    run(capsys, desk)
    page = made(desk.out / "pages")["layers/students/known-mistakes.html"]
    hidden = [
        case
        for exercise in result["exercises"]
        for case in exercise["cases"]
        if case["visibility"] == "hidden"
    ]
    assert hidden
    for case in hidden:
        assert case["id"].partition("::")[2].partition("#")[0] not in page
        assert not case["message"] or case["message"] not in page
    assert str(result["environment"]["seed"]) not in page.replace("2026", "").split()


def test_pages_go_where_they_are_wanted(desk, capsys, tmp_path):
    printed, _ = run(capsys, desk, "-a", "layers", "-o", tmp_path / "site")
    assert printed.startswith(f"{tmp_path}/site/layers/index.html, and 11")
    assert not (desk.out / "pages").exists()


def test_a_student_who_is_gone_takes_the_page_along(desk, capsys):
    run(capsys, desk)
    (desk.out / "submissions" / "layers" / "ansi.json").unlink()
    printed, _ = run(capsys, desk)
    assert printed.endswith("and 10 feedback pages, 1 old page removed\n")
    assert "layers/students/ansi.html" not in made(desk.out / "pages")


def test_a_damaged_result_is_a_note_and_stops_nobody(desk, capsys):
    (desk.out / "results" / "layers" / "ansi.json").write_text("{")
    printed, _ = run(capsys, desk)
    assert "10 feedback pages" in printed
    assert "note: " in printed
    assert "ansi.json: unreadable" in printed


def crowd(desk, size):
    """Add students who handed in and got what `stub` did."""
    store = Store(desk.out)
    (stub,) = (one for one in store.submissions("layers") if one.student_id == "stub")
    with store.lock():
        for number in range(size):
            copy = {"student_id": f"copy-{number}"}
            store.record_attempts([replace(stub, **copy)])
            documents = (desk.document(kind, "stub") | copy for kind in ("results", "feedback"))
            store.write_result(*documents)


@pytest.mark.prove
def test_a_report_that_is_killed_leaves_every_page_old_or_new(desk, capsys):
    crowd(desk, 150)
    folder = desk.out / "pages"
    run(capsys, desk)
    old = made(folder)
    desk.replace("grading_config.yml", "title: ", "title: New ")
    command = [*layers.COMMAND, "-C", str(desk.course), "report", str(desk.out)]
    with subprocess.Popen(command, env=layers.ENVIRONMENT, stdout=subprocess.DEVNULL) as report:
        first = folder / "layers" / "students" / "absent.html"
        while first.read_text() == old["layers/students/absent.html"]:
            assert report.poll() is None
        report.kill()
    cut = made(folder)
    run(capsys, desk)
    new = made(folder)
    assert old.keys() == cut.keys() == new.keys()
    assert cut not in (old, new)
    assert [path for path in cut if cut[path] not in (old[path], new[path])] == []
    assert not [path for path in old if old[path] == new[path]]
    assert not list(folder.rglob("*.tmp"))


def test_a_page_without_names_wants_ten_graded_students(desk, capsys):
    _, complaint = run(capsys, desk, "--anonymous", code=2)
    assert "layers: expected at least 10 graded students for a page without names" in complaint
    assert not (desk.out / "pages-anonymous").exists()


def test_a_page_without_names_has_none(desk, capsys):
    crowd(desk, 3)
    printed, _ = run(capsys, desk, "--anonymous")
    assert printed == f"{desk.out}/pages-anonymous/layers/index.html, without names\n"
    pages = made(desk.out / "pages-anonymous")
    assert pages.keys() == {"layers/index.html"}
    for student in desk.documents("submissions"):
        assert f">{student}<" not in pages["layers/index.html"]


def test_a_ledger_that_the_next_grade_would_refuse_is_named(desk, capsys):
    (desk.out / "ledger.jsonl").write_text("\nnot JSON\n[]\n")
    printed, _ = run(capsys, desk)
    assert printed.splitlines()[1:] == [
        f"note: {desk.out}/ledger.jsonl:2: expected a JSON object, got 8 bytes. Mend the line.",
        f"note: {desk.out}/ledger.jsonl:3: expected a JSON object, got 2 bytes. Mend the line.",
    ]


def test_an_empty_folder_is_no_out(desk, capsys):
    shutil.rmtree(desk.out)
    _, complaint = run(capsys, desk, code=2)
    assert f"{desk.out}: expected results, got none. Grade first: gradlab grade." in complaint
    assert not desk.out.exists()


def test_an_unknown_assignment_is_named(desk, capsys):
    _, complaint = run(capsys, desk, "-a", "layer", code=2)
    assert "-a: expected an assignment out of layers" in complaint
    assert "got 'layer'. Correct it." in complaint
