"""Moodle: fill the grading worksheet that it wrote itself, and pack a feedback file for everybody.

Moodle finds students by the number in the first column and passes over some rows without a word:
grades that are locked, empty, above the maximum or the same as before, and rows that were changed
in Moodle after the worksheet was made. Whatever can be known of that beforehand is said here.
"""

from __future__ import annotations

import html
import io
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import PurePosixPath

from autograder.errors import ConfigError
from autograder.lms.moodle import ANYBODY, Line, Worksheet, agrees, file_name
from autograder.lms.numbers import read_number, scaled, write_number
from autograder.lms.people import Claim
from autograder.lms.when import in_english
from autograder.publish.plan import Change, Plan, Skip
from autograder.publish.results import Result, key, matched, note_scales, who
from autograder.report.text import count, feedback_lines, ran_in

_OURS = "<p>GradLab"  # by which a comment is known again, and may be replaced
_COMMENT = 20_000  # characters of a comment; the rest is in the feedback file
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip's zero: the same results give the same bytes


def fill(sheet: Worksheet, results: Sequence[Result], *, anonymous: bool = False) -> Plan:
    """Fill grades and comments into a worksheet; make the feedback archive beside it.

    Args:
        sheet: As it was downloaded; its table is changed.
        results: Everybody's result.
        anonymous: Name no student in the feedback archive.

    Raises:
        ConfigError: If the assignment is not graded in points, or students were collected with
            other numbers than the worksheet has for them.
    """
    _check_points(sheet)
    _check_numbers(sheet, results)
    plan = Plan(notes=list(sheet.table.notes))
    plan.notes += note_scales(results, {line.maximum for line in sheet.lines if line.maximum})
    claims = [_claim(line, key("moodle", line.participant)) for line in sheet.lines]
    by_id = {one.student_id: one for one in results}
    feedback: dict[str, bytes] = {}
    used = set()
    for line, found in zip(sheet.lines, matched(results, claims), strict=True):
        result = by_id.get(found.student_id or "")
        reason = found.reason if result is None else _stranger(line, result)
        if result is None or reason:
            _skip(plan, sheet, line, reason)
            continue
        used.add(result.student_id)
        _Filling(sheet=sheet, line=line, result=result, plan=plan).fill()
        feedback |= _feedback_file(line, result, anonymous=anonymous)
    for result in results:
        if result.student_id not in used:
            plan.skips.append(
                Skip(where=sheet.table.name, who=who(result), reason="in no row of the worksheet")
            )
    _note_formulas(sheet, plan)
    plan.files[PurePosixPath(sheet.table.name)] = sheet.table.data()
    plan.files[PurePosixPath("feedback.zip")] = _archive(feedback)
    return plan


def _check_points(sheet: Worksheet) -> None:
    if "max" not in sheet.columns:
        got = "a scale of words" if "scale" in sheet.columns else "no column Maximum grade"
        raise ConfigError(
            f"{sheet.table.name}:1: expected an assignment that is graded in points, got {got}. "
            f"In Moodle: Settings > Grade > Type: Point."
        )
    for line in sheet.lines:
        if not line.maximum:
            got = line.row[sheet.columns["max"]]
            raise ConfigError(
                f"{sheet.table.where(line.row)}: expected a maximum grade above 0, got {got!r}. "
                f"Download the worksheet again."
            )


def _check_numbers(sheet: Worksheet, results: Sequence[Result]) -> None:
    """Refuse the worksheet of another assignment: the same people have other numbers there."""
    recorded = {one.student_id: _numbers(one) for one in results}
    names = {number: name for found in recorded.values() for number, name in found.items()}
    claims = [_claim(line) for line in sheet.lines]
    others = [
        (line, found.student_id)
        for line, found in zip(sheet.lines, matched(results, claims), strict=True)
        if found.student_id
        and recorded[found.student_id]
        and line.participant not in recorded[found.student_id]
        and not (line.participant in names and agrees(names[line.participant], line.name))
    ]
    if not others:
        return
    line, student_id = others[0]
    more = f", and so it is with {count(len(others) - 1, 'more row')}" if others[1:] else ""
    raise ConfigError(
        f"{sheet.table.where(line.row)}: expected participant {' or '.join(recorded[student_id])}, "
        f"the number with which {student_id} was collected, got {line.participant}{more}. "
        f"Download both from the same assignment."
    )


def _numbers(result: Result) -> dict[str, str]:
    """Return the numbers with which a student was collected, and the name beside each."""
    return {one.id: one.name for one in result.accounts if one.platform == "moodle"}


def _claim(line: Line, *ids: str) -> Claim:
    return Claim(ids=(*ids, line.email, line.number, line.login), name=line.name)


def _skip(plan: Plan, sheet: Worksheet, line: Line, reason: str) -> None:
    name = line.name or f"participant {line.participant}"
    plan.skips.append(Skip(where=sheet.table.where(line.row), who=name, reason=reason))


def _stranger(line: Line, result: Result) -> str:
    """Say that a number means somebody else here: numbers hold for one assignment only."""
    account = result.account("moodle")
    if account is None or account.id != line.participant or agrees(account.name, line.name):
        return ""
    return (
        f"number {line.participant} was {account.name!r} ({result.student_id}) in the download; "
        f"is this the worksheet of another assignment?"
    )


