"""What must not leave the house is found wherever it hides: each hiding place is tried."""

import base64
import io
import json
import zipfile

import pytest

from autograder import leaks
from autograder.errors import SuiteError
from tests.autograder.checks import toys

HIDDEN = toys.DOUBLE.replace("TestDouble", "TestDoubleHidden").replace(
    "test_random", "test_on_the_secret_grid"
)
SOLUTION = toys.SOLUTION.replace(
    "return 2 * x", "halves_of_it = x / 2\n    four_times = 4\n    return four_times * halves_of_it"
)
MISTAKES = """
from autograder.checks.bank import mistake


@mistake("double", source="made up", hints=("It is too much.", "Everywhere.", "How often?"))
def triple(x):
    three_times_the_input = 3 * x
    return three_times_the_input
"""
LINE = "halves_of_it = x / 2"
PAIR = "four_times = 4\n    return four_times * halves_of_it"
NAME = "test_on_the_secret_grid"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    course = toys.write(
        tmp_path_factory.mktemp("course"),
        public=toys.DOUBLE, hidden=HIDDEN, solution=SOLUTION, mistakes=MISTAKES,
    )  # fmt: skip
    return leaks.secrets_of(course.course_dir)


def zipped(name, data, comment=b"", member_comment=b""):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.comment = member_comment
        archive.writestr(info, data)
        archive.comment = comment
    return made.getvalue()


def notebook(source="x = 1", **metadata):
    cell = {"cell_type": "code", "source": source, "metadata": metadata}
    return json.dumps({"cells": [cell], "metadata": {}}).encode()


HIDING_PLACES = {
    "a module": {"toy.py": f"def f(x):\n    {LINE}\n".encode()},
    "a mistake's line": {"toy.py": b"    three_times_the_input = 3 * x\n"},
    "a text in JSON": {"toy.json": json.dumps({"a": [{"b": f"x\n  {LINE}\n"}]}).encode()},
    "a key in JSON": {"toy.json": json.dumps({LINE: 1}).encode()},
    "a cell": {"toy.ipynb": notebook(f"def f(x):\n    {LINE}")},
    "a cell in lines": {"toy.ipynb": notebook(["def f(x):\n", f"    {LINE}\n", "    return 1"])},
    "a line cut in two": {"toy.ipynb": notebook(["    halves_of", "_it = x / 2\n"])},
    "metadata of a notebook": {"toy.ipynb": notebook(answer=LINE)},
    "the README": {"README.md": f"# Toy\n\n    {LINE}\n".encode()},
    "a zip": {"a.zip": zipped("toy.py", f"{LINE}\n")},
    "a zip in a zip": {"a.zip": zipped("b.zip", zipped("toy.py", f"{LINE}\n"))},
    "the comment of a zip": {"a.zip": zipped("toy.py", "x = 1", comment=LINE.encode())},
    "the comment of a member": {"a.zip": zipped("a.py", "x = 1", member_comment=LINE.encode())},
    "the name of a file": {f"tests/{NAME}.py": b"x = 1\n"},
    "the name of a member": {"a.zip": zipped(f"{NAME}.py", "x = 1")},
    "a hidden test's name in prose": {"README.md": f"See {NAME} for more.\n".encode()},
    "a hidden class's name": {"toy.py": b"# TestDoubleHidden\n"},
}


@pytest.mark.parametrize("place", HIDING_PLACES)
def test_a_secret_is_found_in(place, secrets):
    (found,) = leaks.find(HIDING_PLACES[place], secrets)
    assert "expected nothing of solutions, mistakes or hidden tests, got " in found
    assert found.startswith(next(iter(HIDING_PLACES[place])))


def test_in_the_tool_s_own_source_two_adjacent_lines_are_needed(secrets):
    assert leaks.find({"a.py": f"{LINE}\n".encode()}, secrets, tool=True) == []
    assert len(leaks.find({"a.py": f"    {PAIR}\n".encode()}, secrets, tool=True)) == 1
    assert len(leaks.find({"a.py": NAME.encode()}, secrets, tool=True)) == 1


def test_what_students_get_anyway_is_no_secret(secrets):
    public = {"test_toy.py": toys.DOUBLE.encode(), "a.bin": base64.b64decode("/w==")}
    assert leaks.find(public, secrets) == []


def test_a_master_that_is_malformed_is_named(tmp_path):
    course = toys.write(tmp_path, solution=toys.SOLUTION.replace("# END SOLUTION", ""))
    with pytest.raises(SuiteError, match="expected # END SOLUTION before the end of double"):
        leaks.secrets_of(course.course_dir)
