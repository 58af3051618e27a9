"""From records to a score: the rules of the course, one case each, and a brute-force model."""

# ruff: noqa: E501  # a table reads best with one case a line

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.models import (
    Assignment,
    Attempt,
    CaseOutcome,
    CaseResult,
    Decisions,
    Diagnosis,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    LatePenalty,
    PartResult,
    Policy,
    Reason,
    RunRecord,
    RunStatus,
    Schedule,
    ScoreRules,
    Status,
    Submission,
    TimeSource,
    Visibility,
)
from autograder.score import adjusted, number, score

CLASS_END = datetime(2026, 2, 9, 17, 30, tzinfo=UTC)  # 18:30 in Paris
DUE = datetime(2026, 2, 16, 22, 59, tzinfo=UTC)
CLOSES = datetime(2026, 3, 2, 22, 59, tzinfo=UTC)
IN_CLASS = CLASS_END - timedelta(minutes=5)
LATER = CLASS_END + timedelta(hours=3)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

CORE = tuple(Exercise(id=name, topic="t", points=Fraction(2)) for name in ("f", "g"))
STARS = tuple(Exercise(id=name, topic="t", points=Fraction(1), starred=True) for name in ("s", "r"))
RULES = ScoreRules(grace=timedelta(minutes=5))
LATE = LatePenalty(points=Fraction(1, 2), period=DAY, at_most=Fraction(2))
TP = Assignment(
    id="tp",
    title="TP",
    exercises=(*CORE, *STARS),
    rules=RULES,
    schedule=Schedule(class_end=CLASS_END, due=DUE, closes=CLOSES),
)
GATE = replace(TP, rules=replace(RULES, policy=Policy.GATE))
PENALTY = replace(TP, rules=replace(RULES, late_penalty=LATE))
NOBODY = Decisions()


def result(exercise: Exercise, fraction: Fraction) -> ExerciseResult:
    """One exercise in one part, of which any fraction is earned."""
    part = PartResult(name="y", points=fraction * exercise.points, max_points=exercise.points)
    outcome = ExerciseOutcome.PASSED if fraction == 1 else ExerciseOutcome.FAILED
    return ExerciseResult(exercise=exercise, title="", outcome=outcome, parts=(part,), cases=())


def run(core=1, starred=0, *, differs=True, assignment=TP) -> RunRecord:
    """A record in which `core` and `starred` of the groups are earned."""
    fractions = {False: Fraction(core), True: Fraction(starred)}
    return RunRecord(
        attempt_sha256="",
        run_sha256="",
        status=RunStatus.GRADED,
        differs_from_stub=differs,
        exercises=tuple(result(one, fractions[one.starred]) for one in assignment.exercises),
    )


STUB = run(0, 0, differs=False)
UNREADABLE = RunRecord(
    attempt_sha256="", run_sha256="", status=RunStatus.UNREADABLE, message="tp.zip is damaged."
)
FAULT = RunRecord(attempt_sha256="", run_sha256="", status=RunStatus.INTERNAL_ERROR)


def grade(*hand_ins, assignment=TP, decisions=NOBODY, section=None):
    """Score pairs of a time and a record (None: not run yet)."""
    attempts = tuple(
        Attempt(
            files=(),
            sha256=str(index),
            submitted_at=time,
            time_source=TimeSource.UNKNOWN if time is None else TimeSource.TABLE,
        )
        for index, (time, _) in enumerate(hand_ins)
    )
    submission = Submission(
        student_id="ana", assignment=assignment.id, attempts=attempts, section=section
    )
    records = {str(i): record for i, (_, record) in enumerate(hand_ins) if record is not None}
    return score(assignment, submission, records, decisions, timezone="Europe/Paris")


# --- the table -------------------------------------------------------------------------------

