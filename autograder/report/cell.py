"""What a notebook's cell shows of one exercise: HTML, and the same as plain text.

Every word is escaped: messages quote what a student's code raised or returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from autograder.errors import GraderError
from autograder.models import ExerciseOutcome, ExerciseResult
from autograder.report import text

# Jupyter's own variables follow its light and dark themes; VS Code and Colab get the second value.
_COLOURS = {
    ExerciseOutcome.PASSED: "var(--jp-success-color1, #2e7d32)",
    ExerciseOutcome.NOT_IMPLEMENTED: "var(--jp-border-color1, #757575)",
    ExerciseOutcome.NOT_RUN: "var(--jp-warn-color1, #b26a00)",
}
_WRONG = "var(--jp-error-color1, #c62828)"
_BOX = (
    "border-left: 4px solid {colour}; padding: 0.2em 0.8em; margin: 0.3em 0;"
    " font-family: var(--jp-code-font-family, monospace); white-space: pre-wrap;"
)


def as_text(found: ExerciseResult | GraderError, varies: str = "") -> str:
    """Return the verdict as `gradlab check` words it, for consoles and readers without HTML."""
    return "\n".join(_lines(found, varies))


def as_html(found: ExerciseResult | GraderError, varies: str = "") -> str:
    """Return the verdict as HTML; further hints unfold one by one."""
    first, *rest = (escape(line) for line in _lines(found, varies))
    colour, more = _WRONG, ""
    if isinstance(found, ExerciseResult):
        colour, more = _COLOURS.get(found.outcome, _WRONG), _more_hints(found)
    body = "".join(f"<div>{line}</div>" for line in rest)
    return f'<div style="{_BOX.format(colour=colour)}"><div><b>{first}</b></div>{body}{more}</div>'


def _lines(found: ExerciseResult | GraderError, varies: str) -> Iterator[str]:
    if isinstance(found, ExerciseResult):
        yield from _result_lines(found, varies)
    else:
        yield text.printable(f"not checked: {found}")


def _result_lines(result: ExerciseResult, varies: str) -> Iterator[str]:
    word, _ = text.WORDS[result.outcome]
    yield f"{result.exercise.id}: {word}"
    for one in text.sentences(result):
        yield text.printable(f"{one.label}: {one.text}")
    if result.outcome is ExerciseOutcome.PASSED:
        yield text.printable(f"These were the public tests. {text.hidden_tests(varies)}")


def _more_hints(result: ExerciseResult) -> str:
    """Return the rest of the ladder, each hint inside the one before."""
    made = ""
    hints = [hint for diagnosis in result.diagnoses for hint in diagnosis.hints[1:]]
    for hint in reversed(hints):
        said = escape(text.printable(hint))
        made = f"<details><summary>one more hint</summary><div>hint: {said}</div>{made}</details>"
    return made
