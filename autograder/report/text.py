"""What people read on a terminal. Student text is never parsed as markup and never sent raw."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from autograder.models import (
    CaseOutcome,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    Grade,
    Isolation,
    RunRecord,
    Status,
    Submission,
    frozen,
)

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
        if character in "\n\t" or unicodedata.category(character)[0] != "C"
        else character.encode("unicode_escape").decode()
        for character in text[:limit]
    )
    return kept + (" ..." if len(text) > limit else "")


def line(text: str) -> Text:
    """Return text for a console, whatever it holds."""
    return Text(printable(text))


class Indented:
    """Text that stays indented when it is wrapped, and ends no line in spaces."""

    def __init__(self, text: Text, depth: int) -> None:
        self._text = text
        self._depth = depth

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for wrapped in self._text.wrap(console, max(options.max_width - self._depth, 20)):
            wrapped.rstrip()
            yield Text(" " * self._depth) + wrapped


def inside(label: str, text: str, *, style: str = "", depth: int = 6) -> Indented:
    """Return indented text for a console, whatever it holds."""
    return Indented(Text.assemble((label, style), printable(text)), depth)


@frozen
class Sentence:
    """One thing to say about an exercise, whatever it is shown on."""

    label: str  # what kind of sentence it is: "hint"
    text: str
    style: str = ""  # of the label; it never carries what the words do not say


def sentences(result: ExerciseResult, *, rung: int = 1) -> Iterable[Sentence]:
    """Yield what is said below the outcome: what broke first, hints up to `rung`, notes."""
    if result.outcome in (ExerciseOutcome.FAILED, ExerciseOutcome.ERROR, ExerciseOutcome.NOT_RUN):
        broken = next((c for c in result.cases if c.outcome is not CaseOutcome.PASSED), None)
        if broken is not None:
            yield Sentence(label="test", text=broken.title)
            if broken.called:
                yield Sentence(label="input", text=broken.called)
            yield Sentence(label="result", text=broken.message)
    is_forbidden = result.outcome is ExerciseOutcome.FORBIDDEN
    for diagnosis in result.diagnoses:
        for number, hint in enumerate(diagnosis.hints[:rung]):
            label = "result" if is_forbidden and number == 0 else "hint"
            yield Sentence(label=label, text=hint, style="bold")
    for remark in result.remarks:
        yield Sentence(label="note", text=remark, style="dim")
    if result.review:
        yield Sentence(label="a person will look at", text=result.review, style="yellow")


def exercise_lines(result: ExerciseResult, *, rung: int = 1) -> Iterable[RenderableType]:
    """Yield the lines about one exercise: its outcome, and its `sentences` below."""
    word, style = WORDS[result.outcome]
    star = "*" if result.exercise.starred else " "
    yield Text.assemble(f"{star} {result.exercise.id:<28} ", (word, style))
    for one in sentences(result, rung=rung):
        yield inside(f"{one.label}: ", one.text, style=one.style)


def forbidden_first(results: Sequence[ExerciseResult]) -> list[ExerciseResult]:
    """Return results in their order, but first those whose work counts for nothing as it is."""
    return sorted(results, key=lambda result: result.outcome is not ExerciseOutcome.FORBIDDEN)


def hidden_tests(varies: str) -> str:
    """Say what a pass of the public tests leaves open.

    Args:
        varies: What the hidden tests of one exercise vary, in the handout's words, if it says so.
    """
    said = varies or "sizes, dtypes, memory layouts and extreme values"
    return f"Hidden tests also vary {said.rstrip('.')}."


def check_summary(
    results: Sequence[ExerciseResult], file: str, varies: Mapping[str, str] | None = None
) -> str:
    """Return the last line of a check; it never says that all tests passed."""
    passed = sum(result.outcome is ExerciseOutcome.PASSED for result in results)
    verb = "passes its" if passed == 1 or len(results) == 1 else "pass their"
    return (
        f"{file}: {passed} of {count(len(results), 'exercise')} {verb} public tests."
        f" {_left_open(results, varies or {})}"
    )


def _left_open(results: Sequence[ExerciseResult], varies: Mapping[str, str]) -> str:
    if len(results) == 1:
        return hidden_tests(varies.get(results[0].exercise.id, ""))
    more = " What they vary of an exercise: gradlab check -k NAME." if any(varies.values()) else ""
    return f"{hidden_tests('')}{more}"


def packed_lines(target: str, packed: Any) -> Iterable[str]:
    """Yield what a zip to hand in holds, and what of it will be graded (a `pack.Packed`)."""
    size = max(len(packed.data) >> 10, 1)
    yield f"{target}: {count(len(packed.members), 'file')}, {size} KiB"
    graded = set(packed.graded)
    for name in packed.members:
        yield f"  {name}{' (graded)' if name in graded else ''}"
    number = len(packed.written) + len(packed.unwritten)
    yield f"written: {len(packed.written)} of {count(number, 'exercise')}"
    if packed.unwritten:
        yield f"not written yet: {', '.join(packed.unwritten)}"
    for note in packed.notes:
        yield f"note: {note}"


def packed_summary(reports: Sequence[Any]) -> str:
    """Return one line about the public tests of one graded file (a `check.Report` per topic)."""
    results = [result for report in reports for result in report.results]
    written = [one for one in results if one.outcome is not ExerciseOutcome.NOT_IMPLEMENTED]
    passed = [one for one in written if one.outcome is ExerciseOutcome.PASSED]
    file = reports[0].file.partition(".zip/")[2] or reports[0].file
    if not written:
        return f"{file}: nothing is written yet, so there is nothing to test."
    said = f"{file}: {len(passed)} of {len(written)} written pass the public tests"
    broken = [
        f"{one.exercise.id} ({WORDS[one.outcome][0]})" for one in written if one not in passed
    ]
    return f"{said}{'; ' if broken else ''}{', '.join(broken)}."


_SHORT = 32  # names of students and exercises of up to so many letters are never folded
_NUMBERS = frozenset(
    {
        "exact",
        "structure",
        "score",
        "old",
        "new",
        "difference",
        "cases",
        "mistakes",
        "alternatives",
        "degenerate",
    }
    | {"mutants", "killed", "rate", "explained", "open"}
)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> Table:
    """Return a plain table that also reads well without colour and in a log file."""
    made = Table(title=title or None, box=None, pad_edge=False, header_style="bold")
    rows = list(rows)
    is_short = all(len(str(row[0])) <= _SHORT for row in rows)
    for name in columns:
        made.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
    made.columns[0].no_wrap = is_short
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


@frozen
class Row:
    """One student's line in the final table, and no more: there may be thousands."""

    student_id: str
    status: Status
    score: str
    scale: str
    marks: str
    remark: str


