"""Geometry of the class page's pictures. Pure.

Everything is a rectangle or a line in percent of the picture, never a path: a picture then fits any
width, and its letters keep the size of the text around it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import accumulate, groupby

from autograder.models import frozen
from autograder.report.statistics import Bin, Milestone, Standing

_COLUMNS = 96  # of the picture of hand-ins: one for each 1 % of its width, about
_HEADROOM = 12.0  # percent above the highest bar, for its number
_GAP = 0.18  # of a bar's share of the width


@frozen
class Bar:
    """A rectangle that stands on the ground, in percent."""

    x: float
    width: float
    y: float  # of its top, from above
    height: float
    middle: float  # where its number and its label are centred


@frozen
class Mark:
    """A vertical line with a number, in percent."""

    x: float
    label: float  # where its number is centred: not beyond the edge
    number: int


@frozen
class Arrivals:
    """The share of students who had handed something in, as time goes on."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]  # of milestones, numbered from 1
    top: float  # where all students would be
    first: datetime
    last: datetime


def histogram(bins: Sequence[Bin]) -> tuple[Bar, ...]:
    """Return a bar for each bin; the highest fills the picture up to its number."""
    most = max((one.count for one in bins), default=0) or 1
    step = 100 / len(bins)
    return tuple(
        _bar(index * step + step * _GAP / 2, step * (1 - _GAP), one.count / most)
        for index, one in enumerate(bins)
    )


def arrivals(standings: Iterable[Standing], milestones: Sequence[Milestone]) -> Arrivals | None:
    """Return the picture of first hand-ins; None if no time is known.

    It spans all that was handed in, the end of class and the due date; a milestone outside is
    not drawn.
    """
    everyone = list(standings)
    firsts = sorted(one.hand_ins[0] for one in everyone if one.hand_ins)
    if not firsts:
        return None
    times = [time for one in everyone for time in one.hand_ins]
    times += [one.at for one in milestones if one.kind != "closes"]
    first, last = min(times), max(times)
    first -= (last - first) / (_COLUMNS - 1)  # one column in which nobody had: the first step shows
    span = (last - first) or None
    ends = [first + (last - first) * (index + 1) / _COLUMNS for index in range(_COLUMNS - 1)]
    arrived = [*(bisect_left(firsts, end) for end in ends), len(firsts)]
    runs = [(number, len(list(alike))) for number, alike in groupby(arrived)]
    starts = accumulate((width for _, width in runs), initial=0)
    bars = (
        _bar(100 * start / _COLUMNS, 100 * width / _COLUMNS, number / len(everyone))
        for start, (number, width) in zip(starts, runs, strict=False)  # the last start is the end
    )
    marks = (
        _mark((one.at - first) / span if span else 0.5, number)
        for number, one in enumerate(milestones, start=1)
        if first <= one.at <= last
    )
    return Arrivals(bars=tuple(bars), marks=tuple(marks), top=_HEADROOM, first=first, last=last)


def _bar(x: float, width: float, share: float) -> Bar:
    height = share * (100 - _HEADROOM)
    return Bar(
        x=_round(x),
        width=_round(width),
        y=_round(100 - height),
        height=_round(height),
        middle=_round(x + width / 2),
    )


def _mark(share: float, number: int) -> Mark:
    x = _round(100 * share)
    return Mark(x=x, label=min(max(x, 2), 98), number=number)


def _round(percent: float) -> float:
    return round(percent, 2)
