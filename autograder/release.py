"""What students get of a topic, as files: handouts, public tests, and public data without code."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from autograder import handout
from autograder.checks import bank, local
from autograder.checks.local import PublicData
from autograder.checks.suite import Suite, open_suite
from autograder.examine import Examiner, plain
from autograder.models import Assignment, Exercise, GradingConfig, Schedule, ScoreRules


def release(config: GradingConfig, topics: Iterable[str], dest: Path) -> None:
    """Write the handouts of some topics, each into its own folder of `dest`."""
    for topic in topics:
        data = public_data(config, topic)
        handout.build_topic(config.course_dir, topic, dest / topic, data)


def stale(config: GradingConfig) -> list[str]:
    """Return the files of the course's `assignments/` that are not what its masters give now."""
    data = {topic: public_data(config, topic) for topic in config.topics}
    return handout.is_current(config.course_dir, data)


def public_data(config: GradingConfig, topic: str) -> dict[str, Any]:
    """Return what a student's machine must know: expected values, fingerprints, hints; no code."""
    found: list[dict[str, Any]] = []

    def body(suite: Suite) -> None:
        covered = {case.exercise for case in suite.cases}
        exercises = tuple(one for one in config.topics[topic] if one.id in covered)
        found.append(_record(config, topic, exercises, suite))

    test = config.course_dir / "tests" / "public" / f"test_{topic}.py"
    open_suite([test], body, root=config.course_dir)
    return found[0]


def _record(
    config: GradingConfig, topic: str, exercises: tuple[Exercise, ...], suite: Suite
) -> dict[str, Any]:
    loaded = bank.load(config.course_dir, topic)
    stub = handout.stub_source(loaded.solution_text, where=f"reference/{topic}/solution.py")
    examiner = Examiner(
        config,
        Assignment(
            id=topic, title=topic, exercises=exercises, rules=ScoreRules(), schedule=Schedule()
        ),
        suite,
        {topic: loaded},
        stubs={topic: stub},
        run_seed=local.PUBLIC_SEED,
    )
    return PublicData(
        topic=topic,
        exercises=tuple(_exercise(one) for one in exercises),
        stub=stub,
        tolerances=config.tolerances,
        oracles=examiner.known,
        transcripts={one.id: examiner.transcripts[one.key] for one in exercises},
        truth=examiner.truth,
    ).as_json()


def _exercise(exercise: Exercise) -> dict[str, Any]:
    return {
        "id": exercise.id,
        "points": str(Fraction(exercise.points)),
        "starred": exercise.starred,
        "forbidden": [plain(one) for one in exercise.forbidden],
    }