def row(
    submission: Submission,
    grade: Grade,
    records: Mapping[str, RunRecord],
    exercises: Sequence[Exercise],
) -> Row:
    """Return a student's line.

    Args:
        submission: The student's attempts.
        grade: What they are worth; it says which attempt counts.
        records: What each attempt did, by the attempt's SHA-256; attempts may lack one.
        exercises: Of the assignment, in order.
    """
    if grade.best_attempt is not None:
        record = records.get(submission.attempts[grade.best_attempt].sha256)
    else:
        record = next(iter(records.values()), None)
    outcomes = {one.exercise.key: one.outcome for one in record.exercises} if record else {}
    waiting = {one.key for one in grade.waiting}
    marks = [
        _WAITING if one.key in waiting else _MARKS[outcomes[one.key]]
        for one in exercises
        if one.key in waiting or one.key in outcomes
    ]
    return Row(
        student_id=submission.student_id,
        status=grade.status,
        score=score_text(grade),
        scale=f"{float(grade.score.scale):g}" if grade.score else "",
        marks="".join(marks),
        remark=_remark(submission, grade, record),
    )


def grades_table(rows: Sequence[Row], exercises: Sequence[Exercise]) -> Iterable[RenderableType]:
    """Yield the final table of a run, what its marks mean, and how many students have which status.

    Args:
        rows: One for each student.
        exercises: Of the assignment, in order.
    """
    yield table(
        ("student", "score", "status", "exercises", "remark"),
        ((one.student_id, one.score, STATUSES[one.status], one.marks, one.remark) for one in rows),
    )
    yield Text()
    if any(one.marks for one in rows):
        yield line(f"exercises: {', '.join(_name(one) for one in exercises)}")
        waits = "  w waits for a person" if any(_WAITING in one.marks for one in rows) else ""
        yield line(f"marks: {MARKS_KEY}{waits}")
    yield statuses(rows)


