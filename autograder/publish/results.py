"""What OUT holds about an assignment, as every platform's module needs it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from autograder.lms.people import Claim, Match, Person, match
from autograder.models import Account, Isolation, Status, Submission, frozen
from autograder.report.json import Document
from autograder.report.store import Store

_NUMBERED = (Status.GRADED, Status.NOT_SUBMITTED)
WHY_NONE = {
    Status.UNREADABLE: "unreadable: a person must look at the files",
    Status.INTERNAL_ERROR: "the grader failed: a person must look, no points are lost",
    Status.PENDING: "not graded yet",
}


@frozen
class Result:
    """One student's grade, ready to go out; `score` is None where there is no number."""

    student_id: str
    name: str
    accounts: tuple[Account, ...]
    aliases: tuple[str, ...]
    status: Status
    score: Fraction | None = None
    scale: Fraction | None = None
    explanation: str = ""
    submitted_at: str = ""  # of the attempt that counts, ISO 8601
    graded_at: datetime | None = None
    isolation: Isolation | None = None  # in which the code ran
    feedback: Document | None = None  # what the student may see
    page: bytes | None = None  # the same as a page, if pages were made

    @property
    def why_none(self) -> str:
        """Say why there is no number."""
        return WHY_NONE.get(self.status, "")

    def account(self, platform: str) -> Account | None:
        """Return who the student is on a platform, if that is known."""
        return next((one for one in self.accounts if one.platform == platform), None)


def read_results(store: Store, assignment: str) -> list[Result]:
    """Return everybody's result, sorted by student id; without a result file it is pending."""
    return [_result(store, one) for one in store.submissions(assignment)]


def _result(store: Store, submission: Submission) -> Result:
    where = (submission.assignment, submission.student_id)
    pending = Result(
        student_id=submission.student_id,
        name=submission.name,
        accounts=submission.accounts,
        aliases=submission.aliases,
        status=Status.PENDING,
    )
    document = store.result(*where)
    if document is None:
        return pending
    page = store.out / "pages" / where[0] / "students" / f"{where[1]}.html"
    try:
        return _read(
            document, store.feedback(*where), pending, page.read_bytes() if page.is_file() else None
        )
    except (LookupError, TypeError, ValueError) as error:
        store.notes.append(f"{submission.student_id}: its result cannot be read ({error}).")
        return pending


def _read(
    document: Document, feedback: Document | None, base: Result, page: bytes | None
) -> Result:
    status = Status(document["status"])
    score = document["score"] if status in _NUMBERED else None
    index = document["graded_attempt"]
    return Result(
        student_id=base.student_id,
        name=base.name,
        accounts=base.accounts,
        aliases=base.aliases,
        status=status,
        score=Fraction(str(score["value"])) if score else None,
        scale=Fraction(str(score["scale"])) if score else None,
        explanation=score["explanation"] if score else "",
        submitted_at=(document["attempts"][index]["submitted_at"] or "")
        if index is not None
        else "",
        graded_at=datetime.fromisoformat(document["graded_at"]),
        isolation=Isolation(
            tier=document["isolation"]["tier"], missing=tuple(document["isolation"]["missing"])
        ),
        feedback=feedback,
        page=page,
    )


def matched(results: Iterable[Result], claims: list[Claim]) -> list[Match]:
    """Find the result of every line of a platform's table.

    Two lines of one student are both taken back: one of them is wrong.
    """
    people = [
        Person(student_id=one.student_id, name=one.name, aliases=(*one.aliases, *_keys(one)))
        for one in results
    ]
    found = match(people, claims)
    lines: dict[str, int] = {}
    for one in found:
        if one.student_id:
            lines[one.student_id] = lines.get(one.student_id, 0) + 1
    return [
        Match(student_id=None, reason=f"{lines[one.student_id]} rows are {one.student_id}")
        if one.student_id and lines[one.student_id] > 1
        else one
        for one in found
    ]


def note_scales(results: Iterable[Result], maxima: Iterable[Fraction]) -> list[str]:
    """Say how scores become grades."""
    scales = sorted({one.scale for one in results if one.scale is not None})
    return [
        f"a score out of {float(scale):g} becomes a grade out of {float(most):g}: "
        f"times {float(most / scale):g}."
        for scale in scales
        for most in sorted(maxima)
    ]


def who(result: Result) -> str:
    """Name a student for people."""
    return f"{result.student_id} ({result.name})" if result.name else result.student_id


def key(platform: str, account: str) -> str:
    """Return an account as an id that no other platform has."""
    return f"{platform}:{account}"


def _keys(one: Result) -> list[str]:
    return [key(account.platform, account.id) for account in one.accounts]
