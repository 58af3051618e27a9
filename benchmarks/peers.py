"""How fast is `gradlab grade`, next to otter-grader and nbgrader on the same notebooks? One run.

    make bench-peers                or:  .venv/bin/python -m benchmarks.peers --students 200

A class hands in notebooks for two functions, half of them right and half of them wrong, no two of
them with the same text. Once they need nothing but numpy; once their first cell imports torch, as
in a course on deep learning. Each tool grades by its own command lines, interleaved, and repeated:

    otter-grader  one `otter run` for each student (`otter grade` adds a container for each)
    nbgrader      one `nbgrader autograde` for the class
    GradLab       one `gradlab grade`: sandbox, failed exercises once more, diagnosis, files

What counts is what a further student costs: the time for a class, less the time for one student,
for each of the others. `gradlab grade` uses every core, the others use one; so the processor time
of all processes is told too. otter-grader and nbgrader get smaller classes, for they take long.
Machines differ and are noisy: read the ratios, and the medians with their range.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile import HONEST
from benchmarks.tools import FULL, ROOT, TOOLS, GradLab, Tool

FLAVOURS = {"numpy": "", "torch": "import torch\n"}
CLASS = 300  # students, in the last column
TARGET = ROOT / "build" / "peers.json"

Samples = dict[str, dict[str, list["Sample"]]]  # by flavour, then by tool


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one repetition took, in seconds."""

    first: float  # a class of one
    wall: float  # each further student
    cpu: float  # each further student, of all processes together

    def of(self, students: int) -> float:
        """Return the time for a class of so many."""
        return self.first + (students - 1) * self.wall


def main() -> None:
    """Measure, print a table and write build/peers.json."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--students", type=int, default=100, help="that GradLab grades")
    arguments.add_argument("--few", type=int, default=6, help="that the others grade")
    arguments.add_argument("--repeat", type=int, default=3, help="interleaved repetitions")
    arguments.add_argument("--markdown", action="store_true", help="print the README's table")
    asked = arguments.parse_args()
    if min(asked.students, asked.few) < 2 or asked.repeat < 1:
        arguments.error("expected at least 2 students and 1 repetition. Ask for more.")
    samples: Samples = {flavour: {} for flavour in FLAVOURS}
    with tempfile.TemporaryDirectory(prefix="gradlab-bench-") as folder:
        tools = [one(Path(folder) / one.name) for one in TOOLS]
        versions = {tool.name: tool.version() for tool in tools}
        for repetition in range(asked.repeat):
            print(f"repetition {repetition + 1} of {asked.repeat}", file=sys.stderr)
            for flavour, first_cell in FLAVOURS.items():
                for tool in tools:
                    students = asked.students if isinstance(tool, GradLab) else asked.few
                    got = measure(tool, first_cell, students)
                    samples[flavour].setdefault(tool.name, []).append(got)
                    print(f"    {flavour:8}{tool.name:14}{1000 * got.wall:8.0f} ms each",
                          file=sys.stderr)  # fmt: skip
    print("\n".join(table(versions, samples, markdown=asked.markdown)))
    TARGET.parent.mkdir(exist_ok=True)
    plain = {flavour: {name: [dataclasses.asdict(one) for one in taken]
                       for name, taken in by_tool.items()}
             for flavour, by_tool in samples.items()}  # fmt: skip
    TARGET.write_text(json.dumps({"versions": versions, "seconds": plain}, indent=2) + "\n")
    print(f"written: {TARGET}", file=sys.stderr)


def measure(tool: Tool, first_cell: str, students: int) -> Sample:
    """Grade a class of one, then a class of so many; each student must get what is deserved."""
    alone, together = _graded(tool, first_cell, 1), _graded(tool, first_cell, students)
    return Sample(
        first=alone.wall,
        wall=(together.wall - alone.wall) / (students - 1),
        cpu=(together.cpu - alone.cpu) / (students - 1),
    )


def table(versions: Mapping[str, str], samples: Samples, *, markdown: bool) -> Iterator[str]:
    """Yield the lines of the comparison: a row for each tool and flavour, fastest last."""
    heads = ("notebooks with", "tool", "ms each (range)", "GradLab is", "CPU ms each",
             f"a class of {CLASS}")  # fmt: skip
    rows = [heads, *_rows(versions, samples)]
    if markdown:
        for number, row in enumerate(rows):
            yield f"| {' | '.join(row)} |"
            if number == 0:
                yield "|---" * len(heads) + "|"
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _rows(versions: Mapping[str, str], samples: Samples) -> Iterator[Sequence[str]]:
    for flavour, by_tool in samples.items():
        ours = statistics.median(one.wall for one in by_tool[GradLab.name])
        for name, taken in by_tool.items():
            walls = [one.wall for one in taken]
            middle = statistics.median(walls)
            whole = statistics.median(one.of(CLASS) for one in taken)
            yield (
                flavour,
                f"{name} {versions[name]}",
                f"{1000 * middle:.0f} ({1000 * min(walls):.0f} to {1000 * max(walls):.0f})",
                "" if name == GradLab.name else f"{middle / ours:.0f} x faster",
                f"{1000 * statistics.median(one.cpu for one in taken):.0f}",
                f"{whole / 60:.0f} min" if whole >= 120 else f"{whole:.0f} s",
            )


@dataclass(frozen=True, kw_only=True)
class _Spent:
    wall: float
    cpu: float


def _graded(tool: Tool, first_cell: str, students: int) -> _Spent:
    works = {f"student-{number:03d}": HONEST[number % 2] for number in range(students)}
    with tool.course() as here:
        for student, work in works.items():
            tool.hand_in(here, student, dataclasses.replace(work, first=first_cell))
        before, start = _cpu(), time.perf_counter()
        tool.grade(here, list(works), must_work=True)
        spent = _Spent(wall=time.perf_counter() - start, cpu=_cpu() - before)
        points = tool.points(here)
    for student, work in works.items():
        deserved = FULL if work is HONEST[0] else 0
        if points.get(student) != deserved:
            raise SystemExit(
                f"{tool.name}: expected {deserved} points for {student},"
                f" got {points.get(student)}. A wrong grade is not worth timing."
            )
    return spent


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
