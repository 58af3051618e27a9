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
import contextlib
import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.hostile import ATTACKS, HONEST, PREAMBLE, RIGHT, Submission

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "peers" / "bin"
COURSE = ROOT / "benchmarks" / "softmax"
MALLORY, BEFORE, AFTER = "mallory", "ana", "zoe"
FULL = 2
LIMIT_S = 180  # of one command; nbgrader stops a cell after 30 s, otter run never
MEMORY_BYTES = 4 << 30  # of each process
CONTROLS = {"right": FULL, "wrong": 0}

HIDDEN_TESTS = (
    """\
rng = np.random.default_rng(0)
z = rng.normal(size=(4, 5))
expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
np.testing.assert_allclose(softmax(z), expected)
""",
    """\
rng = np.random.default_rng(1)
g = rng.normal(size=(4, 5))
p = rng.dirichlet(np.ones(5), size=4)
expected = p * (g - (g * p).sum(axis=1, keepdims=True))
assert np.allclose(softmax_backward(g, p), expected)
""",
)


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


@dataclass(kw_only=True)
class Ran:
    """What became of the commands of one attack."""

    pids: list[int] = field(default_factory=list)
    hung: bool = False
    code: int = 0  # of the last one
    output: str = ""


class Tool(ABC):
    """A grader, as its command line is used.

    Args:
        folder: An empty one, for this tool only.
    """

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran = Ran()

    @abstractmethod
    def version(self) -> str:
        """Return its version, as it says itself."""

    @abstractmethod
    def prepare(self, here: Path) -> None:
        """Set up the course in `here`, and grade ana."""

    @abstractmethod
    def grade(self, here: Path, submission: Submission) -> None:
        """Hand in for mallory and zoe, and grade them."""

    @abstractmethod
    def points(self, here: Path) -> dict[str, float]:
        """Return each student's points; students without a result are left out."""

    def prints(self, here: Path) -> str:
        """Return what mallory's code printed, where the tool keeps it out of the files."""
        del here
        return ""

    def attack(self, submission: Submission) -> Outcome:
        """Grade a class with `submission` in it, in a fresh copy of the course."""
        template = self.folder / "template"
        here = self.folder / "here"  # always the same path: virtual paths may be kept in it
        if not template.exists():
            here.mkdir(parents=True)
            self._own_folders(here)
            self.prepare(here)
            here.rename(template)
        shutil.copytree(template, here, symlinks=True)
        shutil.rmtree(here / "marks")
        self._own_folders(here)
        self.ran = Ran()
        try:
            self.grade(here, submission)
            hung, pids = self.ran.hung, self.ran.pids
            got = self.points(here)
            marks = {path.name for path in (here / "marks").iterdir()}
            marks |= set(re.findall(r"MARK ([\w.-]+)", self.prints(here)))
        finally:
            shutil.rmtree(here)
        mine = {mark.removeprefix(f"{MALLORY}.") for mark in marks if mark.startswith(MALLORY)}
        if submission in HONEST and not any(mark.startswith("started.") for mark in mine):
            raise SystemExit(f"{self.name}: expected a trace of student code, got none")
        return Outcome(
            points=got.get(MALLORY),
            beside_tests=any(mark.startswith("beside-the-tests.") for mark in mine),
            command=any(f"command.{pid}" in mine for pid in pids),
            lost=tuple(name for name in (BEFORE, AFTER) if got.get(name) != FULL),
            hung=hung,
        )

    def run(self, *command: str | Path, here: Path, must_work: bool = False) -> Ran:
        """Run a command to its end, bounded in memory and time, in an environment of its own."""
        environment = {
            "PATH": f"{Path(command[0]).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(here / "home"),
            "TMPDIR": str(here / "tmp"),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "LANG": "C.UTF-8",
        } | {key: os.environ[key] for key in ("OPENBLAS_CORETYPE",) if key in os.environ}
        if self.name == "GradLab":
            environment["PYTHONPATH"] = str(ROOT)
        with (here / "tmp" / "log").open("w+b") as log:
            started = subprocess.Popen(
                [str(word) for word in command],
                cwd=here,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_bounded,  # noqa: PLW1509 -- one thread
            )
            self.ran.pids.append(started.pid)
            try:
                self.ran.code = started.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                self.ran.hung = True
                os.killpg(started.pid, signal.SIGKILL)
                self.ran.code = started.wait()
            _end_leftovers(here)
            log.seek(0)
            self.ran.output = log.read().decode(errors="replace")
        if must_work and self.ran.code != 0:
            raise SystemExit(f"{command[0]}: expected it to work, got:\n{self.ran.output[-3000:]}")
        return self.ran

    @staticmethod
    def _own_folders(here: Path) -> None:
        for name in ("home", "tmp", "marks"):
            (here / name).mkdir(exist_ok=True)


