"""Where code ran, and what that cannot promise, stands in whatever goes out."""

import json

import pytest

from autograder.models import Isolation
from tests.autograder import layers

SAID = "graded in isolation tier {}; not promised: "


def exported(desk, capsys, target, *more):
    folder = desk.out / "exports" / "layers" / target
    arguments = ["-C", str(desk.course), "export", str(desk.out), "-a", "layers"]
    assert layers.main([*arguments, "--to", target, *more]) == 0
    return folder, capsys.readouterr().out.replace("\n", " ")


@pytest.fixture
def isolation(graded) -> Isolation:
    found = graded.document("results", "own-class")["isolation"]
    return Isolation(tier=found["tier"], missing=tuple(found["missing"]))


@pytest.mark.parametrize("target", ["csv", "gradescope", "junit"])
def test_every_export_says_it_on_the_terminal_and_in_its_files(
    graded, tmp_path, capsys, isolation, target
):
    folder, printed = exported(graded.copy(tmp_path), capsys, target)
    assert SAID.format(isolation.tier) in printed
    files = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert files
    assert isolation.missing
    for one in isolation.missing:
        assert all(one in text for text in files)


def test_gradescope_shows_it_to_the_student(graded, tmp_path, capsys, isolation):
    folder, _ = exported(graded.copy(tmp_path), capsys, "gradescope")
    shown = json.loads((folder / "own-class" / "results.json").read_text())["output"]
    assert shown.splitlines()[-1].startswith(SAID.format(isolation.tier))
