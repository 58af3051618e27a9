"""Pages: what each student may see, and what a class's results say. Static, offline, no script.

A student's page is made from the feedback document alone. Everything that is filled in passes
`_inert`, then Jinja2's escaping; the policy in each page's head forbids all that is not its style.
The same OUT gives the same bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from autograder.errors import ConfigError, GraderError
from autograder.models import (
    BY_PERSON,
    Assignment,
    CaseOutcome,
    ExerciseOutcome,
    GradingConfig,
    Status,
    frozen,
)
from autograder.report import pictures, statistics
from autograder.report.json import Document
from autograder.report.statistics import ENOUGH, Standing, Statistics, Work
from autograder.report.store import Store, write_atomically
from autograder.report.text import count, printable

_GENERATOR = b'<meta name="generator" content="GradLab">'
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MANY = 12  # cases that are listed by name below a part; the rest is counted

OUTCOMES = {
    ExerciseOutcome.PASSED: "passed",
    ExerciseOutcome.FAILED: "not yet right",
    ExerciseOutcome.NOT_IMPLEMENTED: "not written yet",
    ExerciseOutcome.FORBIDDEN: "uses what is forbidden",
    ExerciseOutcome.ERROR: "could not run",
    ExerciseOutcome.NOT_RUN: "not run",
}
_SIGNS = {
    ExerciseOutcome.PASSED: "✓",
    ExerciseOutcome.FAILED: "✗",
    ExerciseOutcome.NOT_IMPLEMENTED: "–",  # noqa: RUF001 -- the width of a digit
    ExerciseOutcome.FORBIDDEN: "!",
    ExerciseOutcome.ERROR: "E",
    ExerciseOutcome.NOT_RUN: "?",
}
STATUSES = {
    Status.GRADED: "graded",
    Status.NOT_SUBMITTED: "without work",
    Status.UNREADABLE: "cannot be read",
    Status.INTERNAL_ERROR: "the grader failed",
    Status.PENDING: "not graded yet",
}
_NO_SCORE = {
    Status.UNREADABLE: "What was handed in cannot be read, so there is no score yet. A person will"
    " look at it; handing it in again may be quicker.",
    Status.INTERNAL_ERROR: "The grader failed here. That costs no points, and a person will look at"
    " it.",
    Status.PENDING: "This is not graded yet.",
}
_TIERS = {
    "A": "Student code ran in namespaces of its own: no network, no files but the interpreter's, no"
    " sight of other processes.",
    "C": "Student code ran under Landlock and a filter of system calls: no network, no contents of"
    " files but the interpreter's.",
    "none": "Student code ran without isolation, because the instructor trusts it.",
}
_DATES = {"class_end": "end of class", "due": "due", "closes": "closes"}
# What a file that somebody has edited makes its readers raise.
_NOT_WHOLE = (LookupError, TypeError, ValueError, AttributeError, UndefinedError)


@frozen
class Written:
    """What became of one assignment's pages."""

    index: Path
    students: int  # feedback pages
    removed: int  # pages of students who are no longer there


def write_pages(
    store: Store,
    course: GradingConfig,
    assignment: Assignment,
    folder: Path,
    names: Mapping[str, str] | None = None,
) -> Written:
    """Write an assignment's pages into `folder`/<assignment>; each is the old one or the new.

    Args:
        store: Holds the results; locked by the caller.
        course: Whose assignment it is.
        assignment: Which.
        folder: Where to.
        names: What to call each student instead. Then there is a class page only, for at least
            `ENOUGH` students: in a feedback page, file names and messages tell who it is.

    Raises:
        ConfigError: If nothing was handed in, or too few are graded for a page without names.
        GraderError: If a page cannot be written.
    """
    submissions = store.submissions(assignment.id)
    if not submissions:
        raise ConfigError(
            f"{store.out}: expected submissions at {assignment.id}, got none."
            " Name another assignment with -a, or grade first."
        )
    target = folder / assignment.id
    desk = _Desk(course=course, assignment=assignment)
    standings: list[Standing] = []
    titles: dict[str, str] = {}
    pages: set[Path] = set()
    for submission in submissions:
        student = submission.student_id
        label = submission.name or student if names is None else names[student]
        result = store.result(assignment.id, student)
        feedback = store.feedback(assignment.id, student) if names is None else None
        try:
            standing = statistics.standing(submission, result, label)
            titles |= _titles(result)
            page = desk.feedback_page(feedback, label, standing) if feedback and result else None
        except _NOT_WHOLE as fault:
            store.notes.append(
                f"{assignment.id}/{student}: not a whole result, so it counts as absent ({fault})."
            )
            standing, page = statistics.standing(submission, None, label), None
        standings.append(standing)
        if page is not None:
            path = target / "students" / f"{student}.html"
            _write(path, page)
            pages.add(path)
    scale = float(assignment.rules.scale)
    found = statistics.statistics(standings, assignment.exercises, titles, scale=scale)
    if names is not None:
        _check_enough(assignment.id, found.graded)
    index = target / "index.html"
    linked = frozenset(path.stem for path in pages)
    _write(index, desk.class_page(found, linked, is_anonymous=names is not None))
    return Written(index=index, students=len(pages), removed=_remove_others(target, pages))