TABLE = {
    "everything right": (4, [(IN_CLASS, run(1, 1))], {}),
    "core only": (2, [(IN_CLASS, run(1, 0))], {}),
    "core and half of the stars": (3, [(IN_CLASS, run(1, "1/2"))], {}),
    "the same under the gate": (2, [(IN_CLASS, run(1, "1/2"))], {"assignment": GATE}),
    "everything right under the gate": (4, [(IN_CLASS, run(1, 1))], {"assignment": GATE}),
    "half of the core and of the stars under the gate": (2, [(IN_CLASS, run("1/2", "1/2"))], {"assignment": GATE}),
    "stars only": (2, [(IN_CLASS, run(0, 1))], {}),
    "stars only under the gate": (2, [(IN_CLASS, run(0, 1))], {"assignment": GATE}),
    "nothing right": (0, [(IN_CLASS, run(0, 0))], {}),
    "nothing at class end, all of it later": (1, [(LATER, run(1, 1))], {}),
    "nothing at class end, little later": (Fraction(1, 2), [(LATER, run("1/4", 0))], {}),
    "the stub at class end, work later": (1, [(IN_CLASS, STUB), (LATER, run(1, 1))], {}),
    "an unreadable file at class end, work later": (1, [(IN_CLASS, UNREADABLE), (LATER, run(1, 1))], {}),
    "some work at class end, better later": (4, [(IN_CLASS, run(0, 0)), (LATER, run(1, 1))], {}),
    "good work at class end, worse later": (2, [(IN_CLASS, run(1, 0)), (LATER, run(0, 0))], {}),
    "at the last second of the grace": (4, [(CLASS_END + 5 * timedelta(minutes=1), run(1, 1))], {}),
    "a second after the grace": (1, [(CLASS_END + timedelta(minutes=5, seconds=1), run(1, 1))], {}),
    "late, better than in time": (Fraction(7, 2), [(IN_CLASS, run(1, 0)), (DUE + HOUR, run(1, 1))], {"assignment": PENALTY}),
    "late, worse than in time after the penalty": (2, [(IN_CLASS, run(1, 0)), (DUE + 4 * DAY, run(1, "1/2"))], {"assignment": PENALTY}),
    "at due plus grace": (4, [(IN_CLASS, run(0, 0)), (DUE + RULES.grace, run(1, 1))], {"assignment": PENALTY}),
    "late by the first second": (Fraction(7, 2), [(IN_CLASS, run(0, 0)), (DUE + RULES.grace + timedelta(seconds=1), run(1, 1))], {"assignment": PENALTY}),
    "late by exactly a period": (Fraction(7, 2), [(IN_CLASS, run(0, 0)), (DUE + RULES.grace + DAY, run(1, 1))], {"assignment": PENALTY}),
    "the penalty has a bound": (2, [(IN_CLASS, run(0, 0)), (DUE + 13 * DAY, run(1, 1))], {"assignment": PENALTY}),
    "the penalty never goes below zero": (0, [(IN_CLASS, run(0, 0)), (DUE + 13 * DAY, run("1/2", 0))], {"assignment": PENALTY}),
    "penalty first, cap second": (1, [(DUE + HOUR, run(1, 1))], {"assignment": PENALTY}),
    "after it closed, the earlier attempt counts": (2, [(IN_CLASS, run(1, 0)), (CLOSES + HOUR, run(1, 1))], {}),
    "unknown time": (4, [(None, run(1, 1))], {"assignment": PENALTY}),
    "unknown time lifts the cap of a later attempt": (4, [(None, run(0, 0)), (LATER, run(1, 1))], {}),
    "a section with another class end": (4, [(LATER, run(1, 1))], {"section": "evening", "assignment": replace(TP, sections={"evening": replace(TP.schedule, class_end=LATER)})}),
    "a section without dates of its own": (1, [(LATER, run(1, 1))], {"section": "morning"}),
    "a section without a class end": (4, [(LATER, run(1, 1))], {"section": "remote", "assignment": replace(TP, sections={"remote": Schedule(due=DUE)})}),
    "override": (Fraction(13, 4), [(LATER, run(1, 1))], {"decisions": Decisions(score=Fraction(13, 4))}),
    "override without an attempt": (2, [], {"decisions": Decisions(score=Fraction(2))}),
    "override of a fault of ours": (2, [(LATER, FAULT)], {"decisions": Decisions(score=Fraction(2))}),
    "extension": (4, [(IN_CLASS, run(0, 0)), (DUE + DAY, run(1, 1))], {"assignment": PENALTY, "decisions": Decisions(extension=DUE + DAY)}),
    "an extension that is not enough": (Fraction(7, 2), [(IN_CLASS, run(0, 0)), (DUE + DAY + HOUR, run(1, 1))], {"assignment": PENALTY, "decisions": Decisions(extension=DUE + DAY)}),
    "an extension never takes time away": (4, [(IN_CLASS, run(0, 0)), (DUE, run(1, 1))], {"assignment": PENALTY, "decisions": Decisions(extension=IN_CLASS)}),
    "an extension beyond the closing": (4, [(IN_CLASS, run(0, 0)), (CLOSES + DAY, run(1, 1))], {"assignment": PENALTY, "decisions": Decisions(extension=CLOSES + DAY)}),
    "an extension does not lift the class cap": (1, [(LATER, run(1, 1))], {"decisions": Decisions(extension=CLOSES)}),
    "excuse": (4, [(LATER, run(1, 1))], {"decisions": Decisions(excused=True)}),
    "an excuse does not lift the late penalty": (Fraction(7, 2), [(DUE + HOUR, run(1, 1))], {"assignment": PENALTY, "decisions": Decisions(excused=True)}),
    "without stars": (3, [(IN_CLASS, run("3/4", 0))], {"assignment": replace(TP, exercises=CORE)}),
    "without stars under the gate": (3, [(IN_CLASS, run("3/4", 0))], {"assignment": replace(GATE, exercises=CORE)}),
    "stars alone": (1, [(IN_CLASS, run(0, "1/4"))], {"assignment": replace(TP, exercises=STARS)}),
    "stars alone under the gate": (1, [(IN_CLASS, run(0, "1/4"))], {"assignment": replace(GATE, exercises=STARS)}),
    "without dates": (4, [(CLOSES + DAY, run(1, 1))], {"assignment": replace(PENALTY, schedule=Schedule())}),
    "points that changed after the run": (Fraction(5, 2), [(IN_CLASS, run(1, "1/2"))], {"assignment": replace(TP, exercises=(CORE[0], replace(CORE[1], points=Fraction(8)), replace(STARS[0], points=Fraction(3)), replace(STARS[1], points=Fraction(5), starred=True), replace(STARS[1], id="new", points=Fraction(8))))}),
    "half up": (Fraction("1.34"), [(IN_CLASS, run("0.6675", 0))], {}),
    "rounded to halves": (Fraction(3, 2), [(IN_CLASS, run("0.625", 0))], {"assignment": replace(TP, rules=replace(RULES, rounding=Fraction(1, 2)))}),
    "a fault of ours that cannot matter": (4, [(IN_CLASS, run(1, 1)), (LATER, FAULT)], {}),
    "a fault of ours after it closed": (2, [(IN_CLASS, run(1, 0)), (CLOSES + HOUR, FAULT)], {}),
    "an attempt not run yet that cannot matter": (4, [(IN_CLASS, run(1, 1)), (LATER, None)], {}),
    "a bad file beside a good one": (0, [(IN_CLASS, UNREADABLE), (LATER, run(0, 0))], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_score_table(name):
    expected, hand_ins, more = TABLE[name]
    found = grade(*hand_ins, **more)
    assert found.status is Status.GRADED
    assert found.score.value == expected
    assert found.explanation == found.score.explanation


# --- what is not a number --------------------------------------------------------------------


def test_nothing_handed_in_is_zero_and_says_so():
    found = grade()
    assert (found.status, found.score.value) == (Status.NOT_SUBMITTED, 0)
    assert found.explanation == "Nothing was handed in."
    assert found.best_attempt is None


def test_only_handed_in_after_it_closed_is_not_handed_in():
    found = grade((CLOSES + HOUR, run(1, 1)))
    assert (found.status, found.score.value) == (Status.NOT_SUBMITTED, 0)
    assert found.explanation == "Nothing was handed in before it closed at 23:59 on 2 March."


def test_a_fault_of_ours_is_never_a_zero():
    found = grade((LATER, FAULT))
    assert (found.status, found.score, found.best_attempt) == (Status.INTERNAL_ERROR, None, None)
    assert "not your fault" in found.explanation


def test_a_fault_of_ours_is_not_hidden_by_a_worse_attempt():
    assert grade((IN_CLASS, run(1, 0)), (LATER, FAULT)).status is Status.INTERNAL_ERROR


def test_a_fault_of_ours_in_class_time_may_have_lifted_the_cap_of_a_later_attempt():
    penalty = LatePenalty(points=Fraction(4), period=DAY, at_most=Fraction(4))
    rules = replace(RULES, late_penalty=penalty)
    schedule = replace(TP.schedule, class_end=DUE - DAY)
    assignment = replace(TP, rules=rules, schedule=schedule)
    late = (DUE - HOUR, run(1, 1))
    assert grade((IN_CLASS, FAULT), late, assignment=assignment).status is Status.INTERNAL_ERROR
    assert grade((DUE, FAULT), late, assignment=assignment).status is Status.GRADED


def test_a_fault_of_ours_is_not_a_zero_even_if_the_penalty_takes_everything():
    penalty = LatePenalty(points=Fraction(4), period=DAY, at_most=Fraction(4))
    assignment = replace(TP, rules=replace(RULES, late_penalty=penalty))
    assert grade((DUE + DAY, FAULT), assignment=assignment).status is Status.INTERNAL_ERROR


def test_a_case_that_failed_for_our_reasons_is_a_fault_of_ours():
    case = CaseResult(
        id="c#y", title="", visibility=Visibility.HIDDEN, part="y", outcome=CaseOutcome.ERROR
    )
    record = run(1, 0)
    broken = replace(record.exercises[0], cases=(case,))
    record = replace(record, exercises=(broken, *record.exercises[1:]))
    assert grade((IN_CLASS, record)).status is Status.INTERNAL_ERROR


def test_an_attempt_that_was_not_run_yet_is_pending():
    found = grade((IN_CLASS, run(1, 0)), (LATER, None))
    assert (found.status, found.score) == (Status.PENDING, None)
    assert found.explanation == "Not graded yet."


def test_only_unreadable_files_are_unreadable_not_zero():
    found = grade((IN_CLASS, UNREADABLE))
    assert (found.status, found.score) == (Status.UNREADABLE, None)
    assert found.explanation == "What was handed in could not be read. tp.zip is damaged."


def test_what_could_not_even_be_opened_is_unreadable_not_pending():
    attempt = Attempt(files=(), sha256="0", submitted_at=IN_CLASS, problem="tp.rar is no zip.")
    submission = Submission(student_id="ana", assignment="tp", attempts=(attempt,))
    found = score(TP, submission, {}, NOBODY, timezone="UTC")
    assert found.status is Status.UNREADABLE
    assert found.explanation.endswith("could not be read. tp.rar is no zip.")


def test_an_unreadable_attempt_beside_a_fault_of_ours_waits_for_the_fault():
    assert grade((IN_CLASS, UNREADABLE), (LATER, FAULT)).status is Status.INTERNAL_ERROR


# --- which attempt, and why ------------------------------------------------------------------


def test_each_attempt_is_scored_by_itself():
    found = grade((IN_CLASS, run(1, 0)), (LATER, UNREADABLE), (LATER, run(1, 1)))
    assert found.best_attempt == 2
    assert [one and one.value for one in found.attempts] == [2, None, 4]


def test_of_equal_attempts_the_earliest_counts_but_capped_work_is_compared_before_the_cap():
    assert grade((IN_CLASS, run(1, 0)), (LATER, run(1, 0))).best_attempt == 0
    assert grade((LATER, run(1, 0)), (LATER + HOUR, run(1, 1))).best_attempt == 1


@pytest.mark.parametrize(
    ("hand_ins", "more", "said"),
    [
        (
            [(LATER, run(1, "5/8"))],
            {},
            "Core exercises: 4 of 4 points, worth 2 of 2. Starred exercises: 1.25 of 2 points, worth 1.25 of 2. 3.25 before caps; capped at 1: nothing was handed in by 18:30 on 9 February. Score: 1 of 4.",
        ),
        (
            [(IN_CLASS, STUB), (LATER, run(1, 0))],
            {},
            "2 before caps; capped at 1: what was handed in by 18:30 on 9 February was the unchanged handout. Score: 1 of 4.",
        ),
        (
            [(IN_CLASS, UNREADABLE), (LATER, run(1, 0))],
            {},
            "Attempt 2 of 2. Core exercises: 4 of 4 points, worth 2 of 2. Starred exercises: 0 of 2 points, worth 0 of 2. 2 before caps; capped at 1: what was handed in by 18:30 on 9 February could not be read. Score: 1 of 4.",
        ),
        (
            [(IN_CLASS, run(0, 0)), (DUE + DAY + HOUR, run(1, 1))],
            {"assignment": PENALTY},
            "Late: handed in at 00:59 on 18 February, due at 23:59 on 16 February; 0.5 off for each started period of 1 day, at most 2: 1 off. Score: 3 of 4.",
        ),
        (
            [(None, run(1, 1))],
            {},
            "When it was handed in is not known (time_unknown): no cap and no penalty. Score: 4 of 4.",
        ),
        (
            [(IN_CLASS, run(1, "1/2"))],
            {"assignment": GATE},
            "worth 1 of 2. At most 2 until every starred exercise is complete. Score: 2 of 4.",
        ),
        (
            [(LATER, run(1, 1))],
            {"decisions": Decisions(excused=True)},
            "Excused from handing in by the end of class. Score: 4 of 4.",
        ),
        (
            [(IN_CLASS, run(1, 1))],
            {"decisions": Decisions(extension=DUE + DAY)},
            "Extended to 23:59 on 17 February. Score: 4 of 4.",
        ),
        (
            [(LATER, run(1, 1))],
            {"decisions": Decisions(score=Fraction(7, 2))},
            "Score: 1 of 4. An instructor set the score to 3.5.",
        ),
        ([], {"decisions": Decisions(score=Fraction(2))}, "An instructor set the score to 2."),
        (
            [(IN_CLASS, run("1/3", 0))],
            {"assignment": replace(TP, exercises=CORE)},
            "Exercises: 1.33 of 4 points, worth 1.33 of 4. Score: 1.33 of 4.",
        ),
    ],
)
def test_the_explanation_says_where_the_score_comes_from(hand_ins, more, said):
    assert grade(*hand_ins, **more).explanation.endswith(said)


def test_the_explanation_names_no_rule_that_changed_nothing():
    assert "capped" not in grade((LATER, run("1/4", 0))).explanation
    dateless = replace(TP, schedule=Schedule())
    assert "time_unknown" not in grade((None, run(1, 1)), assignment=dateless).explanation
    assert "At most" not in grade((IN_CLASS, run("1/4", "1/4")), assignment=GATE).explanation


def test_times_are_said_in_the_timezone_of_the_course():
    submission = Submission(
        student_id="ana",
        assignment="tp",
        attempts=(Attempt(files=(), sha256="0", submitted_at=LATER),),
    )
    found = score(TP, submission, {"0": run(1, 1)}, NOBODY, timezone="Asia/Tokyo")
    assert "by 02:30 on 10 February" in found.explanation


def test_a_score_carries_its_whole_derivation():
    found = grade((IN_CLASS, STUB), (DUE + HOUR, run(1, "1/2")), assignment=PENALTY).score
    assert (found.core, found.starred, found.raw) == (1, Fraction(1, 2), 3)
    assert (found.late_penalty, found.value, found.scale) == (Fraction(1, 2), 1, 4)
    assert [cap.limit for cap in found.caps] == [1]


@pytest.mark.parametrize(
    ("period", "said"),
    [
        (timedelta(hours=2, minutes=30), "2 h 30 min"),
        (timedelta(days=2), "2 days"),
        (timedelta(days=1, seconds=30), "1 day 30 s"),
    ],
)
def test_periods_are_written_as_in_the_configuration(period, said):
    rules = replace(RULES, late_penalty=replace(LATE, period=period))
    found = grade((None, STUB), (DUE + HOUR, run(1, 1)), assignment=replace(TP, rules=rules))
    late = grade(
        (IN_CLASS, run(0, 0)), (DUE + HOUR, run(1, 1)), assignment=replace(TP, rules=rules)
    )
    assert found.score.value == 1
    assert f"each started period of {said}, at most 2" in late.explanation


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("3", "3"),
        ("3.25", "3.25"),
        ("4/3", "1.33"),
        ("0.0005", "0.0005"),
        ("0", "0"),
        ("2/3", "0.67"),
    ],
)
def test_points_are_written_as_people_write_them(value, said):
    assert number(Fraction(value)) == said


