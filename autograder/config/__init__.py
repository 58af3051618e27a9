"""Read grading_config.yml, and name every fault in it at once, each with its line and column.

`tree` turns YAML into values that know where they stand; `words` and `blocks` say what values and
mappings may be; `reading` checks the one against the other. Here, what an assignment inherits from
the course is filled in, and the blocks become `models.GradingConfig`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from autograder.config.blocks import (
    AssignmentBlock,
    CourseBlock,
    DatesBlock,
    LimitsBlock,
    RulesBlock,
    ScoreBlock,
    TopicBlock,
)
from autograder.config.reading import Reading, find_known
from autograder.config.tree import CONFIG_NAME, Fault, Value, parse, read_text
from autograder.config.words import MANUAL, local_time, sentence
from autograder.errors import ConfigError
from autograder.models import (
    Assignment,
    CourseGrade,
    Exercise,
    ExternalColumn,
    ForbiddenSet,
    GradingConfig,
    LatePenalty,
    Limits,
    Policy,
    Schedule,
    ScoreRules,
    Tolerance,
)

__all__ = ["CONFIG_NAME", "find_course", "load", "parse_moment", "schema", "write_schema"]

TOLERANCES = {
    "float64": Tolerance(rtol=1e-7, atol=1e-9),
    "float32": Tolerance(rtol=1e-4, atol=1e-5),
    "float16": Tolerance(rtol=1e-2, atol=1e-3),
    "bfloat16": Tolerance(rtol=1e-2, atol=1e-3),
    "exact": Tolerance(rtol=0.0, atol=0.0),
}


def find_course(start: Path) -> Path:
    """Return the nearest folder, from `start` upwards, that holds grading_config.yml.

    Raises:
        ConfigError: If there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder
    raise ConfigError(
        f"{start}: expected {CONFIG_NAME} here or in a folder above, found none."
        " Go into the course's folder, or name it with -C."
    )


def load(course_dir: Path) -> GradingConfig:
    """Return the configuration of the course in `course_dir`.

    Raises:
        ConfigError: If anything in it is wrong; one line for each fault, in the file's order.
    """
    return _load(course_dir, *parse(read_text(course_dir / CONFIG_NAME)))


def load_policy(course_dir: Path, assignment: str, policy: Path) -> GradingConfig:
    """Return the configuration of a course, with other rules for one assignment.

    Args:
        course_dir: The course's folder.
        assignment: An assignment of the course.
        policy: A whole changed grading_config.yml, or only what differs: dates, sections, score and
            exercises, written as for an assignment.

    Raises:
        ConfigError: If anything in either file is wrong; one line for each fault.
    """
    load(course_dir)
    root, faults = parse(read_text(course_dir / CONFIG_NAME))
    own, own_faults = parse(read_text(policy), policy.name)
    if own.get("topics") is not None:
        return _load(course_dir, own, own_faults)
    allowed = [*DatesBlock.model_fields, "sections", "score", "exercises"]
    foreign = [
        Fault(*one.key_mark, "", f"expected {', '.join(allowed)}, got {key!r}.", one.file)
        for key, one in own.items()
        if key not in allowed
    ]
    here = root.at("assignments", assignment)
    merged = replace(own.over(here), path=f"assignments.{assignment}")
    if not isinstance(own.value, dict):
        foreign.append(own.fault("expected a mapping (key: value)."))
    if isinstance(own.at("score").value, dict):
        merged.value["score"] = own.at("score").over(here.at("score"))
    assignments = replace(root.at("assignments"), value={**dict(root.at("assignments").items())})
    assignments.value[assignment] = merged
    changed = replace(root, value={**root.value, "assignments": assignments})
    return _load(course_dir, changed, [*faults, *own_faults, *foreign])