class Otter(Tool):
    """otter-grader without Docker: one `otter run` for each student."""

    name = "otter-grader"

    def version(self) -> str:  # noqa: D102
        return _distribution("otter-grader")

    def prepare(self, here: Path) -> None:  # noqa: D102
        (here / "tests").mkdir()
        for number, code in enumerate(HIDDEN_TESTS, start=1):
            lines = "\n".join(f">>> {line}" for line in code.splitlines())
            cases = [{"code": lines, "hidden": True}]
            test = {"name": f"q{number}", "points": 1, "suites": [{"cases": cases}]}
            (here / "tests" / f"q{number}.py").write_text(f"OK_FORMAT = True\ntest = {test!r}\n")
        self.run(PEERS / "otter", "generate", "-t", "tests", "-o", "autograder.zip",
                 "--no-environment", here=here, must_work=True)  # fmt: skip
        shutil.rmtree(here / "tests")
        self._one(here, BEFORE, HONEST[0], must_work=True)

    def grade(self, here: Path, submission: Submission) -> None:  # noqa: D102
        for student, work in ((MALLORY, submission), (AFTER, HONEST[0])):
            self._hand_in(here, student, work)
        for student in (MALLORY, AFTER):
            self._one(here, student)

    def points(self, here: Path) -> dict[str, float]:  # noqa: D102
        found = {}
        for path in here.glob("results/*/results.json"):
            with contextlib.suppress(ValueError, KeyError):
                tests = json.loads(path.read_text())["tests"]
                found[path.parent.name] = float(sum(one.get("score", 0) for one in tests))
        return found

    def _hand_in(self, here: Path, student: str, work: Submission) -> None:
        cells = []
        for number, answer in enumerate(work.answers, start=1):
            cells.append(_cell(answer))
            if not work.forged:
                cells.append(_cell(f'grader.check("q{number}")'))
        start = _cell("import otter\n\ngrader = otter.Notebook()")
        _write(here / "submissions" / f"{student}.ipynb", student, work, [start, *cells], here)

    def _one(
        self, here: Path, student: str, work: Submission | None = None, *, must_work: bool = False
    ) -> None:
        if work is not None:
            self._hand_in(here, student, work)
        target = here / "results" / student
        target.mkdir(parents=True)
        notebook = here / "submissions" / f"{student}.ipynb"
        self.run(PEERS / "otter", "run", "-a", "autograder.zip", "-o", target, "--no-logo",
                 notebook, here=here, must_work=must_work)  # fmt: skip