def statuses(rows: Sequence[Row]) -> Text:
    """Return how many students have which status, and nothing about any of them."""
    counts = Counter(STATUSES[one.status] for one in rows)
    scales = sorted({one.scale for one in rows} - {""})
    out_of = f"; scores are out of {', '.join(scales)}" if scales else ""
    said = ", ".join(f"{number} {status}" for status, number in counts.most_common())
    return line(f"{count(len(rows), 'student')}: {said}{out_of}")


def similar(report: Any, top: int) -> Iterable[RenderableType]:
    """Yield the table of `gradlab similar`, and what to make of it."""
    yield table(
        ("student", "and", "exact", "structure", "matches", "remark"),
        (
            (
                *one.students,
                f"{float(one.exact):.0%}",
                f"{float(one.structure):.0%}",
                one.matches,
                "the same files" if one.same_files else "",
            )
            for one in report.pairs[:top]
        ),
    )
    yield Text()
    yield line(
        f"{count(report.compared, 'submission')}, {count(len(report.pairs), 'pair')} with something"
        " in common. Shares are of the shorter one, without the handout."
    )
    if report.unreadable:
        yield line(f"nothing to compare: {', '.join(report.unreadable)}")
    yield line("Look before you judge: short exercises have few right answers.")


def what_if(changes: Sequence[Any], totals: Any) -> Iterable[RenderableType]:
    """Yield the table of `gradlab regrade --what-if`: who changes, how and why, and the counts."""
    yield table(
        ("student", "old", "new", "difference", "why"),
        (
            (one.student_id, _worth(one.old), _worth(one.new), _signed(one.difference), one.why)
            for one in changes
            if one.why
        ),
    )
    yield Text()
    counts = f"{totals.gain} gain, {totals.lose} lose, {totals.other} change otherwise"
    yield line(f"{count(len(changes), 'student')}: {counts}, {totals.same} stay")
    if totals.mean_before is not None:
        yield line(f"mean: {totals.mean_before:.1%} -> {totals.mean_after:.1%} of the scale")


def _worth(worth: Any) -> str:
    return STATUSES[worth.status] if worth.value is None else f"{float(worth.value):g}"


def _signed(difference: Fraction | None) -> str:
    return "" if difference is None else f"{float(difference):+g}"


STATUSES = {
    Status.GRADED: "graded",
    Status.NOT_SUBMITTED: "not submitted",
    Status.UNREADABLE: "unreadable",
    Status.INTERNAL_ERROR: "grader failed",
    Status.PENDING: "pending",
}


def score_text(grade: Grade) -> str:
    """Return a score as people write it; nothing where there is no number."""
    if grade.score is None:
        return ""
    short = f"{float(grade.score.value):.2f}"
    return short if Fraction(short) == grade.score.value else f"{float(grade.score.value):g}"


_MARKS = {
    ExerciseOutcome.PASSED: "+",
    ExerciseOutcome.FAILED: "-",
    ExerciseOutcome.NOT_IMPLEMENTED: ".",
    ExerciseOutcome.FORBIDDEN: "!",
    ExerciseOutcome.ERROR: "E",
    ExerciseOutcome.NOT_RUN: "?",
}
MARKS_KEY = "+ passed  - failed  . not written  ! forbidden  E error  ? not run"
_WAITING = "w"


