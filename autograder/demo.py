"""The bundled class: small real submissions, each with the result that it must have."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder import pipeline
from autograder.batch import Watch
from autograder.errors import ConfigError
from autograder.pipeline import Request, Summary
from autograder.report.store import Store

ASSIGNMENT = "tp1"
TIMES = "submissions.csv"
SEED = 2026  # a mistake that shows only where rows repeat is named by some draws and not by others


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
        seed=SEED,
    )
    summary = pipeline.grade(request, watch)
    store = Store(request.out)
    found = {one.student_id: store.result(ASSIGNMENT, one.student_id) for one in summary.rows}
    return summary, differences(found, expectations(bundled))


def expectations(bundled: Path) -> dict[str, dict[str, Any]]:
    """Return what each student of the class must get, by student id."""
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(bundled.glob("*/expected.json"))
    }


def differences(
    results: Mapping[str, dict[str, Any] | None], expected: Mapping[str, dict[str, Any]]
) -> list[str]:
    """Return one sentence for each student whose result file does not say what is expected."""
    found = {student: outcome(one) for student, one in results.items() if one is not None}
    return [
        f"{student}: expected {json.dumps(wanted)}, got {json.dumps(found.get(student))}"
        for student, wanted in expected.items()
        if found.get(student) != {**found.get(student, {}), **wanted}
    ]


def outcome(result: dict[str, Any]) -> dict[str, Any]:
    """Return what `expected.json` may say about one student."""
    exercises, attempts = result["exercises"], result["attempts"]
    counts = result["graded_attempt"] or 0
    return {
        "status": result["status"],
        "score": result["score"]["value"] if result["score"] else None,
        "file": (attempts[counts]["graded_file"] or "") if attempts else "",
        "exercises": {one["id"]: one["outcome"] for one in exercises},
        "mistakes": {one["id"]: [one["mistake"]] for one in exercises if one["mistake"]},
        "review": [one["id"] for one in exercises if one["review"]],
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