def _load(course_dir: Path, root: Value, faults: list[Fault]) -> GradingConfig:
    reading = Reading(find_known(root), faults)
    course = reading.block(CourseBlock, root)
    rules = reading.block(RulesBlock, root.at("score"))
    own = {name: _own(reading, root, value) for name, value in root.at("assignments").items()}
    if course is None or rules is None or reading.faults:
        raise ConfigError("\n".join(str(fault) for fault in sorted(set(reading.faults))))
    return _build(course_dir, course, rules, own)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of grading_config.yml, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **CourseBlock.model_json_schema(),
        "title": CONFIG_NAME,
    }


def write_schema(path: Path) -> None:
    """Write the JSON Schema to `path`."""
    path.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")


def parse_moment(text: str, timezone_name: str, where: str) -> datetime:
    """Return the time that `text` says, written as in grading_config.yml.

    Args:
        text: "2026-02-09 18:30", or with an offset "2026-02-09 18:30+01:00".
        timezone_name: The course's, for a time without an offset.
        where: Where it was written: an option.

    Raises:
        ConfigError: If there is no such time.
    """
    try:
        return local_time(text, ZoneInfo(timezone_name))
    except PydanticCustomError as error:
        said = sentence(error.context or {}, repr(text))
        advice = "" if "'. " in said else " Correct it."
        raise ConfigError(f"{where}: {said}{advice}") from None


@dataclass(frozen=True, slots=True)
class _Own:
    """What holds for one assignment: its own over the course's; None if it has faults."""

    rules: RulesBlock | None
    limits: LimitsBlock | None
    sections: Mapping[str, DatesBlock | None]


def _own(reading: Reading, root: Value, assignment: Value) -> _Own:
    """Fill in what an assignment inherits, and find the faults that only the mix has."""
    name = assignment.path.partition(".")[2]
    if assignment.get("exercises") is None and name not in reading.known.topics:
        fault = assignment.fault("expected the key 'exercises', got none. Add it.")
        reading.faults.append(fault)
    reading.faults += _repeated(assignment)
    reading.faults += _untested(assignment, root.at("topics"))
    dates = assignment.only(list(DatesBlock.model_fields))
    return _Own(
        rules=reading.mix(RulesBlock, assignment.at("score"), root.at("score")),
        limits=reading.mix(LimitsBlock, assignment.at("limits"), root.at("limits")),
        sections={
            section: reading.mix(DatesBlock, value, dates)
            for section, value in assignment.at("sections").items()
        },
    )


def _repeated(assignment: Value) -> Iterator[Fault]:
    """Yield the exercises that stand twice in an assignment, or share a name with another."""
    entries = assignment.at("exercises").value
    first: dict[str, Value] = {}
    for entry in entries if isinstance(entries, list) else ():
        key = entry.at("id") if isinstance(entry.value, dict) else entry
        if isinstance(key.value, str):
            seen = first.setdefault(key.value.partition(".")[2], key)
            if seen is not key:
                line = f"{seen.value!r} on line {seen.mark[0]}"
                message = f"expected each function once, got {key.value!r} after {line}."
                yield key.fault(f"{message} Take one out.")


def _untested(assignment: Value, topics: Value) -> Iterator[Fault]:
    """Yield a fault if an assignment lists exercises, and suites grade none of them."""
    entries = assignment.at("exercises").value
    keys = [
        entry.at("id").value if isinstance(entry.value, dict) else entry.value
        for entry in (entries if isinstance(entries, list) else ())
    ]
    kinds = [
        topics.at(topic, "exercises", name, "kind").value
        for topic, _, name in (key.partition(".") for key in keys if isinstance(key, str))
    ]
    if kinds and all(kind == MANUAL for kind in kinds):
        yield assignment.at("exercises").fault(
            "expected at least one exercise that suites grade, got manual exercises only."
            " What only people grade is a column under 'external'."
        )


