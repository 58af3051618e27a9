"""Pages: whole, the same when made again, and inert whatever students write."""

import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from autograder.errors import ConfigError, GraderError
from autograder.models import (
    BY_PERSON,
    Assignment,
    Attempt,
    Cap,
    CaseOutcome,
    CaseResult,
    Diagnosis,
    Exercise,
    ExerciseOutcome,
    ExerciseResult,
    Grade,
    GradingConfig,
    Isolation,
    PartResult,
    Reason,
    RunRecord,
    RunStatus,
    Schedule,
    Score,
    ScoreRules,
    Status,
    Submission,
    TimeSource,
    Visibility,
)
from autograder.report import html
from autograder.report.json import Environment, feedback_document, result_document
from autograder.report.store import Store

NOON = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)
SOFTMAX = Exercise(id="softmax", topic="losses", points=Fraction(2))
MLP = Exercise(id="mlp_backward", topic="mlp", points=Fraction(3), starred=True)
ASSIGNMENT = Assignment(
    id="tp1",
    title="TP 1",
    exercises=(SOFTMAX, MLP),
    rules=ScoreRules(),
    schedule=Schedule(class_end=NOON),
)
COURSE = GradingConfig(
    course_dir=Path("/nowhere"),
    title="Deep learning",
    timezone="Europe/Paris",
    assignments={"tp1": ASSIGNMENT},
    topics={},
    tolerances={},
)
ENVIRONMENT = Environment(
    isolation=Isolation(tier="C", missing=("pid namespace", "something new")),
    python="3.11.7",
    torch="2.13.0",
    device="cpu",
    seed=17,
    policy_sha256="c" * 64,
)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'\x1b[31m\u202eexe.py\u2066\x00&amp;"


class Page(HTMLParser):
    """What a browser would make of a page: elements, attributes, text."""

    def __init__(self, data: bytes):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(data.decode())
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def case(name="random", outcome=CaseOutcome.PASSED, *, part="p", hidden=False, message="", said=""):
    return CaseResult(
        id=f"{'hidden' if hidden else 'public'}/test_losses.py::Test::test_{name}#{part}",
        title=f"about {name}",
        visibility=Visibility.HIDDEN if hidden else Visibility.PUBLIC,
        part=part,
        outcome=outcome,
        reason=None if outcome is CaseOutcome.PASSED else Reason.VALUE,
        message=message,
        feedback=said,
    )


def failed(name, message="wrong", **more):
    return case(name, CaseOutcome.FAILED, message=message, said=f"said of {name}", **more)


def exercise(which=SOFTMAX, outcome=ExerciseOutcome.PASSED, cases=(), **changes):
    earned = which.points if outcome is ExerciseOutcome.PASSED else Fraction(0)
    made = ExerciseResult(
        exercise=which,
        title=f"Title of {which.id}",
        outcome=outcome,
        parts=(PartResult(name="p", points=earned, max_points=which.points),),
        cases=cases or (case(),),
    )
    return replace(made, **changes)


def score(value="3.25", **changes):
    zero = Fraction(0)
    made = Score(
        value=Fraction(value),
        scale=Fraction(4),
        core=zero,
        starred=zero,
        raw=Fraction(value),
        late_penalty=zero,
        caps=(),
        explanation="Exercises: 7 of 15 points.",
    )
    return replace(made, **changes)


