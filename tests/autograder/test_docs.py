"""What the documents say is so, and what there is, is documented."""

import ast
import functools
import re
from pathlib import Path

import click
import pytest

from autograder import config
from autograder.cli import gradlab
from autograder.sandbox import tiers

COURSE = Path(__file__).parents[2]
README = (COURSE / "README.md").read_text(encoding="utf-8")
MAKEFILE = (COURSE / "Makefile").read_text(encoding="utf-8")
COMMANDS = gradlab.list_commands(click.Context(gradlab))
USAGES = re.findall(r"(?:^|`)gradlab ([^`#\n]+)", README, re.MULTILINE)
CONFIG_KEYS = sorted(config.schema()["properties"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command):
    assert re.search(rf"\bgradlab {command}\b", README)


def test_every_command_in_the_readme_exists():
    assert USAGES
    assert {usage.split()[0] for usage in USAGES} - set(COMMANDS) == set()


@pytest.mark.parametrize("usage", USAGES)
def test_every_option_in_the_readme_exists(usage):
    name = usage.split()[0]
    command = gradlab.get_command(click.Context(gradlab), name)
    assert command is not None
    known = {flag for parameter in command.params for flag in parameter.opts} | {"--help"}
    assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", usage)) - known == set()


def test_the_readme_starts_with_two_commands_of_make():
    first_block = README.split("```")[1]
    assert re.findall(r"^make (\w+)", first_block, re.MULTILINE) == ["demo", "test"]


def test_every_target_in_the_readme_exists():
    for target in re.findall(r"(?:^|`)make ([\w-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_the_readme_lists_the_course_in_its_order():
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == list(config.load(COURSE).topics)


def test_make_help_names_every_target():
    targets = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()) - {"help"}
    assert set(re.findall(r"'make ([\w-]+) ", MAKEFILE)) == targets


def test_every_path_in_the_readme_exists():
    made_by_us = ("OUT/", "build/")
    for path in re.findall(r"`([\w.]+/[\w./]*|\w+\.(?:yml|txt|toml))`", README):
        assert path.startswith(made_by_us) or (COURSE / path).exists(), path


@pytest.mark.parametrize("key", CONFIG_KEYS)
def test_every_configuration_key_is_explained_in_a_comment(key):
    lines = (COURSE / config.CONFIG_NAME).read_text(encoding="utf-8").splitlines()
    places = [i for i, line in enumerate(lines) if re.match(rf"(# ?)?{key}:", line)]
    assert places, f"{key}: expected it in {config.CONFIG_NAME}, at least in a comment"
    assert any("#" in lines[i][1:] or (i and lines[i - 1].startswith("#")) for i in places)


# --- the threat model -------------------------------------------------------------------------

THREATS = (COURSE / "docs" / "threat-model.md").read_text(encoding="utf-8")


def rows(heading):
    """Return the cells of each row of the first table below a heading of the threat model."""
    table = THREATS.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named_tests(text):
    return re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", text)


@functools.cache
def names_of_tests(path):
    """Return the names of all tests of a file; those of a class follow its name."""
    found = set()
    for node in ast.parse((COURSE / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if is_test(one)}
        elif is_test(node):
            found.add(node.name)
    return found


def is_test(node):
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


def test_every_promise_names_a_test_that_holds_it():
    promises = rows("What is promised")
    assert len(promises) > 15
    for promise, how, tests in promises:
        assert promise
        assert how
        assert named_tests(tests), promise
        assert named_tests(how + promise) == []
        rest = re.sub(r"`tests/[\w/]+\.py::[\w:]+`", "", tests)
        assert rest.strip(" ,") == "", f"{promise}: {rest}"


@pytest.mark.parametrize(("path", "name"), named_tests(THREATS))
def test_every_test_in_the_threat_model_exists(path, name):
    assert (COURSE / path).is_file(), path
    assert name in names_of_tests(path)


def test_what_no_tier_promises_is_in_the_threat_model(monkeypatch):
    monkeypatch.setattr(tiers, "spare_uid", lambda: None)
    missing = {
        one.partition(":")[0]
        for tier in ("A", "C", "none")
        for one in tiers.missing(tiers.Trial(tier=tier))
    }
    assert {cells[0] for cells in rows("What is not promised")} == missing


def test_commands_and_options_in_the_threat_model_exist():
    usages = re.findall(r"`gradlab ([^`]+)`", THREATS)
    assert usages
    for usage in usages:
        if not usage.startswith("-"):
            test_every_option_in_the_readme_exists(usage)
