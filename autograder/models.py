"""The nouns. Every stage is a function from one of these to the next; nothing here imports ours.

Points are `Fraction`s, rounded once, when a score is shown. Times are timezone-aware `datetime`s.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

Noun = TypeVar("Noun")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen(cls: type[Noun]) -> type[Noun]:
    """Make a dataclass of named fields that never change."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


# --- what the instructor says (config.load) -------------------------------------------------


class Policy(StrEnum):
    """How core and starred exercises make a raw score."""

    ADDITIVE = "additive"  # both shares add up
    GATE = "gate"  # at most the core share until every star is earned


@frozen
class Limits:
    """Bounds on student code. CPU seconds are the rule; wall time only stops sleepers."""

    call_cpu_s: float = 5.0
    exercise_cpu_s: float = 10.0
    submission_cpu_s: float = 60.0
    import_cpu_s: float = 5.0  # running the module's own statements, before any call
    wall_factor: float = 3.0
    wall_min_s: float = 5.0
    memory_bytes: int = 2 << 30  # on top of what the interpreter and torch need
    output_bytes: int = 64 << 10  # of prints kept; the rest is counted and dropped
    reply_bytes: int = 64 << 20  # of one returned value

    def wall_s(self, cpu_s: float) -> float:
        """Return the wall-clock limit that goes with a limit of `cpu_s` seconds of CPU."""
        return max(self.wall_factor * cpu_s, self.wall_min_s)


@frozen
class Tolerance:
    """``|actual - expected| <= atol + rtol * |expected|``, element by element."""

    rtol: float
    atol: float


@frozen
class ForbiddenSet:
    """A named group of operations that "by hand" excludes."""

    name: str
    names: tuple[str, ...] = ()  # public names, resolved exactly: "torch.nn.functional.softmax"
    operators: tuple[str, ...] = ()  # dispatcher names, with or without overload: "aten::_softmax"
    autograd: bool = False  # any use of torch's automatic differentiation


@frozen
class Exercise:
    """One function or class to write, as an assignment asks for it."""

    id: str  # "softmax_backward", or "Value.backward"
    topic: str
    points: Fraction
    starred: bool = False
    forbidden: tuple[ForbiddenSet, ...] = ()
    manual: bool = False  # a person grades it: no suite knows it

    @property
    def key(self) -> str:
        """Name it as the configuration does: "losses.softmax_backward"."""
        return f"{self.topic}.{self.id}"


@frozen
class LatePenalty:
    """Points (out of the scale) lost for each started `period` after `due`, up to `at_most`."""

    points: Fraction
    period: timedelta
    at_most: Fraction


@frozen
class Schedule:
    """The dates of one section; `None` means that the rule does not apply."""

    class_end: datetime | None = None  # something must be handed in by then, plus grace
    due: datetime | None = None  # the late penalty counts from here, plus grace
    closes: datetime | None = None  # attempts after this are not graded


@frozen
class ScoreRules:
    """How points become a score (see `score.score`)."""

    scale: Fraction = Fraction(4)
    core_share: Fraction = Fraction(2)
    starred_share: Fraction = Fraction(2)
    policy: Policy = Policy.ADDITIVE
    class_cap: Fraction = Fraction(1)  # the most that is left when nothing came in by class end
    grace: timedelta = timedelta(0)
    late_penalty: LatePenalty | None = None
    rounding: Fraction = Fraction(1, 100)  # the score is a multiple of this, half up


@frozen
class Assignment:
    """A list of exercises of any topics, with points, stars and dates."""

    id: str
    title: str
    exercises: tuple[Exercise, ...]
    rules: ScoreRules
    schedule: Schedule
    sections: dict[str, Schedule] = field(default_factory=dict)  # section name -> its own dates
    limits: Limits = field(default_factory=Limits)
    files: tuple[str, ...] = ()  # expected file names, most expected first

    @property
    def topics(self) -> tuple[str, ...]:
        """Its topics, in the order of their first exercise."""
        return tuple(dict.fromkeys(exercise.topic for exercise in self.exercises))

    @property
    def tested(self) -> Assignment:
        """The same assignment with nothing but what suites grade."""
        return replace(self, exercises=tuple(one for one in self.exercises if not one.manual))


