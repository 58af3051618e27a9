"""Three hundred students, from a platform's download to grades in the platform, by commands only.

The class has what real ones have: notebooks and modules, names with accents and apostrophes,
several people of one name, drafts that get better after class, late first hand-ins, and people who
hand in nothing. Each student's work is known, so each grade that arrives is known beforehand.
"""

import csv
import html
import itertools
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from tests.autograder import layers
from tests.autograder.lms import canvas_site, moodle_site
from tests.autograder.lms.moodle_site import PARIS

pytestmark = pytest.mark.prove

SIZE = 300
CLASS_END = datetime(2026, 2, 9, 18, 30, tzinfo=PARIS)
FIRST = [
    "Ana_María",
    "Zoé",
    "Jean",
    "O'Neil",
    "Łukasz",
    "Ñuño",
    "Frédérique",
    "José-Luis",
    "李",
    "Anaïs",
    "Sören",
    "Chloé",
    "Ömer",
]
LAST = [
    "Gómez",
    "Müller",
    "Martin",
    "D'Arc",
    "Kowalski",
    "Peña",
    "Lefèvre",
    "García",
    "小龍",
    "Étienne",
    "Ødegård",
]
SCORES = {  # of what the layers course's class wrote
    "notebook": 4.0,
    "own-class": 4.0,
    "tuple-cache": 4.0,
    "einsum": 2.8,
    "known-mistakes": 1.6,
    "stub": 0.0,
}
_BLOCK = """
assignments:
  tp1:
    title: TP 1
    class_end: 2026-02-09 18:30
    exercises: [layers.affine_forward, layers.affine_backward, layers.relu_forward,
                {id: layers.relu_backward, starred: true}]
"""


@dataclass(frozen=True)
class Student:
    """What one student does, and what it is worth."""

    number: int
    first: str
    last: str
    in_class: str | None  # what is handed in by the end of class
    final: str | None
    late: bool

    @property
    def expected(self) -> float:
        """The score: at most 1 if nothing that differs from the stub came by the end of class."""
        if self.final is None:
            return 0.0
        capped = self.late or self.in_class == "stub"
        return min(SCORES[self.final], 1.0) if capped else SCORES[self.final]


def students() -> list[Student]:
    made = []
    kinds = itertools.cycle(
        [
            ("notebook", "notebook", False),
            ("einsum", "notebook", False),
            ("notebook", "notebook", False),
            ("stub", "own-class", False),
            (None, "notebook", True),
            ("known-mistakes", "known-mistakes", False),
            ("notebook", "tuple-cache", False),
            (None, None, False),
            ("einsum", "einsum", False),
            ("notebook", "notebook", False),
        ]
    )
    names = itertools.cycle(itertools.product(LAST, FIRST))  # 143 names: most are had twice
    for number, (last, first), (in_class, final, late) in zip(
        range(SIZE), names, kinds, strict=False
    ):
        made.append(Student(4000 + 7 * number, first, last, in_class, final, late))
    return made


def work(kind: str, student: Student, when: str) -> dict[str, bytes]:
    """Return a file of the layers course's class that no two students share."""
    (path,) = (layers.COURSE / "submissions" / kind).iterdir()
    mark = f"# {student.number} {when}"
    if path.suffix == ".py":
        return {path.name: path.read_bytes() + f"\n{mark}\n".encode()}
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][0]["source"].append(mark)
    return {f"{path.stem} ({student.number % 5}).ipynb": json.dumps(notebook).encode()}


@pytest.fixture
def desk(tmp_path) -> layers.Desk:
    made = layers.desk(tmp_path, "stub")
    text = made.config.read_text(encoding="utf-8").replace(
        "timezone: UTC", "timezone: Europe/Paris"
    )
    made.config.write_text(text + _BLOCK, encoding="utf-8")
    return made


