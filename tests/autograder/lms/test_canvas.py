"""Canvas's gradebook."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given, settings

from autograder.errors import ConfigError
from autograder.lms.canvas import gradebook, is_gradebook, read_gradebook
from autograder.lms.table import parse_table
from tests.autograder.lms.canvas_site import Site, User
from tests.autograder.lms.mutants import mutants


def users() -> list[User]:
    return [User(77, "Ana", "Gómez", "ana", "2001"), User(78, "Ben", "Oak", "ben", grade=3.5)]


def book(site):
    return gradebook(parse_table(site.gradebook(), "g.csv"))


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize("split_names", [False, True])
def test_a_gradebook_tells_students_from_other_rows(comma, manual, split_names):
    site = Site(users(), comma=comma, manual=manual, split_names=split_names)
    found = book(site)
    name = "Ana Gómez" if split_names else "Gómez, Ana"
    assert [(line.id, line.ids) for line in found.lines] == [
        ("77", ("2001", "ana")),
        ("78", ("ben",)),
    ]
    assert found.lines[0].name == name
    assert [(one.title, one.points, one.read_only) for one in found.columns] == [
        ("Warm-up", Fraction(10), False),
        ("TP 1", Fraction(4), False),
        ("Exam", None, True),
    ]


def test_what_is_no_gradebook_is_said(tmp_path):
    path = tmp_path / "g.csv"
    path.write_text("Name,ID\nAna,77\n")
    with pytest.raises(
        ConfigError, match=r"^g\.csv:1: expected Canvas's gradebook with the columns"
    ):
        read_gradebook(path)
    assert not is_gradebook(parse_table(path.read_bytes(), "g.csv"))
    path.write_text("Student,ID,Section,T (1)\nAna,77,,3\n")
    with pytest.raises(ConfigError, match=r"^g\.csv: expected a row that begins with Points Poss"):
        read_gradebook(path)
    assert is_gradebook(parse_table(path.read_bytes(), "g.csv"))


def test_an_id_that_is_there_twice_is_said():
    site = Site([*users(), User(77, "Eve", "Moe")])
    with pytest.raises(ConfigError) as caught:
        book(site)
    assert str(caught.value) == (
        "g.csv:5: expected each ID once, got 77 as on line 3. Export it again."
    )


@given(mutants(Site(users(), manual=True).gradebook()))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_any_damage_is_read_or_a_config_error(data):
    with suppress(ConfigError):
        assert len(gradebook(parse_table(data, "g.csv")).lines) <= 20
