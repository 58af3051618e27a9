"""What a forge shows: at the right line, and inert whatever a file holds."""

import json
import re
from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest

from autograder.models import (
    CaseOutcome,
    CaseResult,
    Diagnosis,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    Visibility,
)
from autograder.report import annotations
from autograder.report.annotations import Checked, line_of

MODULE = '''"""softmax: write `def softmax` below."""


def softmax(z):
    return z


class Value:
    def backward(self):
        pass

    def forward(self):
        pass


def forward(x):
    return x


def softmax(z):
    return 2 * z
'''
NOTEBOOK = """{
 "cells": [
  {
   "source": [
    "import torch\\n",
    "def softmax(z):\\n",
    "    return z"
   ]
  }
 ]
}
"""
EVIL = "x\n::set-output name=a::b\r\x1b[31m\u202e <script>|`$a$` 100%, a:b ]]>"


def result(outcome=ExerciseOutcome.FAILED, name="softmax", message="p[0]: wrong", **changes):
    passed = outcome is ExerciseOutcome.PASSED
    case = CaseResult(
        id=f"test_losses.py::Test::test_{name}#p",
        title="rows of ones",
        visibility=Visibility.PUBLIC,
        part="p",
        outcome=CaseOutcome.PASSED if passed else CaseOutcome.FAILED,
        message=message,
    )
    made = ExerciseResult(
        exercise=Exercise(id=name, topic="losses", points=Fraction(1)),
        title="Softmax",
        outcome=outcome,
        parts=(),
        cases=(case,),
    )
    return replace(made, **changes)


def checked(*results, path="losses/losses.py", source=MODULE):
    return Checked(path=path, source=source, topic="losses", results=results)


EVERY = [result(outcome) for outcome in ExerciseOutcome]


class TestLine:
    @pytest.mark.parametrize(
        ("exercise", "line"),
        [("softmax", 20), ("Value.backward", 9), ("Value", 8), ("Value.absent", 8), ("absent", 1)],
    )
    def test_the_last_definition_counts(self, exercise, line):
        assert line_of(MODULE, exercise) == line

    def test_a_notebook_s_line_is_that_of_its_file(self):
        assert NOTEBOOK.splitlines()[line_of(NOTEBOOK, "softmax") - 1] == (
            '    "def softmax(z):\\n",'
        )

    def test_another_name_that_begins_alike_is_another(self):
        assert line_of("def softmax_backward(z):\n  pass\ndef softmax(z): pass\n", "softmax") == 3


class TestMessage:
    def test_it_is_what_broke_first_and_the_first_hint(self):
        found = Diagnosis(mistake="m", parts=("p",), hints=("Rows.", "Where?"))
        said = annotations.message_of(result(diagnoses=(found,)))
        assert said == "rows of ones: p[0]: wrong\nRows."

    def test_of_what_is_forbidden_it_is_the_use(self):
        found = Diagnosis(mistake=None, parts=("p",), hints=("softmax uses torch.softmax.",))
        said = annotations.message_of(result(ExerciseOutcome.FORBIDDEN, diagnoses=(found,)))
        assert said == "softmax uses torch.softmax."

    def test_what_passes_has_none(self):
        assert annotations.message_of(result(ExerciseOutcome.PASSED)) == ""


class TestGithub:
    def test_a_failure_is_an_error_at_its_line(self):
        (command,) = annotations.github_commands(checked(result()))
        assert command == (
            "::error file=losses/losses.py,line=20,title=softmax%3A not yet right::"
            "rows of ones: p[0]: wrong"
        )

    def test_what_passes_or_is_not_written_is_quiet(self):
        commands = list(annotations.github_commands(checked(*EVERY)))
        assert len(commands) == len(EVERY) - 2

    def test_a_command_is_one_line_whatever_the_message(self):
        evil = checked(result(message=EVIL), path="a,b:c/losses\n.py")
        (command,) = annotations.github_commands(evil)
        assert "\n" not in command
        assert "\r" not in command
        assert "file=a%2Cb%3Ac/losses%0A.py,line=" in command
        assert "100%25, a:b" in command

    def test_no_message_is_said_as_the_outcome(self):
        (command,) = annotations.github_commands(checked(result(message="")))
        assert command.endswith("::softmax: not yet right")

    def test_the_summary_is_a_table_of_all(self):
        text = annotations.github_summary(checked(*EVERY))
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) == 2 + len(EVERY)
        assert "| ✓ | Softmax | softmax | passes |" in rows
        assert "|  | Softmax | softmax | not written yet |" in rows
        assert "| ✗ | Softmax | softmax | not yet right: rows of ones: p\\[0\\]: wrong |" in rows
        assert "losses.py: 1 of 6 exercises passes its public tests." in text

    def test_the_summary_s_table_cannot_be_broken(self):
        text = annotations.github_summary(checked(result(message=EVIL, title=EVIL)))
        (row,) = [line for line in text.splitlines() if line.startswith("| ✗")]
        assert len(re.findall(r"(?<!\\)\|", row)) == 5
        assert "<script>" not in text
        assert re.search(r"(?<!\\)[`$]", text) is None
        assert not set(text) & set("\x1b\u202e\r")


class TestGitlab:
    def test_the_report_names_file_and_line(self):
        (found,) = json.loads(annotations.code_quality(checked(result())))
        assert found["location"] == {"path": "losses/losses.py", "lines": {"begin": 20}}
        assert found["description"] == "softmax not yet right. rows of ones: p[0]: wrong"
        assert found["severity"] == "major"

    def test_a_fingerprint_is_the_exercise_s(self):
        before, after, other = (
            json.loads(annotations.code_quality(checked(one)))[0]["fingerprint"]
            for one in (result(), result(message="changed"), result(name="mlp"))
        )
        assert before == after != other

    def test_junit_counts(self):
        suite = ET.fromstring(annotations.junit(checked(*EVERY)))[0]
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "4", "1")
        failure = suite.find("testcase/failure")
        assert failure.get("message") == "not yet right, cases that pass: 0 of 1"
        assert failure.text == "rows of ones: p[0]: wrong"
        assert suite.find("testcase").get("file") == "losses/losses.py"

    def test_reports_stay_whole_whatever_they_hold(self):
        evil = checked(result(message=EVIL), path=f"{EVIL}.py")
        assert "set-output" in ET.fromstring(annotations.junit(evil))[0][0][0].text
        assert "set-output" in json.loads(annotations.code_quality(evil))[0]["description"]