def write(store, student="ana", results=(), *, status=Status.GRADED, **changes):
    """Write the files of one graded student, as `grade` does."""
    worth = changes.get("score", score() if status is Status.GRADED else None)
    files = tuple(
        replace(store.keep(name, [b"x"]), name=name) for name in changes.get("files", ["losses.py"])
    )
    attempt = Attempt(
        files=files,
        sha256="a" * 64,
        submitted_at=changes.get("at", NOON),
        time_source=TimeSource.TABLE,
    )
    has_work = status is not Status.NOT_SUBMITTED
    submission = Submission(
        student_id=student,
        assignment="tp1",
        attempts=(attempt,) if has_work else (),
        name=changes.get("name", ""),
    )
    record = RunRecord(
        attempt_sha256="a" * 64,
        run_sha256="r",
        status=RunStatus.GRADED,
        graded_file=files[0].name,
        message=changes.get("problem", ""),
        exercises=tuple(results),
        remarks=changes.get("remarks", ()),
    )
    grade = Grade(
        student_id=student,
        assignment="tp1",
        status=status,
        score=worth,
        best_attempt=0 if status is Status.GRADED else None,
        explanation=changes.get("explanation", ""),
        waiting=changes.get("waiting", ()),
    )
    records = {"a" * 64: record} if has_work else {}
    store.record_attempts([submission])
    store.write_result(
        result_document(submission, grade, records, ENVIRONMENT, NOON),
        feedback_document(submission, grade, records, NOON),
    )


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "out")
    with made.lock():
        yield made


@pytest.fixture
def target(tmp_path):
    return tmp_path / "pages"


def pages(store, target, names=None):
    return html.write_pages(store, COURSE, ASSIGNMENT, target, names)


def student_page(store, target, *results, student="ana", **changes) -> Page:
    write(store, student, results, **changes)
    pages(store, target)
    return Page((target / "tp1" / "students" / f"{student}.html").read_bytes())


def class_page(store, target, names=None) -> Page:
    return Page(pages(store, target, names).index.read_bytes())


