"""What people read on a terminal. Student text is never parsed as markup and never sent raw."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.models import CaseOutcome, ExerciseOutcome, ExerciseResult, Grade, RunRecord

WORDS = {
    ExerciseOutcome.PASSED: ("passed", "green"),
    ExerciseOutcome.FAILED: ("failed", "red"),
    ExerciseOutcome.NOT_IMPLEMENTED: ("not written yet", "dim"),
    ExerciseOutcome.FORBIDDEN: ("forbidden operation", "red"),
    ExerciseOutcome.ERROR: ("error", "red"),
    ExerciseOutcome.NOT_RUN: ("not run", "yellow"),
}


def printable(text: str, *, limit: int = 2000) -> str:
    """Return text that cannot move the cursor, colour the terminal or turn its direction."""
    kept = "".join(
        character
        if character == "\n" or unicodedata.category(character)[0] != "C"
        else f"\\x{ord(character):02x}"
        for character in text[:limit]
    )
    return kept + (" ..." if len(text) > limit else "")


def line(text: str) -> Text:
    """Return text for a console, whatever it holds."""
    return Text(printable(text))


def exercise_lines(result: ExerciseResult, *, rung: int = 1) -> Iterable[Text]:
    """Yield the lines about one exercise: its outcome, what broke first, and hints up to `rung`."""
    word, style = WORDS[result.outcome]
    star = "*" if result.exercise.starred else " "
    yield Text.assemble(f"{star} {result.exercise.id:<28} ", (word, style))
    if result.outcome in (ExerciseOutcome.FAILED, ExerciseOutcome.ERROR, ExerciseOutcome.NOT_RUN):
        broken = next((c for c in result.cases if c.outcome is not CaseOutcome.PASSED), None)
        if broken is not None:
            yield Text(f"      {printable(broken.title)}")
            for line in printable(broken.message).splitlines():
                yield Text(f"      {line}")
    for diagnosis in result.diagnoses:
        for hint in diagnosis.hints[:rung]:
            yield Text.assemble(("      hint: ", "bold"), printable(hint))
    for remark in result.remarks:
        yield Text.assemble(("      note: ", "dim"), printable(remark))
    if result.review:
        yield Text.assemble(("      a person will look at: ", "yellow"), printable(result.review))


def check_summary(results: Sequence[ExerciseResult], file: str) -> str:
    """Return the last line of a check; it never says that all tests passed."""
    passed = sum(result.outcome is ExerciseOutcome.PASSED for result in results)
    what = "exercise passes its" if passed == 1 else "exercises pass their"
    return (
        f"{file}: {passed} of {len(results)} {what} public tests."
        " Hidden tests also vary sizes, dtypes, memory layouts and extreme values."
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> Table:
    """Return a plain table that also reads well without colour and in a log file."""
    made = Table(title=title or None, box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name.endswith(")") else "left", overflow="fold")
    for row in rows:
        made.add_row(
            *(cell if isinstance(cell, Text) else Text(printable(str(cell))) for cell in row)
        )
    return made


def console(*, stderr: bool = False) -> Console:
    """Return a console that never reads markup; as wide as the terminal, 100 columns elsewhere."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = 100
    return made


def grades_table(rows: Iterable[Any], scale: str = "4") -> Table:
    """Return the final table of a run: score, what decided it, and what needs a look."""
    return table(
        ("student", f"score (of {scale})", "status", "exercises", "remark"),
        (
            (one.submission.student_id, score_text(one.grade), one.grade.status.value,
             _marks(one), _remark(one))
            for one in rows
        ),
    )  # fmt: skip


def score_text(grade: Grade) -> str:
    """Return a score as people write it; nothing where there is no number."""
    if grade.score is None:
        return ""
    return f"{float(grade.score.value):.2f}"


_MARKS = {
    ExerciseOutcome.PASSED: "+",
    ExerciseOutcome.FAILED: "-",
    ExerciseOutcome.NOT_IMPLEMENTED: ".",
    ExerciseOutcome.FORBIDDEN: "!",
    ExerciseOutcome.ERROR: "E",
    ExerciseOutcome.NOT_RUN: "?",
}
MARKS_KEY = "+ passed  - failed  . not written  ! forbidden operation  E error  ? not run"


def _record_of(one: Any) -> RunRecord | None:
    index = one.grade.best_attempt
    attempts = one.submission.attempts
    if index is None:
        return next(iter(one.records.values()), None)
    record: RunRecord | None = one.records.get(attempts[index].sha256)
    return record


def _marks(one: Any) -> str:
    record = _record_of(one)
    return "".join(_MARKS[result.outcome] for result in record.exercises) if record else ""


def _remark(one: Any) -> str:
    """Return the first thing worth saying: why it cannot be read, a cap, a known mistake, a review."""
    record = _record_of(one)
    if record is not None and record.message:
        return record.message.splitlines()[0][:120]
    said = [cap.reason for cap in one.grade.score.caps] if one.grade.score else []
    for result in record.exercises if record else ():
        if result.review:
            said.append(f"review {result.exercise.id}")
        said += [d.mistake for d in result.diagnoses if d.mistake is not None]
    return ", ".join(said[:4])


def explanation(result: dict[str, Any]) -> Iterable[Text]:
    """Yield the lines of `gradlab explain`, from a result file."""
    yield line(f"{result['student_id']}, {result['assignment']}: {result['status']}")
    if result["score"] is not None:
        yield line(result["score"]["explanation"])
    for attempt in result["attempts"]:
        when = attempt["submitted_at"] or attempt["time_source"]
        yield line(f"attempt of {when}: {', '.join(attempt['files'])}")
        if attempt["problem"]:
            yield line(f"    {attempt['problem']}")
    for exercise in result["exercises"]:
        star = "*" if exercise["starred"] else " "
        points = f"{exercise['points']:g} of {exercise['max_points']:g}"
        yield line(f"{star} {exercise['id']:<28} {points:<12} {exercise['outcome']}")
        said = (
            f"      {case['title']}: {case['message']}"
            for case in exercise["cases"]
            if case["outcome"] != "passed" and case["message"]
        )
        for sentence in dict.fromkeys(said):  # parts of one case often share it
            yield line(sentence)
        for hint in exercise["hints"]:
            yield line(f"      hint: {hint}")
        if exercise["review"]:
            yield line(f"      review: {exercise['review']}")
    yield line(f"isolation: tier {result['isolation']['tier']}")


def validation(findings: Sequence[Any]) -> Iterable[Any]:
    """Yield the table of `gradlab validate`, and what is wrong below it."""
    rows: dict[str, list[Any]] = {}
    for finding in findings:
        rows.setdefault(finding.exercise, []).append(finding)
    yield table(
        ("exercise", "cases (n)", "mistakes (n)", "alternatives (n)", "degenerate (n)",
         "runs (n)", "proven"),
        (
            (name, f[0].cases, f[0].mistakes, f[0].alternatives, f[0].degenerate, len(f),
             "NO" if any(one.problems for one in f) else "yes")
            for name, f in rows.items()
        ),
    )  # fmt: skip
    for finding in findings:
        for problem in finding.problems:
            where = f"{finding.exercise} (seed {finding.seed}, {finding.dtype})"
            yield line(f"{where}: {problem}")
    mistakes = sum(f[0].mistakes for f in rows.values())
    wrong = sum(bool(finding.problems) for finding in findings)
    verdict = "all proven" if not wrong else f"{wrong} of {len(findings)} proofs fail"
    yield line(f"{len(rows)} exercises, {mistakes} known mistakes: {verdict}")
