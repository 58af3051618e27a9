"""What students get of a topic, as files: handouts, public tests, and public data without code."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from autograder import archive, handout, leaks
from autograder.checks import bank, local
from autograder.checks.local import PublicData
from autograder.checks.suite import Suite, open_suite
from autograder.config import CONFIG_NAME
from autograder.errors import ConfigError, SuiteError
from autograder.examine import Examiner, plain
from autograder.models import Assignment, Exercise, GradingConfig, Schedule, ScoreRules

_CHECKOUT = Path(__file__).parents[1]
_EPOCH = "315532800"  # 1980: no time of building in the wheel
_REQUIREMENTS = """\
# In this folder: pip install -r requirements.txt
# A torch that is installed already stays, whatever it was built for.
./{wheel}[notebook]
torch>=2.6
"""
_SETUP = """
To set up, once, in this folder (Python 3.11 or newer):

    pip install -r requirements.txt

When you are done, `gradlab pack` makes the file to hand in.
"""


_SUITES = ("public", "hidden")
_REFERENCE = ("solution", "mistakes", "alternatives", "support")
_RUN_AUTOGRADER = """\
#!/usr/bin/env bash
# Gradescope runs this for each submission; isolated (-I) from what lies in its folder.
exec /autograder/venv/bin/python -I /autograder/source/run_otter.py
"""
_RUN_OTTER = '''\
"""Grade /autograder/submission and write /autograder/results/results.json."""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"  # with two threads, forked graders hang

from autograder.gradescope import main

if __name__ == "__main__":
    raise SystemExit(main())
'''
_SETUP_SH = """\
#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
set -euo pipefail
cd /autograder/source
python=$(command -v python3.13 || command -v python3.12 || command -v python3.11 || true)
if [ -z "$python" ] || ! "$python" -m venv /autograder/venv; then
  apt-get update
  apt-get install -y --no-install-recommends python3.11 python3.11-venv
  python3.11 -m venv --clear /autograder/venv
fi
/autograder/venv/bin/pip install --quiet torch --index-url https://download.pytorch.org/whl/cpu
/autograder/venv/bin/pip install --quiet "./files/{wheel}[grade]"
/autograder/venv/bin/gradlab doctor
"""


def release(config: GradingConfig, names: Iterable[str], dest: Path) -> None:
    """Write the handouts of some assignments, each into its own folder of `dest`.

    An assignment of several topics has a folder for each topic inside its own.
    """
    for name in names:
        for topic, folder in _folders(config.assignments[name]).items():
            data = public_data(config, topic)
            handout.build_topic(config.course_dir, topic, dest / folder, data)


def release_zips(config: GradingConfig, names: Iterable[str], dest: Path) -> None:
    """Write `<name>.zip` for some assignments: the handouts, and the tool to check them with.

    Raises:
        ConfigError: If the tool's wheel cannot be built here.
        SuiteError: If a file says what students must not read; no zip of that name is written.
    """
    wheel = build_wheel()
    for name in names:
        archive.write(dest / f"{name}.zip", zipped(config, name, wheel))


def zipped(config: GradingConfig, name: str, wheel: tuple[str, bytes]) -> bytes:
    """Return one assignment as students download it, the same bytes for the same course.

    Args:
        config: The course.
        name: The assignment's id.
        wheel: Name and contents of the tool's own wheel.

    Raises:
        SuiteError: If a file says what students must not read.
    """
    files: dict[str, bytes] = {}
    folders = _folders(config.assignments[name])
    for topic, folder in folders.items():
        rendered = handout.render_topic(config.course_dir, topic, public_data(config, topic))
        files |= {f"{folder}/{path}": text.encode() for path, text in rendered.items()}
    start = files.get(f"{name}/README.md", _readme(config.assignments[name]).encode())
    files[f"{name}/README.md"] = start + _SETUP.encode()
    files[f"{name}/requirements.txt"] = _REQUIREMENTS.format(wheel=wheel[0]).encode()
    leaked = leaks.find(files, leaks.secrets_of(config.course_dir))
    tool = {f"{name}/{wheel[0]}": wheel[1]}
    leaked += leaks.find(tool, leaks.secrets_of(_CHECKOUT), tool=True)
    if leaked:
        raise SuiteError("\n".join(leaked))
    return archive.zip_bytes(files | tool)


def autograder_zip(config: GradingConfig, name: str, wheel: tuple[str, bytes]) -> bytes:
    """Return `autograder.zip` for Gradescope: laid out as otter-grader's, graded by this tool.

    It holds references and hidden tests: it is for instructors, and for Gradescope.

    Args:
        config: The course.
        name: The assignment's id.
        wheel: Name and contents of the tool's own wheel.
    """
    assignment = config.assignments[name]
    files = {f"files/{path}": data for path, data in _course_files(config, assignment)}
    for topic in assignment.topics:
        for one in public_data(config, topic)["exercises"]:
            files[f"tests/{one['id']}.py"] = handout.otter_test(topic, one).encode()
    # The same inputs for every student and every run, known to nobody who has not the tests.
    digest = hashlib.sha256(archive.zip_bytes(files)).digest()
    settings = {
        "assignment_name": name,
        "lang": "python",
        "points_possible": float(assignment.rules.scale),
        "seed": int.from_bytes(digest[:6], "big"),
        "show_hidden": False,
    }
    files |= {
        "otter_config.json": (json.dumps(settings, indent=2) + "\n").encode(),
        "run_autograder": _RUN_AUTOGRADER.encode(),
        "run_otter.py": _RUN_OTTER.encode(),
        "setup.sh": _SETUP_SH.replace("{wheel}", wheel[0]).encode(),
        f"files/{wheel[0]}": wheel[1],
    }
    return archive.zip_bytes(files, executable=("run_autograder", "setup.sh"))


def _course_files(config: GradingConfig, assignment: Assignment) -> Iterator[tuple[str, bytes]]:
    """Yield what grading an assignment needs of its course."""
    wanted = [CONFIG_NAME]
    for topic in assignment.topics:
        wanted += [f"tests/{kind}/test_{topic}.py" for kind in _SUITES]
        wanted += [f"reference/{topic}/{part}.py" for part in _REFERENCE]
    for name in wanted:
        path = config.course_dir / name
        if path.is_file():
            yield name, path.read_bytes()


def build_wheel() -> tuple[str, bytes]:
    """Return name and contents of the tool's own wheel, the same bytes for the same source.

    Raises:
        ConfigError: If this is no checkout, or hatchling is not installed or fails.
    """
    if not (_CHECKOUT / "pyproject.toml").is_file():
        raise ConfigError(
            "release: expected a checkout of gradlab to build its wheel from, got an installed"
            " one. Clone the repository and run it there."
        )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 -- our own build, no shell
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
            cwd=_CHECKOUT,
            env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH},
            capture_output=True,
            text=True,
            check=False,
        )
        built = sorted(Path(folder).glob("*.whl"))
        if done.returncode or len(built) != 1:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["nothing"]
            raise ConfigError(
                f"release: expected hatchling to build a wheel, got {said[0]!r}."
                " pip install hatchling."
            )
        return built[0].name, built[0].read_bytes()


def _folders(assignment: Assignment) -> dict[str, str]:
    """Return the folder of each topic: that of the assignment, if it has the topic's name."""
    if assignment.topics == (assignment.id,):
        return {assignment.id: assignment.id}
    return {topic: f"{assignment.id}/{topic}" for topic in assignment.topics}