class _Filling:
    """One row of the worksheet, being filled."""

    def __init__(self, *, sheet: Worksheet, line: Line, result: Result, plan: Plan) -> None:
        self.sheet = sheet
        self.line = line
        self.result = result
        self.plan = plan

    def fill(self) -> None:
        """Set the grade and the comment, or say why not."""
        line, result = self.line, self.result
        before = read_number(self._cell("grade"))
        if line.locked:
            self._skip("the grade is locked in Moodle")
            return
        if result.score is None or result.scale is None:
            self._skip(f"no grade: {result.why_none}; Moodle keeps what it has")
            self._put("grade", "")
        else:
            assert line.maximum is not None
            value = scaled(result.score, result.scale, line.maximum)
            if not self._may_go(value, before):
                return
            self._put("grade", write_number(value, comma=self._comma()))
        self._comment()

    def _may_go(self, value: Fraction, before: Fraction | None) -> bool:
        """Say whether a grade goes into its row; note what Moodle will do with it."""
        line = self.line
        assert line.maximum is not None
        if value > line.maximum:
            self._skip(f"{float(value):g} is above the maximum of {float(line.maximum):g}")
            return False
        written = read_number(write_number(value))
        if before == written:
            self._skip("the grade is the same; Moodle passes over it")
        elif before is not None and self._is_newer_in_moodle():
            self._skip(
                f"changed in Moodle to {float(before):g} after it was graded here; left so. "
                f"Record it (gradlab adjust), or empty the cell to replace it"
            )
            return False
        if before is not None and before != written and not in_english(line.graded_text):
            self._skip(
                "Moodle cannot read its own date here and passes over the row: when importing, "
                'tick "Allow updating records that have been modified more recently in Moodle"'
            )
        return True

    def _is_newer_in_moodle(self) -> bool:
        there, here = self.line.graded_at, self.result.graded_at
        return there is not None and here is not None and there > here

    def _comment(self) -> None:
        """Set the comment; one that a person wrote stays."""
        if "feedback" not in self.sheet.columns or self.result.feedback is None:
            return
        before = self._cell("feedback")
        if before and not before.startswith(_OURS):
            self._skip("somebody's comment stands there; it stays, the grade goes in")
            return
        self._put("feedback", comment(self.result))

    def _cell(self, role: str) -> str:
        return self.line.row[self.sheet.columns[role]]

    def _put(self, role: str, text: str) -> None:
        before = self._cell(role)
        if before == text:
            return
        column = self.sheet.columns[role]
        self.sheet.table.put(self.line.row, column, text)
        self.plan.changes.append(
            Change(
                where=self.sheet.table.where(self.line.row),
                who=who(self.result),
                column=self.sheet.table.columns[column],
                before=before,
                after=text,
            )
        )

    def _skip(self, reason: str) -> None:
        where = self.sheet.table.where(self.line.row)
        self.plan.skips.append(Skip(where=where, who=who(self.result), reason=reason))

    def _comma(self) -> bool:
        """Say whether this worksheet writes 3,25: as its numbers do, else as its language does."""
        numbers = self._cell("max") + self._cell("grade")
        if "," in numbers or "." in numbers:
            return "," in numbers
        return self.sheet.table.columns[self.sheet.columns["graded"]] != "Last modified (grade)"


def comment(result: Result) -> str:
    """Return a student's feedback as the HTML that Moodle takes comments for.

    It begins with a tag, so no spreadsheet runs it, and nothing in it is markup but line breaks.
    It holds no quote: PHP, which reads the worksheet, takes one after a backslash for another text.
    """
    assert result.feedback is not None
    text = "\n".join(feedback_lines(result.feedback, short=True))
    if len(text) > _COMMENT:
        text = f"{text[:_COMMENT]} ..."
    lines = html.escape(text).replace("\n", "<br>")
    return f"{_OURS}: {lines}</p>"


def _feedback_file(line: Line, result: Result, *, anonymous: bool) -> dict[str, bytes]:
    """Return a student's feedback under the name by which Moodle finds the student."""
    if result.feedback is None or (result.score is None and not result.feedback["attempts"]):
        return {}
    name = "" if anonymous else file_name(line.name)
    folder = f"{name or ANYBODY[0]}_{line.participant}_assignfeedback_file_"
    assignment = result.feedback["assignment"]
    if result.page is not None and not anonymous:
        return {f"{folder}/feedback-{assignment}.html": result.page}
    where = [ran_in(result.isolation)] if result.isolation is not None else []
    text = "\n".join([*feedback_lines(result.feedback, short=anonymous), *where, ""])
    return {f"{folder}/feedback-{assignment}.txt": text.encode("utf-8", "replace")}


def _archive(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EARLIEST)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return made.getvalue()


def _note_formulas(sheet: Worksheet, plan: Plan) -> None:
    """Warn of cells that a spreadsheet may run; Moodle wrote them, so they stay as they are."""
    risky = [
        sheet.table.where(line.row)
        for line in sheet.lines
        if any(cell.value.startswith(("=", "+", "@")) for cell in line.row.cells)
    ]
    if risky:
        plan.notes.append(
            f"{risky[0]}: {len(risky)} rows hold text that a spreadsheet would run as a formula. "
            f"They are as Moodle wrote them; upload the file without opening it."
        )
