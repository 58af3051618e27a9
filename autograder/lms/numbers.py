"""Grades as platforms write them: a point or a comma, and never a float in between."""

from __future__ import annotations

import re
from fractions import Fraction

_NUMBER = re.compile(r"\d{1,9}(?:[.,]\d{1,9})?", re.ASCII)
_DECIMALS = 5  # what Moodle keeps, and more than Canvas shows


def read_number(text: str) -> Fraction | None:
    """Return a number that is not negative, with a point or a comma; None if it is none."""
    text = text.strip()
    return Fraction(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def write_number(value: Fraction, *, comma: bool = False) -> str:
    """Return a number with two to five decimals, half up: what the platforms keep of it."""
    scaled = int(value * 10**_DECIMALS + Fraction(1, 2))
    whole, part = divmod(scaled, 10**_DECIMALS)
    decimals = f"{part:0{_DECIMALS}d}"
    while len(decimals) > 2 and decimals.endswith("0"):
        decimals = decimals[:-1]
    return f"{whole}{',' if comma else '.'}{decimals}"


def scaled(score: Fraction, scale: Fraction, maximum: Fraction) -> Fraction:
    """Return what a score out of `scale` is out of `maximum`."""
    return score / scale * maximum
