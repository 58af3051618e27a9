"""Moodle's worksheet, filled, and taken back by Moodle's rules."""

import io
import zipfile
from datetime import datetime, timedelta
from fractions import Fraction

import pytest

from autograder.errors import ConfigError
from autograder.lms.moodle import worksheet
from autograder.lms.table import parse_table
from autograder.models import Account, Status
from autograder.publish.moodle import comment, fill
from tests.autograder.lms.moodle_site import LANGUAGES, PARIS, Site, User
from tests.autograder.publish.made import GRADED_AT, result

EVENING = datetime(2026, 2, 9, 18, 20, tzinfo=PARIS)
BY_HAND = (
    "changed in Moodle to 2.5 after it was graded here; left so. Record it (gradlab adjust), or "
    "empty the cell to replace it"
)
FAULTS = [Status.INTERNAL_ERROR, Status.PENDING, Status.UNREADABLE]


def users() -> list[User]:
    return [
        User(4711, "Ana_María Gómez", "ana@example.org", "2001", submitted_at=EVENING),
        User(4712, "Jean Martin", "jm1@example.org", "2002", submitted_at=EVENING),
        User(4713, "Jean Martin", "jm2@example.org", "2003", submitted_at=EVENING),
        User(4714, "O'Neil, Ben", "ben@example.org", "2004"),
    ]


def class_of(site: Site) -> list:
    scores = ["3.25", "4", "0", "1.37"]
    return [
        result(f"s{user.number}", score, name=user.name, moodle=user.number)
        for user, score in zip(site.users, scores, strict=False)
    ]


def filled(site, results, *, anonymous=False, **form):
    sheet = worksheet(parse_table(site.worksheet(**form), "w.csv"), PARIS)
    plan = fill(sheet, results, anonymous=anonymous)
    return plan, *plan.files.values()


def grades(site) -> list[float | None]:
    return [user.grade for user in site.users]


def reasons(plan) -> list[str]:
    return [skip.reason for skip in plan.skips]


@pytest.mark.parametrize("maximum", [4, 20, 100, 10])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_grades_that_arrive_are_the_scores_to_scale(language, maximum):
    site = Site(users(), language=language, maximum=maximum)
    plan, sheet, _ = filled(site, class_of(site))
    assert site.take_worksheet(sheet) == 4
    scores = [Fraction("3.25"), Fraction(4), Fraction(0), Fraction("1.37")]
    assert grades(site) == [pytest.approx(float(s / 4 * maximum), abs=1e-9) for s in scores]
    assert [user.comment for user in site.users] == [comment(one) for one in class_of(site)]
    assert plan.notes[0] == (
        f"a score out of 4 becomes a grade out of {maximum}: times {maximum / 4:g}."
    )
    assert plan.skips == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_byte_but_grades_and_comments_stays(delimiter, bom, newline):
    site = Site(users(), language="fr", maximum=20)
    before = site.worksheet(delimiter=delimiter, bom=bom, newline=newline)
    table = parse_table(before, "w.csv")
    plan = fill(worksheet(table, PARIS), class_of(site))
    after = plan.files[next(iter(plan.files))]
    again = parse_table(after, "w.csv")
    touched = {table.columns.index("Note"), table.columns.index("Feedback par commentaires")}
    assert again.columns == table.columns
    pieces = []
    for row, new in zip(table.rows, again.rows, strict=True):
        for index, (cell, other) in enumerate(zip(row.cells, new.cells, strict=True)):
            assert index in touched or cell.value == other.value
            pieces.append(
                (cell.start, cell.end, after.decode("utf-8-sig")[other.start : other.end])
            )
    rebuilt, at, text = "", 0, before.decode("utf-8-sig")
    for start, end, new in pieces:
        rebuilt += text[at:start] + new
        at = end
    assert (b"\xef\xbb\xbf" if bom else b"") + (rebuilt + text[at:]).encode() == after


@pytest.mark.parametrize("status", FAULTS)
def test_what_is_not_known_is_empty_and_never_0(status):
    site = Site(users()[:1])
    site.users[0].grade, site.users[0].graded_at = 2.0, EVENING
    plan, sheet, archive = filled(site, [result("ana", None, status, moodle=4711)])
    assert site.take_worksheet(sheet) == 0
    assert grades(site) == [2.0]
    assert b"2.00" not in sheet
    assert b"0.00,4.00" not in sheet
    assert reasons(plan)[0].startswith("no grade: ")
    assert reasons(plan)[0].endswith("; Moodle keeps what it has")
    assert zipfile.ZipFile(io.BytesIO(archive)).namelist() == [
        "Ana María Gómez_4711_assignfeedback_file_/feedback-tp1.txt"
    ]


