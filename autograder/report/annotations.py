"""What a check found, for a forge: at the line of each function, and in a summary.

Texts that come from a student's file are escaped for where they go: a workflow command, Markdown,
JSON or XML.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from autograder.models import CaseOutcome, ExerciseOutcome, ExerciseResult, frozen
from autograder.report.text import check_summary, printable

_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$])")
_LIMIT = 1000  # characters of a message
_SIGNS = {ExerciseOutcome.PASSED: "✓", ExerciseOutcome.NOT_IMPLEMENTED: ""}
WORDS = {
    ExerciseOutcome.PASSED: "passes",
    ExerciseOutcome.FAILED: "not yet right",
    ExerciseOutcome.NOT_IMPLEMENTED: "not written yet",
    ExerciseOutcome.FORBIDDEN: "uses what is forbidden",
    ExerciseOutcome.ERROR: "could not run",
    ExerciseOutcome.NOT_RUN: "not run",
}
_QUIET = (ExerciseOutcome.PASSED, ExerciseOutcome.NOT_IMPLEMENTED)


@frozen
class Checked:
    """One file that was checked."""

    path: str  # from the repository's root, with "/"
    source: str  # its text, a notebook's as it lies on the disk
    topic: str
    results: tuple[ExerciseResult, ...]

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]


def line_of(source: str, exercise: str) -> int:
    """Return the line on which a function, or a method of a class, is last defined; else 1.

    The text is searched, not parsed, so that it works on a notebook's file, too.
    """
    place = 0
    for name in exercise.split("."):
        pattern = re.compile(
            rf'^[ \t"]*(?:async +def|def|class) +{re.escape(name)}\b', re.MULTILINE
        )
        found = list(pattern.finditer(source, place))
        if not found:
            break
        place = found[-1].start()
    return source.count("\n", 0, place) + 1


def message_of(result: ExerciseResult) -> str:
    """Return what broke first and the first hint, in one or two sentences; empty if nothing did."""
    broken = next((one for one in result.cases if one.outcome is not CaseOutcome.PASSED), None)
    said = [f"{broken.title}: {broken.message}"] if broken is not None and broken.message else []
    hints = [hint for diagnosis in result.diagnoses for hint in diagnosis.hints[:1]]
    if result.outcome is ExerciseOutcome.FORBIDDEN and hints:
        said = []
    return printable("\n".join((*said, *hints[:1])), limit=_LIMIT)


# --- GitHub ----------------------------------------------------------------------------------


def github_commands(checked: Checked) -> Iterator[str]:
    """Yield a workflow command for each exercise that is written and does not pass."""
    for result in checked.results:
        if result.outcome not in _QUIET:
            line = line_of(checked.source, result.exercise.id)
            title = f"{result.exercise.id}: {WORDS[result.outcome]}"
            where = f"file={_property(checked.path)},line={line},title={_property(title)}"
            yield f"::error {where}::{_data(message_of(result) or title)}"


def github_summary(checked: Checked) -> str:
    """Return the Markdown of a step's summary."""
    rows = [
        f"| {_SIGNS.get(one.outcome, '✗')} | {_markdown(one.title or one.exercise.id)}"
        f" | {_markdown(one.exercise.id)} | {_result(one)} |"
        for one in checked.results
    ]
    heading = _markdown(check_summary(checked.results, checked.name))
    return "\n".join(
        (f"### {_markdown(checked.topic)}", "", "| | Exercise | Function | Result |",
         "|---|---|---|---|", *rows, "", heading, "", "")
    )  # fmt: skip


def _result(result: ExerciseResult) -> str:
    word = WORDS[result.outcome]
    said = "" if result.outcome in _QUIET else message_of(result)
    return f"{word}: {_markdown(said)}" if said else word


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _markdown(text: str) -> str:
    """Return text in one line in which Markdown and HTML mean nothing."""
    line = " ".join(printable(text).split())
    return _MARKDOWN.sub(r"\\\1", html.escape(line))


# --- GitLab ----------------------------------------------------------------------------------


def code_quality(checked: Checked) -> bytes:
    """Return GitLab's code quality report: the lines to look at."""
    found = [
        {
            "description": f"{one.exercise.id} {WORDS[one.outcome]}. {message_of(one)}".strip(),
            "check_name": f"gradlab {checked.topic}",
            "fingerprint": hashlib.sha256(f"{checked.path} {one.exercise.id}".encode()).hexdigest(),
            "severity": "major",
            "location": {
                "path": checked.path,
                "lines": {"begin": line_of(checked.source, one.exercise.id)},
            },
        }
        for one in checked.results
        if one.outcome not in _QUIET
    ]
    return f"{json.dumps(found, indent=2)}\n".encode()


def junit(checked: Checked) -> bytes:
    """Return JUnit XML: a case for each exercise, skipped if it is not written."""
    failures = [one for one in checked.results if one.outcome not in _QUIET]
    skipped = _with(checked.results, ExerciseOutcome.NOT_IMPLEMENTED)
    suite = ET.Element(
        "testsuite",
        name=printable(checked.topic),
        tests=str(len(checked.results)),
        failures=str(len(failures)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for one in checked.results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=printable(checked.topic),
            name=printable(one.exercise.id),
            file=printable(checked.path),
        )
        if one in failures:
            cases = _passed(one)
            failure = ET.SubElement(case, "failure", message=f"{WORDS[one.outcome]}, {cases}")
            failure.text = message_of(one)
        elif one in skipped:
            ET.SubElement(case, "skipped", message=WORDS[one.outcome])
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    declaration = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{declaration}\n{ET.tostring(root, encoding='unicode')}\n".encode()


def _with(results: Sequence[ExerciseResult], outcome: ExerciseOutcome) -> list[ExerciseResult]:
    return [one for one in results if one.outcome is outcome]


def _passed(result: ExerciseResult) -> str:
    passed = sum(case.outcome is CaseOutcome.PASSED for case in result.cases)
    return f"cases that pass: {passed} of {len(result.cases)}"
