"""A small course in another style, its class, and the command line in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.cli import main

ROOT = Path(__file__).parents[2]
COURSE = ROOT / "tests" / "courses" / "layers"
SEED = "7"
COMMAND = (sys.executable, "-c", "from autograder.cli import main; raise SystemExit(main())")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


@dataclass(frozen=True)
class Desk:
    """A course, what its class handed in, and OUT: all in one folder far from the repository."""

    folder: Path

    @property
    def course(self) -> Path:
        return self.folder / "course"

    @property
    def source(self) -> Path:
        return self.folder / "handed-in"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def config(self) -> Path:
        return self.course / "grading_config.yml"

    # --- preparing ---

    def write(self, student: str, text: str, name: str = "layers.py") -> None:
        """Hand a file in."""
        path = self.source / student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file of the course."""
        text = (self.course / path).read_text(encoding="utf-8")
        assert old in text, old
        (self.course / path).write_text(text.replace(old, new), encoding="utf-8")

    def copy(self, folder: Path) -> Desk:
        """Return a copy of everything, OUT included."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Desk(folder)

    # --- the command line ---

    def arguments(self, command: str, *more: str) -> list[str]:
        """Return the arguments of a command about this course and OUT."""
        return ["-C", str(self.course), command, *more, "-a", "layers", "-o", str(self.out)]

    def grading(self, *more: str) -> list[str]:
        """Return the arguments of `grade`."""
        roster = ("--roster", str(self.course / "roster.csv"))
        return self.arguments("grade", str(self.source), *roster, "--seed", SEED, *more)

    def collect(self, *more: str) -> None:
        """Record what the class handed in, in this process."""
        assert main(self.arguments("collect", str(self.source), *more)) == 0

    def grade(self, *more: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess:
        """Grade the class and expect an exit code."""
        done = gradlab(*self.grading(*more), cwd=self.folder, **environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    # --- what came out ---

    def document(self, kind: str, student: str) -> dict[str, Any]:
        """Return a student's `results`, `feedback` or `private` file."""
        path = self.out / kind / "layers" / f"{student}.json"
        return json.loads(path.read_text(encoding="utf-8"))

    def documents(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return all files of one kind, by student."""
        folder = self.out / kind / "layers"
        return {path.stem: self.document(kind, path.stem) for path in sorted(folder.glob("*.json"))}

    def grades(self) -> dict[str, dict[str, str]]:
        """Return the rows of grades.csv, by student."""
        with (self.out / "grades.csv").open(encoding="utf-8", newline="") as file:
            return {row["student_id"]: row for row in csv.DictReader(file)}

    def files(self) -> dict[str, Any]:
        """Return everything in OUT but what tells the time, by path; hidden files do not count."""
        found: dict[str, Any] = {}
        for path in sorted(self.out.rglob("[!.]*")):
            if path.is_file():
                found[str(path.relative_to(self.out))] = _timeless(path)
        return found


def desk(folder: Path, *students: str) -> Desk:
    """Copy the course, and what some students (all, if none is named) handed in."""
    made = Desk(folder)
    shutil.copytree(COURSE, made.course, ignore=shutil.ignore_patterns("submissions"))
    handed_in = COURSE / "submissions"
    for student in students or [path.name for path in handed_in.iterdir()]:
        shutil.copytree(handed_in / student, made.source / student)
    if students:
        lines = (made.course / "roster.csv").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.split(",")[0] in {"student_id", *students}]
        (made.course / "roster.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return made


def gradlab(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=ENVIRONMENT | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return every row of an SQLite file, by table, in the file's order."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(path.read_bytes())  # it may lie in another mount namespace
    connection.row_factory = sqlite3.Row
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master ORDER BY 1")
             if not row[0].startswith("sqlite_")]  # fmt: skip
    found = {
        name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in names
    }
    connection.close()
    return found


def _timeless(path: Path) -> Any:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [_without_times(row) for row in csv.DictReader(file)]
    if path.suffix == ".sqlite":
        return {name: _without_times(found) for name, found in tables(path).items()}
    if path.suffix == ".json":
        document = json.loads(path.read_text(encoding="utf-8"))
        document.pop("sha256", None)  # of the rest, times included
        return _without_times(document)
    return path.read_bytes()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        times = {"graded_at", "duration_s"}
        return {key: _without_times(item) for key, item in value.items() if key not in times}
    if isinstance(value, list):
        return [_without_times(item) for item in value]
    return value