def test_nothing_handed_in_is_the_score_that_out_says():
    site = Site(users()[:1])
    _, sheet, _ = filled(site, [result("ana", "0", Status.NOT_SUBMITTED, moodle=4711)])
    site.take_worksheet(sheet)
    assert grades(site) == [0.0]


def test_rows_that_moodle_passes_over_are_named_before():
    later = GRADED_AT + timedelta(days=1)
    site = Site(
        [
            User(1, "Same", grade=3.25, graded_at=EVENING),
            User(2, "Locked", grade=1.0, graded_at=EVENING, locked=True),
            User(3, "By Hand", grade=2.5, graded_at=later),
            User(4, "Stranger"),
            User(5, "Older", grade=1.0, graded_at=EVENING),
            User(6, "Commented", comment="<p>Well done.</p>"),
        ]
    )
    results = [
        result(f"s{n}", moodle=n, name=u.name) for n, u in enumerate(site.users, 1) if n != 4
    ]
    results.append(result("s9", moodle=9))
    plan, sheet, _ = filled(site, results)
    assert [(one.where, one.who, one.reason) for one in plan.skips] == [
        ("w.csv:2", "s1 (Same)", "the grade is the same; Moodle passes over it"),
        ("w.csv:3", "s2 (Locked)", "the grade is locked in Moodle"),
        (
            "w.csv:4",
            "s3 (By Hand)",
            BY_HAND,
        ),
        ("w.csv:5", "Stranger", "nobody has this id or name"),
        (
            "w.csv:7",
            "s6 (Commented)",
            "somebody's comment stands there; it stays, the grade goes in",
        ),
        ("w.csv", "s9", "in no row of the worksheet"),
    ]
    assert site.take_worksheet(sheet) == 2
    assert grades(site) == [3.25, 1.0, 2.5, None, 3.25, 3.25]
    assert site.users[5].comment == "<p>Well done.</p>"


def test_a_date_that_moodle_cannot_read_back_is_named_and_true():
    site = Site([User(1, "Old", grade=1.0, graded_at=EVENING)], language="fr")
    plan, sheet, _ = filled(site, [result("s1", moodle=1)])
    assert "Moodle cannot read its own date here" in reasons(plan)[0]
    assert site.take_worksheet(sheet) == 0
    assert site.take_worksheet(sheet, ignore_modified=True) == 1
    assert grades(site) == [3.25]


def test_exporting_twice_changes_nothing_the_second_time():
    site = Site(users())
    results = class_of(site)
    _, sheet, _ = filled(site, results)
    site.take_worksheet(sheet, now=EVENING + timedelta(days=9))
    plan, again, _ = filled(site, results)
    assert again == site.worksheet()
    assert plan.changes == []
    assert set(reasons(plan)) == {"the grade is the same; Moodle passes over it"}
    assert site.take_worksheet(again) == 0


def test_a_regraded_student_gets_the_new_grade_and_comment():
    site = Site(users()[:1])
    _, sheet, _ = filled(site, [result("ana", "1", moodle=4711)])
    site.take_worksheet(sheet, now=GRADED_AT + timedelta(hours=1))
    better = result("ana", "4", moodle=4711)
    object.__setattr__(better, "graded_at", GRADED_AT + timedelta(days=1))
    _, sheet, _ = filled(site, [better])
    assert site.take_worksheet(sheet) == 1
    assert grades(site) == [4.0]
    assert "Score: 4 of 4." in site.users[0].comment


def test_students_are_found_by_address_number_or_name_too():
    site = Site(users())
    results = [
        result("ana", "1", name="Ana_María Gómez"),
        result("jm1", "2", aliases=["2002"]),
        result("jm2", "3", aliases=["JM2@example.org"]),
        result("ben", "4", name="Ben O'Neil"),
    ]
    plan, sheet, _ = filled(site, results)
    site.take_worksheet(sheet)
    assert grades(site) == [1.0, 2.0, 3.0, 4.0]
    assert plan.skips == []


def test_two_of_one_name_are_not_guessed():
    site = Site(users())
    plan, sheet, _ = filled(site, [result("jean", name="Jean Martin"), result("zoe", name="Zoé")])
    assert site.take_worksheet(sheet) == 0
    assert reasons(plan)[1:3] == ["2 here are called 'Jean Martin', as is jean"] * 2


