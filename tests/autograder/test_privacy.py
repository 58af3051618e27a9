"""Where data about students is, and where it is not: the map is whole, and logs name nobody."""

import os
import pty
import re
import subprocess
import sys

import pytest

from autograder import anonymous, pipeline
from autograder import desk as instructor
from autograder.cli import main
from autograder.report.store import Store
from tests.autograder import layers
from tests.autograder.test_forget import BLOCKS, Unexpected, request

DATA_MAP = (layers.ROOT / "docs" / "data-map.md").read_text(encoding="utf-8")
NAMED = re.findall(r"^\| `([^`]+)` \|", DATA_MAP, re.MULTILINE)

PEOPLE = {
    "own-class": ("Omar Klass-Überall", "omar.k@school.example"),
    "known-mistakes": ("Ken Known-Ångström", "ken.known@school.example"),
    "stub": ("Stella Bright-Éclair", "stella@school.example"),
    "absent": ("Noé Absent-Weiß", "noe@school.example"),
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> layers.Desk:
    """Return a small class with names and e-mails in its roster; not graded yet."""
    made = layers.desk(tmp_path_factory.mktemp("people"), "own-class", "known-mistakes", "stub")
    made.write("stray", "def affine_forward(x, w, b):\n    return x\n")
    rows = [f"{who},{name},{mail}" for who, (name, mail) in PEOPLE.items()]
    (made.course / "roster.csv").write_text("\n".join(("student_id,name,mail", *rows)) + "\n")
    made.config.write_text(made.config.read_text() + BLOCKS)
    return made


@pytest.fixture(scope="module")
def quiet(desk) -> subprocess.CompletedProcess:
    """Return what grading the class prints in a CI job."""
    return desk.grade(CI="true")


# --- the map ----------------------------------------------------------------------------------


def place(path: str) -> str:
    """Return a file of OUT as the map would name it."""
    student = r"(?:own-class|known-mistakes|stub|absent|stray)"
    path = re.sub(rf"/layers/{student}/[0-9a-f]{{64}}", "/<assignment>/<student>/<attempt>", path)
    path = re.sub(rf"/layers/{student}\.json", "/<assignment>/<student>.json", path)
    path = re.sub(r"blobs/[0-9a-f]{64}$", "blobs/<sha256>", path)
    return re.sub(r"external/\w+\.csv$", "external/<column>.csv", path)


def test_every_kind_of_file_that_a_course_leaves_is_in_the_map_and_nothing_else(
    desk, quiet, tmp_path
):
    used = desk.copy(tmp_path)
    (used.folder / "project.csv").write_text("student_id,score\nstub,3\n")
    base = ["-C", str(used.course)]
    table = ["scores", str(used.folder / "project.csv"), "--column", "project"]
    assert main([*base, *table, "-o", str(used.out)]) == 0
    instructor.decide(request(used), "stub", kind="excuse", why="ill", by="sam")
    (used.out / "submissions" / "layers" / "stray.json").write_bytes(b"{")
    pipeline.grade(request(used, source=used.source), Unexpected())
    anonymous.aliases(Store(used.out))
    files = [str(one.relative_to(used.out)) for one in used.out.rglob("*") if one.is_file()]
    assert {place(path) for path in files} == set(NAMED)


def test_the_map_says_for_every_file_who_may_see_it_and_how_long():
    rows = [line.split("|")[1:-1] for line in DATA_MAP.splitlines() if line.startswith("| `")]
    assert len(rows) == len(NAMED) > 14
    assert all(len(row) == 5 and all(cell.strip() for cell in row) for row in rows)


def test_names_are_only_where_the_map_says(desk, quiet):
    for path in desk.out.rglob("*"):
        if path.is_file():
            data = path.read_bytes().decode("utf-8", "replace")
            shown = any(name in data for name, _ in PEOPLE.values())
            where = path.relative_to(desk.out).parts[0]
            tables = {"submissions", "grades.csv", "course.csv", "gradebook.sqlite"}
            assert not shown or where in tables, path
            known = any(mail in data for _, mail in PEOPLE.values())
            assert not known or where == "submissions", path


# --- what is printed --------------------------------------------------------------------------


def said_of_people(printed: str) -> list[str]:
    words = [*PEOPLE, "stray", *(word for pair in PEOPLE.values() for word in pair)]
    words += [part for name, _ in PEOPLE.values() for part in name.split()]
    return [word for word in words if word.lower() in printed.lower()]


def test_in_a_ci_job_a_run_prints_counts_only(desk, quiet):
    *said, isolation, where = quiet.stdout.splitlines()
    assert said == [
        "5 students: 4 graded, 1 not submitted; scores are out of 4",
        "1 note: grade again with --no-quiet to read them",
    ]
    assert isolation.startswith("isolation: tier ")
    assert where == f"grades: {desk.out}/grades.csv"
    assert said_of_people((quiet.stdout + quiet.stderr).replace(str(desk.out), "")) == []
    assert "attempts to examine: 4" in quiet.stderr
    assert not re.search(r"\d\.\d", quiet.stderr)


@pytest.mark.parametrize(
    ("options", "environment", "is_quiet"),
    [
        ([], {}, False),
        (["--quiet"], {}, True),
        ([], {"CI": "1"}, True),
        (["--no-quiet"], {"CI": "1"}, False),
        ([], {"CI": ""}, False),
    ],
)
def test_quiet_is_asked_for_or_the_default_of_ci(
    desk, quiet, tmp_path, monkeypatch, capsys, options, environment, is_quiet
):
    monkeypatch.delenv("CI", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    copy = desk.copy(tmp_path)
    assert main([*copy.grading(), *options]) == 0
    assert ("known-mistakes" not in capsys.readouterr().out) == is_quiet


def test_on_a_terminal_ci_changes_nothing(desk, quiet, tmp_path):
    copy = desk.copy(tmp_path)
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*layers.COMMAND, *copy.grading()],
        env=layers.ENVIRONMENT | {"CI": "1", "TERM": "dumb"},
        stdin=subprocess.DEVNULL, stdout=follower, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        os.close(follower)
        printed = b""
        while chunk := _read(leader):
            printed += chunk
        assert process.wait(timeout=120) == 0
    os.close(leader)
    assert b"known-mistakes" in printed


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # the other end is closed
        return b""


def test_a_loud_run_prints_ids_and_scores_but_no_names(desk, quiet, tmp_path, capsys):
    assert main(desk.copy(tmp_path).grading("--no-quiet")) == 0
    printed = capsys.readouterr()
    names = {word for pair in PEOPLE.values() for word in pair}
    assert not names & set(said_of_people(printed.out + printed.err))
    assert said_of_people(printed.err) == []
    assert "stub" in printed.out


@pytest.mark.parametrize(
    "rows",
    [
        ["ana,Ana Quux,ana@school.example", "ben,Ben Quux,ana@school.example"],
        ["ana,Ana Quux,ana@school.example", "ana,Ben Quux,ben@school.example"],
        ["ana,Ana Quux,ben", "ben,Ben Quux,ben@school.example"],
        ["ana,Ana Quux,a@school.example,x", '"ana,Ana Quux'],
        ["a n a,Ana Quux,ana@school.example"],
    ],
)
def test_what_is_wrong_with_a_roster_is_said_without_names(desk, tmp_path, rows, capsys):
    copy = desk.copy(tmp_path)
    (copy.course / "roster.csv").write_text("\n".join(("student_id,name,mail", *rows)) + "\n")
    assert main(copy.grading()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "roster.csv:" in printed.err
    assert not re.search("quux|school", printed.err, re.IGNORECASE)


def test_a_damaged_ledger_names_nobody(desk, quiet, tmp_path):
    copy = desk.copy(tmp_path)
    (copy.out / "ledger.jsonl").write_text('{"kind": "excuse", "why": "Omar Klass-Überall"\n')
    done = layers.gradlab(*copy.grading(), CI="1")
    assert done.returncode == 2
    assert said_of_people(done.stdout) == []
    assert "ledger.jsonl:1: expected a JSON object" in done.stderr
    assert sys.executable not in done.stderr
    assert "Klass" not in done.stderr
