"""Dates as platforms write them: one moment, or none."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.lms.when import in_english, read_local_time
from tests.autograder.lms.moodle_site import LANGUAGES, Site

PARIS = ZoneInfo("Europe/Paris")
EVENING = datetime(2026, 2, 9, 17, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Monday, 9 February 2026, 6:20 PM",
        "Monday, 9 February 2026, 6:20\u202fPM",
        "Monday, February 9, 2026, 6:20 PM",
        "9 February 2026, 18:20",
        "lundi 9 février 2026, 18:20",
        "lundi 9 février 2026 à 18:20",
        "lundi 9 février 2026 à 18h20",
        "lundi\u00a09 février 2026, 18:20",
        "Montag, 9. Februar 2026, 18:20",
        "09.02.2026 18:20",
        "lunes, 9 de febrero de 2026, 18:20",
        "lunes, 9 de febrero de 2026, 06:20 PM",
        "lunes, 9 de febrero de 2026, 06:20 p. m.",
        "2026-02-09T18:20",
        "2026-02-09 17:20:00 Z",
        "2026-02-09 17:20:00 UTC",
        "2026-02-09 17:20:00.000000000 Z",
        "2026-02-09 09:20:00 -0800",
    ],
)
def test_a_date_of_any_known_language_is_read(text):
    assert read_local_time(text, PARIS) == EVENING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "yesterday",
        "09/02/26, 18:20",  # February or September?
        "02/09/2026 18:20",
        "Tuesday, 9 February 2026, 6:20 PM",  # it was a Monday
        "lundi 10 février 2026, 18:20",
        "Monday 9 février 2026, 18:20",
        "31 February 2026, 18:20",
        "9 February 2026, 24:20",
        "9 February 2026, 13:20 PM",
        "9 February 2026, 0:20 AM",
        "9 februari 2026, 18:20",
        "9 February 1969, 18:20",
        "1969-02-09T18:20",
        "2026-02-30T18:20",
        "2026-02-09",
        "9 February 2026",
        "9 February 2026, 18:20" + " " * 3 + "x" * 90,
    ],
)
def test_a_date_that_is_not_certain_is_none(text):
    assert read_local_time(text, PARIS) is None


def test_midnight_and_noon_are_where_clocks_have_them():
    midnight = read_local_time("9 February 2026, 12:05 AM", PARIS)
    noon = read_local_time("9 February 2026, 12:05 PM", PARIS)
    assert (midnight.hour, noon.hour) == (0, 12)


def test_an_hour_that_comes_twice_is_the_first():
    twice = read_local_time("dimanche 25 octobre 2026, 02:30", PARIS)
    assert twice.utcoffset() == timedelta(hours=2)


@given(st.integers(0, 2_000_000_000), st.sampled_from(sorted(LANGUAGES)))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_every_date_that_moodle_writes_is_read_back(seconds, language):
    moment = datetime.fromtimestamp(86_400 * 366 + seconds, PARIS).replace(second=0)
    text = Site([], language=language).date(moment)
    read = read_local_time(text, PARIS)
    assert read is not None
    assert read.replace(tzinfo=None) == moment.replace(tzinfo=None)
    assert in_english(text) is (language == "en")


@given(st.text(max_size=60))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_any_text_is_a_date_or_none(text):
    assert read_local_time(text, PARIS) is None or any(c.isdigit() for c in text)