def test_two_students_with_one_number_are_both_left_out():
    site = Site(users()[:1])
    plan, sheet, _ = filled(
        site, [result("ana", moodle=4711), result("participant-4711", moodle=4711)]
    )
    assert site.take_worksheet(sheet) == 0
    assert reasons(plan)[0].startswith("its ids mean two students: 'moodle:4711' is ana")


@pytest.mark.parametrize(
    "there",
    [
        [User(6001, "Ana"), User(6002, "Ben")],
        [User(6001, "", "ana@x.org"), User(6002, "", "ben@x.org")],
        [User(6001, "", "", "2001"), User(6002, "", "", "2002")],
    ],
    ids=["name", "address", "number"],
)
def test_the_worksheet_of_another_assignment_is_refused(there):
    results = [
        result("ana", name="Ana", moodle=4711, aliases=["ana@x.org", "2001"]),
        result("ben", name="Ben", moodle=4712, aliases=["ben@x.org", "2002"]),
    ]
    with pytest.raises(ConfigError) as error:
        filled(Site(there), results)
    assert str(error.value) == (
        "w.csv:2: expected participant 4711, the number with which ana was collected, got 6001, "
        "and so it is with 1 more row. Download both from the same assignment."
    )


def test_another_person_s_number_is_no_way_round_the_refusal():
    site = Site([User(4711, "Eve Other"), User(4712, "Ana María Gómez")])
    ana = result("ana", name="Ana María Gómez", moodle=4711)
    with pytest.raises(ConfigError, match=r"^w\.csv:3: expected participant 4711, .* got 4712\."):
        filled(site, [ana])


def test_a_number_that_means_somebody_else_here_gives_no_grade():
    site = Site([User(4711, "Eve Other")])
    plan, sheet, _ = filled(site, [result("ana", name="Ana María Gómez", moodle=4711)])
    assert site.take_worksheet(sheet) == 0
    assert "is this the worksheet of another assignment?" in reasons(plan)[0]


def test_who_was_collected_from_both_assignments_has_either_number():
    site = Site([User(6000, "Ana")])
    ana = result("ana", name="Ana", moodle=4711)
    object.__setattr__(ana, "accounts", (*ana.accounts, Account(platform="moodle", id="6000")))
    _, sheet, _ = filled(site, [ana])
    assert site.take_worksheet(sheet) == 1
    site.users[0] = User(6001, "Ana")
    with pytest.raises(ConfigError, match="expected participant 4711 or 6000, the number"):
        filled(site, [ana])


def test_a_namesake_in_a_worksheet_of_one_group_is_no_contradiction():
    site = Site([User(4713, "Jean Martin")])
    results = [
        result("jm1", "1", name="Jean Martin", moodle=4712),
        result("jm2", "2", name="Jean MARTIN", moodle=4713, written="Jean Martin"),
    ]
    _, sheet, _ = filled(site, results)
    assert site.take_worksheet(sheet) == 1
    assert grades(site) == [2.0]


def test_two_rows_of_one_student_are_both_left_out():
    site = Site([User(1, "Ana", "a@x.org"), User(2, "Ana", "a@x.org")])
    plan, sheet, _ = filled(site, [result("ana", aliases=["a@x.org"])])
    assert site.take_worksheet(sheet) == 0
    assert reasons(plan)[:2] == ["2 rows are ana"] * 2


def test_feedback_arrives_with_everybody():
    site = Site(users())
    _, _, archive = filled(site, class_of(site))
    site.take_feedback(archive)
    for user, one in zip(site.users, class_of(site), strict=True):
        (text,) = user.feedback.values()
        assert f"Score: {one.explanation.split()[1]} of 4." in text.decode()
        assert list(user.feedback) == ["feedback-tp1.txt"]


def test_a_page_is_taken_instead_of_text():
    site = Site(users()[:1])
    _, _, archive = filled(site, [result("ana", moodle=4711, page=b"<html>")])
    site.take_feedback(archive)
    assert site.users[0].feedback == {"feedback-tp1.html": b"<html>"}


@pytest.mark.parametrize("blind", [False, True])
def test_anonymous_archives_name_nobody(blind):
    site = Site(users(), blind=blind)
    _, _, archive = filled(site, class_of(site), anonymous=not blind)
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    assert all(name.startswith("Participant_47") for name in names)
    if not blind:
        texts = [zipfile.ZipFile(io.BytesIO(archive)).read(name) for name in names]
        assert b"evil.py" not in b"".join(texts)
    site.take_feedback(archive)
    assert all(user.feedback for user in site.users)