def count(number: int, thing: str) -> str:
    """Return "1 student" or "3 students"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _name(exercise: Exercise) -> str:
    return f"{exercise.id} (*)" if exercise.starred else exercise.id


def _remark(submission: Submission, grade: Grade, record: RunRecord | None) -> str:
    """Return what is worth saying: why there is no score, a cap, a review, a known mistake."""
    if record is not None and record.message:
        return _first_sentence(record.message)
    handed_in = grade.status is Status.NOT_SUBMITTED and submission.attempts
    if handed_in or grade.status is Status.UNREADABLE:
        return _first_sentence(grade.explanation)
    if grade.waiting:
        return f"waits for {', '.join(one.id for one in grade.waiting)}"
    results = record.exercises if record is not None else ()
    forbidden = [r.exercise.id for r in results if r.outcome is ExerciseOutcome.FORBIDDEN]
    review = [r.exercise.id for r in results if r.review]
    mistakes = [d.mistake for r in results for d in r.diagnoses if d.mistake is not None]
    said = [cap.reason for cap in grade.score.caps] if grade.score else []
    said += [f"forbidden: {', '.join(forbidden)}"] if forbidden else []
    said += [f"review: {', '.join(review)}"] if review else []
    said += [", ".join(mistakes)] if mistakes else []
    return "; ".join(said)


def _first_sentence(text: str) -> str:
    """Return where it is and what was found; what to do about it, `explain` says."""
    return printable(text.partition("\n")[0].partition(". ")[0].removesuffix("."), limit=120)


def explanation(result: dict[str, Any]) -> Iterable[RenderableType]:
    """Yield the lines of `gradlab explain`, from a result file."""
    yield line(f"{result['student_id']}, {result['assignment']}: {STATUSES[result['status']]}")
    if result["score"] is not None:
        yield inside("", result["score"]["explanation"], depth=2)
    elif result.get("explanation"):  # files of older versions have none
        yield inside("", result["explanation"], depth=2)
    for index, attempt in enumerate(result["attempts"]):
        yield from _attempt_lines(attempt, graded=index == result["graded_attempt"])
    for exercise in result["exercises"]:
        yield from _explained(exercise)
    for remark in result["remarks"]:
        yield line(f"note: {remark}")
    isolation = result["isolation"]
    yield from isolation_block(Isolation(tier=isolation["tier"], missing=isolation["missing"]))


_TIERS = {
    "A": "student code has its own files, processes, users and network",
    "C": "student code has the interpreter's files, few system calls",
    "none": "STUDENT CODE IS NOT ISOLATED",
}


def isolation_line(tier: str) -> str:
    """Return one line that says which tier was reached."""
    return f"isolation: tier {tier} ({_TIERS[tier]})"


def ran_in(isolation: Isolation) -> str:
    """Return one sentence about where code ran, and what that cannot promise."""
    return (
        f"graded in isolation tier {isolation.tier}; not promised: {'; '.join(isolation.missing)}"
    )


def isolation_block(isolation: Isolation, advice: str = "") -> Iterable[RenderableType]:
    """Yield what was reached, what it cannot promise, why it is no more, and what to do."""
    style = "" if isolation.tier == "A" else "bold yellow"
    yield Text(isolation_line(isolation.tier), style=style)
    if isolation.missing:
        yield line("  it cannot promise")
    for one in isolation.missing:
        yield inside("- ", one, depth=2)
    if isolation.why:
        yield inside("why no better tier: ", isolation.why, depth=2)
        yield inside("what to do: ", advice or "run `gradlab doctor`", depth=2)


def _attempt_lines(attempt: dict[str, Any], *, graded: bool) -> Iterable[RenderableType]:
    yield line(_attempt_line(attempt, graded=graded))
    if attempt["problem"]:
        yield inside("", attempt["problem"])


def _explained(exercise: dict[str, Any]) -> Iterable[RenderableType]:
    star = "*" if exercise["starred"] else " "
    points = f"{exercise['points']:g} of {exercise['max_points']:g}"
    word, style = WORDS[exercise["outcome"]]
    yield Text.assemble(f"{star} {exercise['id']:<28} {points:<10} ", (word, style))
    if exercise["outcome"] == ExerciseOutcome.NOT_IMPLEMENTED:
        return
    yield from _broken_cases(exercise["cases"])
    if exercise["mistake"]:
        yield inside("known mistake: ", exercise["mistake"], style="bold")
    for label in ("hints", "remarks"):
        for sentence in exercise[label]:
            yield inside(f"{label[:-1]}: ", sentence, style="bold")
    if exercise["review"]:
        yield inside("review: ", exercise["review"], style="yellow")


def _broken_cases(cases: Sequence[dict[str, Any]]) -> Iterable[RenderableType]:
    """Yield each message once: cases and parts often share it, and one reason stops all of them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in cases:
        if case["outcome"] != "passed" and case["message"]:
            key = "not run" if case["outcome"] == "not_run" else case["message"]
            found.setdefault(key, []).append(case)
    for alike in found.values():
        number = len({case["id"].partition("#")[0] for case in alike})
        more = f", and {count(number - 1, 'more case')}" if number > 1 else ""
        yield inside("", alike[0]["title"] + more)
        yield inside("", alike[0]["id"].partition("#")[0], style="dim", depth=8)
        yield inside("", alike[0]["message"], depth=8)


