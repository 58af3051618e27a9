"""What the documents say is so, and what there is, is documented."""

import re
from pathlib import Path

import click
import pytest

from autograder import config
from autograder.cli import gradlab

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
    for target in re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_the_readme_lists_the_course_in_its_order():
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == list(config.load(COURSE).topics)


def test_make_help_names_every_target():
    targets = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()) - {"help"}
    assert set(re.findall(r"'make (\w+) ", MAKEFILE)) == targets


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
