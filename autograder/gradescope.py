"""One submission inside Gradescope's container, or wherever its folders are laid out.

    /autograder/source/        what `gradlab release --autograder` made, unpacked
    /autograder/submission/    what one student handed in
    /autograder/results/       where results.json goes

The grader is the ordinary one, sandbox included. Students see what `feedback` holds and nothing
else. A fault of ours writes no results.json: Gradescope then says that the autograder failed, and
nobody gets a 0 for it.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder import archive, desk, pipeline
from autograder.errors import ConfigError, GraderError, SandboxError
from autograder.models import Assignment, Isolation, RunRecord, Status
from autograder.publish.gradescope import exercise_tests
from autograder.report import text
from autograder.report.store import Store

HOME = Path("/autograder")
STUDENT = "student"  # Gradescope knows who it is; no name enters the grader


def main(home: Path = HOME) -> int:
    """Grade what lies in `home` and write results.json; return an exit code."""
    try:
        document = grade(home)
        data = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        archive.write(home / "results" / "results.json", data.encode("utf-8", "replace"))
    except GraderError as fault:
        sys.stdout.write(f"{text.printable(str(fault), limit=20_000)}\n")
        return fault.exit_code
    return 0


def grade(home: Path) -> dict[str, Any]:
    """Return Gradescope's results for the submission in `home`.

    Raises:
        ConfigError: If the autograder's own files are damaged.
        SandboxError: If the grader failed; there is no score then.
    """
    settings = _read(home / "source" / "otter_config.json")
    metadata = _read(home / "submission_metadata.json", missing={})
    with tempfile.TemporaryDirectory() as folder:
        inbox = Path(folder) / "inbox"
        shutil.copytree(home / "submission", inbox / STUDENT, symlinks=True)
        request = pipeline.Request(
            course_dir=home / "source" / "files",
            source=inbox,
            assignment=str(settings.get("assignment_name")),
            out=Path(folder) / "out",
            at=_whole_seconds(metadata.get("created_at")),
            jobs=1,
            seed=settings.get("seed"),
        )
        pipeline.collect(request)
        _excuse_who_was_in_time(request, metadata)
        summary = pipeline.grade(request, _Nobody())
        store = Store(request.out)
        feedback = store.feedback(request.assignment, STUDENT)
        result = store.result(request.assignment, STUDENT)
    if feedback is None or result is None or feedback["status"] == Status.INTERNAL_ERROR:
        raise SandboxError(
            "gradescope: expected a result, got a fault of the grader. No points are lost:"
            f" run the autograder again. {summary.rows[0].remark if summary.rows else ''}".rstrip()
        )
    return _document(feedback, summary.isolation.tier)


class _Nobody:
    """Watches one submission being graded, and says nothing."""

    def begin(self, isolation: Isolation, total: int, known: int) -> None:
        """Nobody waits."""

    def examined(self, student_id: str, record: RunRecord) -> None:
        """Nobody waits."""


def _whole_seconds(moment: str | None) -> str | None:
    """Return a time as the configuration writes it; Gradescope's has microseconds."""
    return None if moment is None else re.sub(r"\.\d+", "", moment)


def _document(feedback: Mapping[str, Any], tier: str) -> dict[str, Any]:
    score = feedback["score"]
    ran = f"Your code ran in a sandbox (tier {tier})."
    return {
        "score": score["value"] if score is not None else 0,
        "output": "\n".join([*text.feedback_lines({**feedback, "exercises": []}), ran]),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": exercise_tests(feedback),
        "extra_data": {
            "gradlab": {
                "status": feedback["status"],
                "differs_from_stub": any(
                    one["outcome"] != "not_implemented" for one in feedback["exercises"]
                ),
            }
        },
    }


def _excuse_who_was_in_time(request: pipeline.Request, metadata: Mapping[str, Any]) -> None:
    """Let an earlier submission lift the cap of the class: this container sees only the last."""
    _, assignment = pipeline.configured(request)
    earlier = metadata.get("previous_submissions") or []
    if any(_was_work_in_time(one, assignment) for one in earlier):
        desk.decide(
            dataclasses.replace(request, source=None),
            STUDENT,
            kind="excuse",
            why="an earlier submission came by the end of class",
            by="Gradescope",
        )


def _was_work_in_time(earlier: Mapping[str, Any], assignment: Assignment) -> bool:
    end = assignment.schedule.class_end
    try:
        facts = earlier["results"]["extra_data"]["gradlab"]
        when = datetime.fromisoformat(earlier["submission_time"])
        return (
            facts["differs_from_stub"] is True
            and end is not None
            and when <= end + assignment.rules.grace
        )
    except (KeyError, TypeError, ValueError):  # no result of ours
        return False


def _read(path: Path, *, missing: dict[str, Any] | None = None) -> dict[str, Any]:
    if missing is not None and not path.exists():
        return missing
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise ConfigError(
            f"{path}: expected JSON, got none ({fault}). Make the autograder's zip again."
        ) from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected an object, got {type(found).__name__}. Make it again.")
    return found
