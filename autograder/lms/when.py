"""Dates as learning platforms write them, in the languages that are known for certain."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio"
    " agosto septiembre octubre noviembre diciembre",
}
_DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
}


def _numbered(words: dict[str, str]) -> dict[tuple[str, str], int]:
    """Number words from 1, by language and word."""
    return {
        (language, word.casefold()): number
        for language, line in words.items()
        for number, word in enumerate(line.split(), start=1)
    }


_MONTH, _DAY = _numbered(_MONTHS), _numbered(_DAYS)

_CLOCK = r"(?P<hour>\d{1,2})[:h](?P<minute>\d\d)(?::(?P<second>\d\d))?(?: ?(?P<half>[ap]m))?"
_WEEKDAY = r"(?:(?P<weekday>[^\W\d]+),? )?"
_DAY_OF, _MONTH_OF, _YEAR = r"(?P<day>\d\d?)", r"(?P<month>[^\W\d]+)", r"(?P<year>\d{4})"
_FORMS = (
    ("fr", rf"{_WEEKDAY}{_DAY_OF}(?:er)? {_MONTH_OF} {_YEAR}(?:,| à) {_CLOCK}"),
    ("en", rf"{_WEEKDAY}{_DAY_OF} {_MONTH_OF} {_YEAR}, {_CLOCK}"),
    ("en", rf"{_WEEKDAY}{_MONTH_OF} {_DAY_OF}, {_YEAR},? {_CLOCK}"),
    ("de", rf"{_WEEKDAY}{_DAY_OF}\. {_MONTH_OF} {_YEAR}, {_CLOCK}"),
    ("es", rf"{_WEEKDAY}{_DAY_OF} de {_MONTH_OF} de {_YEAR}, {_CLOCK}"),
)
_PATTERNS = tuple((language, re.compile(form, re.IGNORECASE)) for language, form in _FORMS)
_DOTTED = re.compile(rf"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{{4}}),? {_CLOCK}")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?")
_LENGTH = 80


def read_local_time(text: str, zone: ZoneInfo) -> datetime | None:
    """Return a platform's date and time; None if it cannot mean one moment only.

    "09/02/26" may be February or September, and a weekday that does not fit its date says that the
    date is read wrongly: both are None, never a guess. An hour that the end of summer time repeats
    is its first pass, in the student's favour.
    """
    text = " ".join(text.split())  # also the no-break spaces that stand before "PM"
    if len(text) > _LENGTH:
        return None
    if _ISO.fullmatch(text):
        return _iso(text, zone)
    text = re.sub(r"([ap])\.? ?m\.?$", r"\1m", text, flags=re.IGNORECASE)
    for language, pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        month = _MONTH.get((language, match["month"].casefold())) if match else None
        if match and month:
            return _moment(match, month, zone, language)
    match = _DOTTED.fullmatch(text)
    return _moment(match, int(match["month"]), zone, "de") if match else None


def in_english(text: str) -> bool:
    """Say whether PHP's `strtotime`, with which Moodle reads its own dates back, understands it."""
    return any(
        language == "en" and (match := pattern.fullmatch(" ".join(text.split())))
        and ("en", match["month"].casefold()) in _MONTH
        for language, pattern in _PATTERNS
    )  # fmt: skip


def _iso(text: str, zone: ZoneInfo) -> datetime | None:
    text = text.replace(" UTC", "Z").replace(" Z", "Z")
    day, _, clock = text.replace(" ", "T", 1).partition("T")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock.replace(' ', '')}")
    except ValueError:
        return None
    if not 1970 < moment.year < 9999:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _moment(match: re.Match[str], month: int, zone: ZoneInfo, language: str) -> datetime | None:
    found = match.groupdict()
    hour, half = int(found["hour"]), (found["half"] or "").casefold()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        moment = datetime(
            int(found["year"]), month, int(found["day"]), hour, int(found["minute"]),
            int(found["second"] or 0), tzinfo=zone,
        )  # fmt: skip
    except ValueError:
        return None
    weekday = found.get("weekday")
    if weekday and _DAY.get((language, weekday.casefold())) != moment.isoweekday():
        return None
    return moment if 1970 < moment.year < 9999 else None
