"""Canvas's downloads: flat, without times, with marks in the names."""

import io
import zipfile

import pytest

from autograder.models import Account
from tests.autograder.lms.canvas_site import Site, User


def users() -> list[User]:
    return [
        User(77, "Ana María", "Gómez", "ana", "2001", {"losses.ipynb": b"{}", "helper_1.py": b"2"}),
        User(78, "Ben", "Oak", "ben", "2002", {"losses-1.ipynb": b"{}"}, late=True),
        User(79, "Zoé", "Müller", "zoe", "2003", typed=b"<p>see attachment</p>"),
        User(80, "Abe", "Sent", "abe", "2004"),
    ]


def test_a_download_is_read_and_late_ones_are_named(search, seen, times):
    found = search(Site(users()).download())
    assert seen(found) == {
        "canvas-77": [["helper_1.py", "losses.ipynb"]],
        "canvas-78": [["losses-1.ipynb"]],
        "canvas-79": [["text.html"]],
    }
    assert times(found)["canvas-78"] == ["time_unknown"]
    assert found.submissions[0].accounts == (
        Account(platform="canvas", id="77", name="gómezanamaría"),
    )
    assert found.notes[0].startswith("Canvas's download tells no times, so no time rule applies")
    assert found.notes[1:] == (
        "oakben_LATE_78_500003_losses-1.ipynb: late, says Canvas; by how much it does not say.",
    )


def test_a_gradebook_tells_who_is_who_and_who_is_missing(search, seen, roster):
    site = Site(users())
    known = roster(("ana", "A", "2001"), ("ben", "B", "ben"), ("zm", "Zoé Müller"))
    found = search(site.download(), worksheet=site.gradebook(), roster=known)
    assert seen(found) == {
        "ana": [["helper_1.py", "losses.ipynb"]],
        "ben": [["losses-1.ipynb"]],
        "zm": [["text.html"]],
    }
    assert "1 of 4 were found in the roster by full name alone." in found.notes
    reason = "Sent, Abe (canvas 80): nobody has this id or name; nothing handed in, left out."
    assert reason in found.notes
    assert "canvas-80" in seen(search(site.download(), worksheet=site.gradebook()))


def test_without_a_gradebook_the_squeezed_name_is_no_name(search, seen, roster):
    found = search(Site(users()).download(), roster=roster(("ana", "Ana María Gómez")))
    assert list(seen(found)) == ["ana", "canvas-77", "canvas-78", "canvas-79"]


def test_somebody_whom_the_gradebook_lacks_is_listed(search, seen):
    site = Site(users())
    sheet = Site(users()[1:]).gradebook()
    found = search(site.download(), worksheet=sheet)
    assert "canvas-77" in seen(found)
    assert any("worksheet.csv has nobody of this ID" in note for note in found.notes)


@pytest.mark.parametrize("late", [False, True])
def test_anonymous_grading_has_letters_for_ids(search, seen, late):
    people = [User(77, "Ana", "Gómez", files={"a_b_1.py": b"1"}, anonymous_id="9XyZq", late=late)]
    assert seen(search(Site(people, anonymous=True).download())) == {"anon_9XyZq": [["a_b_1.py"]]}


def packed(*names) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return made.getvalue()


def test_who_is_called_after_a_number_gets_nobody_else_s_work(search, seen):
    people = [User(5, "Ana", "Gómez"), User(1234, "X_5", "", files={"losses.py": b"1"})]
    people[1].last, people[1].first = "x", "_5"
    site = Site(people)
    (name,) = zipfile.ZipFile(io.BytesIO(site.download())).namelist()
    assert name == "x_5_1234_500001_losses.py"
    found = search(site.download(), worksheet=site.gradebook())
    assert seen(found) == {"canvas-1234": [["losses.py"]], "canvas-5": []}
    found = search(site.download())
    assert found.notes[1] == (
        "x_5_1234_500001_losses.py: of user 5 or 1234? Taken as the first: a file's name may begin "
        "with a number. Canvas's gradebook tells: --worksheet."
    )


def test_a_name_that_two_users_fit_is_left_out(search, seen):
    site = Site([User(5, "Ana", "Gómez"), User(1234, "Ana_5", "Gómez", files={"losses.py": b"1"})])
    other = packed("gómezana_5_777_losses.py", "gómezana_5_1234_500001_losses.py")
    found = search(other, worksheet=site.gradebook())
    assert seen(found) == {"canvas-1234": [[]], "canvas-5": [["losses.py"]]}
    doubt = (
        "gómezana_5_1234_500001_losses.py: of user 5 or 1234? The names fit; left out. "
        "Look in Canvas."
    )
    assert found.submissions[0].attempts[0].problem == doubt  # a person looks; it is no zero
    assert doubt in found.notes


def test_a_student_s_own_folder_is_no_download(search, seen, roster, tmp_path):
    (tmp_path / "class" / "ana").mkdir(parents=True)
    (tmp_path / "class" / "ana" / "x_1_2_losses.py").write_text("1")
    found = search(tmp_path / "class", roster=roster(("ana", "Ana")))
    assert seen(found) == {"ana": [["x_1_2_losses.py"]]}


@pytest.mark.parametrize(
    ("name", "student", "file"),
    [
        ("oakben_78_1_x.py", "canvas-78", "x.py"),
        ("o_ak_ben_LATE_78_1_x.py", "canvas-78", "x.py"),
        ("oak2ben_78_1_2_3_x.py", "canvas-78", "2_3_x.py"),
        ("78_1_x.py", "canvas-78", "x.py"),
        ("LATE_78_1_x.py", "canvas-78", "x.py"),
        ("oak3_78_1_x.py", "canvas-78", "x.py"),
    ],
)
def test_odd_names_are_taken_apart(search, seen, name, student, file):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, "x")
    assert seen(search(made.getvalue(), origin="canvas")) == {student: [[file]]}


def test_two_attachments_of_one_name_are_two_files(search, seen):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in (1, 2, 3):
            archive.writestr(f"oakben_78_{number}_x.py", str(number))
    assert seen(search(made.getvalue())) == {"canvas-78": [["x-2.py", "x-3.py", "x.py"]]}


def test_what_is_not_canvas_s_is_left_out_when_canvas_is_named(search, seen):
    made = io.BytesIO(Site(users()).download())
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("readme.txt", "x")
    found = search(made.getvalue(), origin="canvas")
    assert "readme.txt: not named as Canvas does; left out." in found.notes
    assert len(seen(found)) == 3
