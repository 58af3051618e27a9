"""A class of three hundred at the small course: right, wrong, slow, dying and unreadable work.

Everybody hands in something else. Some hand in twice, in time and late, so that scores depend on
the times of attempts.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

from tests.autograder import layers
from tests.autograder.layers import Desk

STUDENTS = 300
IN_TIME, LATE = "2026-02-09T18-20", "2026-02-10T09-00"
_ASSIGNMENT = """
assignments:
  layers:
    title: Layers, with dates
    class_end: 2026-02-09 18:30
    due: 2026-02-09 23:59
    score:
      late_penalty: {points: 0.5, per: 1 day, at_most: 2}
    limits: {call_cpu_s: 0.3, exercise_cpu_s: 0.5}
    exercises:
      - layers.affine_forward
      - layers.affine_backward
      - layers.relu_forward
      - layers.relu_backward
"""
_SLOW = "\nimport time\n\ntime.sleep(0.05)\n"
_DIES = "\nimport os\n\n\ndef relu_forward(x):\n    os._exit(3)\n"
_CRASHES = """
import faulthandler
import os

faulthandler.disable()  # it prints addresses, which are never the same twice


def affine_forward(*args):
    os.abort()
"""
_LOOPS = "\n\ndef relu_forward(x):\n    while True:\n        pass\n"
_PRINTS = "\nprint('mine is', {number})\n"


def gather(folder: Path, students: int = STUDENTS) -> Desk:
    """Return a desk with the first so many of the class, not graded."""
    desk = layers.desk(folder, "own-class")
    shutil.rmtree(desk.source)
    texts = {
        path.parent.name: path.read_text(encoding="utf-8")
        for path in sorted((layers.COURSE / "submissions").glob("*/layers.py"))
    }
    right = texts["own-class"]
    rare = {4: _DIES, 24: _CRASHES, 36: _LOOPS}  # of a hundred: they take their time
    works = [right, right + _PRINTS, right + _SLOW]
    works += [text for text in texts.values() if text != right]
    names = [f"student-{number:03}" for number in range(students)]
    for number, name in enumerate(names):
        more = rare.get(number % 100)
        text = works[number % len(works)] if more is None else right + more
        _hand_in(desk, number, name, text.replace("{number}", str(number)) + f"\n# {number}\n")
    rows = [f"{name},Student {number}" for number, name in enumerate([*names, "absent"])]
    (desk.course / "roster.csv").write_text("\n".join(["student_id,name", *rows, ""]))
    with desk.config.open("a", encoding="utf-8") as file:
        file.write(_ASSIGNMENT)
    return desk


def _hand_in(desk: Desk, number: int, name: str, text: str) -> None:
    """Hand in, in one of the ways in which people do."""
    if number % 20 == 3:
        desk.write(name, text + "def double(:\n")
    elif number % 20 == 11:
        desk.write(name, "")
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("layers.py", text)
        (desk.source / name / "layers.py").unlink()
        (desk.source / name / "work.zip").write_bytes(whole.getvalue()[:-30])
    elif number % 10 == 5:
        desk.write(f"{name}/{IN_TIME}", text + "# a first version\ndel relu_backward\n")
        desk.write(f"{name}/{LATE}", text)
    elif number % 10 == 8:
        desk.write(f"{name}/{LATE}", text)
    else:
        desk.write(f"{name}/{IN_TIME}", text)
