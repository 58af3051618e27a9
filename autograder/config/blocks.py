"""What a mapping of grading_config.yml may hold; the docstrings are what editors show."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from autograder.config.words import (
    MANUAL,
    TESTED,
    AssignmentName,
    Bytes,
    ColumnName,
    Device,
    DtypeName,
    Duration,
    ExerciseKey,
    ExerciseName,
    FileName,
    Flag,
    FormulaText,
    KindName,
    Memory,
    Moment,
    OperatorName,
    Period,
    PolicyName,
    Positive,
    PublicName,
    Reply,
    Seconds,
    SetName,
    Share,
    Text,
    Timezone,
    TopicName,
    WallFactor,
    expected,
    show,
)
from autograder.models import ScoreRules

_RULES = ScoreRules()


def _default(value: Any) -> Any:
    """Check `value` as if it stood in the file; JSON Schema has no word for such defaults."""
    return Field(default_factory=lambda: value, validate_default=True)


class Block(BaseModel):
    """A mapping of the file; its attribute docstrings are what editors show."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class DatesBlock(Block):
    """Dates, as `2026-02-09 18:30` in the course's timezone; leave out what does not apply."""

    class_end: Moment | None = None
    """Something must be handed in by then (plus grace), else the score is at most class_cap."""
    due: Moment | None = None
    """The late penalty counts from here (plus grace)."""
    closes: Moment | None = None
    """Attempts after this are not graded."""

    @field_validator("due", "closes")
    @classmethod
    def _in_order(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        for name in ("class_end", "due"):
            earlier = info.data.get(name)
            if value is not None and earlier is not None and value < earlier:
                limit = f"{earlier:%Y-%m-%d %H:%M}"
                raise expected(f"a date not before {name} ({limit})", got=f"{value:%Y-%m-%d %H:%M}")
        return value


class LatePenaltyBlock(Block):
    """What a late attempt loses."""

    points: Positive
    """Points, out of the scale, for each started period."""
    per: Period
    """The period, such as `1 day`."""
    at_most: Positive | None = None
    """The most that is lost; everything, if it is left out."""


class ScoreBlock(Block):
    """How points become a score."""

    scale: Positive = _default(_RULES.scale)
    """The best score (4)."""
    core: Share = _default(_RULES.core_share)
    """What the unmarked exercises are worth together (2)."""
    starred: Share = _default(_RULES.starred_share)
    """What the starred exercises are worth together (2)."""
    policy: PolicyName = _default(_RULES.policy)
    """additive: both add up. gate: at most the core share until every star is earned."""
    class_cap: Share = _default(_RULES.class_cap)
    """The best score when nothing was handed in by class_end (1)."""
    grace: Duration = Field(default_factory=timedelta)
    """How long after class_end and due an attempt is still in time (0 min)."""
    late_penalty: LatePenaltyBlock | None = None
    """What a late attempt loses; null for nothing."""
    rounding: Positive = _default(_RULES.rounding)
    """The score is a multiple of this, rounded half up (0.01)."""


class RulesBlock(ScoreBlock):
    """All rules of an assignment, its own and the course's together: they must fit each other."""

    @field_validator("starred")
    @classmethod
    def _shares_make_the_scale(cls, value: Fraction, info: ValidationInfo) -> Fraction:
        scale, core = info.data.get("scale"), info.data.get("core")
        if scale is not None and core is not None and core + value != scale:
            raise expected(
                f"core + starred = scale = {show(scale)}", got=f"{show(core)} + {show(value)}"
            )
        return value

    @field_validator("class_cap")
    @classmethod
    def _cap_is_within_the_scale(cls, value: Fraction, info: ValidationInfo) -> Fraction:
        scale = info.data.get("scale")
        if scale is not None and value > scale:
            raise expected(f"a number not above the scale {show(scale)}", got=show(value))
        return value

    @field_validator("rounding")
    @classmethod
    def _rounding_divides_the_bounds(cls, value: Fraction, info: ValidationInfo) -> Fraction:
        for name in ("scale", "class_cap"):
            bound = info.data.get(name)
            if bound is not None and (bound / value).denominator != 1:
                raise expected(f"a divisor of the {name} {show(bound)}", got=show(value))
        return value


class LimitsBlock(Block):
    """Bounds on student code. CPU seconds are the rule; wall time only stops sleepers."""

    call_cpu_s: Seconds | None = None
    """CPU seconds of one call (5)."""
    exercise_cpu_s: Seconds | None = None
    """CPU seconds of all calls of one exercise (10)."""
    submission_cpu_s: Seconds | None = None
    """CPU seconds of a whole submission (60)."""
    import_cpu_s: Seconds | None = None
    """CPU seconds for running the file's own statements, before any call (10)."""
    wall_factor: WallFactor | None = None
    """Wall-clock limit, as a multiple of the CPU limit (3)."""
    wall_min_s: Seconds | None = None
    """Wall-clock limits are never shorter than this many seconds (5)."""
    memory_bytes: Memory | None = None
    """Memory on top of what the interpreter and torch need (2 GiB)."""
    output_bytes: Bytes | None = None
    """Prints that are kept; the rest is counted and dropped (64 KiB)."""
    reply_bytes: Reply | None = None
    """The largest value that a call may return (64 MiB)."""


class ToleranceBlock(Block):
    """|actual - expected| <= atol + rtol * |expected|, element by element."""

    rtol: Share
    atol: Share


class ForbiddenBlock(Block):
    """A named group of operations that "by hand" excludes."""

    names: list[PublicName] = Field(default_factory=list)
    """Public names; a name stands for everything below it (torch.optim: torch.optim.SGD too)."""
    operators: list[OperatorName] = Field(default_factory=list)
    """torch's operators, however they are reached; without an overload, all of them."""
    autograd: Flag = False
    """Everything that differentiates: backward, torch.autograd, torch.func, ..."""

    @model_validator(mode="after")
    def _forbids_something(self) -> ForbiddenBlock:
        if not (self.names or self.operators or self.autograd):
            raise expected("names, operators or autograd: true", got="a set that forbids nothing")
        return self


class ExerciseBlock(Block):
    """One function or class to write."""

    points: Positive
    """Its weight among the exercises of its kind (core or starred)."""
    starred: Flag = False
    """Whether it is marked (*): required to get the full score."""
    kind: KindName = TESTED
    """tested: suites grade it. manual: a person does (gradlab points); until then, no score."""
    forbid: list[SetName] | None = None
    """Sets of forbidden operations, instead of the topic's."""

    @field_validator("forbid")
    @classmethod
    def _only_tests_forbid(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if value and info.data.get("kind") == MANUAL:
            raise expected("nothing here for an exercise that a person grades", "Take it out.")
        return value


class TopicBlock(Block):
    """The exercises that a topic offers; its folder is reference/<topic>/."""

    title: Text | None = None
    forbid: list[SetName] = Field(default_factory=list)
    """Sets of operations that its exercises forbid, unless one says otherwise."""
    exercises: dict[ExerciseName, ExerciseBlock] = Field(min_length=1)

    @field_validator("exercises")
    @classmethod
    def _has_tests(cls, value: dict[str, ExerciseBlock]) -> dict[str, ExerciseBlock]:
        if all(one.kind == MANUAL for one in value.values()):
            raise expected(
                "at least one exercise that suites grade",
                "What only people grade is a column under 'external'.",
                got="manual exercises only",
            )
        return value


def _or_only_its_key(json_schema: dict[str, Any]) -> None:
    """Let an entry of a list of exercises be the key alone."""
    block = dict(json_schema)
    json_schema.clear()
    json_schema["anyOf"] = [block["properties"]["id"], block]


class ExerciseEntry(Block):
    """An exercise of an assignment: `losses.softmax`, or a mapping that changes its points."""

    model_config = ConfigDict(json_schema_extra=_or_only_its_key)

    id: ExerciseKey
    """topic.exercise"""
    points: Positive | None = None
    """Instead of the topic's points."""
    starred: Flag | None = None
    """Instead of the topic's mark."""

    @model_validator(mode="before")
    @classmethod
    def _from_key(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"id": data}


class AssignmentBlock(DatesBlock):
    """A list of exercises of any topics, with dates and, where they differ, rules of its own."""

    title: Text | None = None
    exercises: list[ExerciseEntry] = Field(default_factory=list, min_length=1)
    """Left out, in an assignment with the name of a topic: all exercises of the topic."""
    sections: dict[Text, DatesBlock] = Field(default_factory=dict)
    """Groups with other dates; a date that a group leaves out is the assignment's."""
    score: ScoreBlock | None = None
    """Rules that differ from the course's."""
    limits: LimitsBlock | None = None
    """Limits that differ from the course's."""
    files: list[FileName] = Field(default_factory=list, min_length=1)
    """Expected file names, the most expected first; by default its own name, then its topics'."""


class ExternalBlock(Block):
    """Scores from elsewhere, such as a project or a quiz; `gradlab scores` reads them."""

    title: Text | None = None
    scale: Positive
    """The best score."""


class CourseGradeBlock(Block):
    """What all scores make together."""

    scale: Positive
    """The best grade; in the formula, each score is on this scale."""
    formula: FormulaText
    """Of assignments and external columns, with + - * / ( ) min max: (tp1 + project) / 2."""
    rounding: Positive = _default(_RULES.rounding)
    """The grade is a multiple of this, rounded half up (0.01)."""

    @field_validator("rounding")
    @classmethod
    def _rounding_divides_the_scale(cls, value: Fraction, info: ValidationInfo) -> Fraction:
        scale = info.data.get("scale")
        if scale is not None and (scale / value).denominator != 1:
            raise expected(f"a divisor of the scale {show(scale)}", got=show(value))
        return value


class CourseBlock(Block):
    """Everything an instructor decides: points, stars, dates, rules, limits."""

    title: Text
    timezone: Timezone
    """An IANA name, such as Europe/Paris; dates without an offset are in it."""
    device: Device = "cpu"
    """Where student code runs."""
    score: ScoreBlock = Field(default_factory=ScoreBlock)
    """How points become a score, in every assignment that does not say otherwise."""
    limits: LimitsBlock = Field(default_factory=LimitsBlock)
    """Bounds on student code, in every assignment that does not say otherwise."""
    tolerances: dict[DtypeName, ToleranceBlock] = Field(default_factory=dict)
    """How close is equal, by dtype; integers and bool are compared exactly."""
    forbidden: dict[Text, ForbiddenBlock] = Field(default_factory=dict)
    """Named sets of operations, for `forbid`."""
    topics: dict[TopicName, TopicBlock] = Field(min_length=1)
    """What there is to write; each topic is also an assignment of its own name."""
    assignments: dict[AssignmentName, AssignmentBlock] = Field(default_factory=dict)
    """Exercises of any topics, with dates."""
    external: dict[ColumnName, ExternalBlock] = Field(default_factory=dict)
    """Scores from elsewhere, each with a scale of its own, for the course grade."""
    course_grade: CourseGradeBlock | None = None
    """What all scores make together; null for nothing."""

    @field_validator("external")
    @classmethod
    def _no_name_twice(
        cls, value: dict[str, ExternalBlock], info: ValidationInfo
    ) -> dict[str, ExternalBlock]:
        taken = {*info.data.get("topics", {}), *info.data.get("assignments", {})}
        for name in value:
            if name in taken:
                raise expected("names that no assignment has", got=repr(name))
        return value
