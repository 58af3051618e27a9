"""What other rules would change: said from what is known, and equal to what grading then does."""

# ruff: noqa: E501  # a table of messages reads best with one fault a line

import json
import os
from fractions import Fraction

import pytest

from autograder import config, ledger, pipeline, regrade
from autograder import desk as instructor
from autograder.cli import main
from autograder.errors import ConfigError
from autograder.report.store import Store
from tests.autograder import layers


class Unexpected:
    """Nothing is examined when only rules are new."""

    def begin(self, isolation, total, known):
        assert total == 0


def request(desk, **changes) -> pipeline.Request:
    given = {"course_dir": desk.course, "source": None, "assignment": "layers", "out": desk.out}
    return pipeline.Request(**given | changes)


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class, handed in at half past six, to be changed."""
    made = graded.copy(tmp_path)
    pipeline.grade(request(made, source=made.source, at="2026-02-09 18:30"), Unexpected())
    return made


def policy(desk, text: str, name="policy.yml"):
    path = desk.folder / name
    path.write_text(text)
    return path


def changes(desk, text: str):
    old = config.load(desk.course).assignments["layers"]
    new = config.load_policy(desk.course, "layers", policy(desk, text))
    store = Store(desk.out)
    return regrade.what_if(store, old, new.assignments["layers"], timezone=new.timezone)


def printed(desk, capsys, text: str, *more: str) -> str:
    capsys.readouterr()
    path = str(policy(desk, text))
    assert main(desk.arguments("regrade", "--what-if", path, *more)) == 0
    return capsys.readouterr().out


def bytes_of(folder) -> dict:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def new_score(change) -> str:
    if change.new.value is None:
        return ""
    return f"{float(change.new.value):g}"


# --- what would change ------------------------------------------------------------------------

POLICIES = {
    "a gate": "score: {policy: gate, rounding: 0.5}\n",
    "the end of class": "class_end: 2026-02-09 18:00\n",
    "a late penalty": "due: 2026-02-08 12:00\nscore: {late_penalty: {points: 0.5, per: 1 day}}\n",
    "a later end": "closes: 2026-02-09 18:00\n",
    "another scale": "score: {scale: 20, core: 10, starred: 10}\n",
    "other points": "exercises:\n  - {id: layers.affine_forward, points: 5}\n"
    "  - layers.affine_backward\n  - {id: layers.relu_forward, starred: true}\n"
    "  - layers.relu_backward\n",
}


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_what_is_said_is_what_grading_then_does(desk, text):
    said = {one.student_id: one for one in changes(desk, text)}
    before = desk.grades()
    lines = ["assignments:", "  layers:", *(f"    {line}" for line in text.splitlines())]
    desk.config.write_text(desk.config.read_text() + "\n".join(lines) + "\n")
    pipeline.grade(request(desk), Unexpected())
    after = desk.grades()
    assert {who: new_score(one) for who, one in said.items()} == {
        who: row["score"] for who, row in after.items()
    }
    assert {who: one.new.status for who, one in said.items()} == {
        who: row["status"] for who, row in after.items()
    }
    for who, one in said.items():
        assert bool(one.why) == (before[who]["score"] != after[who]["score"] or (
            before[who]["status"] != after[who]["status"]
        ) or (one.old.scale is not None and one.old.scale != one.new.scale))  # fmt: skip
    assert any(one.why for one in said.values())


def test_nothing_is_written_and_nobody_is_examined(desk, capsys):
    before = bytes_of(desk.out)
    os.chmod(desk.out, 0o555)
    printed(desk, capsys, POLICIES["the end of class"])
    os.chmod(desk.out, 0o755)
    assert bytes_of(desk.out) == before


def test_the_same_rules_change_nothing(desk, capsys):
    assert not any(one.why for one in changes(desk, "score: {scale: 4}\n"))
    said = printed(desk, capsys, desk.config.read_text())
    assert "11 students: 0 gain, 0 lose, 0 change otherwise, 11 stay" in said


def test_a_whole_configuration_may_be_the_policy(desk, capsys):
    text = desk.config.read_text() + "assignments: {layers: {class_end: 2026-02-09 18:00}}\n"
    said = printed(desk, capsys, text)
    assert "notebook          4    1          -3  cap none -> 1" in said


def test_the_table_says_old_new_difference_and_why(desk, capsys):
    said = printed(desk, capsys, POLICIES["the end of class"])
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "student old new difference why"
    assert "notebook 4 1 -3 cap none -> 1" in lines
    assert not any(line.startswith("stub ") for line in lines)
    assert any(line.startswith("11 students: 0 gain, ") for line in lines)
    assert any(line.startswith("mean: ") and line.endswith(" of the scale") for line in lines)
    assert " ".join(lines).endswith(
        "Nothing was written. To apply: change grading_config.yml, then"
        f" gradlab grade -a layers -o {desk.out}"
    )


def test_programs_get_every_student(desk, capsys):
    text = "score: {late_penalty: {points: 0.5, per: 1 day}}\ndue: 2026-02-09 12:00\n"
    found = json.loads(printed(desk, capsys, text, "--json"))
    students = {one["student_id"]: one for one in found["students"]}
    assert len(students) == 11
    assert students["notebook"] == {
        "student_id": "notebook",
        "old": {"status": "graded", "value": 4, "scale": 4},
        "new": {"status": "graded", "value": 3.5, "scale": 4},
        "difference": -0.5,
        "why": "late penalty 0 -> 0.5",
    }
    assert students["empty-file"]["new"] == {"status": "unreadable", "value": None, "scale": None}
    assert (found["gain"], found["same"]) == (0, 11 - found["lose"])
    assert found["mean_after"] < found["mean_before"] < 1


def test_a_difference_is_on_the_new_scale(desk):
    found = {one.student_id: one for one in changes(desk, POLICIES["another scale"])}
    assert found["notebook"].difference == 0
    assert found["notebook"].why == "scale 4 -> 20; raw 4 -> 20"
    totals = regrade.totals(list(found.values()))
    assert (totals.gain, totals.lose) == (0, 0)
    assert totals.mean_before == pytest.approx(totals.mean_after)


def test_a_decision_since_the_last_grade_is_seen(desk):
    more = {"kind": "override", "value": "3", "why": "viva", "by": "sam"}
    instructor.decide(request(desk), "notebook", **more)
    (change,) = [one for one in changes(desk, "score: {scale: 4}\n") if one.why]
    assert (change.student_id, change.difference) == ("notebook", -1)
    assert change.why == "rounding, or a decision since the last grade"


def test_a_student_without_a_result_is_pending_until_now(desk):
    (desk.out / "results" / "layers" / "notebook.json").unlink()
    (change,) = [one for one in changes(desk, "score: {scale: 4}\n") if one.why]
    assert (change.old.status, change.new.value) == ("pending", 4)
    assert change.why == "pending -> graded"
    assert regrade.totals([change]).other == 1


def test_a_damaged_record_is_a_grade_that_waits(desk):
    next((desk.out / "records" / "layers" / "notebook").iterdir()).write_bytes(b"{")
    found = {one.student_id: one for one in changes(desk, "score: {scale: 4}\n")}
    assert found["notebook"].new.status == "pending"


def test_manual_exercises_may_come_with_the_policy(desk):
    text = desk.config.read_text().replace(
        "      relu_backward", "      essay: {points: 1, kind: manual}\n      relu_backward"
    )
    assert {one.new.status for one in changes(desk, text)} == {
        "pending", "not_submitted", "unreadable",
    }  # fmt: skip
    assert ledger.read(desk.out / "ledger.jsonl") == ()


# --- what is wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("score: {scael: 3}\n", "policy.yml:1:9: score: unknown key 'scael'. Did you mean 'scale'?"),
        ("score:\n  class_cap: 9\n", "policy.yml:2:14: score.class_cap: expected a number not above the scale 4, got 9."),
        ("score: {core: 3}\n", "policy.yml:1:1: score.starred: expected core + starred = scale = 4, got 3 + 2."),
        ("due: tomorrow\n", "policy.yml:1:6: due: expected a date and a time, such as 2026-02-09 18:30, got 'tomorrow'."),
        ("score: 3\n", "policy.yml:1:8: score: expected a mapping (key: value), got 3."),
        ("limits: {call_cpu_s: 3}\n", "policy.yml:1:1: expected class_end, due, closes, sections, score, exercises, got 'limits'."),
        ("- due\n", "policy.yml:1:1: expected a mapping (key: value)."),
        ("exercises: [layers.conv]\n", "policy.yml:1:13: exercises[0]: expected an exercise, written topic.exercise, got 'layers.conv'. Known: layers.affine_forward, layers.affine_backward, layers.relu_forward, layers.relu_backward."),
        ("due: &x 2026-02-09 18:30\n", "policy.yml:1:6: due: unexpected anchor '&x'. Write the value out."),
        ("due: [\n", "policy.yml:2:1: expected YAML: while parsing a flow node expected the node content, but found '<stream end>'. Look at quotes, brackets and indents here and on the line above."),
    ],
)  # fmt: skip
def test_a_fault_of_the_policy_is_named_with_its_place(graded, tmp_path, text, said):
    (tmp_path / "policy.yml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load_policy(graded.course, "layers", tmp_path / "policy.yml")
    assert str(caught.value).splitlines()[0] == said


def test_a_fault_of_the_course_itself_is_the_course_s(desk):
    desk.config.write_text(desk.config.read_text() + "devise: cpu\n")
    with pytest.raises(ConfigError, match=r"^grading_config\.yml:\d+:1: unknown key 'devise'"):
        config.load_policy(desk.course, "layers", policy(desk, "score: {scale: 4}\n"))


def test_a_policy_that_is_not_there_is_named(desk, capsys):
    assert main(desk.arguments("regrade", "--what-if", str(desk.folder / "no.yml"))) == 2
    assert "no.yml: expected a readable file" in capsys.readouterr().err


def test_exercises_that_nobody_examined_are_named(desk):
    text = desk.config.read_text()
    desk.config.write_text(text + "assignments: {layers: {exercises: [layers.relu_forward]}}\n")
    with pytest.raises(ConfigError) as caught:
        changes(desk, text)
    assert str(caught.value) == (
        "--what-if: expected exercises of layers, got layers.affine_forward,"
        " layers.affine_backward, layers.relu_backward, which nobody has examined."
        " Add them to grading_config.yml and grade first."
    )


def test_a_configuration_without_the_assignment_is_named(desk, capsys):
    text = desk.config.read_text().replace("  layers:\n", "  others:\n")
    path = policy(desk, text)
    assert main(desk.arguments("regrade", "--what-if", str(path))) == 2
    assert capsys.readouterr().err == (
        "policy.yml: expected the assignment 'layers', got none. Add it.\n"
    )


def test_a_share_of_nothing_has_no_mean():
    assert regrade.totals(()) == regrade.Totals(
        gain=0, lose=0, other=0, same=0, mean_before=None, mean_after=None
    )
    worth = regrade.Worth(status="graded", value=Fraction(1), scale=Fraction(4))
    change = regrade.Change(student_id="ana", old=worth, new=worth, why="")
    assert regrade.totals([change]).mean_after == 0.25
