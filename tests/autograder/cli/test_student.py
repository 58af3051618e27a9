"""A student's day: start, check, hint by hint."""

import json
import re
import shutil

import pytest

from autograder.cli import main
from tests.autograder.layers import COURSE, ROOT

SUBMISSIONS = COURSE / "submissions"


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    """Return the folder that students of the layers course get."""
    folder = tmp_path_factory.mktemp("handouts")
    assert main(["-C", str(COURSE), "release", "-o", str(folder)]) == 0
    return folder / "layers"


@pytest.fixture
def home(handout, tmp_path):
    """Return a student's own copy."""
    return shutil.copytree(handout, tmp_path / "layers")


@pytest.fixture
def check(home, capsys):
    """Return what checks some student's file: the exit code and what is printed."""

    def run(student, *options, name="layers.py"):
        if student is not None:
            shutil.copy(SUBMISSIONS / student / name, home / name)
        capsys.readouterr()
        code = main(["check", str(home / name), *options])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


# --- start ------------------------------------------------------------------------------------


def test_start_copies_an_assignment_and_says_what_comes_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["start", "losses"]) == 0
    assert sorted(path.name for path in (tmp_path / "losses").iterdir()) == sorted(
        path.name for path in (ROOT / "assignments" / "losses").iterdir()
    )
    assert capsys.readouterr().out.splitlines()[-1] == "Then: gradlab check losses"


def test_start_fills_an_empty_folder(tmp_path):
    (tmp_path / "mine").mkdir()
    assert main(["start", "losses", str(tmp_path / "mine")]) == 0
    assert (tmp_path / "mine" / "losses.py").is_file()


def test_start_never_writes_over_work(tmp_path, capsys):
    (tmp_path / "losses.py").write_text("weeks of work")
    assert main(["start", "losses", str(tmp_path)]) == 2
    assert "expected a new or empty folder, got one with files in it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["losses.py"]


def test_start_never_writes_over_a_file(tmp_path, capsys):
    (tmp_path / "losses").write_text("notes")
    assert main(["start", "losses", str(tmp_path / "losses")]) == 2
    assert "expected a new or empty folder" in capsys.readouterr().err


@pytest.mark.parametrize("topic", ["loses", "..", ".", "", "losses/losses.py", "/etc"])
def test_start_knows_its_topics(topic, tmp_path, capsys):
    assert main(["start", topic, str(tmp_path / "new")]) == 2
    known = sorted(path.name for path in (ROOT / "assignments").iterdir())
    assert f"start: expected one of {', '.join(known)}, got" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_start_says_where_it_cannot_write(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["start", "losses", str(tmp_path / "file" / "losses")]) == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith("losses: expected room and leave to write, got 'Not a directory'. Name another.")
    )


# --- check ------------------------------------------------------------------------------------


def test_a_right_module_passes(check):
    code, printed, _ = check("tuple-cache")
    assert code == 0
    assert printed.count("passed") == 4
    assert "layers.py: 4 of 4 exercises pass their public tests." in printed


def test_a_right_notebook_passes(check):
    code, printed, _ = check("notebook", name="layers.ipynb")
    assert code == 0
    assert "layers.ipynb: 4 of 4 exercises pass" in printed


def test_a_cache_of_an_own_class_passes(check):
    assert check("own-class")[0] == 0


def test_the_handed_out_stub_is_not_written_yet(check):
    code, printed, _ = check(None)
    assert code == 1
    assert printed.count("not written yet") == 4
    assert "0 of 4 exercises pass" in printed


def test_a_known_mistake_gets_one_hint_more_each_time(check):
    hints = [
        "hint: db does not have the shape of b.",
        "hint: The other two gradients are right; look at db.",
        "hint: Which shape must a gradient always have?",
    ]
    for asked, options in enumerate([[], ["--hint"], ["--hint", "--hint"], ["--hint"] * 5]):
        code, printed, _ = check("known-mistakes", *options)
        assert code == 1
        assert [hint in printed for hint in hints] == [n <= asked for n in range(3)]
        more = [
            "More hints: add --hint for one more, --hint --hint for all.\n",
            "More hints: add --hint --hint for one more.\n",
        ]
        assert [line in printed for line in more] == [asked == 0, asked == 1]
        assert printed.count("More hints") == (asked < 2)
    assert "db_keeps_an_axis" not in printed


def test_a_forbidden_operation_is_named_with_its_line(check):
    code, printed, _ = check("einsum")
    assert code == 1
    assert "affine_backward              forbidden operation\n" in printed
    assert "affine_backward uses numpy.einsum (layers.py, line 10), which is forbidden" in printed


def test_a_forbidden_operation_comes_before_all_other_messages(check, home):
    text = (SUBMISSIONS / "einsum" / "layers.py").read_text()
    (home / "layers.py").write_text("import not_there\n" + text)
    _, printed, _ = check(None)
    first, second, *rest = printed.splitlines()
    assert first == "  affine_backward              forbidden operation"
    assert "affine_backward uses numpy.einsum" in second
    assert any(line.startswith("note: ") for line in rest)


