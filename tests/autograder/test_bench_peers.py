"""`make bench-peers`: what it times must be right, and its table says what was measured."""

import json
import re
import sys

import pytest

from benchmarks import peers, tools
from benchmarks.peers import Sample


def sample(wall, *, first=2.0, cpu=0.1):
    return Sample(first=first, wall=wall, cpu=cpu)


@pytest.fixture
def samples():
    """Return two repetitions of two tools, one of them ten times as fast."""
    return {
        "numpy": {
            "nbgrader": [sample(1.0), sample(0.8), sample(1.2)],
            "GradLab": [sample(0.1, first=5.0), sample(0.1, first=6.0), sample(0.2, first=7.0)],
        }
    }


def test_a_class_costs_its_start_and_each_further_student():
    assert sample(0.5, first=3.0).of(1) == 3.0
    assert sample(0.5, first=3.0).of(11) == 8.0


def test_the_table_compares_medians_and_shows_their_range(samples):
    versions = {"nbgrader": "0.9", "GradLab": "0.1"}
    lines = [re.sub("  +", " | ", one) for one in peers.table(versions, samples, markdown=False)]
    assert lines == [
        "notebooks with | tool | ms each (range) | GradLab is | CPU ms each | a class of 300",
        "numpy | nbgrader 0.9 | 1000 (800 to 1200) | 10 x faster | 100 | 5 min",
        "numpy | GradLab 0.1 | 100 (100 to 200) | 100 | 36 s",
    ]


def test_the_table_can_be_markdown(samples):
    lines = list(peers.table({"nbgrader": "0.9", "GradLab": "0.1"}, samples, markdown=True))
    assert lines[1] == "|---|---|---|---|---|---|"
    assert all(line.startswith("| ") and line.count("|") == 7 for line in (lines[0], *lines[2:]))


def test_a_wrong_grade_is_not_timed(tmp_path, monkeypatch):
    tool = tools.GradLab(tmp_path / "GradLab")
    monkeypatch.setattr(tool, "points", lambda here: {"student-000": 1.0})
    with pytest.raises(SystemExit, match="GradLab: expected 2 points for student-000, got 1.0"):
        peers.measure(tool, "", 2)


@pytest.mark.parametrize("words", [["--students", "1"], ["--few", "1"], ["--repeat", "0"]])
def test_a_class_of_one_has_no_further_students(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["peers", *words])
    with pytest.raises(SystemExit) as stopped:
        peers.main()
    assert stopped.value.code == 2
    assert "expected at least 2 students and 1 repetition" in capsys.readouterr().err


@pytest.mark.prove
def test_the_whole_bench_measures_each_tool_once(tmp_path, monkeypatch, capsys):
    if not (tools.PEERS / "python").exists():
        pytest.skip("build/peers is missing: `make bench-peers` makes it")
    monkeypatch.setattr(peers, "TARGET", tmp_path / "peers.json")
    monkeypatch.setattr(sys, "argv", ["peers", "--students", "4", "--few", "2", "--repeat", "1"])
    peers.main()
    assert len(capsys.readouterr().out.splitlines()) == 1 + 2 * 3
    document = json.loads((tmp_path / "peers.json").read_text())
    assert set(document["seconds"]) == {"numpy", "torch"}
    for by_tool in document["seconds"].values():
        assert {name: len(taken) for name, taken in by_tool.items()} == {
            "otter-grader": 1, "nbgrader": 1, "GradLab": 1,
        }  # fmt: skip
        assert all(one["first"] > 0 for taken in by_tool.values() for one in taken)