def _check_enough(assignment: str, graded: int) -> None:
    """Refuse a page without names about so few that everybody is recognised.

    Raises:
        ConfigError: If they are too few.
    """
    if graded < ENOUGH:
        raise ConfigError(
            f"{assignment}: expected at least {ENOUGH} graded students for a page without names,"
            f" got {graded}. So few are recognised by their scores; do not publish them."
        )


def _titles(result: Document | None) -> dict[str, str]:
    """Return the titles of exercises and cases, by id."""
    if result is None:
        return {}
    exercises = result["exercises"]
    cases = (case for one in exercises for case in one["cases"])
    return {one["id"]: _name(one) for one in exercises} | {
        case["id"].partition("#")[0]: case["title"] for case in cases
    }


def _name(exercise: Document) -> str:
    """Return what an exercise is called; one that a person graded has no title of its own."""
    title: str = exercise["title"]
    return exercise["id"] if title in ("", BY_PERSON) else title


def _write(path: Path, page: bytes) -> None:
    try:
        if path.read_bytes() == page:
            return
    except OSError:
        pass  # not there yet, or not to be read: then it is written
    write_atomically(path, page)


def _remove_others(target: Path, pages: set[Path]) -> int:
    """Remove what a killed report was writing, and pages of ours that no feedback stands behind.

    Returns:
        The number of those pages.
    """
    old = [path for path in sorted((target / "students").glob("*.html")) if path not in pages]
    removed = 0
    for path in (*target.rglob(".*.html.*.tmp"), *old):
        try:
            if path not in old:
                path.unlink()
            elif _GENERATOR in path.read_bytes()[:2000]:
                path.unlink()
                removed += 1
        except OSError as fault:
            raise GraderError(
                f"{path}: expected leave to remove an old page, got {fault.strerror!r}."
                " Remove it by hand."
            ) from None
    return removed


# --- templates -------------------------------------------------------------------------------


def _inert(value: Any) -> Any:
    """Return what a template fills in, without characters that turn, hide or colour text."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@functools.cache
def _templates() -> Environment:
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_inert,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=PackageLoader("autograder.report"),
    )
    assert made.loader is not None
    style, _, _ = made.loader.get_source(made, "style.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    made.globals |= {
        "style": Markup(style),  # noqa: S704 -- our own file
        "policy": f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'",
        "outcomes": OUTCOMES,
        "signs": _SIGNS,
        "statuses": STATUSES,
        "count": count,
        "tiers": _TIERS,
    }
    made.filters |= {
        "points": _points,
        "score": _score,
        "percent": _percent,
        "words": _words,
        "name": _name,
    }
    return made


def _points(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def _score(value: float) -> str:
    short = f"{value:.2f}"
    return short if abs(float(short) - value) < 1e-9 else f"{value:g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _words(name: str) -> str:
    return name.replace("_", " ")


@frozen
class _Moments:
    """Says times in the course's timezone."""

    zone: ZoneInfo

    def __call__(self, time: datetime | str) -> str:
        at = datetime.fromisoformat(time) if isinstance(time, str) else time
        local = at.astimezone(self.zone)
        day = f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
        return f"{day}, {local:%H:%M}"


# --- pages -----------------------------------------------------------------------------------


