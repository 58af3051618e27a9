"""From OUT to a list of pairs, for people."""

import importlib.util
import json

import pytest

from autograder import config
from autograder.cli import main
from autograder.errors import ConfigError, SandboxError
from autograder.report.store import Store
from autograder.similarity import inside, pairs
from tests.autograder import layers

needs_compare50 = pytest.mark.skipif(
    importlib.util.find_spec("compare50") is None, reason="compare50 is not installed"
)
TRIAL = {"readable": [True, True], "passes": {"exact": [], "structure": []}}


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> layers.Desk:
    """Return a class, not graded, in which one copied from another and changed the names."""
    desk = layers.desk(tmp_path_factory.mktemp("alike"), "own-class", "stub", "einsum", "notebook")
    text = (desk.source / "own-class" / "layers.py").read_text()
    desk.write("copy-cat", text.replace("dout", "grad").replace("cache", "memory"))
    desk.write("twin", text)
    desk.write("empty", "")
    desk.collect()
    return desk


def similar(desk) -> pairs.Report:
    assignment = config.load(desk.course).assignments["layers"]
    return pairs.similar(Store(desk.out), assignment, desk.course)


@needs_compare50
def test_copies_come_first_and_stubs_do_not_count(collected):
    report = similar(collected)
    found = {one.students: one for one in report.pairs}
    assert report.pairs[0].students == ("own-class", "twin")
    assert report.pairs[0].same_files
    assert report.pairs[0].exact == 1
    assert found["copy-cat", "own-class"].structure == 1
    assert found["copy-cat", "own-class"].matches > 5
    assert not found["copy-cat", "own-class"].same_files
    assert not any("stub" in students for students in found)
    assert report.compared == 7
    assert "empty" in report.unreadable


@needs_compare50
def test_the_same_class_gives_the_same_report(collected):
    assert similar(collected) == similar(collected)


@needs_compare50
def test_the_command_prints_a_table_and_every_pair_as_json(collected, capsys):
    capsys.readouterr()
    assert main(collected.arguments("similar", "--top", "2")) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "student and exact structure matches remark"
    assert lines[1].startswith("own-class twin 100% 100% ")
    assert lines[1].endswith("the same files")
    assert lines[3] == ""
    assert lines[-1] == "Look before you judge: short exercises have few right answers."
    assert main(collected.arguments("similar", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "gradlab/similar/v1"
    assert document["pairs"][0]["students"] == ["own-class", "twin"]


@needs_compare50
def test_the_graded_attempt_is_compared(graded, tmp_path, capsys):
    desk = graded.copy(tmp_path)
    before = {path: path.read_bytes() for path in desk.out.rglob("*") if path.is_file()}
    report = similar(desk)
    assert report.compared == 10
    assert before == {path: path.read_bytes() for path in desk.out.rglob("*") if path.is_file()}


def test_one_student_is_no_pair(tmp_path):
    desk = layers.desk(tmp_path, "stub")
    desk.collect()
    with pytest.raises(ConfigError, match=r"expected two students who handed in layers, got 1\."):
        similar(desk)


def test_without_compare50_it_says_what_to_install(collected, monkeypatch):
    monkeypatch.setattr(pairs.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'gradlab\[similarity\]'"):
        similar(collected)


def test_a_comparison_that_fails_is_one_line(collected, monkeypatch):
    monkeypatch.setattr(pairs, "_stub", lambda *_: 3)
    with pytest.raises(SandboxError, match=r"^similar: expected a comparison, got exit code 1: ."):
        similar(collected)


def test_a_comparison_that_does_not_end_is_stopped(collected, monkeypatch):
    monkeypatch.setattr(pairs, "CPU_S", 0.001)
    with pytest.raises(SandboxError, match="expected an end after"):
        similar(collected)


@pytest.mark.parametrize(
    "entry",
    [
        [0, 2, 1, 5, 5], [0, 1, 9, 5, 5], [0, 1, 0, 5, 5], [0, 1, -1, 5, 5],
        [0, 1, 1.5, 5, 5], [0, True, 1, 5, 5], ["0", 1, 1, 5, 5],
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_are_refused(collected, entry):
    assignment = config.load(collected.course).assignments["layers"]
    chosen = [
        (one.student_id, one.attempts[0]) for one in Store(collected.out).submissions("layers")[:2]
    ]
    assert pairs._report(assignment, chosen, TRIAL).pairs == ()
    answer = {**TRIAL, "passes": {"exact": [entry], "structure": []}}
    with pytest.raises(SandboxError, match="expected counts of pairs, got others"):
        pairs._report(assignment, chosen, answer)


def test_no_name_of_a_student_enters_the_comparison(collected):
    for submission in Store(collected.out).submissions("layers"):
        for file in pairs._files(submission.attempts[0]):
            assert file["name"] in {"0.py", "0.ipynb"}
    assert inside.PASSES == ("exact", "structure")
