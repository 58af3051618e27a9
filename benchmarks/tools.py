"""Three graders, as their command lines are used, on one small course: two functions, a point each.

The course is the same for all: notebooks of `benchmarks/hostile.py`, the same hidden tests.
Everything stays in a temporary folder, with limits on memory and time.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.hostile import HONEST, PREAMBLE, RIGHT, Submission

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "peers" / "bin"
COURSE = ROOT / "benchmarks" / "softmax"
BEFORE = "ana"  # who is graded before everybody else
FULL = 2
LIMIT_S = 180  # of one command; nbgrader stops a cell after 30 s, otter run never
MEMORY_BYTES = 4 << 30  # of each process

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
        """Set up the course in `here`."""

    @abstractmethod
    def hand_in(self, here: Path, student: str, work: Submission) -> None:
        """Put a student's notebook where the tool looks for it."""

    @abstractmethod
    def grade(self, here: Path, students: Sequence[str], *, must_work: bool = False) -> None:
        """Grade those who handed in and were not graded yet."""

    @abstractmethod
    def points(self, here: Path) -> dict[str, float]:
        """Return each student's points; students without a result are left out."""

    def prints(self, here: Path, student: str) -> str:
        """Return what a student's code printed, where the tool keeps it out of the files."""
        del here, student
        return ""

    @contextlib.contextmanager
    def course(self) -> Iterator[Path]:
        """Give a fresh copy of the course, with `ana` graded, and remove it afterwards."""
        template = self.folder / "template"
        here = self.folder / "here"  # always the same path: virtual paths may be kept in it
        if not template.exists():
            here.mkdir(parents=True)
            self.own_folders(here)
            self.prepare(here)
            self.hand_in(here, BEFORE, HONEST[0])
            self.grade(here, [BEFORE], must_work=True)
            here.rename(template)
        shutil.copytree(template, here, symlinks=True)
        shutil.rmtree(here / "marks")
        self.own_folders(here)
        self.ran = Ran()
        try:
            yield here
        finally:
            shutil.rmtree(here)

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
    def own_folders(here: Path) -> None:
        """Make the folders that every command may write to."""
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

    def points(self, here: Path) -> dict[str, float]:  # noqa: D102
        found = {}
        for path in here.glob("results/*/results.json"):
            with contextlib.suppress(ValueError, KeyError):
                tests = json.loads(path.read_text())["tests"]
                found[path.parent.name] = float(sum(one.get("score", 0) for one in tests))
        return found

    def hand_in(self, here: Path, student: str, work: Submission) -> None:  # noqa: D102
        cells = []
        for number, answer in enumerate(work.answers, start=1):
            cells.append(_cell(answer))
            if not work.forged:
                cells.append(_cell(f'grader.check("q{number}")'))
        start = _cell("import otter\n\ngrader = otter.Notebook()")
        _write(here / "submissions" / f"{student}.ipynb", student, work, [start, *cells], here)

    def grade(  # noqa: D102
        self, here: Path, students: Sequence[str], *, must_work: bool = False
    ) -> None:
        for student in students:
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
        self._nbgrader(here, "generate_assignment", "ps1", must_work=True)

    def grade(  # noqa: D102
        self, here: Path, students: Sequence[str], *, must_work: bool = False
    ) -> None:
        del students  # it passes over those whom it has graded
        self._nbgrader(here, "autograde", "ps1", must_work=must_work)

    def points(self, here: Path) -> dict[str, float]:  # noqa: D102
        self._nbgrader(here, "export", "--to", "grades.csv")
        if not (here / "grades.csv").exists():
            return {}
        with (here / "grades.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        done = {path.parents[1].name for path in here.glob("autograded/*/ps1/*.ipynb")}
        return {row["student_id"]: float(row["score"]) for row in rows
                if row["student_id"] in done}  # fmt: skip

    def hand_in(self, here: Path, student: str, work: Submission) -> None:  # noqa: D102
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

    def _nbgrader(self, here: Path, *words: str, must_work: bool = False) -> None:
        self.run(PEERS / "nbgrader", *words, here=here, must_work=must_work)


class GradLab(Tool):
    """GradLab: one `gradlab grade` for the class."""

    name = "GradLab"

    def version(self) -> str:  # noqa: D102
        from autograder import __version__  # noqa: PLC0415

        return __version__

    def prepare(self, here: Path) -> None:  # noqa: D102
        shutil.copytree(COURSE, here / "course")

    def hand_in(self, here: Path, student: str, work: Submission) -> None:  # noqa: D102
        path = here / "submissions" / student / "softmax.ipynb"
        _write(path, student, work, [_cell(answer) for answer in work.answers], here)

    def grade(  # noqa: D102
        self, here: Path, students: Sequence[str], *, must_work: bool = False
    ) -> None:
        del students  # it passes over those whom it has graded
        program = "from autograder.cli import main; raise SystemExit(main())"
        self.run(sys.executable, "-c", program, "-C", here / "course", "grade",
                 here / "submissions", "-a", "softmax", "-o", here / "out",
                 here=here, must_work=must_work)  # fmt: skip

    def points(self, here: Path) -> dict[str, float]:  # noqa: D102
        found = {}
        for path in (here / "out" / "results" / "softmax").glob("*.json"):
            document = json.loads(path.read_text())
            if document["status"] in ("graded", "unreadable"):  # else the grader itself failed
                found[path.stem] = float(sum(one["points"] for one in document["exercises"]))
        return found

    def prints(self, here: Path, student: str) -> str:  # noqa: D102
        path = here / "out" / "private" / "softmax" / f"{student}.json"
        return path.read_text() if path.exists() else ""


TOOLS: tuple[type[Tool], ...] = (Otter, Nbgrader, GradLab)


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