def test_what_needs_a_failed_forward_pass_is_not_run(check):
    _, printed, _ = check("forward-raises")
    assert "affine_backward              not run\n" in printed
    assert "needs affine_forward, which failed: affine_forward raised ValueError" in printed


def test_one_exercise_can_be_checked_alone(check):
    code, printed, _ = check("known-mistakes", "-k", "relu_forward", "-k", "affine_forward")
    assert code == 0
    assert "2 of 2 exercises pass" in printed
    assert "backward" not in printed


def test_an_unknown_exercise_is_named(check):
    code, _, complaint = check("stub", "-k", "softmax")
    assert code == 2
    assert complaint.startswith("-k: expected one of affine_forward, affine_backward, ")


def test_programs_can_read_it(check):
    code, printed, _ = check("known-mistakes", "--json")
    assert code == 1
    document = json.loads(printed)
    assert (document["schema"], document["file"]) == ("gradlab/check/v1", "layers.py")
    assert [one["outcome"] for one in document["exercises"]] == [
        "passed", "failed", "passed", "failed",
    ]  # fmt: skip
    assert document["passed"] == 2


def test_the_folder_is_enough(home, monkeypatch, capsys):
    shutil.copy(SUBMISSIONS / "tuple-cache" / "layers.py", home)
    (home / "layers.ipynb").unlink()
    monkeypatch.chdir(home)
    assert main(["check"]) == 0
    assert main(["check", str(home)]) == 0
    assert capsys.readouterr().out.count("layers.py: 4 of 4") == 2


def test_of_a_module_and_a_notebook_the_one_saved_last_is_checked(home, capsys):
    shutil.copy(SUBMISSIONS / "notebook" / "layers.ipynb", home)
    main(["check", str(home)])
    assert "layers.ipynb: 4 of 4" in capsys.readouterr().out


def test_a_folder_without_an_assignment_is_named(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path}: expected the files of one assignment, got none.")


def test_a_file_that_is_not_there_is_named(home, capsys):
    assert main(["check", str(home / "layer.py")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("layer.py: expected your file or its folder, got no such path.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "layers.py: expected Python source, got an empty file."),
        ("def affine_forward(x, w, b)\n    return x\n", "layers.py, line 1: "),
        ("x = 1\n", "layers.py: expected a definition of one of affine_forward"),
        ("\0", "layers.py"),
    ],
)
def test_a_file_that_cannot_be_checked_is_one_line(home, capsys, text, said):
    (home / "layers.py").write_text(text)
    assert main(["check", str(home / "layers.py")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert said in line


def test_a_notebook_that_is_none_is_one_line(home, capsys):
    (home / "layers.ipynb").write_text("{}")
    assert main(["check", str(home / "layers.ipynb")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("layers.ipynb: ")


def test_a_damaged_assignment_is_named(home, capsys):
    (home / "layers.json").write_text("{}")
    assert main(["check", str(home)]) == 2
    assert "Download the assignment again." in capsys.readouterr().err


def test_own_words_of_a_student_cannot_paint_the_terminal(check):
    _, printed, _ = check("ansi")
    verdicts = printed.partition("affine_forward   ")[2]  # before: what the module itself prints
    assert "[bold]red[/bold]" in verdicts
    assert "\x1b" not in verdicts
    assert "\u202e" not in verdicts


# --- check --annotate -------------------------------------------------------------------------


def test_on_github_a_failure_is_shown_at_its_line_and_in_the_summary(
    check, home, monkeypatch, tmp_path
):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    code, printed, _ = check("known-mistakes", "--annotate", "github")
    assert code == 1
    command = next(line for line in printed.splitlines() if line.startswith("::error"))
    number = int(re.search(r"^::error file=layers/layers.py,line=(\d+),title=(\w+)", command)[1])
    name = re.search(r"title=(\w+)", command)[1]
    assert (home / "layers.py").read_text().splitlines()[number - 1].startswith(f"def {name}(")
    assert summary.read_text().startswith("before\n### layers\n")
    assert f"| {name.replace('_', chr(92) + '_')} | not yet right" in summary.read_text()


def test_without_a_summary_file_the_lines_are_shown_all_the_same(check, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    _, printed, _ = check("known-mistakes", "--annotate", "github")
    assert "::error file=" in printed


def test_on_gitlab_two_reports_are_written(check, home, monkeypatch):
    monkeypatch.chdir(home.parent)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    code, _, said = check("known-mistakes", "--annotate", "gitlab")
    assert (code, said) == (
        1,
        "Wrote gradlab-layers.json (code quality) and gradlab-layers.xml (JUnit).\n",
    )
    (found, *_) = json.loads((home.parent / "gradlab-layers.json").read_text())
    assert found["location"]["path"] == "layers/layers.py"
    assert '<testsuite name="layers"' in (home.parent / "gradlab-layers.xml").read_text()