class TestFeedbackPage:
    def test_it_says_the_score_and_where_it_comes_from(self, store, target):
        capped = score("1", caps=(Cap(limit=Fraction(1), reason="nothing in class"),))
        page = student_page(store, target, name="Ana B.", score=capped)
        assert "Deep learning TP 1 Ana B. Score 1.00 of 4" in page.text
        assert "Exercises: 7 of 15 points. At most 1: nothing in class." in page.text
        assert "Graded: losses.py , handed in Mon 9 Feb 2026, 13:00" in page.text

    def test_a_score_is_never_rounded(self, store, target):
        assert "1.125 of 4" in student_page(store, target, score=score("1.125")).text

    def test_an_unknown_time_counts_as_in_time(self, store, target):
        page = student_page(store, target, at=None)
        assert "when it was handed in is not known, so it counts as in time" in page.text

    def test_what_passed_is_one_line(self, store, target):
        page = student_page(store, target, exercise(cases=(case("a"), case("b"))))
        assert "Title of softmax ✓ passed, all 2 checks 2 of 2" in page.text
        assert page.all("h3") == []

    def test_what_is_not_written_is_one_line_too(self, store, target):
        stub = exercise(MLP, ExerciseOutcome.NOT_IMPLEMENTED)
        page = student_page(store, target, stub)
        assert "Title of mlp_backward (*) – not written yet 0 of 3" in page.text  # noqa: RUF001
        assert page.all("h3") == []

    def test_it_starts_with_a_case_that_the_student_can_run(self, store, target):
        cases = (failed("secret", hidden=True), failed("random", "p[0]: expected 1, got 2"))
        page = student_page(store, target, exercise(outcome=ExerciseOutcome.FAILED, cases=cases))
        assert "0 of 2 points, 0 of 2 cases pass" in page.text
        assert "Start with: about random (a public test) p[0]: expected 1, got 2" in page.text
        assert "What else does not pass (1) about secret" in page.text
        assert "See it yourself: gradlab check -k softmax" in page.text

    def test_of_a_hidden_case_it_says_what_the_grader_says(self, store, target):
        cases = (failed("secret", "p[0]: expected 0.123", hidden=True), case())
        page = student_page(store, target, exercise(outcome=ExerciseOutcome.FAILED, cases=cases))
        assert "Start with: about secret said of secret" in page.text
        assert "0.123" not in page.text
        assert "test_secret" not in page.text
        assert "See it yourself" not in page.text

    def test_many_cases_are_counted_not_listed(self, store, target):
        cases = tuple(failed(f"n{number}") for number in range(20))
        page = student_page(store, target, exercise(outcome=ExerciseOutcome.FAILED, cases=cases))
        assert "What else does not pass (19)" in page.text
        assert "about n12 and 7 more" in page.text
        assert "about n13" not in page.text

    def test_one_reason_that_stops_all_is_said_once(self, store, target):
        ended = {"outcome": CaseOutcome.NOT_RUN, "message": "the file ended Python"}
        cases = tuple(case(f"n{number}", **ended) for number in range(3))
        page = student_page(store, target, exercise(outcome=ExerciseOutcome.ERROR, cases=cases))
        assert page.text.count("the file ended Python") == 1
        assert "E could not run" in page.text

    def test_hints_are_a_ladder_that_one_opens(self, store, target):
        found = Diagnosis(mistake="m", parts=("p",), hints=("what", "where", "why?"))
        page = student_page(
            store,
            target,
            exercise(outcome=ExerciseOutcome.FAILED, cases=(failed("a"),), diagnoses=(found,)),
        )
        assert "Hint 1 of 3 what Hint 2 of 3 where Hint 3 of 3 why?" in page.text
        assert all("open" not in one for one in page.all("details"))

    def test_what_is_forbidden_is_said_at_once(self, store, target):
        found = Diagnosis(mistake=None, parts=("p",), hints=("uses torch.softmax", "why?"))
        page = student_page(
            store, target, exercise(outcome=ExerciseOutcome.FORBIDDEN, diagnoses=(found,))
        )
        assert "0 of 2 points uses torch.softmax" in page.text
        assert "Hint 1 of 1 why?" in page.text

    def test_remarks_cost_nothing(self, store, target):
        page = student_page(
            store, target, exercise(remarks=("changes z in place",)), remarks=("no plt here",)
        )
        assert "Note: changes z in place" in page.text
        assert "They cost no points. no plt here" in page.text

    @pytest.mark.parametrize(
        ("status", "sentence"),
        [
            (Status.UNREADABLE, "cannot be read, so there is no score yet"),
            (Status.INTERNAL_ERROR, "That costs no points, and a person will look at it."),
            (Status.NOT_SUBMITTED, "Nothing was handed in."),
        ],
    )
    def test_without_a_score_it_says_why(self, store, target, status, sentence):
        assert sentence in student_page(store, target, status=status).text

    def test_what_waits_for_a_person_shows_the_rest(self, store, target):
        page = student_page(
            store,
            target,
            exercise(),
            status=Status.PENDING,
            waiting=(MLP,),
            explanation="So far 2 of 5 points; mlp_backward waits for a person.",
        )
        assert "This is not graded yet. So far 2 of 5 points; mlp_backward waits" in page.text
        assert "Title of softmax ✓ passed" in page.text

    def test_what_a_person_graded_has_a_name_and_a_comment(self, store, target):
        by_hand = exercise(
            MLP, title=BY_PERSON, outcome=ExerciseOutcome.FAILED, remarks=("by hand: well put",)
        )
        page = student_page(store, target, replace(by_hand, cases=()))
        assert "mlp_backward (*) ✗ not yet right 0 of 3" in page.text
        assert "mlp_backward (*) mlp_backward · not yet right" in page.text
        assert "Note: by hand: well put" in page.text
        assert "0 of 0 cases" not in page.text

    def test_a_feedback_file_of_an_older_version_is_read(self, store, target):
        write(store, "ana", status=Status.UNREADABLE)
        for kind in ("feedback", "results"):
            path = store.out / kind / "tp1" / "ana.json"
            document = json.loads(path.read_text())
            del document["explanation"], document["waiting"]
            path.write_text(json.dumps(document))
        pages(store, target)
        assert "there is no score yet" in (target / "tp1/students/ana.html").read_text()

    def test_an_unreadable_file_is_named_with_its_problem(self, store, target):
        page = student_page(
            store, target, status=Status.UNREADABLE, problem="losses.py: expected Python 3"
        )
        assert "losses.py losses.py: expected Python 3" in page.text


