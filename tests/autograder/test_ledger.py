"""The ledger: what is appended is read again; what is not an entry is named with its line."""

# ruff: noqa: E501  # a table of messages reads best with one fault a line

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder import ledger
from autograder.errors import ConfigError
from autograder.models import (
    Assignment,
    Decisions,
    Exercise,
    LedgerEntry,
    Schedule,
    ScoreRules,
)

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 2, 12, 9, 30, tzinfo=timezone(timedelta(hours=1)))
OVERRIDE = LedgerEntry(
    kind="override", student_id="ana", assignment="tp", by="sam", at=AT, why="viva", value="3.5"
)
TP = Assignment(
    id="tp",
    title="TP",
    exercises=(
        Exercise(id="softmax", topic="losses", points=Fraction(2)),
        Exercise(id="Value.backward", topic="autodiff", points=Fraction(3)),
    ),
    rules=ScoreRules(),
    schedule=Schedule(),
)
ALL = frozenset({"losses.softmax", "autodiff.Value.backward"})


@pytest.fixture
def path(tmp_path):
    return tmp_path / ledger.LEDGER_NAME


def entry(kind: str, value: str | None = None, exercise: str | None = None) -> LedgerEntry:
    return replace(OVERRIDE, kind=kind, value=value, exercise=exercise)


def decided(*entries: LedgerEntry) -> Decisions:
    return ledger.decisions(entries, TP, "ana")


# --- the file --------------------------------------------------------------------------------


def test_without_a_file_there_are_no_entries(path):
    assert ledger.read(path) == ()


def test_what_is_appended_is_read_again_in_order(path):
    entries = (
        OVERRIDE,
        entry("override", "1/3", "losses.softmax"),
        entry("points", "0.5", "losses.softmax"),
        entry("extension", "2026-02-20T23:59:00+01:00"),
        entry("excuse"),
        entry("clear_forbidden", None, "softmax"),
        entry("clear_review", "withdrawn"),
    )
    for one in entries:
        ledger.append(path, one)
    assert ledger.read(path) == entries
    assert len(path.read_text().splitlines()) == len(entries)