# --- decisions about one exercise ------------------------------------------------------------


def case(part: str, outcome: CaseOutcome, reason: Reason | None = None) -> CaseResult:
    return CaseResult(
        id=f"test_it#{part}",
        title="",
        visibility=Visibility.HIDDEN,
        part=part,
        outcome=outcome,
        reason=reason,
    )


def forbidden(*cases: CaseResult) -> RunRecord:
    """A record whose exercise f used something forbidden; parts a and b weigh 1 and 3."""
    parts = tuple(
        PartResult(name=name, points=Fraction(0), max_points=Fraction(weight, 2))
        for name, weight in (("a", 1), ("b", 3))
    )
    exercise = ExerciseResult(
        exercise=CORE[0],
        title="",
        outcome=ExerciseOutcome.FORBIDDEN,
        parts=parts,
        cases=cases,
        diagnoses=(Diagnosis(mistake=None, parts=("a", "b"), hints=("by hand",)),),
        review="exec on line 3",
    )
    return replace(run(1, 0), exercises=(exercise, *run(1, 0).exercises[1:]))


CLEARED = Decisions(cleared_forbidden=frozenset({"t.f"}))


def test_a_forbidden_exercise_earns_nothing_until_it_is_cleared():
    record = forbidden(case("a", CaseOutcome.PASSED), case("b", CaseOutcome.PASSED))
    assert grade((IN_CLASS, record)).score.value == 1
    assert grade((IN_CLASS, record), decisions=CLEARED).score.value == 2