def gradlab(desk, *arguments) -> str:
    done = layers.gradlab("-C", str(desk.course), *map(str, arguments), cwd=desk.folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize(
    ("language", "scheme"), [("fr", "new"), ("en", "flat")], ids=["french", "english"]
)
def test_a_moodle_class_of_300_gets_its_grades(desk, language, scheme):
    everybody = students()
    users = [
        moodle_site.User(
            one.number, f"{one.first} {one.last}", f"s{one.number}@example.org", f"n{one.number}"
        )
        for one in everybody
    ]
    site = moodle_site.Site(users, language=language, scheme=scheme, maximum=20)
    for user, one in zip(users, everybody, strict=True):
        if one.in_class is not None:
            user.files = work(one.in_class, one, "in class")
            user.submitted_at = CLASS_END - timedelta(minutes=one.number % 60)
    in_class = keep(desk, "in-class", site)
    for user, one in zip(users, everybody, strict=True):
        if one.final is not None and (one.late or one.final != one.in_class):
            user.files = work(one.final, one, "at home")
            user.submitted_at = CLASS_END + timedelta(hours=1 + one.number % 90)
    final = keep(desk, "final", site)

    for command, (download, sheet) in (("collect", in_class), ("grade", final)):
        to = ("-a", "tp1", "-o", desk.out)
        gradlab(desk, command, download, "--worksheet", sheet, *to)
    has_pages = language == "en"
    if has_pages:
        gradlab(desk, "report", desk.out, "-a", "tp1")
    export = ("export", desk.out, "-a", "tp1", "--to", "moodle", "--into", final[1])
    before = final[1].read_bytes()
    assert "300" in gradlab(desk, *export, "--dry-run")
    assert not (desk.out / "exports").exists()
    gradlab(desk, *export)
    assert final[1].read_bytes() == before  # the download stays as it was

    folder = desk.out / "exports" / "tp1" / "moodle"
    assert site.take_worksheet((folder / final[1].name).read_bytes()) == SIZE
    site.take_feedback((folder / "feedback.zip").read_bytes())
    wrong = [
        (user.name, user.grade, one)
        for user, one in zip(users, everybody, strict=True)
        if user.grade != pytest.approx(one.expected * 5)
    ]
    assert wrong == []
    assert [user.name for user in users if len(user.feedback) != 1] == []
    for user, one in zip(users, everybody, strict=True):
        (said,) = (text.decode() for text in user.feedback.values())
        if has_pages:
            assert "<!doctype html>" in said.lower()
            assert f"{one.first} {one.last}" in html.unescape(said)
        else:
            assert said.splitlines()[0] == f"tp1: {one.expected:g} of 4"
    if has_pages:
        page = (desk.out / "pages" / "tp1" / "index.html").read_text(encoding="utf-8")
        assert page.count('href="students/') >= SIZE
    assert len({one.expected for one in everybody}) >= 5


def keep(desk, name, site):
    download, sheet = desk.folder / f"{name}.zip", desk.folder / f"{name}.csv"
    download.write_bytes(site.download())
    sheet.write_bytes(site.worksheet())
    return download, sheet


def test_a_canvas_class_of_300_gets_its_grades(desk):
    everybody = students()
    users = [
        canvas_site.User(
            one.number, one.first, one.last, login=f"s{one.number}", sis=f"n{one.number}",
            files=work(one.final, one, "canvas") if one.final else {}, late=one.late,
        )
        for one in everybody
    ]  # fmt: skip
    site = canvas_site.Site(users, points=100, comma=True, manual=True)
    download, book = desk.folder / "submissions.zip", desk.folder / "gradebook.csv"
    download.write_bytes(site.download())
    book.write_bytes(site.gradebook())

    printed = gradlab(desk, "grade", download, "--worksheet", book, "-a", "tp1", "-o", desk.out)
    gradlab(desk, "export", desk.out, "-a", "tp1", "--to", "canvas", "--into", book)

    changes = site.take((desk.out / "exports" / "tp1" / "canvas" / "gradebook.csv").read_bytes())
    assert len(changes) == SIZE
    expected = [SCORES[one.final] * 25 if one.final else 0.0 for one in everybody]
    assert [user.grade for user in users] == [pytest.approx(one) for one in expected]
    assert printed.count("late, says Canvas") == sum(one.late for one in everybody)
    with (desk.out / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == SIZE