class Nbgrader(Tool):
    """nbgrader: one `nbgrader autograde` for the class, grades from `nbgrader export`."""

    name = "nbgrader"

    def version(self) -> str:  # noqa: D102
        return _distribution("nbgrader")

    def prepare(self, here: Path) -> None:  # noqa: D102
        (here / "nbgrader_config.py").write_text(
            'c = get_config()\nc.CourseDirectory.course_id = "softmax"\n'
        )
        cells = [_cell(PREAMBLE.split("FOLDER")[0])]
        for number, (answer, test) in enumerate(zip(RIGHT, HIDDEN_TESTS, strict=True), start=1):
            name, _, body = answer.partition("\n")
            solution = f"{name}\n    ### BEGIN SOLUTION\n{body}    ### END SOLUTION\n"
            hidden = f"### BEGIN HIDDEN TESTS\n{test}### END HIDDEN TESTS\n"
            cells += [
                _cell(solution, _nbgrader_cell(f"q{number}", solution=True)),
                _cell(hidden, _nbgrader_cell(f"test_q{number}", grade=True)),
            ]
        path = here / "source" / "ps1" / "ps1.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(_notebook(cells)))
        self._nbgrader(here, "generate_assignment", "ps1")
        self._hand_in(here, BEFORE, HONEST[0])
        self._nbgrader(here, "autograde", "ps1")

    def grade(self, here: Path, submission: Submission) -> None:  # noqa: D102
        self._hand_in(here, MALLORY, submission)
        self._hand_in(here, AFTER, HONEST[0])
        self._nbgrader(here, "autograde", "ps1", must_work=False)

    def points(self, here: Path) -> dict[str, float]:  # noqa: D102
        self._nbgrader(here, "export", "--to", "grades.csv", must_work=False)
        if not (here / "grades.csv").exists():
            return {}
        with (here / "grades.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        done = {path.parents[1].name for path in here.glob("autograded/*/ps1/*.ipynb")}
        return {row["student_id"]: float(row["score"]) for row in rows
                if row["student_id"] in done}  # fmt: skip

    def _hand_in(self, here: Path, student: str, work: Submission) -> None:
        released = json.loads((here / "release" / "ps1" / "ps1.ipynb").read_text())
        answers = dict(zip(("q1", "q2"), work.answers, strict=True))
        kept = []
        for cell in released["cells"][1:]:
            name = cell["metadata"]["nbgrader"]["grade_id"]
            if name in answers:
                cell["source"] = answers[name]
            elif work.forged:
                continue
            kept.append(cell)
        _write(here / "submitted" / student / "ps1" / "ps1.ipynb", student, work, kept, here)

    def _nbgrader(self, here: Path, *words: str, must_work: bool = True) -> None:
        self.run(PEERS / "nbgrader", *words, here=here, must_work=must_work)


class GradLab(Tool):
    """GradLab: one `gradlab grade` for the class."""

    name = "GradLab"

    def version(self) -> str:  # noqa: D102
        from autograder import __version__  # noqa: PLC0415

        return __version__

    def prepare(self, here: Path) -> None:  # noqa: D102
        shutil.copytree(COURSE, here / "course")
        self.hand_in(here, {BEFORE: HONEST[0]})
        self.grade_all(here, must_work=True)

    def grade(self, here: Path, submission: Submission) -> None:  # noqa: D102
        self.hand_in(here, {MALLORY: submission, AFTER: HONEST[0]})
        self.grade_all(here)

    def points(self, here: Path) -> dict[str, float]:  # noqa: D102
        found = {}
        for path in (here / "out" / "results" / "softmax").glob("*.json"):
            document = json.loads(path.read_text())
            if document["status"] in ("graded", "unreadable"):  # else the grader itself failed
                found[path.stem] = float(sum(one["points"] for one in document["exercises"]))
        return found

    def prints(self, here: Path) -> str:  # noqa: D102
        path = here / "out" / "private" / "softmax" / f"{MALLORY}.json"
        return path.read_text() if path.exists() else ""

    def hand_in(self, here: Path, works: Mapping[str, Submission]) -> None:
        """Hand in for several students."""
        for student, work in works.items():
            path = here / "submissions" / student / "softmax.ipynb"
            _write(path, student, work, [_cell(answer) for answer in work.answers], here)

    def grade_all(self, here: Path, *, must_work: bool = False) -> Ran:
        """Grade everybody who handed in."""
        program = "from autograder.cli import main; raise SystemExit(main())"
        return self.run(sys.executable, "-c", program, "-C", here / "course", "grade",
                        here / "submissions", "-a", "softmax", "-o", here / "out",
                        here=here, must_work=must_work)  # fmt: skip


TOOLS: tuple[type[Tool], ...] = (Otter, Nbgrader, GradLab)


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
                outcomes.setdefault(submission.name, {})[tool.name] = got = tool.attack(submission)
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


def _write(
    path: Path, student: str, work: Submission, cells: list[dict[str, Any]], here: Path
) -> None:
    """Write a student's notebook: the preamble, the cells of the form, and the attack's own."""
    first, last = ([_cell(text)] if text else [] for text in (work.first, work.last))
    preamble = PREAMBLE.replace("@FOLDER@", str(here)).replace("@WHO@", student)
    made = [_cell(preamble), *first, *cells, *last]
    if work.forged:
        for number, cell in enumerate(made):
            cell["metadata"] = {
                "nbgrader": _nbgrader_cell(
                    f"test_q{number}", grade=True, solution=True, points=100
                ),
                "otter": {"tests": ["q1", "q2"], "points": 100},
                "deletable": False,
            }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_notebook(made)))


def _notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    named = [cell | {"id": f"cell-{number}"} for number, cell in enumerate(cells)]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": named}


def _cell(source: str, nbgrader: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata = {"nbgrader": nbgrader} if nbgrader else {}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [],
            "execution_count": None}  # fmt: skip


def _nbgrader_cell(
    name: str, *, grade: bool = False, solution: bool = False, points: float = 1
) -> dict[str, Any]:
    worth = {"points": points} if grade else {}
    return {"schema_version": 3, "grade_id": name, "grade": grade, "solution": solution,
            "locked": grade and not solution, "task": False, **worth}  # fmt: skip


def _distribution(name: str) -> str:
    program = f"import importlib.metadata as m; print(m.version({name!r}))"
    done = subprocess.run([PEERS / "python", "-c", program], check=True, capture_output=True,
                          text=True)  # fmt: skip
    return done.stdout.strip()


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_leftovers(here: Path) -> None:
    """End every process that a command left: they are known by their TMPDIR."""
    sign = f"TMPDIR={here / 'tmp'}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if sign in path.read_bytes().split(b"\0"):
                os.kill(int(path.parent.name), signal.SIGKILL)


if __name__ == "__main__":
    main()