def test_a_name_that_is_all_unsafe_still_finds_its_way():
    site = Site([User(7, "<>"), User(8, "_x_"), User(9, "../../etc")])
    results = [result(f"s{user.number}", moodle=user.number) for user in site.users]
    _, _, archive = filled(site, results)
    assert all(".." not in name for name in zipfile.ZipFile(io.BytesIO(archive)).namelist())
    site.take_feedback(archive)
    assert all(user.feedback for user in site.users)


def test_the_same_results_make_the_same_bytes():
    site = Site(users())
    assert filled(site, class_of(site))[1:] == filled(site, class_of(site))[1:]


def test_comments_are_text_and_run_as_no_formula():
    said = comment(result("ana"))
    assert said.startswith("<p>GradLab: tp1: 3.25 of 4<br>Score: 3.25 of 4.<br>")
    assert said.endswith("</p>")
    assert "p &lt; 0 &amp; &lt;b&gt;wrong&lt;/b&gt;" in said
    assert "\x1b" not in said
    assert "Second hint." not in said
    assert "evil.py" not in said


def test_a_comment_with_backslashes_and_quotes_arrives_whole():
    site = Site(users()[:2])
    one = result("ana", moodle=4711)
    one.feedback["remarks"] = ['a \\" b, "c" \\', "d"]
    _, sheet, _ = filled(site, [one, result("ben", moodle=4712)])
    assert site.take_worksheet(sheet) == 2
    assert "a \\&quot; b, &quot;c&quot; \\<br>note: d" in site.users[0].comment
    assert grades(site) == [3.25, 3.25]


def test_a_long_comment_is_cut():
    one = result("ana")
    one.feedback["remarks"] = ["x" * 1500] * 40
    assert len(comment(one)) < 21_000


def test_names_that_look_like_formulas_stay_and_are_named():
    site = Site([User(1, '=HYPERLINK("x")'), User(2, "Ana")])
    plan, sheet, _ = filled(site, [result("s1", moodle=1), result("s2", moodle=2)])
    assert site.take_worksheet(sheet) == 2
    assert b'"=HYPERLINK(""x"")"' in sheet
    assert plan.notes[-1].startswith("w.csv:2: 1 rows hold text that a spreadsheet would run")


def test_a_score_above_the_maximum_is_named():
    site = Site(users()[:1])
    plan, sheet, _ = filled(site, [result("ana", "4.5", moodle=4711)])
    assert reasons(plan) == ["4.5 is above the maximum of 4"]
    assert site.take_worksheet(sheet) == 0


def test_scales_of_words_are_refused():
    data = Site(users()).worksheet()
    sheet = worksheet(parse_table(data.replace(b"Maximum Grade", b"Scale"), "w.csv"), PARIS)
    with pytest.raises(
        ConfigError, match=r"^w\.csv:1: expected an assignment that is graded in poi"
    ):
        fill(sheet, [])
    sheet = worksheet(parse_table(data.replace(b"Maximum Grade", b"Maximum"), "w.csv"), PARIS)
    with pytest.raises(ConfigError, match="got no column Maximum grade"):
        fill(sheet, [])
    sheet = worksheet(parse_table(Site(users(), maximum=0).worksheet(), "w.csv"), PARIS)
    with pytest.raises(
        ConfigError, match=r"^w\.csv:2: expected a maximum grade above 0, got '0.00'"
    ):
        fill(sheet, [])


def test_a_worksheet_without_a_column_for_comments_gets_grades_only():
    site = Site(users())
    data = site.worksheet().replace(b"Feedback comments", b"Something else")
    plan = fill(worksheet(parse_table(data, "w.csv"), PARIS), class_of(site))
    assert {one.column for one in plan.changes} == {"Grade"}


@pytest.mark.parametrize("maximum", ["20", "20.0"])
def test_without_a_comma_in_sight_the_language_decides(maximum):
    site = Site(users()[:1], language="de")
    data = site.worksheet().replace(b'"4,00"', maximum.encode())
    plan = fill(worksheet(parse_table(data, "w.csv"), PARIS), [result("ana", moodle=4711)])
    assert plan.changes[0].after == ("16,25" if maximum == "20" else "16.25")
