"""What a class's results say: small classes whose numbers one can count by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.models import (
    Assignment,
    Attempt,
    Exercise,
    ExerciseOutcome,
    Isolation,
    Schedule,
    ScoreRules,
    Status,
    Submission,
)
from autograder.report import statistics as stats
from autograder.report.statistics import Standing, Work

NINE = datetime(2026, 2, 9, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOFTMAX = Exercise(id="softmax", topic="losses", points=Fraction(2))
MLP = Exercise(id="mlp", topic="mlp", points=Fraction(4))
BOTH = (SOFTMAX, MLP)


def work(share=1.0, outcome=None, **changes) -> Work:
    passed = ExerciseOutcome.PASSED if share == 1 else ExerciseOutcome.FAILED
    given = {"mistake": None, "hint": "", "review": None, "ran": {}} | changes
    return Work(outcome=outcome or passed, share=share, **given)


def one(name="ana", *, status=Status.GRADED, score=2.0, times=(), section=None, **works):
    return Standing(
        student_id=name,
        label=name,
        section=section,
        status=status,
        score=score,
        works=works,
        hand_ins=tuple(times),
        untimed=0,
    )


def case(name, outcome="passed", part="p"):
    return {"id": f"{name}#{part}", "title": f"about {name}", "part": part, "outcome": outcome}


def exercise(**changes):
    return {
        "id": "softmax",
        "outcome": "failed",
        "points": 0.5,
        "max_points": 2,
        "mistake": None,
        "hints": [],
        "review": None,
        "cases": [],
    } | changes


def result(**changes):
    return {
        "status": "graded",
        "score": {"value": 3.5},
        "exercises": [],
        "waiting": [],
        "attempts": [],
        "isolation": {"tier": "C", "missing": ["pid namespace"]},
    } | changes


def submission(*times):
    attempts = [Attempt(files=(), sha256=str(i), submitted_at=t) for i, t in enumerate(times)]
    return Submission(student_id="ana", assignment="tp1", attempts=tuple(attempts), section="b")


class TestStanding:
    def test_a_student_without_a_result_is_pending(self):
        found = stats.standing(submission(NINE), None, "Ana")
        assert (found.status, found.score, found.label) == (Status.PENDING, None, "Ana")
        assert found.isolation is None

    def test_times_are_sorted_and_unknown_ones_counted(self):
        found = stats.standing(submission(None, NINE + HOUR, NINE), result(), "Ana")
        assert found.hand_ins == (NINE, NINE + HOUR)
        assert found.untimed == 1

    def test_an_exercise_keeps_its_share_and_its_mistake(self):
        document = exercise(mistake="no_shift", hints=["first", "second"], review="odd")
        found = stats.standing(submission(), result(exercises=[document]), "Ana").works["softmax"]
        assert (found.share, found.mistake, found.hint) == (0.25, "no_shift", "first")
        assert found.review == "odd"

    def test_a_case_passes_if_each_of_its_parts_does(self):
        cases = [case("a"), case("a", "failed", "q"), case("b"), case("c", "not_run")]
        found = stats.standing(submission(), result(exercises=[exercise(cases=cases)]), "Ana")
        assert found.works["softmax"].ran == {"a": False, "b": True}

    def test_an_exercise_worth_nothing_has_no_share(self):
        document = exercise(points=0, max_points=0)
        found = stats.standing(submission(), result(exercises=[document]), "Ana")
        assert found.works["softmax"].share == 0

    def test_only_a_graded_student_has_a_score(self):
        document = result(status="not_submitted", score={"value": 0})
        assert stats.standing(submission(), document, "Ana").score is None

    def test_who_waits_for_a_person_says_why(self):
        attempts = [{"problem": "old"}, {"problem": "mlp.py: expected Python"}, {"problem": None}]
        document = result(status="unreadable", score=None, attempts=attempts)
        assert stats.standing(submission(), document, "Ana").problem == "mlp.py: expected Python"

    def test_a_fault_in_a_case_has_words_too(self):
        document = result(status="internal_error", score=None, attempts=[{"problem": None}])
        found = stats.standing(submission(), document, "Ana")
        assert found.problem == "the grader failed in one of its own cases"

    def test_it_says_where_the_code_ran(self):
        found = stats.standing(submission(), result(), "Ana")
        assert found.isolation == Isolation(tier="C", missing=("pid namespace",))


class TestSpread:
    def test_nobody_has_none(self):
        assert stats.spread([]) is None

    def test_one_score_is_all_of_them(self):
        found = stats.spread([2.5])
        assert (found.lowest, found.lower, found.median, found.upper, found.highest) == (2.5,) * 5

    def test_quartiles_of_five(self):
        found = stats.spread([0, 1, 2, 3, 4])
        assert (found.lower, found.median, found.upper, found.mean) == (1, 2, 3, 2)


class TestHistogram:
    def test_a_bin_holds_its_lower_edge_and_the_last_one_both(self):
        found = stats.histogram([0, 0.49, 0.5, 3.5, 4], 4)
        assert [one.count for one in found] == [2, 1, 0, 0, 0, 0, 0, 2]
        assert (found[1].lowest, found[1].highest) == (0.5, 1)

    @given(st.lists(st.floats(0, 20)), st.sampled_from([4, 10, 20, 100]))
    @settings(derandomize=True, deadline=None, database=None)
    def test_every_score_is_in_one_bin(self, scores, scale):
        within = [score for score in scores if score <= scale]
        found = stats.histogram(within, scale)
        assert sum(one.count for one in found) == len(within)
        for bin_ in found[:-1]:
            assert bin_.count == sum(bin_.lowest <= score < bin_.highest for score in within)


class TestItems:
    def test_difficulty_is_the_mean_share(self):
        none = work(0.0, ExerciseOutcome.NOT_IMPLEMENTED)
        graded = [one(softmax=work(1.0)), one(softmax=work(0.5)), one(softmax=none)]
        found = stats.items(graded, [SOFTMAX], {"softmax": "Softmax"})[0]
        assert (found.title, found.share, found.written, found.solved) == ("Softmax", 0.5, 2, 1)

    def test_an_exercise_that_nobody_has_has_no_share(self):
        found = stats.items([one()], [SOFTMAX], {})[0]
        assert (found.title, found.share, found.discrimination) == ("softmax", None, None)

    def test_who_solves_one_solves_the_other(self):
        graded = [one(softmax=work(i % 2), mlp=work(i % 2)) for i in range(10)]
        assert [item.discrimination for item in stats.items(graded, BOTH, {})] == [
            pytest.approx(1),
            pytest.approx(1),
        ]

    def test_who_solves_one_does_not_solve_the_other(self):
        graded = [one(softmax=work(i % 2), mlp=work(1 - i % 2)) for i in range(10)]
        assert stats.items(graded, BOTH, {})[0].discrimination == pytest.approx(-1)

    def test_its_own_points_are_not_among_the_rest(self):
        graded = [one(softmax=work(i % 2), mlp=work(float(i < 6))) for i in range(12)]
        # 3 of the 6 who solved the one solved the other: no relation at all
        assert stats.items(graded, BOTH, {})[0].discrimination == pytest.approx(0)

    def test_nine_students_are_too_few(self):
        graded = [one(softmax=work(i % 2), mlp=work(i % 2)) for i in range(9)]
        assert stats.items(graded, BOTH, {})[0].discrimination is None

    def test_what_all_solve_tells_nobody_apart(self):
        graded = [one(softmax=work(1.0), mlp=work(i % 2)) for i in range(10)]
        assert [item.discrimination for item in stats.items(graded, BOTH, {})] == [None, None]


class TestMistakes:
    def test_the_most_frequent_comes_first_then_as_exercises_come(self):
        a, b, c = (work(0.0, mistake=name, hint=name.upper()) for name in ("rare", "often", "also"))
        graded = [one(softmax=a, mlp=b), one(mlp=b), one(mlp=c)]
        found = stats.mistakes(graded, BOTH)
        assert [(m.exercise, m.id, m.count) for m in found] == [
            ("mlp", "often", 2),
            ("softmax", "rare", 1),
            ("mlp", "also", 1),
        ]
        assert found[0].hint == "OFTEN"

    def test_the_order_of_students_decides_nothing(self):
        graded = [one(softmax=work(0.0, mistake=name)) for name in "bca"]
        found = stats.mistakes(graded, BOTH)
        assert [m.id for m in found] == ["a", "b", "c"]
        assert stats.mistakes(graded[::-1], BOTH) == found

    def test_the_usual_first_hint_is_its_own(self):
        hints = ["p is twice the right value.", "Rows do not sum to 1.", "Rows do not sum to 1."]
        graded = [one(softmax=work(0.0, mistake="m", hint=hint)) for hint in hints]
        assert stats.mistakes(graded, BOTH)[0].hint == "Rows do not sum to 1."


class TestSilentCases:
    def test_what_nobody_passes_comes_first(self):
        graded = [
            one(softmax=work(0.5, ran={"good": True, "bad": False, "mixed": bool(i)}))
            for i in range(5)
        ]
        found = stats.silent_cases(graded, BOTH, {"bad": "rows"})
        assert [(case.id, case.passed, case.count) for case in found] == [
            ("bad", False, 5),
            ("good", True, 5),
        ]
        assert (found[0].title, found[1].title) == ("rows", "good")

    def test_four_students_say_nothing(self):
        assert stats.silent_cases([one(softmax=work(ran={"a": True}))] * 4, BOTH, {}) == ()

    def test_stubs_do_not_count(self):
        stub = work(0.0, ExerciseOutcome.NOT_IMPLEMENTED, ran={"a": False})
        assert stats.silent_cases([one(softmax=stub)] * 9, BOTH, {}) == ()


class TestReviews:
    def test_one_suspicion_in_many_exercises_is_one_line(self):
        odd, other = work(review="patches torch"), work(review="exec")
        found = stats.reviews([one(softmax=odd, mlp=odd, third=other), one("bob", mlp=work())])
        assert [(r.standing.label, r.exercises, r.what) for r in found] == [
            ("ana", ("softmax", "mlp"), "patches torch"),
            ("ana", ("third",), "exec"),
        ]


class TestStatistics:
    def test_students_are_in_the_order_of_their_labels(self):
        class_ = [one("Zoe"), one("ana"), one("Bob")]
        found = stats.statistics(class_, BOTH, {}, scale=4)
        assert [x.label for x in found.standings] == ["ana", "Bob", "Zoe"]

    def test_only_graded_students_are_in_the_numbers(self):
        class_ = [
            one("a", score=1.0, softmax=work(1.0)),
            one("b", status=Status.UNREADABLE, score=None, softmax=work(0.0)),
            one("c", status=Status.NOT_SUBMITTED, score=None),
        ]
        found = stats.statistics(class_, BOTH, {}, scale=4)
        assert found.graded == 1
        assert found.spread.median == 1
        assert found.items[0].share == 1
        assert [x.label for x in found.waiting] == ["b"]
        assert found.counts[Status.NOT_SUBMITTED] == 1

    def test_isolations_are_counted(self):
        a, none = Isolation(tier="A"), Isolation(tier="none", missing=("any isolation",))
        class_ = [replace(one(str(i)), isolation=a if i else none) for i in range(3)]
        assert stats.statistics(class_, (), {}, scale=4).isolations == ((a, 2), (none, 1))


class TestMilestones:
    def assignment(self, **sections):
        return Assignment(
            id="tp1",
            title="",
            exercises=BOTH,
            rules=ScoreRules(grace=timedelta(minutes=5)),
            schedule=Schedule(class_end=NINE, due=NINE + 9 * HOUR, closes=NINE + 9 * HOUR),
            sections=sections,
        )

    def test_the_grace_counts_except_for_closing(self):
        late = one(times=[NINE + timedelta(minutes=5)])
        later = one(times=[NINE + 9 * HOUR + timedelta(minutes=1)])
        found = stats.milestones([late, later, one()], self.assignment())
        assert [(m.kind, m.handed_in, m.of) for m in found] == [
            ("class_end", 1, 3),
            ("due", 2, 3),
            ("closes", 1, 3),
        ]

    def test_a_section_has_its_own_dates_and_shares_the_others(self):
        evening = Schedule(class_end=NINE + 2 * HOUR, due=NINE + 9 * HOUR)
        class_ = [one(times=[NINE + HOUR]), one(times=[NINE + HOUR], section="evening")]
        found = stats.milestones(class_, self.assignment(evening=evening))
        assert [(m.kind, m.sections, m.handed_in, m.of) for m in found] == [
            ("class_end", (), 0, 1),
            ("class_end", ("evening",), 1, 1),
            ("due", (), 2, 2),
            ("closes", (), 1, 1),
        ]