@frozen
class ExternalColumn:
    """Scores that come from elsewhere: a project, a quiz."""

    name: str
    title: str
    scale: Fraction


@frozen
class CourseGrade:
    """What all scores together make (see `formula`); each name is on the scale of the grade."""

    formula: str
    scale: Fraction
    rounding: Fraction


@frozen
class GradingConfig:
    """Everything in grading_config.yml, validated once."""

    course_dir: Path
    title: str
    timezone: str
    assignments: dict[str, Assignment]
    topics: dict[str, tuple[Exercise, ...]]  # every exercise that a topic's suites grade
    tolerances: dict[str, Tolerance]  # by dtype ("float64"); "exact" for integers and bool
    device: str = "cpu"
    external: dict[str, ExternalColumn] = field(default_factory=dict)  # by name
    course_grade: CourseGrade | None = None


# --- what a student handed in (collect) ------------------------------------------------------


class TimeSource(StrEnum):
    """Where the time of an attempt comes from; never from a file's own time."""

    TABLE = "submissions.csv"
    LMS = "lms"
    GIT = "git"
    ATTEMPT = "attempt"  # the name of the attempt's folder: ana/2026-02-09T18-20/
    COLLECTED = "collected"  # `gradlab collect --at`
    UNKNOWN = "time_unknown"


@frozen
class SubmittedFile:
    """One file as it came, unread: the name is the student's, the bytes are in `blob`."""

    name: str  # relative, "/"-separated, as found ("my work/losses (1).ipynb", "work.zip")
    sha256: str
    size: int
    blob: Path  # where OUT keeps the bytes


@frozen
class Attempt:
    """One hand-in of one student."""

    files: tuple[SubmittedFile, ...]
    sha256: str  # of names and contents
    submitted_at: datetime | None
    time_source: TimeSource = TimeSource.UNKNOWN
    problem: str | None = None  # why it cannot even be opened

    @property
    def when(self) -> datetime:
        """Its time for sorting: an unknown time comes before all others."""
        return self.submitted_at or datetime.min.replace(tzinfo=UTC)


@frozen
class Account:
    """Who a student is on a learning platform; Moodle's id holds for one assignment only."""

    platform: str  # moodle | canvas | gradescope | github
    id: str
    name: str = ""  # as the platform writes it


@frozen
class Submission:
    """All attempts of one student at one assignment, oldest first, unknown times first of all."""

    student_id: str
    assignment: str
    attempts: tuple[Attempt, ...]
    name: str = ""
    section: str | None = None
    accounts: tuple[Account, ...] = ()
    aliases: tuple[str, ...] = ()  # other ids of the same student: the roster's, e-mail addresses


# --- what the suite saw (suite.run) ----------------------------------------------------------


class Visibility(StrEnum):
    """Who may see a case's numbers."""

    PUBLIC = "public"
    HIDDEN = "hidden"


