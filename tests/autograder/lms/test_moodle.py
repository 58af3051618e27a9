"""Moodle's grading worksheet."""

from contextlib import suppress
from datetime import datetime
from fractions import Fraction

import pytest
from hypothesis import given, settings

from autograder.errors import ConfigError
from autograder.lms.moodle import agrees, file_name, is_worksheet, read_worksheet, worksheet
from autograder.lms.table import parse_table
from tests.autograder.lms.moodle_site import LANGUAGES, PARIS, Site, User
from tests.autograder.lms.mutants import mutants

EVENING = datetime(2026, 2, 9, 18, 20, tzinfo=PARIS)


def users() -> list[User]:
    return [
        User(4711, "Ana Gómez", "ana@example.org", "2001", submitted_at=EVENING, grade=3.5,
             graded_at=EVENING),
        User(4712, "Ben, jr.", locked=True),
    ]  # fmt: skip


def lines(data):
    return worksheet(parse_table(data, "w.csv"), PARIS).lines


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worksheet_is_read_in_every_language(language):
    ana, ben = lines(Site(users(), language=language, maximum=20).worksheet())
    assert (ana.participant, ana.name, ana.email, ana.number) == (
        "4711",
        "Ana Gómez",
        "ana@example.org",
        "2001",
    )
    assert ana.submitted_at == ana.graded_at == EVENING
    assert (ana.maximum, ana.locked, ben.locked) == (Fraction(20), False, True)
    assert (ben.submitted_at, ben.submitted_text) == (None, "")


def test_blind_marking_has_no_names():
    ana, _ = lines(Site(users(), blind=True).worksheet())
    assert (ana.participant, ana.name, ana.email) == ("4711", "", "")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_separator_and_no_byte_order_mark(delimiter):
    assert len(lines(Site(users()).worksheet(delimiter=delimiter, bom=False))) == 2


def test_what_is_no_worksheet_says_which_columns_are_missing(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text("Identifier,Full name,Grade\nParticipant 1,Ana,\n")
    with pytest.raises(ConfigError) as caught:
        read_worksheet(path, PARIS)
    assert str(caught.value).startswith(
        "grades.csv:1: expected Moodle's grading worksheet, got no column Last modified (grade)."
    )
    assert not is_worksheet(parse_table(path.read_bytes(), "grades.csv"))
    assert is_worksheet(parse_table(Site(users()).worksheet(), "w.csv"))


def test_all_faults_of_a_worksheet_come_at_once():
    text = "Identifier,Grade,Last modified (grade)\nParticipant 1,,-\nAna,,-\nParticipant 1,,-\n"
    with pytest.raises(ConfigError) as caught:
        lines(text.encode())
    assert str(caught.value).splitlines() == [
        "w.csv:3: expected a participant's number, got 'Ana'. Download it again.",
        "w.csv:4: expected each participant once, got 1 as on line 2. Download it again.",
    ]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Ana_María Gómez", "Ana María Gómez"),
        ("O'Neil", "ONeil"),
        ("a/b\\c:d|e", "abcde"),
        ("..", ""),
        ("x..y.", "xy"),
        ('<"&">\n', ""),
    ],
)
def test_names_of_files_are_moodle_s(name, written):
    assert file_name(name) == written


@pytest.mark.parametrize(
    ("written", "name", "is_so"),
    [
        ("ONeil X", "O'Neil_X", True),
        ("Group 3-Ana", "Ana", True),
        ("Group 3 Ana", "Ana", True),
        ("Participant", "Ana", True),
        ("Ana", "", True),
        ("Joana", "Ana", False),
        ("Ben", "Ana", False),
    ],
)
def test_a_folder_s_name_agrees_with_its_person(written, name, is_so):
    assert agrees(written, name) is is_so


@given(mutants(Site(users(), language="fr").worksheet()))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_any_damage_is_read_or_a_config_error(data):
    with suppress(ConfigError):
        assert len(lines(data)) <= 20
