"""Pictures: bars stand on the ground, stay inside, and say what was counted."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.models import Status
from autograder.report.pictures import arrivals, histogram
from autograder.report.statistics import Bin, Milestone, Standing

NINE = datetime(2026, 2, 9, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def bins(*counts):
    return [Bin(lowest=i, highest=i + 1, count=count) for i, count in enumerate(counts)]


def students(*times):
    return [
        Standing(
            student_id=str(i),
            label=str(i),
            section=None,
            status=Status.GRADED,
            score=1.0,
            works={},
            hand_ins=() if time is None else (time,),
            untimed=0,
        )
        for i, time in enumerate(times)
    ]


def date(kind, at):
    return Milestone(kind=kind, sections=(), at=at, handed_in=0, of=0)


class TestHistogram:
    def test_heights_are_as_the_counts(self):
        small, big, none = histogram(bins(1, 4, 0))
        assert big.height == 4 * small.height
        assert none.height == 0
        assert big.height < 100

    def test_an_empty_class_is_flat(self):
        assert [bar.height for bar in histogram(bins(0, 0))] == [0, 0]

    @given(st.lists(st.integers(0, 2000), min_size=1, max_size=8))
    @settings(derandomize=True, deadline=None, database=None)
    def test_bars_stand_on_the_ground_side_by_side(self, counts):
        found = histogram(bins(*counts))
        for bar in found:
            assert abs(bar.y + bar.height - 100) < 0.02
            assert bar.x >= 0
            assert bar.x + bar.width <= 100
        for left, right in pairwise(found):
            assert left.x + left.width < right.x


class TestArrivals:
    def test_nobody_s_time_gives_no_picture(self):
        assert arrivals(students(None, None), [date("due", NINE)]) is None

    def test_it_climbs_from_nobody_to_all_who_came(self):
        found = arrivals(students(NINE, NINE + HOUR, NINE + 10 * HOUR, None), [])
        full = found.bars[-1].height / 0.75
        assert found.bars[0].height == 0
        assert [round(bar.height / full, 2) for bar in found.bars] == [0, 0.25, 0.5, 0.75]
        assert abs(100 - full - found.top) < 0.1

    def test_the_bars_fill_the_width(self):
        found = arrivals(students(*(NINE + HOUR * i for i in range(20))), [])
        ends = [bar.x + bar.width for bar in found.bars]
        assert found.bars[0].x == 0
        assert abs(ends[-1] - 100) < 0.02
        for end, bar in zip(ends, found.bars[1:], strict=False):
            assert abs(end - bar.x) < 0.02

    def test_milestones_are_marked_where_they_are_and_keep_their_numbers(self):
        dates = [
            date("class_end", NINE + 5 * HOUR),
            date("due", NINE + 10 * HOUR),
            date("closes", NINE + 99 * HOUR),
        ]
        found = arrivals(students(NINE), dates)
        assert found.last == NINE + 10 * HOUR
        assert [mark.number for mark in found.marks] == [1, 2]
        assert abs(found.marks[0].x - 50) < 1
        assert (found.marks[1].x, found.marks[1].label) == (100, 98)

    def test_all_at_once_is_a_picture_too(self):
        found = arrivals(students(NINE, NINE), [date("class_end", NINE)])
        assert found.marks[0].x == 50
        assert found.bars[-1].height > 0