@settings(derandomize=True, database=None, deadline=None, max_examples=50)
@given(why=st.text(min_size=1).filter(str.strip), student=st.text(min_size=1).filter(str.strip))
def test_any_words_stay_on_one_line(why, student, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / ledger.LEDGER_NAME
    written = replace(OVERRIDE, why=why, student_id=student)
    ledger.append(out, written)
    ledger.append(out, OVERRIDE)
    assert ledger.read(out) == (written, OVERRIDE)


def test_appending_never_changes_what_is_there(path):
    ledger.append(path, OVERRIDE)
    before = path.read_bytes()
    ledger.append(path, entry("excuse"))
    assert path.read_bytes().startswith(before)


def test_an_interrupted_line_does_not_swallow_the_next_entry(path):
    path.write_text('{"kind": "over')
    ledger.append(path, OVERRIDE)
    with pytest.raises(ConfigError) as caught:
        ledger.read(path)
    assert str(caught.value) == (f"{path}:1: expected a JSON object, got 14 bytes. Mend the line.")


def test_blank_lines_mean_nothing_and_lines_are_counted_with_them(path):
    one = ledger._line(OVERRIDE)
    path.write_text(f"\n{one}\n \r\n{one}\n\n")
    assert ledger.read(path) == (OVERRIDE, OVERRIDE)
    path.write_text(f"\n{one}\nx\n")
    with pytest.raises(ConfigError, match=r"/ledger\.jsonl:4: expected a JSON object, got 1 bytes"):
        ledger.read(path)


def test_an_empty_file_is_an_empty_ledger(path):
    path.touch()
    assert ledger.read(path) == ()
    ledger.append(path, OVERRIDE)
    assert ledger.read(path) == (OVERRIDE,)


def test_a_full_disk_is_not_hidden(path):
    path.symlink_to("/dev/full")
    said = "expected room and leave to write, got 'No space left on device'. Nothing was written."
    with pytest.raises(ConfigError, match=said):
        ledger.append(path, OVERRIDE)


FULL = """
import resource, signal, sys
from pathlib import Path
from autograder import ledger
from autograder.errors import ConfigError
from autograder.models import LedgerEntry
path = Path(sys.argv[1])
(entry,) = ledger.read(path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
room = path.stat().st_size + 20
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
try:
    ledger.append(path, entry)
except ConfigError as error:
    print(error)
"""


def test_an_entry_for_which_there_is_half_the_room_is_not_written_at_all(path):
    ledger.append(path, OVERRIDE)
    before = path.read_bytes()
    command = [sys.executable, "-c", FULL, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "got 'File too large'. Nothing was written. Mend that, then decide again." in done.stdout
    assert path.read_bytes() == before


def test_a_ledger_that_cannot_be_read_is_one_line(path):
    path.mkdir()
    with pytest.raises(ConfigError, match="got 'Is a directory'. Bring the ledger back: it is"):
        ledger.read(path)


RIGHT = {
    "kind": "override",
    "student_id": "ana",
    "assignment": "tp",
    "by": "sam",
    "at": "2026-02-12T09:30:00+01:00",
    "why": "viva",
    "value": "3.5",
}
A_DATE = "expected a date with an offset, such as 2026-02-16T23:59:00+01:00, got"
FAULTS = [
    ("not JSON", "expected a JSON object, got 8 bytes."),
    ("[1]", "expected a JSON object, got 3 bytes."),
    (b"\xff\xfe", "expected a JSON object, got 2 bytes."),
    ("[" * 99999, "expected a JSON object, got 99999 bytes."),
    (RIGHT | {"score": "3"}, "unknown key 'score'."),
    ({key: value for key, value in RIGHT.items() if key != "why"}, "expected the key 'why', got none."),
    (RIGHT | {"why": " "}, "why: expected text, got none."),
    (RIGHT | {"by": None}, "by: expected text, got null."),
    (RIGHT | {"value": 3.5}, "value: expected text, got 3.5."),
    (RIGHT | {"kind": "bonus"}, "kind: expected override, points, extension, excuse, clear_forbidden, clear_review, got 'bonus'."),
    (RIGHT | {"at": "2026-02-12"}, f"at: {A_DATE} '2026-02-12'."),
    (RIGHT | {"at": "yesterday"}, f"at: {A_DATE} 'yesterday'."),
    (RIGHT | {"value": "-1"}, "value: expected points, such as 3.5, got '-1'."),
    (RIGHT | {"value": "1/0"}, "value: expected points, such as 3.5, got '1/0'."),
    (RIGHT | {"value": None}, "value: expected points, such as 3.5, got none."),
    (RIGHT | {"kind": "extension", "value": "2026-02-20 23:59"}, f"value: {A_DATE} '2026-02-20 23:59'."),
    (RIGHT | {"kind": "extension", "value": None}, f"value: {A_DATE} none."),
    (RIGHT | {"kind": "excuse"}, "value: expected none for excuse, got '3.5'."),
    (RIGHT | {"kind": "excuse", "value": None, "exercise": "softmax"}, "exercise: expected none for excuse, got 'softmax'."),
]  # fmt: skip


def line(data: object) -> bytes:
    if isinstance(data, bytes):
        return data
    return (data if isinstance(data, str) else json.dumps(data)).encode()


@pytest.mark.parametrize(("data", "said"), FAULTS)
def test_a_line_that_is_no_entry_is_named(path, data, said):
    lines = [line(RIGHT), line(data), line(RIGHT)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ConfigError) as caught:
        ledger.read(path)
    assert str(caught.value) == f"{path}:2: {said} Mend the line."


def test_all_bad_lines_are_named_at_once(path):
    path.write_bytes(b"\n".join(line(data) for data, _ in FAULTS) + b"\n")
    with pytest.raises(ConfigError) as caught:
        ledger.read(path)
    assert str(caught.value).splitlines() == [
        f"{path}:{number}: {said} Mend the line."
        for number, (_, said) in enumerate(FAULTS, start=1)
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            replace(OVERRIDE, value="a lot"),
            "/ledger.jsonl: value: expected points, such as 3.5, got",
        ),
        (replace(OVERRIDE, at=datetime(2026, 2, 12)), "/ledger.jsonl: at: expected a date with an"),  # noqa: DTZ001  # what is refused
        (
            replace(OVERRIDE, kind="bonus"),
            "/ledger.jsonl: kind: expected override, points, extension",
        ),
        (replace(OVERRIDE, by=""), "/ledger.jsonl: by: expected text, got none"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(path, wrong, said):
    with pytest.raises(ConfigError, match=said):
        ledger.append(path, wrong)
    assert not path.exists()


# --- what it means ---------------------------------------------------------------------------


def test_without_entries_nothing_is_decided():
    assert decided() == Decisions()


def test_entries_of_other_students_and_assignments_do_not_count():
    other = replace(OVERRIDE, student_id="bob"), replace(OVERRIDE, assignment="tp2")
    assert decided(*other) == Decisions()


def test_each_kind_means_its_own():
    found = decided(
        OVERRIDE,
        entry("extension", "2026-02-20T23:59:00+01:00"),
        entry("excuse"),
        entry("clear_review"),
        entry("clear_forbidden", exercise="softmax"),
        entry("override", "1/3", "autodiff.Value.backward"),
    )
    assert found == Decisions(
        score=Fraction(7, 2),
        extension=datetime(2026, 2, 20, 22, 59, tzinfo=UTC),
        excused=True,
        points={"autodiff.Value.backward": Fraction(1, 3)},
        cleared_forbidden=frozenset({"losses.softmax"}),
        cleared_review=ALL,
    )


def test_the_latest_entry_of_a_kind_wins():
    assert decided(OVERRIDE, entry("override", "2")).score == 2
    assert decided(
        entry("override", "2", "softmax"), entry("override", "1", "losses.softmax")
    ).points == {"losses.softmax": 1}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("override", "2"),
        ("extension", "2026-02-20T23:59:00Z"),
        ("excuse", None),
        ("clear_review", None),
        ("clear_forbidden", None),
    ],
)
def test_a_decision_can_be_withdrawn_and_made_again(kind, value):
    made, withdrawn = entry(kind, value), entry(kind, "withdrawn")
    assert decided(made) != Decisions()
    assert decided(made, withdrawn) == Decisions()
    assert decided(made, withdrawn, made) == decided(made)


def test_points_of_one_exercise_can_be_withdrawn():
    made, withdrawn = (entry("override", value, "softmax") for value in ("1", "withdrawn"))
    assert decided(made, withdrawn) == Decisions()


def test_one_exercise_can_be_taken_out_of_what_was_cleared_for_all():
    found = decided(entry("clear_review"), entry("clear_review", "withdrawn", "softmax"))
    assert found.cleared_review == ALL - {"losses.softmax"}


def test_an_exercise_that_the_assignment_no_longer_has_changes_nothing():
    assert (
        decided(entry("override", "1", "gone"), entry("clear_review", None, "gone")) == Decisions()
    )


# --- points that a person gives ---------------------------------------------------------------


def test_points_carry_the_comment_that_students_read():
    given = decided(replace(entry("points", "1.5", "losses.softmax"), why="one step is missing"))
    assert given.points == {"losses.softmax": Fraction(3, 2)}
    assert given.comments == {"losses.softmax": "one step is missing"}


def test_the_latest_word_about_points_counts_and_an_override_has_no_comment():
    both = (entry("points", "1.5", "softmax"), entry("override", "2", "losses.softmax"))
    assert decided(*both).points == {"losses.softmax": Fraction(2)}
    assert decided(*both).comments == {}
    assert decided(*both, entry("points", "withdrawn", "softmax")) == Decisions()


def test_many_entries_are_written_at_once_or_not_at_all(path):
    ledger.append(path, OVERRIDE, entry("points", "1", "softmax"))
    assert len(ledger.read(path)) == 2
    with pytest.raises(ConfigError, match="exercise: expected one for points, got none"):
        ledger.append(path, OVERRIDE, entry("points", "1"))
    with pytest.raises(ConfigError, match="value: expected points, such as 3.5, got none"):
        ledger.append(path, OVERRIDE, entry("points", None, "softmax"))
    assert len(ledger.read(path)) == 2