@frozen
class _Desk:
    """What all pages of one assignment share."""

    course: GradingConfig
    assignment: Assignment

    def feedback_page(self, feedback: Document, label: str, standing: Standing) -> bytes:
        """Return one student's page.

        Args:
            feedback: The `gradlab/feedback/v1` document.
            label: What the student is called.
            standing: Says in which isolation the code ran; no more of it is shown.
        """
        status = Status(feedback["status"])
        index = feedback["graded_attempt"]
        return self._render(
            "student.html",
            label=label,
            feedback=feedback,
            score=feedback["score"],
            no_score=_NO_SCORE.get(status, ""),
            status=status,
            graded=feedback["attempts"][index] if index is not None else None,
            overview=[(one, _has_more(one)) for one in feedback["exercises"]],
            exercises=[_shown(one) for one in feedback["exercises"] if _has_more(one)],
            isolations=((standing.isolation, 1),),
        )

    def class_page(self, found: Statistics, linked: frozenset[str], *, is_anonymous: bool) -> bytes:
        """Return the page about the class.

        Args:
            found: What its results say.
            linked: Students who have a page.
            is_anonymous: Whether to leave out whatever is about one student.
        """
        milestones = statistics.milestones(found.standings, self.assignment)
        return self._render(
            "class.html",
            found=found,
            linked=linked,
            is_anonymous=is_anonymous,
            bars=pictures.histogram(found.bins),
            arrivals=pictures.arrivals(found.standings, milestones),
            milestones=[
                (_DATES[one.kind] + "".join(f" ({name})" for name in one.sections if name), one)
                for one in milestones
            ],
            handed_in=sum(bool(one.hand_ins) for one in found.standings),
            untimed=sum(one.untimed for one in found.standings),
            rows=[(one, self._cells(one)) for one in found.standings],
            words=_judged,
            isolations=found.isolations,
        )

    def _cells(self, standing: Standing) -> list[tuple[str, str]]:
        works = (standing.works.get(one.id) for one in self.assignment.exercises)
        return [_cell(work) for work in works] if standing.status is Status.GRADED else []

    def _render(self, template: str, **more: Any) -> bytes:
        page = _templates().get_template(template)
        text = page.render(
            course=self.course.title,
            assignment=self.assignment,
            scale=float(self.assignment.rules.scale),
            moment=_Moments(zone=ZoneInfo(self.course.timezone)),
            **more,
        )
        return text.encode("utf-8", "backslashreplace")


_SHADES = {
    ExerciseOutcome.FAILED: "q0",
    ExerciseOutcome.FORBIDDEN: "bad",
    ExerciseOutcome.ERROR: "bad",
}


def _cell(work: Work | None) -> tuple[str, str]:
    """Return what stands in a cell of the heat map, and its class: signs first, colour second."""
    if work is None:
        return ("", "none")
    if work.share >= 1:
        return ("✓", "q4")
    if work.share > 0:
        return (_percent(work.share), f"q{1 + min(int(work.share * 3), 2)}")
    sign = "0" if work.outcome is ExerciseOutcome.FAILED else _SIGNS[work.outcome]
    return (sign, _SHADES.get(work.outcome, "none"))


def _judged(discrimination: float) -> str:
    """Say what a discrimination means."""
    if discrimination < 0:
        return "against the rest: look at it"
    if discrimination < 0.2:
        return "hardly"
    return "somewhat" if discrimination < 0.4 else "well"


@frozen
class _Part:
    """One part of an exercise, as its student sees it."""

    name: str
    points: float
    max_points: float
    passed: int
    total: int
    first: Document | None  # the case to start with: one that the student can run, if there is one
    others: tuple[str, ...]  # titles of others that do not pass
    more: int  # and so many that are not listed


@frozen
class _Shown:
    """One exercise, as its student sees it."""

    document: Document
    parts: tuple[_Part, ...]
    stopped: str  # the one reason why no case ran, if all have the same

    @property
    def is_public(self) -> bool:
        """Whether the student can see the fault with the public tests."""
        firsts = (part.first for part in self.parts)
        return any(one is not None and one["visibility"] == "public" for one in firsts)


def _has_more(exercise: Document) -> bool:
    """Whether there is more to say than what the overview does."""
    is_plain = exercise["outcome"] in (ExerciseOutcome.PASSED, ExerciseOutcome.NOT_IMPLEMENTED)
    return not is_plain or len(exercise["remarks"]) > 0


def _shown(exercise: Document) -> _Shown:
    cases = exercise["cases"]
    none_ran = all(case["outcome"] == CaseOutcome.NOT_RUN for case in cases)
    messages = {case["message"] for case in cases}
    stopped = messages.pop() if none_ran and len(messages) == 1 else ""
    return _Shown(
        document=exercise,
        parts=tuple(
            _part(part, [case for case in cases if case["part"] == part["name"]])
            for part in exercise["parts"]
        ),
        stopped=stopped,
    )


def _part(part: Document, cases: Sequence[Document]) -> _Part:
    broken = [case for case in cases if case["outcome"] != CaseOutcome.PASSED]
    broken.sort(key=lambda case: case["visibility"] != "public")
    others = list(dict.fromkeys(case["title"] for case in broken[1:]))
    return _Part(
        name=part["name"],
        points=part["points"],
        max_points=part["max_points"],
        passed=len(cases) - len(broken),
        total=len(cases),
        first=broken[0] if broken else None,
        others=tuple(others[:_MANY]),
        more=len(others[_MANY:]),
    )
