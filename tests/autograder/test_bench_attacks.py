"""`make bench-attacks`: GradLab's column, and that the bench measures what it says."""

import pytest

from benchmarks import attacks, tools
from benchmarks.attacks import AFTER, Outcome
from benchmarks.hostile import ATTACKS, HONEST, PREAMBLE
from benchmarks.tools import BEFORE, FULL, GradLab, Nbgrader, Otter

WITHOUT_RESULT = Outcome(points=None, beside_tests=True, command=True, lost=("zoe",), hung=True)


def outcome(points, *, lost=(), beside_tests=False):
    return Outcome(points=points, beside_tests=beside_tests, command=False, lost=lost)


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """Return everybody's points and prints, all marks and the command: one batch of them all."""
    here = tmp_path_factory.mktemp("attacks")
    tool = GradLab(here)
    tool.own_folders(here)
    tool.prepare(here)
    works = {one.name: one for one in (*HONEST, *ATTACKS)}
    for student, work in (works | {BEFORE: HONEST[0], AFTER: HONEST[0]}).items():
        tool.hand_in(here, student, work)
    tool.grade(here, [])
    private = here / "out" / "private" / "softmax"
    said = {path.stem: path.read_text(encoding="utf-8") for path in private.glob("*.json")}
    return tool.points(here), said, [path.name for path in (here / "marks").iterdir()], tool.ran


def test_the_whole_class_is_graded(batch):
    points, _, _, ran = batch
    assert ran.code == 0, ran.output
    assert set(points) == {BEFORE, AFTER, *(one.name for one in (*HONEST, *ATTACKS))}


@pytest.mark.parametrize("attack", [one.name for one in ATTACKS])
def test_wrong_code_gets_nothing_whatever_it_attacks(batch, attack):
    assert batch[0][attack] == 0


@pytest.mark.parametrize("name", ["right", "chatty", BEFORE, AFTER])
def test_right_code_gets_everything_whoever_sits_beside_it(batch, name):
    assert batch[0][name] == FULL


def test_wrong_code_alone_gets_nothing(batch):
    assert batch[0]["wrong"] == 0


def test_student_code_leaves_no_file_behind(batch):
    assert batch[2] == []


def test_student_code_never_runs_beside_the_tests(batch):
    said = batch[1]
    assert "MARK right.started." in said["right"]  # what it says does arrive
    assert [who for who, text in said.items() if f"MARK {who}.beside-the-tests." in text] == []


# --- the bench itself ---------------------------------------------------------------------------


def test_no_two_attacks_have_a_name_or_a_text_in_common():
    texts = {(one.first, one.answers, one.last, one.forged) for one in (*HONEST, *ATTACKS)}
    names = {one.name for one in (*HONEST, *ATTACKS)}
    assert len(texts) == len(names) == len(HONEST) + len(ATTACKS)


@pytest.mark.parametrize("submission", [*HONEST, *ATTACKS], ids=lambda one: one.name)
def test_every_cell_is_python(submission):
    cells = [PREAMBLE, submission.first, *submission.answers, submission.last]
    for cell in filter(None, cells):
        # Else an attack would fail for a wrong reason.
        assert compile(cell, submission.name, "exec").co_code


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (outcome(0), "0"),
        (outcome(1.5), "1.5"),
        (outcome(2, lost=("ana", "zoe")), "2; ana and zoe lost"),
        (WITHOUT_RESULT, "no result; ran a command in the grader; never ended; zoe lost"),
    ],
)
def test_an_outcome_is_said_in_words(measured, words):
    assert attacks.said(measured) == words


def test_the_table_counts_attacks_and_not_the_honest():
    chosen = [HONEST[0], *ATTACKS[:2]]
    outcomes = {
        chosen[0].name: {"x": outcome(2, beside_tests=True), "y": outcome(2)},
        chosen[1].name: {"x": outcome(2, beside_tests=True), "y": outcome(0)},
        chosen[2].name: {"x": outcome(0, lost=("zoe",), beside_tests=True), "y": outcome(0)},
    }
    lines = list(attacks.table({"x": "1", "y": "2"}, chosen, outcomes, markdown=True))
    assert lines[0].endswith("| x 1 | y 2 |")
    assert lines[2:5] == [
        f"| {chosen[0].title} | 2 | 2 |",
        f"| {chosen[1].title} | **2** | 0 |",
        f"| {chosen[2].title} | 0; zoe lost | 0 |",
    ]
    assert [line.split(" | ", 1)[1] for line in lines[5:]] == ["1 | 0 |", "2 | 0 |", "1 | 0 |"]


def test_a_tool_that_is_unfair_to_the_honest_is_named():
    outcomes = {
        "right": {"x": outcome(1), "y": outcome(2)},
        "wrong": {"x": outcome(0), "y": outcome(1)},
    }
    assert attacks.unfair(outcomes) == [
        "x: expected 2 points for the honest right one, got 1",
        "y: expected 0 points for the honest wrong one, got 1",
    ]


@pytest.mark.prove
@pytest.mark.parametrize("tool", [Otter, Nbgrader, GradLab], ids=lambda tool: tool.name)
def test_each_tool_is_fair_and_one_attack_tells_them_apart(tool, tmp_path):
    if tool is not GradLab and not (tools.PEERS / "python").exists():
        pytest.skip("build/peers is missing: `make bench-attacks` makes it")
    bench = tool(tmp_path / tool.name)
    frames = next(one for one in ATTACKS if one.name == "frames")
    measured = {one.name: {tool.name: attacks.attack(bench, one)} for one in (*HONEST[:2], frames)}
    assert attacks.unfair(measured) == []
    got = measured["frames"][tool.name]
    assert got.lost == ()
    assert (got.points, got.beside_tests) == ((0, False) if tool is GradLab else (2, True))
