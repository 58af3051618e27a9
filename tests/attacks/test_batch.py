"""Whole batches of attacks: each ends as it must, and nobody else notices.

The tests of one setting share one batch, graded when the first of them asks for it.
"""

import json
import re
import shutil
import tempfile
import unicodedata
from pathlib import Path

import pytest

from autograder.report import text
from tests.attacks.batch import FAST, SLOW, grade
from tests.attacks.record import BANNER, EXERCISES, SECRET, End

SETTINGS = [pytest.param(FAST, id=str(FAST))]
SETTINGS += [pytest.param(one, id=str(one), marks=pytest.mark.prove) for one in SLOW]
PLAYS = [
    pytest.param(setting.values[0], attack, id=f"{setting.id}-{attack.name}", marks=setting.marks)
    for setting in SETTINGS
    for attack in setting.values[0].attacks
]
PERFECT = dict.fromkeys(EXERCISES, ("passed", 1.0))
PARTLY = {
    "scale": ("passed", 1.0),
    "tanh_backward": ("passed", 1.0),
    "softmax": ("failed", 0.5),
    "describe": ("not_implemented", 0.0),
}
OF_A_PERSON = {"student_id", "graded_at"}
BOUND = 60_000  # bytes of what one student gets back; an honest one gets 5000


@pytest.fixture(scope="session")
def batches():
    """Return what grades a setting, once.

    The folders lie directly below the temporary directory: an ordinary user may enter no other.
    """
    folders, made = [], {}

    def graded(setting):
        if setting not in made:
            made[setting] = None  # a batch that fails is not graded again for every test
            folders.append(tempfile.mkdtemp(prefix="gradlab-attacks-"))
            made[setting] = grade(setting, Path(folders[-1]))
        assert made[setting] is not None, "there is no batch: see the first failure"
        return made[setting]

    yield graded
    for folder in folders:
        shutil.rmtree(folder)


def outcomes(document):
    return {one["id"]: (one["outcome"], float(one["points"])) for one in document["exercises"]}


def without_times(value):
    """Return a feedback document without what differs between two students of equal work."""
    return {key: item for key, item in value.items() if key not in OF_A_PERSON}


# --- one attack --------------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "attack"), PLAYS)
def test_an_attack_ends_as_it_must(batches, setting, attack):
    batch = batches(setting)
    document = batch.document("results", batch.students[attack.name])
    assert document["status"] == attack.status, document["attempts"]
    told = [one["problem"] or "" for one in document["attempts"]] + document["remarks"]
    assert attack.problem in " ".join(told)
    for exercise in document["exercises"]:
        end = attack.ends.get(exercise["id"], End(outcome="not_implemented"))
        wrong = [case for case in exercise["cases"] if case["outcome"] != "passed"]
        reasons = {case["reason"] for case in wrong}
        said = [case["message"][:300] for case in wrong]
        assert exercise["outcome"] == end.outcome, (exercise["id"], said)
        assert exercise["points"] == end.points, (exercise["id"], said)
        assert not end.reasons or reasons <= end.reasons, (exercise["id"], said)
        if end.review is not None:
            assert bool(exercise["review"]) is end.review, exercise["review"]


@pytest.mark.parametrize(("setting", "attack"), PLAYS)
def test_an_attack_earns_in_the_table_what_its_exercises_earn(batches, setting, attack):
    batch = batches(setting)
    row = batch.rows[batch.students[attack.name]]
    earned = sum(end.points for end in attack.ends.values())
    assert row["status"] == attack.status
    expected = {"graded": f"{earned:g}", "not_submitted": "0"}.get(attack.status, "")
    assert row["score"].removesuffix(".0") == expected


@pytest.mark.parametrize(("setting", "attack"), PLAYS)
def test_the_honest_students_after_an_attack_get_what_they_deserve(batches, setting, attack):
    batch = batches(setting)
    others = batch.honest[attack.name]
    found = [batch.document("feedback", other) for other in others]
    assert [outcomes(one) for one in found] == [PERFECT, PARTLY]
    assert [batch.rows[other]["score"] for other in others] == ["4", "2.5"]
    first = next(iter(batch.honest.values()))
    assert [without_times(one) for one in found] == [
        without_times(batch.document("feedback", other)) for other in first
    ]