def _readme(assignment: Assignment) -> str:
    exercises = "\n".join(
        f"- `{one.id}` in `{one.topic}/`{' (*)' if one.starred else ''}"
        for one in assignment.exercises
    )
    return f"""\
# {assignment.title}

Write these functions, each in the folder of its topic; those with (*) are for the full score:

{exercises}
"""


def stale(config: GradingConfig) -> list[str]:
    """Return the files of the course's `assignments/` that are not what its masters give now."""
    data = {topic: public_data(config, topic) for topic in config.topics}
    return handout.is_current(config.course_dir, data)


def public_data(config: GradingConfig, topic: str) -> dict[str, Any]:
    """Return what a student's machine must know: expected values, fingerprints, hints; no code."""
    found: list[dict[str, Any]] = []

    def body(suite: Suite) -> None:
        covered = {case.exercise for case in suite.cases}
        exercises = tuple(one for one in config.topics[topic] if one.id in covered)
        found.append(_record(config, topic, exercises, suite))

    test = config.course_dir / "tests" / "public" / f"test_{topic}.py"
    open_suite([test], body, root=config.course_dir)
    return found[0]


def _record(
    config: GradingConfig, topic: str, exercises: tuple[Exercise, ...], suite: Suite
) -> dict[str, Any]:
    loaded = bank.load(config.course_dir, topic)
    stub = handout.stub_source(loaded.solution_text, where=f"reference/{topic}/solution.py")
    varies = handout.variations(stub)
    examiner = Examiner(
        config,
        Assignment(
            id=topic, title=topic, exercises=exercises, rules=ScoreRules(), schedule=Schedule()
        ),
        suite,
        {topic: loaded},
        stubs={topic: stub},
        run_seed=local.PUBLIC_SEED,
    )
    return PublicData(
        topic=topic,
        exercises=tuple(_exercise(one, varies.get(one.id, "")) for one in exercises),
        stub=stub,
        tolerances=config.tolerances,
        oracles=examiner.known,
        transcripts={one.id: examiner.transcripts[one.key] for one in exercises},
        truth=examiner.truth,
    ).as_json()


def _exercise(exercise: Exercise, varies: str) -> dict[str, Any]:
    return {
        "id": exercise.id,
        "points": str(Fraction(exercise.points)),
        "starred": exercise.starred,
        "varies": varies,
        "forbidden": [plain(one) for one in exercise.forbidden],
    }
