"""The roster, and times."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from autograder.collect import Roster, read_roster, read_time
from autograder.errors import ConfigError

PARIS = ZoneInfo("Europe/Paris")


def roster_of(tmp_path, content) -> Roster:
    path = tmp_path / "roster.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_roster(path)


def faults_of(tmp_path, content) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        roster_of(tmp_path, content)
    return str(caught.value).splitlines()


def test_a_roster_names_students_sections_and_aliases(tmp_path):
    roster = roster_of(
        tmp_path,
        "student_id,name,section,email,moodle,,github,\n"
        "ana,Ana Gómez,B,ana@example.org,4711\n"
        ",,,,,,,,,\n"
        'ben,"Ben, jr.",,,,b2,ben-gh,,,\n',
    )
    ana, ben = roster.students["ana"], roster.students["ben"]
    assert (ana.name, ana.section) == ("Ana Gómez", "B")
    assert (ben.name, ben.section) == ("Ben, jr.", None)
    assert roster.ids["4711"] == roster.ids["ana@example.org"] == roster.ids["ana"] == "ana"
    assert roster.ids["ben-gh"] == roster.ids["b2"] == "ben"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_roster_from_any_spreadsheet_is_read(tmp_path, separator, bom, newline):
    lines = ["Student_ID,name", "ana,Ana", "ben,Ben"]
    text = newline.join(lines).replace(",", separator)
    assert list(roster_of(tmp_path, bom + text.encode()).students) == ["ana", "ben"]


def test_all_faults_of_a_roster_come_at_once_with_their_lines(tmp_path):
    text = (
        "student_id,name,alias\nana,Ana,x\nana,Anna,\nBén,Ben,\n,Nobody,\ncarl,Carl,x\ndora,D,ana\n"
    )
    faults = faults_of(tmp_path, text)
    assert [fault.partition(": ")[0] for fault in faults] == [
        "roster.csv:3",
        "roster.csv:4",
        "roster.csv:5",
        "roster.csv:6",
        "roster.csv:7",
    ]
    assert "expected each id once, got 'ana' as on line 2" in faults[0]
    assert "expected a student id of at most 64 letters" in faults[1]
    assert "expected an alias of one student, got one of line 2 again" in faults[3]
    assert "expected an alias of one student, got one of line 2 again" in faults[4]


def test_a_section_that_no_assignment_has_is_a_fault_of_its_line(tmp_path):
    path = tmp_path / "rs.csv"
    path.write_text("student_id,name,section\nana,A,evning\nben,B,evening\ncem,C,\ndan,D,late\n")
    with pytest.raises(ConfigError) as caught:
        read_roster(path, ["evening", "late"])
    assert str(caught.value) == (
        "rs.csv:2: expected a section out of evening, late, got 'evning'. Correct it, leave it"
        " empty, or add it to the sections of an assignment in grading_config.yml; without dates"
        " (`evning: {}`), it has the assignment's."
    )
    assert read_roster(path, ["evening", "late", "evning"]).students["ana"].section == "evning"
    assert read_roster(path).students["ana"].section == "evning"  # no dates depend on it


def test_a_roster_without_its_columns_says_which(tmp_path):
    (fault,) = faults_of(tmp_path, "id,name\nana,Ana\n")
    assert fault == (
        "roster.csv:1: expected the columns student_id, name, got 'id,name'. "
        "Add student_id to the first line."
    )
    assert "roster.csv:1: expected the columns" in faults_of(tmp_path, "")[0]


def test_a_roster_in_latin_1_names_the_line(tmp_path):
    (fault,) = faults_of(tmp_path, "student_id,name\nana,Ana\nben,Bén\n".encode("latin-1"))
    assert fault == "roster.csv:3: expected UTF-8, got the byte 0xe9. Save the file as CSV UTF-8."


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "student_id,name\nana,Gómez, Ana\n",
            "2: expected 2 columns, got 3. Put text with commas in quotes.",
        ),
        (
            "student_id,name,,\nben,Ben,,\nana,Ana,,,x\n",
            "3: expected 2 columns, got 5. Put text with commas in quotes.",
        ),
        (
            "student_id,Name,login,name\nana,Ana,a1,Anna\n",
            "1: expected each column once, got 'name' twice. Drop one.",
        ),
        (
            "student_id,name\nana,Ana\nben,B\0en\n",
            "3: expected text, got a NUL. Save the file as CSV UTF-8.",
        ),
    ],
)
def test_a_cell_that_no_column_can_hold_is_never_cut_off(tmp_path, table, said):
    assert faults_of(tmp_path, table) == [f"roster.csv:{said}"]


def test_a_roster_that_is_no_csv_is_a_config_error(tmp_path):
    (fault,) = faults_of(tmp_path, "student_id,name\nana," + "x" * 200_000)
    assert fault.startswith("roster.csv:")
    assert "expected CSV, got field larger than field limit" in fault


def test_a_missing_roster_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="expected a CSV file, got No such file"):
        read_roster(tmp_path / "nobody.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-09T18:20", datetime(2026, 2, 9, 17, 20, tzinfo=UTC)),
        (" 2026-02-09 18:20:30 ", datetime(2026, 2, 9, 17, 20, 30, tzinfo=UTC)),
        ("2026-07-09T18:20", datetime(2026, 7, 9, 16, 20, tzinfo=UTC)),
        ("2026-02-09T18:20Z", datetime(2026, 2, 9, 18, 20, tzinfo=UTC)),
        ("2026-02-09T18:20-03:00", datetime(2026, 2, 9, 21, 20, tzinfo=UTC)),
    ],
)
def test_a_naive_time_is_in_the_course_timezone(text, expected):
    assert read_time(text, PARIS, where="--at") == expected


def test_an_hour_that_comes_twice_is_read_as_the_first():
    twice = read_time("2026-10-25T02:30", PARIS, where="--at")
    assert twice.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-02-09",
        "20260209",
        "2026-13-01T10:00",
        "0026-02-09T18:20",
        "9999-12-31T23:59",
    ],
)
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ConfigError, match=r"^--at: expected a date and time such as .*, got"):
        read_time(text, PARIS, where="--at")


def test_a_roster_names_teams(tmp_path):
    found = roster_of(tmp_path, "student_id,name,team\nana,Ana,red\nben,Ben,red\ncem,Cem,\n")
    assert found.teams == {"red": ("ana", "ben")}
    assert found.students["cem"].team is None
    assert found.students["ana"].aliases == ()


def test_a_team_is_no_student_and_has_an_id(tmp_path):
    table = "student_id,name,login,team\nana,Ana,a1,ben\nben,Ben,b1,a1\ncem,Cem,c1,the reds\n"
    ben, a1, reds = faults_of(tmp_path, table)
    said = "expected a team's id that is no student's, got"
    assert ben == f"roster.csv:2: {said} 'ben' as on line 3."
    assert a1 == f"roster.csv:3: {said} 'a1' as on line 2."
    assert reds.startswith("roster.csv:4: expected a team's id of at most 64 letters, digits,")
    assert reds.endswith("got something else of 8 letters. Correct it.")