class TestClassPage:
    def test_it_counts(self, store, target):
        write(store, "ana", [exercise()], name="Ana")
        write(store, "bob", [exercise(outcome=ExerciseOutcome.FAILED, cases=(failed("a"),))])
        write(store, "cleo", status=Status.NOT_SUBMITTED)
        page = class_page(store, target)
        assert "3 students: 2 graded, 1 without work" in page.text
        assert "Median 3.25 of 4" in page.text
        assert "Title of softmax softmax 50 % 2 1" in page.text
        assert "end of class , Mon 9 Feb 2026, 13:00: 2 of 3 had handed something in" in page.text

    def test_signs_say_what_colours_say(self, store, target):
        parts = (
            PartResult(name="p", points=Fraction(1), max_points=Fraction(2)),
            PartResult(name="q", points=Fraction(0), max_points=Fraction(0)),
        )
        write(store, "a", [exercise(), exercise(MLP, ExerciseOutcome.NOT_IMPLEMENTED)])
        write(store, "b", [exercise(outcome=ExerciseOutcome.FAILED, parts=parts)])
        write(store, "c", [exercise(outcome=ExerciseOutcome.FORBIDDEN)])
        write(store, "d", [exercise(outcome=ExerciseOutcome.FAILED)])
        write(store, "e", status=Status.UNREADABLE, problem="losses.py: expected Python")
        page = class_page(store, target)
        table = page.text[page.text.index("Who solved what") : page.text.index("When work")]
        assert table.endswith(
            "a 3.25 ✓ – b 3.25 50 c 3.25 ! d 3.25 0 e cannot be read "  # noqa: RUF001
        )

    def test_students_with_a_page_are_linked(self, store, target):
        write(store, "ana", name="Ana B.")
        store.record_attempts([Submission(student_id="new", assignment="tp1", attempts=())])
        page = class_page(store, target)
        assert [a["href"] for a in page.all("a")] == ["#main", "students/ana.html"]
        assert "to decide" not in page.text.partition("Scores")[0]
        assert "new not graded yet" in page.text

    def test_what_a_person_must_decide_is_listed(self, store, target):
        write(store, "ana", [exercise(review="computed name (losses.py, line 4)")], name="Ana")
        write(store, "bob", status=Status.UNREADABLE, problem="mlp.py: expected Python")
        page = class_page(store, target)
        assert "2 things for a person to decide Scores" in page.text
        assert page.all("a")[1]["href"] == "#people"
        assert "bob ( bob ), cannot be read: mlp.py: expected Python" in page.text
        assert "Ana ( ana ), computed name (losses.py, line 4) , in softmax" in page.text

    def test_what_people_have_yet_to_mark_is_counted(self, store, target):
        for student in ("ana", "bob"):
            write(store, student, [exercise()], status=Status.PENDING, waiting=(MLP,))
        page = class_page(store, target)
        assert "To mark mlp_backward : 2 students without points yet" in page.text

    def test_nobody_graded_is_said(self, store, target):
        write(store, "ana", status=Status.NOT_SUBMITTED)
        page = class_page(store, target)
        assert "Nobody is graded yet." in page.text
        assert "No known mistake was recognised." in page.text
        assert "Nothing waits." in page.text

    def test_without_a_result_nothing_has_run(self, store, target):
        store.record_attempts([Submission(student_id="new", assignment="tp1", attempts=())])
        assert "Nothing has run yet." in class_page(store, target).text

    def test_cases_that_tell_nothing_are_named(self, store, target):
        for student in "abcde":
            cases = (failed("bad"), case("good"))
            write(store, student, [exercise(outcome=ExerciseOutcome.FAILED, cases=cases)])
        page = class_page(store, target)
        assert "1 case that nobody passes softmax about bad (5)" in page.text
        assert "public/test_losses.py::Test::test_bad" in page.text
        assert "1 case that everybody passes softmax about good (5)" in page.text

    def test_a_page_for_no_submissions_is_refused(self, store, target):
        with pytest.raises(ConfigError, match="expected submissions at tp1, got none. Name anoth"):
            pages(store, target)