@pytest.mark.parametrize(("setting", "attack"), PLAYS)
def test_an_attackers_feedback_holds_no_hidden_input_and_little_of_its_own(
    batches, setting, attack
):
    batch = batches(setting)
    path = batch.out / "feedback" / "small" / f"{batch.students[attack.name]}.json"
    said = path.read_text("utf-8")
    assert len(said) < BOUND
    never = [SECRET, SECRET[:-1], BANNER, "Traceback", *attack.never]
    assert [one for one in never if one in said] == []


@pytest.mark.parametrize(("setting", "attack"), PLAYS)
def test_an_attackers_result_can_be_explained_on_a_terminal(batches, setting, attack):
    batch = batches(setting)
    document = batch.document("results", batch.students[attack.name])
    assert len(json.dumps(document)) < 2 * BOUND
    console = text.console()
    with console.capture() as capture:
        for line in text.explanation(document):
            console.print(line)
    assert raw(capture.get()) == set()


# --- the whole batch ---------------------------------------------------------------------------


def raw(said):
    """Return the characters that move a cursor, colour a terminal or turn the direction."""
    return {one for one in said if one != "\n" and unicodedata.category(one) in {"Cc", "Cf", "Cs"}}


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_batch_ends_well_and_says_so(batches, setting):
    batch = batches(setting)
    assert batch.code == 0, batch.said()
    assert "Traceback" not in batch.said()
    assert "grader failed" not in batch.said()
    assert len(batch.rows) == 3 * len(setting.attacks)
    assert {row["status"] for row in batch.rows.values()} <= {
        "graded",
        "unreadable",
        "not_submitted",
    }


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_batch_ran_in_its_tier(batches, setting):
    batch = batches(setting)
    found = {
        batch.document("results", student)["isolation"]["tier"]
        for student in batch.students.values()
    }
    assert len(found) == 1
    assert setting.tier in {*found, "best"}


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_process_is_left_over(batches, setting):
    assert batches(setting).left_over == []


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_prints_of_attackers_are_nowhere_but_in_private(batches, setting):
    batch = batches(setting)
    holding = set()
    for path in batch.out.rglob("*"):
        if path.is_file() and BANNER.encode() in path.read_bytes():
            holding.add(path.relative_to(batch.out).parts[0])
    assert holding == {"private", "submissions"}  # and in what they handed in
    assert BANNER not in batch.said()


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_prints_that_are_kept_are_bounded(batches, setting):
    batch = batches(setting)
    sizes = [path.stat().st_size for path in (batch.out / "private").rglob("*.json")]
    assert len(sizes) > 10
    assert max(sizes) < 1 << 20


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_terminal_gets_no_control_characters(batches, setting):
    assert raw(batches(setting).said()) == set()


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_cell_of_the_table_is_a_formula_or_a_second_row(batches, setting):
    batch = batches(setting)
    lines = (batch.out / "grades.csv").read_text("utf-8").splitlines()
    assert len(lines) == 1 + len(batch.rows)
    cells = [cell for row in batch.rows.values() for cell in row.values()]
    assert [cell for cell in cells if re.match(r"[=+@\t\r\-\uff1d\uff0b\uff0d\uff20]", cell)] == []


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_was_unpacked_or_run_left_no_file_outside(batches, setting):
    batch = batches(setting)
    names = {"slipped", "slipped.py", "evil", "results.json"}
    around = [path for path in (batch.folder, Path("/tmp"), Path("/dev/shm"), Path("/")) if path]
    assert [one for top in around for one in top.iterdir() if one.name in names] == []
    assert [one for one in batch.folder.rglob("*") if one.name in names] == []


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_left_out_is_named(batches, setting):
    batch = batches(setting)
    refused = [attack for attack in setting.attacks if attack.refused]
    notes = [line for line in batch.said().splitlines() if "expected a student id" in line]
    assert len(notes) == len(refused)
