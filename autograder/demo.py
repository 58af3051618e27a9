"""The bundled class: small real submissions, each with the result that it must have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from autograder import pipeline
from autograder.batch import Watch
from autograder.errors import ConfigError
from autograder.pipeline import Graded, Request, Summary

ASSIGNMENT = "tp1"
TIMES = "submissions.csv"


def run(
    course_dir: Path, out: Path, *, jobs: int | None, watch: Watch
) -> tuple[Summary, list[str]]:
    """Grade the class into `out` and compare every result with what is expected.

    Returns:
        The summary, and one sentence for each difference.

    Raises:
        ConfigError: If the course has no bundled class.
    """
    bundled = course_dir / "tests" / "submissions"
    if not bundled.is_dir():
        raise ConfigError(
            f"{bundled}: expected the bundled class, got no such folder."
            " Run `gradlab demo` in a checkout of GradLab."
        )
    source = _copy_class(bundled, out / "class")
    shutil.rmtree(out / "grades", ignore_errors=True)  # attempts of an older class would count
    request = Request(
        course_dir=course_dir,
        source=source,
        assignment=ASSIGNMENT,
        out=out / "grades",
        roster=bundled / "roster.csv",
        jobs=jobs,
    )
    summary = pipeline.grade(request, watch)
    return summary, differences(summary, expectations(bundled))


def expectations(bundled: Path) -> dict[str, dict[str, Any]]:
    """Return what each student of the class must get, by student id."""
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(bundled.glob("*/expected.json"))
    }


def differences(summary: Summary, expected: dict[str, dict[str, Any]]) -> list[str]:
    """Return one sentence for each student whose result is not the expected one."""
    found = {one.submission.student_id: outcome(one) for one in summary.graded}
    return [
        f"{student}: expected {json.dumps(wanted)}, got {json.dumps(found.get(student))}"
        for student, wanted in expected.items()
        if found.get(student) != {**found.get(student, {}), **wanted}
    ]


def outcome(graded: Graded) -> dict[str, Any]:
    """Return what `expected.json` may say about one student."""
    record = graded.record
    results = record.exercises if record is not None else ()
    score = graded.grade.score
    return {
        "status": graded.grade.status.value,
        "score": float(score.value) if score is not None else None,
        "file": record.graded_file if record is not None else "",
        "exercises": {one.exercise.id: one.outcome.value for one in results},
        "mistakes": {
            one.exercise.id: [d.mistake for d in one.diagnoses if d.mistake is not None]
            for one in results
            if any(d.mistake is not None for d in one.diagnoses)
        },
        "review": [one.exercise.id for one in results if one.review],
    }


def _copy_class(bundled: Path, target: Path) -> Path:
    """Copy what the students handed in, without the expected results."""
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    for folder in sorted(path for path in bundled.iterdir() if path.is_dir()):
        shutil.copytree(
            folder, target / folder.name, ignore=shutil.ignore_patterns("expected.json")
        )
    shutil.copy(bundled / TIMES, target / TIMES)
    return target