class TestEveryPage:
    @pytest.fixture
    def made(self, store, target):
        write(store, "ana", [exercise()])
        pages(store, target)
        return [Page(path.read_bytes()) for path in sorted(target.rglob("*.html"))]

    def test_says_where_the_code_ran_and_what_that_does_not_promise(self, made):
        assert len(made) == 2
        for page in made:
            assert "Isolation tier C . Student code ran under Landlock" in page.text
            assert "What this cannot promise (2) pid namespace something new" in page.text

    def test_forbids_whatever_is_not_its_style(self, made):
        for page in made:
            (policy,) = (m["content"] for m in page.all("meta") if "http-equiv" in m)
            digest = re.search(r"style-src 'sha256-([^']+)'", policy)[1]
            assert policy.startswith("default-src 'none';")
            assert "script" not in policy
            style = page.texts[page.texts.index(next(t for t in page.texts if ":root" in t))]
            assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() == digest

    def test_has_neither_scripts_nor_inline_styles_nor_addresses(self, made):
        for page in made:
            assert page.all("script") == []
            for tag, attributes in page.elements:
                assert not [name for name in attributes if name == "style" or name[:2] == "on"], tag
                for name in ("href", "src"):
                    assert "//" not in attributes.get(name, "")

    def test_has_headings_in_order(self, made):
        for page in made:
            levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
            assert levels[0] == 1
            assert levels.count(1) == 1
            assert all(b - a <= 1 for a, b in pairwise(levels))

    def test_has_a_language_and_a_way_past_its_head(self, made):
        for page in made:
            assert page.all("html") == [{"lang": "en"}]
            assert page.all("a")[0]["href"] == "#main"
            assert page.all("main")[0]["id"] == "main"


class TestHostileText:
    def test_is_inert_wherever_students_can_put_it(self, store, target):
        cases = (failed("a", EVIL), replace(failed("b", EVIL), title=EVIL))
        result = exercise(
            outcome=ExerciseOutcome.FAILED,
            cases=cases,
            remarks=(EVIL,),
            review=EVIL,
            diagnoses=(Diagnosis(mistake=EVIL, parts=("p",), hints=(EVIL,)),),
            title=EVIL,
        )
        write(store, "ana", [result], name=EVIL, files=[EVIL], remarks=(EVIL,))
        write(store, "bob", status=Status.UNREADABLE, problem=EVIL, files=[EVIL])
        pages(store, target)
        found = sorted(target.rglob("*.html"))
        assert len(found) == 3
        for path in found:
            data = path.read_text()
            page = Page(data.encode())
            assert page.all("script") == page.all("img") == []
            assert "<script>alert(1)</script>" in page.text
            assert not set(data) & set("\x1b\u202e\u2066\x00")

    def test_half_a_character_does_not_stop_the_others(self, store, target):
        page = student_page(store, target, files=["losses\udcff.py"])
        assert "losses\\udcff.py" in page.text

    def test_a_rewritten_feedback_file_leads_to_no_other_folder(self, store, target):
        write(store, "ana")
        path = store.out / "feedback" / "tp1" / "ana.json"
        path.write_text(path.read_text().replace('"ana"', '"../../../evil"'))
        pages(store, target)
        assert [path.name for path in target.parent.rglob("*.html")] == ["index.html"]