def _build(
    course_dir: Path, course: CourseBlock, rules: RulesBlock, own: Mapping[str, _Own]
) -> GradingConfig:
    offered = _topics(course)
    topics = {
        name: tuple(one for one in group if not one.manual) for name, group in offered.items()
    }
    common = _Own(rules=rules, limits=course.limits, sections={})
    blocks = {name: AssignmentBlock() for name in topics} | course.assignments
    tolerances = {
        name: Tolerance(rtol=float(block.rtol), atol=float(block.atol))
        for name, block in course.tolerances.items()
    }
    return GradingConfig(
        course_dir=course_dir,
        title=course.title,
        timezone=course.timezone,
        assignments={
            name: _assignment(name, block, own.get(name, common), course, offered)
            for name, block in blocks.items()
        },
        topics=topics,
        tolerances=TOLERANCES | tolerances,
        device=course.device,
        external={
            name: ExternalColumn(name=name, title=block.title or name, scale=block.scale)
            for name, block in course.external.items()
        },
        course_grade=_course_grade(course),
    )


def _course_grade(course: CourseBlock) -> CourseGrade | None:
    block = course.course_grade
    if block is None:
        return None
    return CourseGrade(formula=block.formula, scale=block.scale, rounding=block.rounding)


def _topics(course: CourseBlock) -> dict[str, tuple[Exercise, ...]]:
    sets = {
        name: ForbiddenSet(
            name=name,
            names=tuple(block.names),
            operators=tuple(block.operators),
            autograd=block.autograd,
        )
        for name, block in course.forbidden.items()
    }
    return {name: _topic(name, block, sets) for name, block in course.topics.items()}


def _topic(topic: str, block: TopicBlock, sets: Mapping[str, ForbiddenSet]) -> tuple[Exercise, ...]:
    exercises = []
    for name, one in block.exercises.items():
        forbid = block.forbid if one.forbid is None else one.forbid
        forbidden = tuple(sets[each] for each in dict.fromkeys(forbid))
        exercises.append(
            Exercise(
                id=name,
                topic=topic,
                points=one.points,
                starred=one.starred,
                forbidden=() if one.kind == MANUAL else forbidden,
                manual=one.kind == MANUAL,
            )
        )
    return tuple(exercises)


def _assignment(
    name: str,
    block: AssignmentBlock,
    own: _Own,
    course: CourseBlock,
    topics: Mapping[str, tuple[Exercise, ...]],
) -> Assignment:
    topic = course.topics.get(name)
    exercises = _exercises(block, topics) or topics[name]
    assert own.rules is not None
    assert own.limits is not None
    return Assignment(
        id=name,
        title=block.title or (topic.title if topic else None) or name,
        exercises=exercises,
        rules=_rules(own.rules),
        schedule=_schedule(block),
        sections={one: _schedule(dates) for one, dates in own.sections.items() if dates},
        limits=Limits(**own.limits.model_dump(exclude_none=True)),
        files=tuple(block.files or _file_names(name, exercises)),
    )


def _file_names(name: str, exercises: Sequence[Exercise]) -> list[str]:
    names = dict.fromkeys((name, *(exercise.topic for exercise in exercises)))
    return [f"{one}{end}" for one in names for end in (".py", ".ipynb")]


def _exercises(
    block: AssignmentBlock, topics: Mapping[str, tuple[Exercise, ...]]
) -> tuple[Exercise, ...]:
    offered = {exercise.key: exercise for exercises in topics.values() for exercise in exercises}
    exercises = []
    for entry in block.exercises:
        exercise = offered[entry.id]
        points = exercise.points if entry.points is None else entry.points
        starred = exercise.starred if entry.starred is None else entry.starred
        exercises.append(replace(exercise, points=points, starred=starred))
    return tuple(exercises)


def _schedule(block: DatesBlock) -> Schedule:
    return Schedule(class_end=block.class_end, due=block.due, closes=block.closes)


def _rules(block: ScoreBlock) -> ScoreRules:
    late = block.late_penalty
    penalty = None
    if late is not None:
        at_most = block.scale if late.at_most is None else late.at_most
        penalty = LatePenalty(points=late.points, period=late.per, at_most=at_most)
    return ScoreRules(
        scale=block.scale,
        core_share=block.core,
        starred_share=block.starred,
        policy=Policy(block.policy),
        class_cap=block.class_cap,
        grace=block.grace,
        late_penalty=penalty,
        rounding=block.rounding,
    )