def feedback_lines(feedback: Mapping[str, Any], *, short: bool = False) -> list[str]:
    """Return what a student may read, as plain lines.

    Args:
        feedback: A `gradlab/feedback/v1` document.
        short: Leave out which attempts there are, and all hints but the first.
    """
    score = feedback["score"]
    status = STATUSES[feedback["status"]]
    value = f"{score['value']:g} of {score['scale']:g}" if score else status
    lines = [f"{feedback['assignment']}: {value}"]
    if score and score["explanation"]:
        lines.append(score["explanation"])
    for index, attempt in enumerate(feedback["attempts"]):
        if not short:
            lines.append(_attempt_line(attempt, graded=index == feedback["graded_attempt"]))
        if attempt["problem"]:
            lines.append(f"    {attempt['problem']}")
    for exercise in feedback["exercises"]:
        star = " (*)" if exercise["starred"] else ""
        lines += [f"{exercise['id']}{star}: {exercise_feedback(exercise)[0]}"]
        lines += [f"    {one}" for one in exercise_feedback(exercise, short=short)[1:]]
    lines += [f"note: {remark}" for remark in feedback["remarks"]]
    return [printable(one) for one in lines]


def _attempt_line(attempt: Mapping[str, Any], *, graded: bool) -> str:
    when = attempt["submitted_at"] or "time unknown"
    which = "graded attempt" if graded else "attempt"
    return f"{which} ({when}): {attempt['graded_file'] or ', '.join(attempt['files'])}"


def exercise_feedback(exercise: Mapping[str, Any], *, short: bool = False) -> list[str]:
    """Return what a student may read about one exercise: points, what broke first, hints."""
    word, _ = WORDS[exercise["outcome"]]
    lines = [f"{exercise['points']:g} of {exercise['max_points']:g}, {word}"]
    broken = next(
        (one for one in exercise["cases"] if one["outcome"] != "passed" and one["message"]), None
    )
    if broken and exercise["outcome"] != ExerciseOutcome.NOT_IMPLEMENTED:
        lines += [broken["title"], broken["message"]]
    lines += [f"hint: {hint}" for hint in exercise["hints"][: 1 if short else None]]
    lines += [f"note: {remark}" for remark in exercise["remarks"]]
    return [printable(one) for one in lines]


def validation(findings: Sequence[Any]) -> Iterable[Any]:
    """Yield the table of `gradlab validate`, and what is wrong below it."""
    rows: dict[str, list[Any]] = {}
    for finding in findings:
        rows.setdefault(finding.exercise, []).append(finding)
    yield table(
        ("exercise", "cases", "mistakes", "alternatives", "degenerate", "proven"),
        (
            (name, f[0].cases, f[0].mistakes, f[0].alternatives, f[0].degenerate,
             "NO" if any(one.problems for one in f) else "yes")
            for name, f in rows.items()
        ),
    )  # fmt: skip
    for finding in findings:
        for problem in finding.problems:
            where = f"{finding.exercise} (seed {finding.seed}, {finding.dtype})"
            yield line(f"{where}: {problem}")
    mistakes, multiples = (
        sum(getattr(f[0], name) for f in rows.values()) for name in ("mistakes", "multiples")
    )
    seeds, dtypes = ({getattr(one, name) for one in findings} for name in ("seed", "dtype"))
    wrong = sum(bool(finding.problems) for finding in findings)
    verdict = "all proven" if not wrong else f"{wrong} of {count(len(findings), 'proof')} failed"
    variants = f" ({multiples} of them another times a constant)" if multiples else ""
    yield line(
        f"{count(len(rows), 'exercise')}, {count(mistakes, 'known mistake')}{variants},"
        f" {count(len(seeds), 'seed')} in {' and '.join(sorted(dtypes))}: {verdict}"
    )


def survey(surveys: Sequence[Any]) -> Iterable[Any]:
    """Yield the table of `gradlab validate --mutants`, and what nobody noticed below it."""
    yield table(
        ("exercise", "mutants", "killed", "rate", "explained", "open"),
        (
            (one.exercise, one.mutants, one.killed, _rate(one.killed, one.mutants), one.explained,
             len(one.problems))
            for one in surveys
        ),
    )  # fmt: skip
    for one in surveys:
        for problem in one.problems:
            yield line(f"{one.exercise}: {problem}")
        for reason in one.idle:
            yield line(f"note: {one.exercise}: {reason}")
    mutants, killed = (sum(getattr(one, name) for one in surveys) for name in ("mutants", "killed"))
    problems = sum(len(one.problems) for one in surveys)
    verdict = "every survivor has its reason" if not problems else f"{problems} open"
    yield line(f"{count(mutants, 'mutant')}, {killed} killed ({_rate(killed, mutants)}): {verdict}")


def _rate(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"
