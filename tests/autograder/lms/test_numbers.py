"""Grades as platforms write them."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.lms.numbers import read_number, scaled, write_number


@pytest.mark.parametrize(
    ("text", "value"),
    [("4", 4), ("4.00", 4), (" 3,25 ", Fraction(13, 4)), ("0,1", Fraction(1, 10)), ("20.00", 20)],
)
def test_a_number_is_read_with_a_point_or_a_comma(text, value):
    assert read_number(text) == value


@pytest.mark.parametrize("text", ["", "-", "-1", "1e3", "1.2.3", "EX", "N/A", "1 000", "²", "1."])
def test_what_is_no_number_is_none(text):
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(4), "4.00"),
        (Fraction(13, 4), "3.25"),
        (Fraction("8.325"), "8.325"),
        (Fraction(2, 3), "0.66667"),
        (Fraction(1, 200_000), "0.00001"),  # half up
        (Fraction(0), "0.00"),
    ],
)
def test_a_number_is_written_with_what_the_platforms_keep(value, text):
    assert write_number(value) == text
    assert write_number(value, comma=True) == text.replace(".", ",")


@given(st.integers(0, 400), st.sampled_from([1, 4, 10, 20, 100]), st.booleans())
@settings(derandomize=True, deadline=None)
def test_a_score_in_hundredths_survives_the_way_there_exactly(hundredths, maximum, comma):
    grade = scaled(Fraction(hundredths, 100), Fraction(4), Fraction(maximum))
    assert read_number(write_number(grade, comma=comma)) == grade