class CaseOutcome(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # ours: the suite itself raised
    NOT_RUN = "not_run"


class Reason(StrEnum):
    """Why a case did not pass."""

    VALUE = "value"
    SHAPE = "shape"
    DTYPE = "dtype"
    TYPE = "type"
    NAN = "nan"
    EXCEPTION = "exception"
    CPU_TIME = "cpu_time"
    WALL_TIME = "wall_time"
    MEMORY = "memory"
    CRASHED = "crashed"
    EXITED = "exited"
    BAD_REPLY = "bad_reply"
    FORBIDDEN = "forbidden"


class ExerciseOutcome(StrEnum):
    """How an exercise ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_IMPLEMENTED = "not_implemented"
    FORBIDDEN = "forbidden"
    ERROR = "error"
    NOT_RUN = "not_run"


@frozen
class CaseResult:
    """One case, seen from one part of its exercise."""

    id: str  # pytest node id, then "#part"
    title: str
    visibility: Visibility
    part: str
    outcome: CaseOutcome
    reason: Reason | None = None
    message: str = ""  # for the instructor: numbers, shapes
    feedback: str = ""  # for the student of a hidden case: nothing student-controlled, no input
    called: str = ""  # the call that it broke at, with its inputs; for whoever may read `message`
    duration_s: float = 0.0


@frozen
class PartResult:
    """A part (one returned tensor, or "stability") and its share of the exercise."""

    name: str
    points: Fraction
    max_points: Fraction


@frozen
class Diagnosis:
    """A known mistake, or an algebraic probe, that explains what was returned."""

    mistake: str | None  # id of a known mistake; None for a probe
    parts: tuple[str, ...]  # the returned tensors that it explains
    hints: tuple[str, ...]  # the ladder: what fails, where, a question


@frozen
class ExerciseResult:
    """All that the suite found about one exercise."""

    exercise: Exercise
    title: str
    outcome: ExerciseOutcome
    parts: tuple[PartResult, ...]
    cases: tuple[CaseResult, ...]
    diagnoses: tuple[Diagnosis, ...] = ()
    remarks: tuple[str, ...] = ()
    review: str | None = None  # what a person should look at; the points stand

    @property
    def points(self) -> Fraction:
        """What its parts earned."""
        return sum((part.points for part in self.parts), Fraction(0))


class RunStatus(StrEnum):
    """What became of one attempt."""

    GRADED = "graded"
    UNREADABLE = "unreadable"
    INTERNAL_ERROR = "internal_error"


@frozen
class RunRecord:
    """One attempt, run: facts only, no score."""

    attempt_sha256: str
    run_sha256: str
    status: RunStatus
    message: str = ""  # why unreadable, or the fault of ours
    graded_file: str = ""
    differs_from_stub: bool = False
    exercises: tuple[ExerciseResult, ...] = ()
    remarks: tuple[str, ...] = ()
    private: dict[str, Any] = field(default_factory=dict)  # tracebacks and prints, for OUT/private

    @property
    def is_final(self) -> bool:
        """Whether running it again would change nothing (a fault of ours is tried again)."""
        return self.status is not RunStatus.INTERNAL_ERROR


# --- what it is worth (score.score) ----------------------------------------------------------


@frozen
class Cap:
    """An upper bound on a score, with the sentence that a student reads."""

    limit: Fraction
    reason: str


@frozen
class Score:
    """A score with its whole derivation."""

    value: Fraction
    scale: Fraction
    core: Fraction
    starred: Fraction
    raw: Fraction
    late_penalty: Fraction
    caps: tuple[Cap, ...]
    explanation: str


class Status(StrEnum):
    """What a grade is worth to a gradebook; only `graded` and `not_submitted` carry a number."""

    GRADED = "graded"
    NOT_SUBMITTED = "not_submitted"
    UNREADABLE = "unreadable"
    INTERNAL_ERROR = "internal_error"
    PENDING = "pending"


@frozen
class Grade:
    """The result of one student at one assignment."""

    student_id: str
    assignment: str
    status: Status
    score: Score | None
    best_attempt: int | None = None  # index into the submission's attempts
    attempts: tuple[Score | None, ...] = ()  # what each alone is worth; None if it is not graded
    explanation: str = ""  # what a student reads, whatever the status
    waiting: tuple[Exercise, ...] = ()  # what a person has yet to grade; then there is no score


@frozen
class LedgerEntry:
    """One human decision: who changed what for whom, when and why."""

    kind: str  # override | points | extension | excuse | clear_review | clear_forbidden
    student_id: str
    assignment: str
    by: str
    at: datetime
    why: str
    exercise: str | None = None
    value: str | None = None  # points, a date (ISO 8601 with an offset), or "withdrawn"


BY_PERSON = "graded by a person"  # why, where nobody wrote a comment


@frozen
class Decisions:
    """What people decided about one student at one assignment (`ledger.decisions`)."""

    score: Fraction | None = None  # instead of what the rules give
    extension: datetime | None = None  # `due` and `closes` are not before this
    excused: bool = False  # from handing something in by class_end
    points: dict[str, Fraction] = field(default_factory=dict)  # by exercise key, instead of earned
    comments: dict[str, str] = field(default_factory=dict)  # by key, of points that a person gave
    cleared_forbidden: frozenset[str] = frozenset()  # exercise keys
    cleared_review: frozenset[str] = frozenset()


# --- where it ran (sandbox) ------------------------------------------------------------------


@frozen
class Isolation:
    """The tier that was really reached, and what it cannot promise."""

    tier: str  # "A", "C", or "none" (--i-trust-this-code)
    missing: tuple[str, ...] = ()  # each stands alone after "it cannot promise"
    why: str = ""  # the kernel's refusal of each better tier