def test_a_cleared_exercise_gets_back_only_the_parts_whose_cases_all_passed():
    passed, failed = CaseOutcome.PASSED, CaseOutcome.FAILED
    record = forbidden(case("a", passed), case("b", passed), case("b", failed, Reason.FORBIDDEN))
    result = adjusted(record, TP, CLEARED).exercises[0]
    assert [part.points for part in result.parts] == [Fraction(1, 2), 0]
    assert result.outcome is ExerciseOutcome.FAILED
    assert result.diagnoses == ()
    assert result.review == "exec on line 3"


def test_a_part_without_cases_gets_nothing_back():
    result = adjusted(forbidden(case("a", CaseOutcome.PASSED)), TP, CLEARED).exercises[0]
    assert [part.points for part in result.parts] == [Fraction(1, 2), 0]


def test_clearing_changes_no_exercise_that_used_nothing_forbidden():
    record = run("1/2", 0)
    assert adjusted(record, TP, CLEARED) == record


def test_a_cleared_review_is_gone():
    cleared = Decisions(cleared_review=frozenset({"t.f"}))
    assert adjusted(forbidden(), TP, cleared).exercises[0].review is None
    assert adjusted(forbidden(), TP, NOBODY).exercises[0].review == "exec on line 3"


def test_points_set_by_hand_replace_what_was_earned():
    decided = Decisions(points={"t.f": Fraction(1)})
    record = adjusted(run(0, 0), TP, decided)
    assert record.exercises[0].points == 1
    assert record.exercises[0].remarks == ("an instructor set the points of this exercise",)
    assert grade((IN_CLASS, run(0, 0)), decisions=decided).score.value == Fraction(1, 2)


