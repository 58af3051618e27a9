"""No file that a worker can open holds a line of a solution or the name of a hidden test."""

import ast
import re
from pathlib import Path

import pytest

from autograder import handout
from autograder.models import Limits
from autograder.sandbox import tiers
from autograder.sandbox.client import Sandbox
from tests.autograder.sandbox.students import ROOT, readable_files

TEXT = 4 << 20  # bytes; what is larger is a compiled library
SHORT = 32  # characters; shorter lines of a solution stand in many a file


def secret_lines():
    """Lines of solutions, mistakes and alternatives that no handout shows."""
    lines = set()
    for path in sorted(ROOT.glob("reference/*/*.py")):
        if path.name == "support.py":
            continue
        text = path.read_text(encoding="utf-8")
        shown = handout.stub_source(text) if path.name == "solution.py" else ""
        kept = {line.strip() for line in shown.splitlines()}
        lines |= {line.strip() for line in text.splitlines()} - kept
    everyday = ("#", "import", "from")
    return {line for line in lines if len(line) >= SHORT and not line.startswith(everyday)}


def secret_names():
    """Names of hidden test functions that no public suite has, by suite."""
    public = set().union(*(names(path) for path in ROOT.glob("tests/public/*.py")))
    return {path.stem: names(path) - public for path in ROOT.glob("tests/hidden/*.py")}


def names(path):
    functions = (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef))
    return {n.name for n in functions if n.name.startswith("test_")}


def test_there_are_secrets_to_look_for():
    assert len(secret_lines()) > 1000
    assert all(len(names) > 8 for names in secret_names().values())


@pytest.mark.prove
@pytest.mark.parametrize("tier", tiers.TIERS)
def test_no_readable_file_holds_a_solution_or_names_a_hidden_test(tier):
    if fault := tiers.attempt(tier).fault:
        pytest.skip(fault)
    with Sandbox.start(jobs=1, limits=Limits(submission_cpu_s=300.0), tier=tier) as sandbox:
        readable = readable_files(sandbox.client(0), [ROOT])
    lines, suites = secret_lines(), secret_names()
    looked, leaks = 0, []
    for path in map(Path, readable):
        if path.parts[1] in {"dev", "proc", "sys"}:  # devices, and what the kernel says of itself
            continue
        if not path.is_file() or path.stat().st_size > TEXT:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        looked += 1
        said = lines & {line.strip() for line in text.splitlines()}
        # Other people's tests share a few everyday names; a leak would bring most of a suite's.
        called = set(re.findall(r"\bdef (test_\w+)", text))
        leaks += [(str(path), line) for line in said if len(said) > 1]  # one may be anybody's
        leaks += [
            (str(path), one) for one in suites if 2 * len(suites[one] & called) > len(suites[one])
        ]
    assert looked > 5000
    assert leaks == []
