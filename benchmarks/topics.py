"""How long does one submission take in each topic, and one exercise in `gradlab check`?

    .venv/bin/python benchmarks/topics.py            or some topics:  ... topics.py losses mlp

`suite` is the whole of a topic's cases, public and hidden, played against the reference on one
core, with what trains (an exercise of more than half a second) apart; `check` is one process, from
its start to its end, for the slowest exercise. Medians of three.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder import batch, config
from autograder.checks.suite import Suite, open_suite
from autograder.graders import warm_up
from autograder.models import GradingConfig, Isolation

COURSE = Path(__file__).resolve().parents[1]
REPEAT = 3
TRAINS = 0.5  # seconds
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(COURSE)}


def main() -> None:
    """Print a row for each topic."""
    course = config.load(COURSE)
    print(
        f"{'topic':<18}{'cases':>7}{'suite':>10}{'training':>10}{'check -k':>10}  slowest exercise"
    )
    for topic in sys.argv[1:] or list(course.topics):
        times, cases = _suite(course, topic)
        trains = sum(seconds for seconds in times.values() if seconds > TRAINS)
        slowest = max(times, key=lambda name: times[name])
        check = _check(topic, slowest)
        print(f"{topic:<18}{cases:>7}{sum(times.values()) - trains:>8.2f} s{trains:>8.2f} s"
              f"{check:>8.2f} s  {slowest}")  # fmt: skip


def _suite(course: GradingConfig, topic: str) -> tuple[dict[str, float], int]:
    """Return the median seconds that each exercise takes, and how many cases there are."""
    run = batch.Run(
        config=course,
        assignment=course.assignments[topic],
        seed=1,
        isolation=Isolation(tier="none"),
    )
    times: dict[str, float] = {}
    cases: list[int] = []

    def body(suite: Suite) -> None:
        examiner = batch.make_examiner(run, suite)
        warm_up()
        cases.append(len(suite.cases))
        for exercise in run.assignment.exercises:
            seen = []
            for _ in range(REPEAT):
                start = time.perf_counter()
                examiner.play_version(exercise, None)
                seen.append(time.perf_counter() - start)
            times[exercise.id] = statistics.median(seen)

    open_suite(batch.test_files(run), body, root=COURSE)
    return times, cases[0]


def _check(topic: str, exercise: str) -> float:
    """Return the median seconds of one `gradlab check -k`, process and all."""
    program = "from autograder.cli import main; raise SystemExit(main())"
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(shutil.copytree(COURSE / "assignments" / topic, Path(folder) / topic))
        shutil.copy(COURSE / "reference" / topic / "solution.py", home / f"{topic}.py")
        command = [
            sys.executable,
            "-c",
            program,
            "check",
            str(home / f"{topic}.py"),
            "-k",
            exercise,
        ]
        for _ in range(REPEAT):
            start = time.perf_counter()
            subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
            seen.append(time.perf_counter() - start)
    return statistics.median(seen)


if __name__ == "__main__":
    main()