def test_points_set_by_hand_are_never_more_than_the_exercise_has():
    decided = Decisions(points={"t.f": Fraction(9)})
    assert adjusted(run(0, 0), TP, decided).exercises[0].points == 2


def test_adjusting_shows_the_points_of_today_and_only_the_exercises_of_the_assignment():
    today = replace(CORE[0], points=Fraction(10), starred=True)
    record = adjusted(run("1/2", 0), replace(TP, exercises=(today,)), NOBODY)
    (only,) = record.exercises
    assert (only.exercise, only.points) == (today, 5)


def test_adjusting_twice_is_adjusting_once():
    decided = replace(CLEARED, points={"t.g": Fraction(1)}, cleared_review=frozenset({"t.f"}))
    once = adjusted(forbidden(case("a", CaseOutcome.PASSED)), TP, decided)
    assert adjusted(once, TP, decided) == once


def test_a_part_that_is_worth_nothing_earns_nothing():
    part = PartResult(name="y", points=Fraction(0), max_points=Fraction(0))
    empty = replace(run(1, 0).exercises[0], parts=(part,))
    assert adjusted(replace(run(1, 0), exercises=(empty,)), TP, NOBODY).exercises[0].points == 0


# --- an independent model --------------------------------------------------------------------

QUARTERS = st.integers(0, 4).map(lambda n: Fraction(n, 4))
TIMES = st.none() | st.integers(-3, 30 * 24).map(lambda hours: CLASS_END + hours * HOUR)
ATTEMPTS = st.lists(st.tuples(TIMES, QUARTERS, QUARTERS, st.booleans()), min_size=1, max_size=4)


