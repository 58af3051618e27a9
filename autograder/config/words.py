"""What one value of grading_config.yml may be: numbers, durations, dates, names.

Each word has a check, which says what it expected, and a JSON Schema, for editors.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from autograder import formula
from autograder.config.tree import DECIMAL
from autograder.models import Policy

TESTED, MANUAL = "tested", "manual"  # who grades an exercise: suites, or a person
_NUMBER = rf"{DECIMAL}|[-+]?[0-9]{{1,20}}/0*[1-9][0-9]{{0,19}}"


@dataclass(frozen=True, slots=True)
class Known:
    """What names in the file may refer to."""

    exercises: tuple[str, ...]  # "losses.softmax"
    topics: tuple[str, ...]
    forbidden: tuple[str, ...]
    scores: tuple[str, ...]  # what a formula may name: assignments and external columns
    zone: ZoneInfo


def find_zone(name: object) -> ZoneInfo | None:
    """Return the timezone with an IANA name, if there is one."""
    if not isinstance(name, str):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a relative path; a folder
        return None


def expected(what: str, advice: str = "", got: str = "") -> PydanticCustomError:
    """Return the fault "expected `what`, got ...", for pydantic to put in its place."""
    context = {"what": what, "advice": advice, "got": got}
    return PydanticCustomError("expected", "{what}", context)


def sentence(context: Mapping[str, Any], shown: str) -> str:
    """Say what `expected` holds, about a value that is `shown` in the file."""
    advice = f" {context['advice']}" if context.get("advice") else ""
    return f"expected {context['what']}, got {context.get('got') or shown}.{advice}"


def show(number: Fraction) -> str:
    """Write a number as an instructor would: 0.3, and 1/3 only if it must be."""
    text = f"{float(number):g}"
    return text if Fraction(text) == number else str(number)


def did_you_mean(word: object, known: Sequence[str]) -> str:
    """Advise the nearest of the `known` words, or name them all if they are few."""
    near = difflib.get_close_matches(str(word), known, n=1)
    if not near:  # `softmax` for `losses.softmax`
        near = [one for one in known if one.rpartition(".")[2] == word]
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(known)}." if 0 < len(known) <= 12 else ""


def _a_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise expected("text", "Put it in quotes." if isinstance(value, Fraction | bool) else "")
    return value


def _a_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise expected("true or false")
    return value


def _a_number(value: Any) -> Fraction:
    if isinstance(value, str) and re.fullmatch(_NUMBER, value):
        return Fraction(value)
    if not isinstance(value, Fraction):
        raise expected("a number, such as 2, 0.5 or 1/3")
    return value


def _a_positive(value: Any) -> Fraction:
    number = _a_number(value)
    if number <= 0:
        raise expected("a number above 0")
    return number


def _a_share(value: Any) -> Fraction:
    number = _a_number(value)
    if number < 0:
        raise expected("a number that is not below 0")
    return number


_UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_DURATION = r"[0-9]{1,4} ?(?:s|min|hours?|h|days?|weeks?)"
_DURATIONS = rf"{_DURATION}(?: {_DURATION})*"


def _a_duration(value: Any) -> timedelta:
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(_DURATIONS, text):
        raise expected("a duration, such as 5 min, 2 h 30 min or 1 day")
    steps = re.findall(r"([0-9]+) ?([a-z]+)", text)
    units = (_UNITS[unit if unit in _UNITS else unit.removesuffix("s")] for _, unit in steps)
    total = (int(count) * unit for (count, _), unit in zip(steps, units, strict=True))
    return sum(total, timedelta(0))


def _a_period(value: Any) -> timedelta:
    duration = _a_duration(value)
    if not duration:
        raise expected("a duration above 0")
    return duration


_MOMENT = re.compile(
    r"(2[01][0-9]{2})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
    r" ?(?:(?P<utc>Z)|(?P<sign>[-+])(?P<hours>0[0-9]|1[0-4]):?(?P<minutes>[0-5][0-9]))?"
)


def _a_moment(value: Any, info: ValidationInfo) -> datetime:
    return local_time(value if isinstance(value, str) else "", _context(info).zone)


def local_time(text: str, zone: ZoneInfo) -> datetime:
    """Return the time `text`, in the course's timezone, if there is exactly one such time."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise expected("a date and a time, such as 2026-02-09 18:30")
    year, month, day, hour, minute, second = (int(digits or 0) for digits in match.groups()[:6])
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        raise expected("a date and a time that exist") from None
    if match["utc"] or match["sign"]:
        return local.replace(tzinfo=_offset(match)).astimezone(zone)
    naive = local.replace(tzinfo=None)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
        raise expected(
            f"a time that exists in {zone.key}",
            "The clocks go forward over it; write a time before or after.",
        )
    again = local.replace(fold=1)
    if local.utcoffset() != again.utcoffset():
        choices = " or ".join(one.isoformat(" ", "minutes") for one in (local, again))
        advice = f"The clocks go back then; write {choices}."
        raise expected(f"a time that comes only once in {zone.key}", advice)
    return local


