"""`gradlab pack`: what it says will be graded is what is graded."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.errors import ConfigError, SubmissionError, SuiteError
from autograder.pack import pack
from tests.autograder.layers import COURSE, ROOT, gradlab

SUBMISSIONS = COURSE / "submissions"
HANDED_OUT = {"losses.py", "losses.ipynb", "mlp.py", "mlp.ipynb"}
CASES = ROOT / "tests" / "submissions"


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handouts")
    assert main(["-C", str(COURSE), "release", "-o", str(folder)]) == 0
    return folder / "layers"


@pytest.fixture
def home(handout, tmp_path):
    folder = Path(shutil.copytree(handout, tmp_path / "layers"))
    shutil.copy(SUBMISSIONS / "tuple-cache" / "layers.py", folder)
    return folder


LONG = "".join(f"x{number} = {number**5}\n" for number in range(60_000)).encode()


# --- what is inside ---------------------------------------------------------------------------


def test_it_holds_the_student_s_files_and_nothing_that_was_given(home):
    (home / "helpers.py").write_text("x = 1\n")
    (home / "points.csv").write_text("1,2\n")
    (home / "data").mkdir()
    (home / "data" / "more.txt").write_text("3\n")
    for name in (".hidden.py", "old.zip", "gradlab-0.1-py3-none-any.whl", "requirements.txt"):
        (home / name).write_text("x")
    (home / "big.bin").write_bytes(b"0" * ((1 << 20) + 1))
    for name in ("__pycache__", ".ipynb_checkpoints", "venv"):
        (home / name).mkdir()
        (home / name / "layers.py").write_text("x = 1\n")
    made = pack(home)
    assert made.name == "layers.zip"
    assert made.members == ("data/more.txt", "helpers.py", "layers.ipynb", "layers.py",
                            "points.csv")  # fmt: skip
    assert made.graded == ("layers.py",)
    assert made.written == ("affine_forward", "affine_backward", "relu_forward", "relu_backward")
    assert made.unwritten == made.notes == ()


def test_the_same_work_gives_the_same_bytes(home):
    first = pack(home)
    (home / "layers.py").touch()
    assert pack(home).data == first.data


def test_a_link_out_of_the_folder_is_not_followed(home, tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    (home / "diary.txt").symlink_to(tmp_path / "diary.txt")
    assert "diary.txt" not in pack(home).members


def test_a_named_file_goes_in_without_its_twin(home):
    made = pack(home / "layers.py")
    assert made.members == ("layers.py",)
    assert made.name == "layers.zip"


def test_a_module_and_a_notebook_with_work_are_both_graded(home):
    shutil.copy(SUBMISSIONS / "notebook" / "layers.ipynb", home)
    made = pack(home)
    assert set(made.graded) == {"layers.py", "layers.ipynb"}
    assert "both hold work: both are graded, and the better one counts." in made.notes[0]


def test_what_is_not_written_yet_is_named(handout):
    made = pack(handout)
    assert made.written == ()
    assert "relu_backward" in made.unwritten


def test_magics_are_a_note(home):
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "x = 1"]},
        {"cell_type": "code", "source": (home / "layers.py").read_text()},
    ]
    (home / "layers.ipynb").write_text(json.dumps({"cells": cells}))
    assert pack(home).notes[-1] == (
        "layers.ipynb: lines with % or ! are skipped by the grader; do not count on them."
    )


def test_a_broken_file_beside_the_work_is_a_note(home):
    (home / "broken.py").write_text("def f(:\n")
    (note,) = pack(home).notes
    assert note.startswith("broken.py, line 1: expected Python 3, got")


def test_what_the_reader_remarks_of_a_graded_file_is_a_note(home):
    (home / "layers.py").write_bytes((home / "layers.py").read_bytes() + b"# caf\xe9\n")
    assert pack(home).notes == ("layers.py is not UTF-8; it was read as cp1252.",)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "layers.py: expected Python source, got an empty file."),
        (b"\0\1\2" * 99, "layers.py: expected Python source, got binary data"),
        (b"def f(:\n", "layers.py, line 1: expected Python 3"),
        (LONG, "layers.py: expected at most 512 KiB of source in all, got more."),
        (b"x = 1\n", "expected a definition of one of affine_forward, affine_backward"),
    ],
)
def test_what_a_grader_refuses_is_refused_with_its_words(home, data, said, capsys):
    (home / "layers.ipynb").unlink()
    (home / "layers.py").write_bytes(data)
    with pytest.raises(SubmissionError) as refused:
        pack(home)
    assert said in str(refused.value)
    assert main(["pack", str(home), "-o", str(home / "out.zip")]) == 2
    assert not (home / "out.zip").exists()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SubmissionError, match="gone: expected your file or its folder, got no suc"):
        pack(tmp_path / "gone")


def test_a_folder_without_an_assignment_is_named(tmp_path):
    with pytest.raises(ConfigError, match="expected the files of an assignment, got none. Go to"):
        pack(tmp_path)


def test_a_damaged_assignment_is_named(home):
    (home / "layers.json").write_text("{}")
    with pytest.raises(SuiteError, match=r"layers.json: expected gradlab/public/v1"):
        pack(home)


# --- what is said -----------------------------------------------------------------------------


def test_the_command_writes_the_zip_and_says_what_is_in_it(home, tmp_path, capsys):
    shutil.copy(SUBMISSIONS / "known-mistakes" / "layers.py", home)
    out = tmp_path / "out" / "mine.zip"
    assert main(["pack", str(home), "-o", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{out}: 2 files, ")
    assert "  layers.py (graded)" in lines
    assert "written: 4 of 4 exercises" in lines
    assert lines[-1].startswith("layers.py: ")
    assert "of 4 written pass the public tests; " in lines[-1]
    assert "affine_backward (failed)" in lines[-1]
    with zipfile.ZipFile(out) as made:
        assert made.namelist() == ["layers.ipynb", "layers.py"]


def test_a_zip_without_a_written_line_says_so(handout, tmp_path, capsys):
    assert main(["pack", str(handout), "-o", str(tmp_path / "mine.zip")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "written: 0 of 4 exercises" in lines
    assert lines[-1] == "layers.py: nothing is written yet, so there is nothing to test."


# --- agreement with the grader ----------------------------------------------------------------


def case_homes(folder: Path) -> dict[str, Path]:
    """Return each bundled case's files among a handout of the assignment, as a student has them."""
    homes = {}
    for case in sorted(path for path in CASES.iterdir() if path.is_dir()):
        files = [path for path in case.rglob("*") if path.suffix in {".py", ".ipynb"}]
        if not files:
            continue
        home = folder / case.name
        for topic in ("losses", "mlp"):
            shutil.copytree(ROOT / "assignments" / topic, home / topic)
        for path in files:
            inside = path.relative_to(case)
            target = home / (path.stem if str(inside) in HANDED_OUT else "") / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        homes[case.name] = home
    return homes


@pytest.mark.prove
def test_what_pack_says_will_be_graded_is_graded(tmp_path):
    made, inbox = {}, tmp_path / "inbox"
    for name, home in case_homes(tmp_path / "homes").items():
        made[name] = pack(home)
        (inbox / name).mkdir(parents=True)
        (inbox / name / made[name].name).write_bytes(made[name].data)
    assert len(made) >= 30
    out = tmp_path / "out"
    done = gradlab("-C", str(ROOT), "grade", str(inbox), "-a", "tp1", "-o", str(out), "--seed", "7")
    assert done.returncode == 0, done.stderr
    for name, packed in made.items():
        result = json.loads((out / "results" / "tp1" / f"{name}.json").read_text())
        attempt = result["attempts"][result["graded_attempt"] or 0]
        inside = attempt["graded_file"].removeprefix(f"{packed.name}/")
        assert inside in packed.graded, name
        unwritten = {
            one["id"] for one in result["exercises"] if one["outcome"] == "not_implemented"
        }
        assert unwritten & set(packed.written) == set(), name
        if len(packed.graded) == 1:
            wanted = {one["id"] for one in result["exercises"]} & set(packed.unwritten)
            assert unwritten == wanted, name