def brute_force(attempts, *, policy, late, extension, excused):
    """Follow the course's text literally; minutes as integers, no code of ours."""

    def minutes(time):
        return int((time - CLASS_END).total_seconds()) // 60

    due, closes = minutes(DUE), minutes(CLOSES)
    if extension is not None:
        due, closes = max(due, minutes(extension)), max(closes, minutes(extension))
    values = []
    for time, core, starred, _ in attempts:
        if time is not None and minutes(time) > closes:
            continue
        handed_in_at_class_end = any(
            differs and (other is None or minutes(other) <= 5) for other, _, _, differs in attempts
        )
        hundredths = 200 * core + 200 * starred
        if policy is Policy.GATE and starred != 1 and hundredths > 200:
            hundredths = 200
        if late and time is not None:
            over, periods = minutes(time) - due - 5, 0
            while over > 0:
                over, periods = over - 24 * 60, periods + 1
            hundredths -= min(50 * periods, 200)
        if not handed_in_at_class_end and not excused:
            hundredths = min(hundredths, 100)
        values.append(max(hundredths, 0))
    return max(values) / 100 if values else None


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(
    attempts=ATTEMPTS,
    policy=st.sampled_from(Policy),
    late=st.booleans(),
    extension=st.none() | st.integers(0, 40).map(lambda days: CLASS_END + days * DAY),
    excused=st.booleans(),
)
def test_the_score_is_what_a_brute_force_model_says(attempts, policy, late, extension, excused):
    rules = replace(RULES, policy=policy, late_penalty=LATE if late else None)
    found = grade(
        *((time, run(core, star, differs=differs)) for time, core, star, differs in attempts),
        assignment=replace(TP, rules=rules),
        decisions=Decisions(extension=extension, excused=excused),
    )
    expected = brute_force(attempts, policy=policy, late=late, extension=extension, excused=excused)
    if expected is None:
        assert found.status is Status.NOT_SUBMITTED
        assert found.score.value == 0
    else:
        assert found.score.value == expected