def _offset(match: re.Match[str]) -> timezone:
    if match["utc"]:
        return UTC
    size = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
    return timezone(-size if match["sign"] == "-" else size)


def _a_timezone(value: Any) -> str:
    if find_zone(value) is None:
        near = did_you_mean(value, sorted(available_timezones()))
        raise expected("a timezone, such as Europe/Paris", near)
    return str(value)


def _a_float(value: Any) -> float:
    return float(_a_positive(value))


def _not_below(least: str, check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Refuse a limit that no right answer can keep."""
    floor = check(least)

    def checked(value: Any) -> Any:
        read = check(value)
        if read < floor:
            raise expected(f"at least {least}")
        return read

    return checked


_SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _a_size(value: Any) -> int:
    match = re.fullmatch(r"([0-9]{1,15}) ?(KiB|MiB|GiB)", value) if isinstance(value, str) else None
    if match:
        value = Fraction(int(match[1]) * _SIZES[match[2]])
    if not isinstance(value, Fraction) or value <= 0 or value.denominator != 1:
        raise expected("a size above 0, such as 64 KiB, 512 MiB or 2 GiB")
    return int(value)


def _one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            known = " or ".join((", ".join(words[:-1]), words[-1]))
            near = difflib.get_close_matches(str(value), words, n=1)
            raise expected(known, f"Did you mean {near[0]!r}?" if near else "")
        return str(value)

    return check


def _like(pattern: str, what: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise expected(what)
        return value

    return check


def _context(info: ValidationInfo) -> Known:
    assert isinstance(info.context, Known)
    return info.context


def _an_exercise(value: Any, info: ValidationInfo) -> str:
    known = _context(info).exercises
    if value not in known:
        near = did_you_mean(value, known)
        raise expected("an exercise, written topic.exercise", near)
    return str(value)


def _a_set(value: Any, info: ValidationInfo) -> str:
    known = _context(info).forbidden
    if value not in known:
        near = did_you_mean(value, known)
        raise expected("the name of a set under 'forbidden'", near)
    return str(value)


def _a_formula(value: Any, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise expected("a formula, such as (tp1 + project) / 2")
    try:
        parsed = formula.parse(value)
    except formula.FormulaError as error:
        raise expected(error.what, got=error.got) from None
    known = _context(info).scores
    for name in parsed.names:
        if name not in known:
            near = did_you_mean(name, known)
            raise expected("an assignment or a column under 'external'", near, got=repr(name))
    if not parsed.names:
        raise expected("a formula with the name of a score")
    return value


def _a_column(value: Any) -> str:
    if value in formula.WORDS:
        raise expected("another name: a formula has this word")
    return _like(_IDENTIFIER, "a column's name: letters, digits and _")(value)


def _words(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$"})


def _numbers(**more: Any) -> WithJsonSchema:
    choices = [{"type": "number", **more}, {"type": "string", "pattern": f"^(?:{_NUMBER})$"}]
    return WithJsonSchema({"anyOf": choices})


_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_TOPIC = r"[a-z][a-z0-9_]*"
_ASSIGNMENT = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_EXERCISE = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})?"
_DOTTED = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*"
_OPERATOR = rf"{_IDENTIFIER}::{_IDENTIFIER}(?:\.{_IDENTIFIER})?"
_DTYPES = ["float64", "float32", "float16", "bfloat16"]
_FILE = r"[^/\\]+\.(?:py|ipynb)"

Text = Annotated[str, PlainValidator(_a_text), WithJsonSchema({"type": "string", "minLength": 1})]
Flag = Annotated[bool, PlainValidator(_a_flag), WithJsonSchema({"type": "boolean"})]
Positive = Annotated[Fraction, PlainValidator(_a_positive), _numbers(exclusiveMinimum=0)]
Share = Annotated[Fraction, PlainValidator(_a_share), _numbers(minimum=0)]
Duration = Annotated[timedelta, PlainValidator(_a_duration), _words(_DURATIONS)]
Period = Annotated[timedelta, PlainValidator(_a_period), _words(_DURATIONS)]
Moment = Annotated[
    datetime,
    PlainValidator(_a_moment),
    _words(r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}.*"),
]
Timezone = Annotated[str, PlainValidator(_a_timezone), WithJsonSchema({"type": "string"})]
Seconds = Annotated[float, PlainValidator(_not_below("0.01", _a_float)), _numbers(minimum=0.01)]
WallFactor = Annotated[float, PlainValidator(_not_below("1", _a_float)), _numbers(minimum=1)]


def _sizes(**more: Any) -> WithJsonSchema:
    text = {"type": "string", "pattern": "^[0-9]+ ?(?:KiB|MiB|GiB)$"}
    return WithJsonSchema({"anyOf": [{"type": "integer", **more}, text]})


Bytes = Annotated[int, PlainValidator(_a_size), _sizes(exclusiveMinimum=0)]
Memory = Annotated[int, PlainValidator(_not_below("64 MiB", _a_size)), _sizes(minimum=64 << 20)]
Reply = Annotated[int, PlainValidator(_not_below("1 MiB", _a_size)), _sizes(minimum=1 << 20)]
Device = Annotated[
    str, PlainValidator(_one_of("cpu", "cuda")), WithJsonSchema({"enum": ["cpu", "cuda"]})
]
PolicyName = Annotated[
    str,
    PlainValidator(_one_of(*(str(one) for one in Policy))),
    WithJsonSchema({"enum": [str(one) for one in Policy]}),
]
KindName = Annotated[
    str,
    PlainValidator(_one_of(TESTED, MANUAL)),
    WithJsonSchema({"enum": [TESTED, MANUAL]}),
]
TopicName = Annotated[
    str,
    PlainValidator(_like(_TOPIC, "a topic's name: a-z, 0-9 and _, a letter first")),
    _words(_TOPIC),
]
ExerciseName = Annotated[
    str,
    PlainValidator(_like(_EXERCISE, "the name of a function, or Class.method")),
    _words(_EXERCISE),
]
AssignmentName = Annotated[
    str,
    PlainValidator(_like(_ASSIGNMENT, "an assignment's name: letters, digits, _, - and .")),
    _words(_ASSIGNMENT),
]
DtypeName = Annotated[
    str,
    PlainValidator(_one_of(*_DTYPES)),
    WithJsonSchema({"enum": _DTYPES}),
]
PublicName = Annotated[
    str,
    PlainValidator(_like(_DOTTED, "a dotted name, such as torch.nn.functional.softmax")),
    _words(_DOTTED),
]
OperatorName = Annotated[
    str, PlainValidator(_like(_OPERATOR, "an operator, such as aten::_softmax")), _words(_OPERATOR)
]
FileName = Annotated[
    str, PlainValidator(_like(_FILE, "a file name that ends in .py or .ipynb")), _words(_FILE)
]
FormulaText = Annotated[
    str, PlainValidator(_a_formula), WithJsonSchema({"type": "string", "minLength": 1})
]
ColumnName = Annotated[str, PlainValidator(_a_column), _words(_IDENTIFIER)]
ExerciseKey = Annotated[str, PlainValidator(_an_exercise), _words(rf"{_TOPIC}\.{_EXERCISE}")]
SetName = Annotated[str, PlainValidator(_a_set), WithJsonSchema({"type": "string"})]
