"""How fast is `gradlab grade`, next to plain pytest on the same submissions? One run, ratios.

    make bench                                  or:  .venv/bin/python benchmarks/run.py --copies 60

Three ways to run the suites of assignment tp1 on copies of three submissions of the bundled class
(all right, one known mistake, half done), interleaved, each repeated:

    gradlab   the whole of `gradlab grade`: sandbox, diagnosis, retries, result files, gradebook
    fork      a warm process that forks for each submission and plays the suites in it, unprotected
    pytest    a fresh process with plain `pytest` for each submission, unprotected

Machines differ and are noisy: read the ratios, and the medians with their range.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

COURSE = Path(__file__).resolve().parents[1]
STUDENTS = ("perfect-module", "diagonal-only", "half-done")
ASSIGNMENT = "tp1"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(COURSE)}

_FORK = """
import os, sys, time
from pathlib import Path
from autograder import batch, config
from autograder.checks.local import LocalStage
from autograder.checks.suite import open_suite
from autograder.graders import warm_up
from autograder.models import Isolation
from autograder.worker.session import Session

course, files = Path(sys.argv[1]), sys.argv[2:]
settings = config.load(course)
run = batch.Run(config=settings, assignment=settings.assignments["tp1"], seed=1,
                isolation=Isolation(tier="none"))

def body(suite):
    examiner = batch.make_examiner(run, suite)
    warm_up()
    start = time.perf_counter()
    for file in files:
        if (pid := os.fork()) == 0:
            namespace = {"__name__": "student"}
            exec(compile(Path(file).read_text(), file, "exec"), namespace)
            stage = LocalStage(Session.from_namespace(namespace))
            for exercise in run.assignment.exercises:
                if exercise.id in namespace:
                    suite.play(examiner.cases[exercise.key], examiner.play(stage))
            os._exit(0)
        os.waitpid(pid, 0)
    print(time.perf_counter() - start)

open_suite(batch.test_files(run), body, root=course)
"""


def main() -> None:
    """Measure, print a table and write build/bench.json."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--copies", type=int, default=20, help="of each of three submissions")
    arguments.add_argument("--repeat", type=int, default=3, help="interleaved repetitions")
    asked = arguments.parse_args()
    samples: dict[str, list[float]] = {"gradlab": [], "start": [], "fork": [], "pytest": []}
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        one_each, all_of_them = _copies(few, 1), _copies(many, asked.copies)
        submissions = len(STUDENTS) * asked.copies
        for repetition in range(asked.repeat):
            print(f"repetition {repetition + 1} of {asked.repeat}", file=sys.stderr)
            start = _grade(few, Path(folder) / f"few-{repetition}")
            whole = _grade(many, Path(folder) / f"many-{repetition}")
            # Both start once: the difference is what the additional submissions cost.
            extra = submissions - len(STUDENTS)
            samples["start"].append(start)
            samples["gradlab"].append((whole - start) / extra)
            samples["fork"].append(_fork(all_of_them) / submissions)
            samples["pytest"].append(_pytest(one_each) / len(STUDENTS))
    _report(samples, exercises=8)


def _copies(folder: Path, copies: int) -> list[Path]:
    """Hand in each student's work so many times; return the modules."""
    modules = []
    for student in STUDENTS:
        for number in range(copies):
            target = folder / f"{student}-{number:03d}"
            shutil.copytree(
                COURSE / "tests" / "submissions" / student,
                target,
                ignore=shutil.ignore_patterns("expected.json"),
            )
            (target / "copy.txt").write_text(str(number))  # else all are the same attempt
            modules += sorted(target.glob("*.py"))
    return modules


def _grade(source: Path, out: Path) -> float:
    program = "from autograder.cli import main; raise SystemExit(main())"
    arguments = ["-C", str(COURSE), "grade", str(source), "-a", ASSIGNMENT, "-o", str(out)]
    command = [sys.executable, "-c", program, *arguments]
    return _timed(command)


def _fork(modules: Iterable[Path]) -> float:
    command = [sys.executable, "-c", _FORK, str(COURSE), *map(str, modules)]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def _pytest(modules: Iterable[Path]) -> float:
    """Time plain pytest on the public suites of both topics, one fresh process for each."""
    total = 0.0
    for module in modules:
        with tempfile.TemporaryDirectory() as folder:
            for topic in ("losses", "mlp"):
                shutil.copytree(COURSE / "assignments" / topic, folder, dirs_exist_ok=True)
                (Path(folder) / f"{topic}.ipynb").unlink()
                shutil.copy(module, Path(folder) / f"{topic}.py")
            plugin = ["-p", "autograder.checks.plugin", "-p", "no:cacheprovider"]
            command = [sys.executable, "-m", "pytest", "-q", "--tb=no", *plugin, folder]
            total += _timed(command, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, codes={0, 1})
    return total


def _timed(
    command: list[str], more: dict[str, str] | None = None, codes: Iterable[int] = (0,)
) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, env={**ENVIRONMENT, **(more or {})}, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    if done.returncode not in codes:
        raise SystemExit(f"bench: expected {command[2][:60]} to work, got:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def _report(samples: dict[str, list[float]], *, exercises: int) -> None:
    middle = {name: statistics.median(values) for name, values in samples.items()}
    rows = [
        ("gradlab grade", "gradlab", "sandboxed, two graders, files written"),
        ("warm fork, unprotected", "fork", "public and hidden suites, one at a time"),
        ("plain pytest, fresh process", "pytest", "public suites only"),
    ]
    print(f"{'':<30}{'ms each':>9}{'min..max':>16}{'per second':>12}{'gradlab is':>14}")
    for title, name, what in rows:
        low, high = (1000 * f(samples[name]) for f in (min, max))
        ratio = middle[name] / middle["gradlab"]
        print(f"{title:<30}{1000 * middle[name]:>9.0f}{f'{low:.0f}..{high:.0f}':>16}"
              f"{1 / middle[name]:>12.1f}{f'{ratio:.1f} x faster':>16}   {what}")  # fmt: skip
    overhead = (middle["gradlab"] - middle["fork"]) / exercises
    print(f"overhead over the warm fork: {1000 * overhead:.1f} ms for each exercise")
    print(f"start of a batch, three submissions included: {middle['start']:.1f} s")
    target = COURSE / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"seconds": samples, "median": middle}, indent=2) + "\n")
    print(f"written: {target.relative_to(COURSE)}")


if __name__ == "__main__":
    main()