OUTCOMES = st.sampled_from((run(1, 1), run(1, 0), run(0, 0), STUB, UNREADABLE, FAULT, None))
CANDIDATES = (run(1, 1), run(1, 0), run(0, 0), STUB, UNREADABLE)


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(hand_ins=st.lists(st.tuples(TIMES, OUTCOMES), min_size=1, max_size=3))
def test_a_grade_is_given_only_if_no_open_attempt_could_change_it(hand_ins):
    found = grade(*hand_ins, assignment=PENALTY)
    is_open = [record is None or record is FAULT for _, record in hand_ins]
    if found.status in (Status.INTERNAL_ERROR, Status.PENDING):
        assert any(is_open)
        return
    ways = [CANDIDATES if one else (record,) for one, (_, record) in zip(is_open, hand_ins, strict=True)]  # fmt: skip
    for records in itertools.product(*ways):
        times = (time for time, _ in hand_ins)
        other = grade(*zip(times, records, strict=True), assignment=PENALTY)
        assert (other.score and other.score.value) == (found.score and found.score.value)


# --- exercises that a person grades -----------------------------------------------------------

ESSAY = Exercise(id="essay", topic="t", points=Fraction(2), manual=True)
TALK = Exercise(id="talk", topic="t", points=Fraction(1), manual=True, starred=True)
BY_HAND = replace(TP, exercises=(CORE[0], ESSAY, CORE[1], *STARS, TALK))