class TestWriting:
    def test_the_same_files_give_the_same_bytes(self, store, target, tmp_path):
        for student in ("ana", "bob"):
            write(store, student, [exercise()])
        pages(store, target)
        pages(store, tmp_path / "again")
        first, second = (
            {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.html")}
            for folder in (target, tmp_path / "again")
        )
        assert first == second
        assert len(first) == 3

    def test_a_page_that_is_the_same_is_left_alone(self, store, target):
        write(store, "ana")
        path = target / "tp1" / "students" / "ana.html"
        pages(store, target)
        before = path.stat()
        pages(store, target)
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
        path.write_text("half")
        pages(store, target)
        assert "Score" in path.read_text()

    @pytest.mark.parametrize(
        ("kind", "change"),
        [
            ("results", {"score": 3}),
            ("results", {"exercises": None}),
            ("results", {"exercises": [{}]}),
            ("results", {"isolation": {}}),
            ("results", {"status": "odd"}),
            ("feedback", {"attempts": []}),
            ("feedback", {"exercises": [{"outcome": "failed"}]}),
            ("feedback", {"score": {"value": 1}}),
            ("feedback", {"graded_at": "yesterday"}),
            ("feedback", {"score": "much"}),
        ],
    )
    def test_half_a_result_is_a_note_and_stops_nobody(self, store, target, kind, change):
        for student in ("ana", "bob"):
            write(store, student, [exercise()])
        path = store.out / kind / "tp1" / "ana.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        made = pages(store, target)
        assert made.students == 1
        (note,) = store.notes
        assert note.startswith("tp1/ana: not a whole result, so it counts as absent (")
        assert "ana not graded yet bob" in Page(made.index.read_bytes()).text

    def test_pages_of_students_who_left_go_and_other_files_stay(self, store, target):
        write(store, "ana")
        write(store, "bob")
        pages(store, target)
        mine = target / "tp1" / "students" / "mine.html"
        mine.write_text("<p>written by hand</p>")
        (store.out / "submissions" / "tp1" / "bob.json").unlink()
        assert pages(store, target).removed == 1
        found = sorted(path.name for path in mine.parent.iterdir())
        assert found == ["ana.html", "mine.html"]

    def test_an_old_page_that_cannot_go_is_named(self, store, target):
        write(store, "ana")
        odd = target / "tp1" / "students" / "odd.html"
        odd.mkdir(parents=True)
        with pytest.raises(GraderError, match="odd.html: expected leave to remove an old page"):
            pages(store, target)

    def test_a_full_disk_leaves_the_old_page(self, store, target):
        write(store, "ana")
        pages(store, target)
        path = target / "tp1" / "students" / "ana.html"
        old = path.read_bytes()
        write(store, "ana", score=score("1"))
        (path.parent / f".ana.html.{os.getpid()}.tmp").mkdir()
        with pytest.raises(GraderError, match="expected room and leave to write"):
            pages(store, target)
        assert path.read_bytes() == old


class TestWithoutNames:
    def names(self, store, count):
        for number in range(count):
            write(store, f"s{number}", [exercise(review="odd")], name=f"Name {number}")
        return {f"s{number}": f"alias-{(7 * number) % count:02}" for number in range(count)}

    def test_there_is_no_trace_of_anybody(self, store, target):
        made = pages(store, target, self.names(store, 10))
        text = made.index.read_text()
        assert "alias-00" in text
        assert re.search(r"Name \d|\bs\d\b|losses\.py", text) is None
        assert "10 reviews wait for a person" in text
        assert [path.name for path in target.rglob("*.html")] == ["index.html"]

    def test_the_rows_are_in_the_order_of_the_aliases(self, store, target):
        page = class_page(store, target, self.names(store, 12))
        assert re.findall(r"alias-\d+", page.text) == [f"alias-{i:02}" for i in range(12)]

    def test_nine_students_are_too_few(self, store, target):
        with pytest.raises(ConfigError, match="tp1: expected at least 10 graded students for a pa"):
            pages(store, target, self.names(store, 9))
        assert not target.exists()

    def test_students_who_are_not_graded_do_not_count(self, store, target):
        names = self.names(store, 9)
        write(store, "late", status=Status.NOT_SUBMITTED)
        with pytest.raises(ConfigError, match="got 9"):
            pages(store, target, names | {"late": "alias-99"})
