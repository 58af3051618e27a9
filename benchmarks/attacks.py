"""Who gives points to wrong code? The same hostile notebooks, graded by three tools in one run.

    make bench-attacks              or:  .venv/bin/python -m benchmarks.attacks --only pickle

Each notebook of `benchmarks/hostile.py` is handed in by mallory, between two honest students: ana,
who was graded before, and zoe, whose turn comes after. Each tool grades with its own command lines:

    otter-grader  otter generate, then otter run for each student. `otter grade` does the same in
                  a container for each: what happens in the notebook's kernel is the same there,
                  what happens to files of others is not
    nbgrader      nbgrader generate_assignment, autograde, export
    GradLab       gradlab grade

Three things are measured: the points that wrong code gets, out of two; whether student code ran
in a process of the grader's, that is, saw the variables of the hidden tests among its callers or
made the tool's own process run a command; whether an honest student lost points or has none.
An honest right and an honest wrong submission show that each tool grades as it should.

Everything stays in a temporary folder, with limits on memory and time; it needs no root, and
leaves the machine as it was.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.hostile import ATTACKS, HONEST, Submission
from benchmarks.tools import BEFORE, FULL, ROOT, TOOLS, Tool

MALLORY, AFTER = "mallory", "zoe"
CONTROLS = {"right": FULL, "wrong": 0}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one tool did with one submission."""

    points: float | None  # what mallory has in the end; None if there is no result
    beside_tests: bool  # student code saw the hidden tests' variables among its callers
    command: bool  # student bytes made the tool's own process run a command
    lost: tuple[str, ...]  # honest students without their points
    hung: bool = False  # it had to be stopped

    @property
    def in_grader(self) -> bool:
        """Whether student code ran in a process of the grader's."""
        return self.beside_tests or self.command


def attack(tool: Tool, submission: Submission) -> Outcome:
    """Grade a class with `submission` in it."""
    with tool.course() as here:
        tool.hand_in(here, MALLORY, submission)
        tool.hand_in(here, AFTER, HONEST[0])
        tool.grade(here, [MALLORY, AFTER])
        hung, pids = tool.ran.hung, tool.ran.pids
        got = tool.points(here)
        marks = {path.name for path in (here / "marks").iterdir()}
        marks |= set(re.findall(r"MARK ([\w.-]+)", tool.prints(here, MALLORY)))
    mine = {mark.removeprefix(f"{MALLORY}.") for mark in marks if mark.startswith(MALLORY)}
    if submission in HONEST and not any(mark.startswith("started.") for mark in mine):
        raise SystemExit(f"{tool.name}: expected a trace of student code, got none")
    return Outcome(
        points=got.get(MALLORY),
        beside_tests=any(mark.startswith("beside-the-tests.") for mark in mine),
        command=any(f"command.{pid}" in mine for pid in pids),
        lost=tuple(name for name in (BEFORE, AFTER) if got.get(name) != FULL),
        hung=hung,
    )


def main() -> None:
    """Run the attacks, print a table and write build/attacks.json."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [one.name for one in (*HONEST, *ATTACKS)]
    arguments.add_argument("--only", action="append", choices=names, help="this submission only")
    arguments.add_argument("--tool", action="append", choices=[one.name for one in TOOLS])
    arguments.add_argument("--json", action="store_true", help="print what programs can read")
    arguments.add_argument("--markdown", action="store_true", help="print the README's table")
    asked = arguments.parse_args()
    chosen = [one for one in (*HONEST, *ATTACKS) if asked.only is None or one.name in asked.only]
    outcomes: dict[str, dict[str, Outcome]] = {}
    versions = {}
    target = ROOT / "build" / "attacks.json"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gradlab-bench-") as folder:
        tools = [one(Path(folder) / one.name) for one in TOOLS
                 if asked.tool is None or one.name in asked.tool]  # fmt: skip
        for tool in tools:
            versions[tool.name] = tool.version()
        for submission in chosen:
            for tool in tools:
                start = time.perf_counter()
                outcomes.setdefault(submission.name, {})[tool.name] = got = attack(tool, submission)
                print(f"{submission.name:20} {tool.name:13} {said(got):50}"
                      f" {time.perf_counter() - start:5.1f} s", file=sys.stderr)  # fmt: skip
            target.write_text(json.dumps(as_json(versions, outcomes), indent=2) + "\n")
    if asked.json:
        print(target.read_text(), end="")
    else:
        print("\n".join(table(versions, chosen, outcomes, markdown=asked.markdown)))
    if faults := unfair(outcomes):
        raise SystemExit("\n".join(faults))


def said(outcome: Outcome) -> str:
    """Say in a few words what a tool did."""
    words = "no result" if outcome.points is None else f"{outcome.points:g}"
    notes = ["ran a command in the grader"] if outcome.command else []
    notes += ["never ended"] if outcome.hung else []
    notes += [f"{' and '.join(outcome.lost)} lost"] if outcome.lost else []
    return "; ".join((words, *notes))


def table(
    versions: Mapping[str, str],
    chosen: Sequence[Submission],
    outcomes: Mapping[str, Mapping[str, Outcome]],
    *,
    markdown: bool,
) -> Iterator[str]:
    """Yield the lines of the comparison: a row for each submission, then what they come to."""
    heads = [f"{name} {version}" for name, version in versions.items()]

    def cell(one: Submission, tool: str) -> str:
        got = outcomes[one.name][tool]
        is_undeserved = markdown and one not in HONEST and got.points
        return (
            said(got).replace(f"{got.points:g}", f"**{got.points:g}**", 1)
            if is_undeserved
            else said(got)
        )

    rows = [(one.title, *(cell(one, tool) for tool in versions)) for one in chosen]
    attacks = [one.name for one in chosen if one not in HONEST]
    rows += [(title, *(str(sum(map(counts, (outcomes[one][name] for one in attacks))))
                       for name in versions)) for title, counts in _TOTALS]  # fmt: skip
    title = f"what the wrong submission does (points out of {FULL})"
    if markdown:
        yield f"| {title} | {' | '.join(heads)} |"
        yield "|---" * (len(heads) + 1) + "|"
        for row in rows:
            yield f"| {' | '.join(row)} |"
        return
    widths = [max(map(len, column)) for column in zip((title, *heads), *rows, strict=True)]
    for row in ((title, *heads), *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


_TOTALS = (
    ("attacks that got points", lambda one: bool(one.points)),
    ("attacks whose code ran in a process of the grader's", lambda one: one.in_grader),
    ("attacks that cost an honest student the grade", lambda one: bool(one.lost)),
)


def as_json(
    versions: Mapping[str, str], outcomes: Mapping[str, Mapping[str, Outcome]]
) -> dict[str, Any]:
    """Return everything that was measured, as plain data."""
    return {
        "versions": dict(versions),
        "points": FULL,
        "submissions": {
            name: {tool: asdict(one) | {"in_grader": one.in_grader} for tool, one in by.items()}
            for name, by in outcomes.items()
        },
    }


def unfair(outcomes: Mapping[str, Mapping[str, Outcome]]) -> list[str]:
    """Return what went wrong with the honest submissions; then the comparison says nothing."""
    return [
        f"{tool}: expected {CONTROLS[name]} points for the honest {name} one, got {said(one)}"
        for name in CONTROLS
        for tool, one in outcomes.get(name, {}).items()
        if one.points != CONTROLS[name] or one.lost
    ]


if __name__ == "__main__":
    main()