def by_hand(*hand_ins, **points):
    given = {f"t.{name}": Fraction(value) for name, value in points.items()}
    return grade(*hand_ins, assignment=BY_HAND, decisions=Decisions(points=given))


def test_without_a_persons_points_there_is_no_score_and_the_rest_is_said():
    made = by_hand((IN_CLASS, run(1, 0)))
    assert (made.status, made.score, made.attempts) == (Status.PENDING, None, (None,))
    assert made.best_attempt == 0
    assert made.waiting == (ESSAY, TALK)
    assert made.explanation == (
        "Core exercises so far: 4 of 6 points. Starred exercises so far: 0 of 3 points."
        " No score yet: a person has yet to grade essay (2 points), talk (1 point)."
    )


def test_some_of_the_points_are_not_enough():
    made = by_hand((IN_CLASS, run(1, 0)), (LATER, run(1, 1)), essay=2)
    assert (made.status, made.waiting, made.best_attempt) == (Status.PENDING, (TALK,), 1)
    assert made.explanation.startswith("Attempt 2 of 2. Core exercises so far: 6 of 6 points.")


@pytest.mark.parametrize(
    ("essay", "talk", "value"), [("0", "0", "2.67"), ("2", "1", "4"), ("1", "0.5", "3.33")]
)
def test_a_persons_points_count_like_those_of_suites(essay, talk, value):
    made = by_hand((IN_CLASS, run(1, 1)), essay=essay, talk=talk)
    assert (made.status, made.waiting) == (Status.GRADED, ())
    assert made.score.value == Fraction(value)


def test_a_persons_points_meet_the_same_caps():
    assert by_hand((LATER, run(1, 1)), essay=2, talk=1).score.value == 1


def test_a_person_is_not_waited_for_where_there_is_nothing_to_grade():
    assert by_hand().score.value == 0
    assert by_hand((IN_CLASS, UNREADABLE)).status is Status.UNREADABLE
    assert by_hand((IN_CLASS, FAULT)).status is Status.INTERNAL_ERROR
    assert by_hand((IN_CLASS, None)).waiting == ()


def test_a_whole_override_needs_no_points():
    made = grade((IN_CLASS, run(1, 0)), assignment=BY_HAND, decisions=Decisions(score=Fraction(3)))
    assert (made.status, made.score.value, made.waiting) == (Status.GRADED, 3, ())


def test_a_record_shows_a_persons_points_where_the_exercise_stands():
    given = Decisions(
        points={"t.essay": Fraction(3, 2), "t.talk": Fraction(1)},
        comments={"t.essay": "one step is missing"},
    )
    once = adjusted(run(1, 1), BY_HAND, given)
    assert adjusted(once, BY_HAND, given) == once
    assert [one.exercise.id for one in once.exercises] == ["f", "essay", "g", "s", "r", "talk"]
    essay, talk = once.exercises[1], once.exercises[-1]
    assert (essay.points, essay.outcome) == (Fraction(3, 2), ExerciseOutcome.FAILED)
    assert essay.remarks == ("graded by a person: one step is missing",)
    assert (talk.points, talk.outcome) == (1, ExerciseOutcome.PASSED)
    assert talk.remarks == ("graded by a person",)
    assert len(adjusted(run(1, 1), BY_HAND, NOBODY).exercises) == 4
    assert adjusted(UNREADABLE, BY_HAND, given).exercises == ()
