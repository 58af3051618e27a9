"""Start the comparison, give it bytes without names, and read what it counted."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from autograder import handout
from autograder.errors import ConfigError, SandboxError
from autograder.models import Assignment, Attempt, Submission, frozen
from autograder.report.json import Document
from autograder.report.store import Store
from autograder.sandbox.launch import spare_uid
from autograder.similarity.inside import CPU_S, PASSES

SCHEMA = "gradlab/similar/v1"
_ANSWER_BYTES = 512 << 20


@frozen
class Pair:
    """Two students and how alike their work is, without what the handout gave to both."""

    students: tuple[str, str]
    exact: (
        Fraction  # the share of the shorter one's fingerprints that both have: tokens as they are
    )
    structure: Fraction  # the same without comments, and with all names and numbers alike
    matches: int  # how many fingerprints of `structure` that is: a large share of few says little
    same_files: bool  # byte for byte; so it is for a team


@frozen
class Report:
    """Every pair that has anything in common, most alike first."""

    assignment: str
    compared: int
    unreadable: tuple[str, ...]  # nothing in their files could be compared
    pairs: tuple[Pair, ...]


def similar(store: Store, assignment: Assignment, course_dir: Path) -> Report:
    """Compare the graded attempts of all students at one assignment.

    Raises:
        ConfigError: If compare50 is not installed, or fewer than two students handed something in.
        SandboxError: If this machine cannot shut the comparison in, or it fails.
    """
    if importlib.util.find_spec("compare50") is None:
        raise ConfigError(
            "similar: expected compare50, got none. Install it: pip install 'gradlab[similarity]'."
        )
    chosen = [
        (submission.student_id, attempt)
        for submission in store.submissions(assignment.id)
        if (attempt := _attempt(store, submission)) is not None
    ]
    if len(chosen) < 2:
        raise ConfigError(
            f"{store.out}: expected two students who handed in {assignment.id}, got {len(chosen)}."
            " Grade first."
        )
    task = {
        "submissions": [_files(attempt) for _, attempt in chosen],
        "handout": [_stub(course_dir, topic) for topic in assignment.topics],
    }
    answer = _compare(json.dumps(task).encode())
    return _report(assignment, chosen, answer)


def document(report: Report) -> Document:
    """Return the report as JSON."""
    return {
        "schema": SCHEMA,
        "assignment": report.assignment,
        "compared": report.compared,
        "unreadable": list(report.unreadable),
        "pairs": [
            {
                "students": list(one.students),
                "exact": round(float(one.exact), 4),
                "structure": round(float(one.structure), 4),
                "matches": one.matches,
                "same_files": one.same_files,
            }
            for one in report.pairs
        ],
    }


def _attempt(store: Store, submission: Submission) -> Attempt | None:
    """Return the graded attempt, or else the newest one."""
    result = store.result(submission.assignment, submission.student_id) or {}
    index = result.get("graded_attempt")
    if type(index) is int and index < len(submission.attempts):
        return submission.attempts[index]
    whole = [attempt for attempt in submission.attempts if attempt.problem is None]
    return whole[-1] if whole else None


def _files(attempt: Attempt) -> list[dict[str, str]]:
    """Return the bytes of an attempt, under names without the student's own."""
    return [
        {
            "name": f"{number}{Path(file.name).suffix}",
            "data": base64.b64encode(file.blob.read_bytes()).decode(),
        }
        for number, file in enumerate(attempt.files)
    ]


def _stub(course_dir: Path, topic: str) -> str:
    path = course_dir / "reference" / topic / "solution.py"
    return handout.stub_source(path.read_text(encoding="utf-8"), where=f"reference/{topic}")


def _compare(task: bytes) -> Any:
    uid = spare_uid()
    command = [sys.executable, "-P", "-m", "autograder.similarity", str(os.getpid())]
    packages = [str(Path(__file__).parents[2]), *(one for one in sys.path if one)]
    try:
        done = subprocess.run(  # noqa: S603 -- our own interpreter and module
            command if uid is None else [*command, str(uid)],
            input=task,
            capture_output=True,
            env={
                "PYTHONPATH": os.pathsep.join(dict.fromkeys(packages)),
                "PYTHONHASHSEED": "0",
                "PYTHONDONTWRITEBYTECODE": "1",
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                "LANG": "C.UTF-8",
            },
            cwd="/",
            timeout=3 * CPU_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SandboxError(
            f"similar: expected an end after {3 * CPU_S} s, got none. Compare fewer students."
        ) from None
    last = done.stderr[-400:].decode("utf-8", "replace").strip().rpartition("\n")[2]
    if done.returncode != 0 or len(done.stdout) > _ANSWER_BYTES:
        raise SandboxError(
            f"similar: expected a comparison, got exit code {done.returncode}:"
            f" {last or 'no words'}. It needs a kernel with Landlock; run `gradlab doctor`."
        )
    return json.loads(done.stdout)


def _report(assignment: Assignment, chosen: Sequence[tuple[str, Attempt]], answer: Any) -> Report:
    """Read the numbers; they come from a process that has read student text."""
    shares: dict[tuple[int, int], dict[str, Fraction]] = {}
    matches: dict[tuple[int, int], int] = {}
    people = range(len(chosen))
    for name in PASSES:
        for entry in answer["passes"][name]:
            first, second, common, *own = (_count(one) for one in entry)
            if first not in people or second not in people or not common <= min(own) or not common:
                raise SandboxError("similar: expected counts of pairs, got others. Report it.")
            shares.setdefault((first, second), {})[name] = Fraction(common, min(own))
            if name == "structure":
                matches[first, second] = common
    pairs = [
        Pair(
            students=(chosen[first][0], chosen[second][0]),
            exact=found.get("exact", Fraction(0)),
            structure=found.get("structure", Fraction(0)),
            matches=matches.get((first, second), 0),
            same_files=_bytes(chosen[first][1]) == _bytes(chosen[second][1]),
        )
        for (first, second), found in shares.items()
    ]
    return Report(
        assignment=assignment.id,
        compared=len(chosen),
        unreadable=tuple(
            student
            for (student, _), readable in zip(chosen, answer["readable"], strict=True)
            if readable is not True
        ),
        pairs=tuple(sorted(pairs, key=lambda one: (-one.exact, -one.structure, one.students))),
    )


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise SandboxError("similar: expected counts of pairs, got others. Report it.")
    return value


def _bytes(attempt: Attempt) -> list[str]:
    return sorted(file.sha256 for file in attempt.files)
