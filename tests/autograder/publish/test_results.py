"""What OUT holds, as exports need it."""

import json
from fractions import Fraction

import pytest

from autograder.models import Status
from autograder.publish.results import read_results, who
from autograder.report.store import Store
from tests.autograder import layers


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    return graded.copy(tmp_path)


def edit(desk, student, **changes):
    path = desk.out / "results" / "layers" / f"{student}.json"
    path.write_text(json.dumps(desk.document("results", student) | changes))


def results(desk):
    store = Store(desk.out)
    return {one.student_id: one for one in read_results(store, "layers")}, store.notes


def test_everybody_has_the_score_of_grades_csv(graded):
    found, notes = results(graded)
    assert {i: one.status.value for i, one in found.items()} == {
        i: row["status"] for i, row in graded.grades().items()
    }
    for student, row in graded.grades().items():
        one = found[student]
        assert one.score == (Fraction(row["score"]) if row["score"] else None)
        assert one.name == row["name"]
    assert found["notebook"].feedback == graded.document("feedback", "notebook")
    assert found["notebook"].scale == 4
    assert notes == []


@pytest.mark.parametrize("status", ["internal_error", "pending", "unreadable"])
def test_a_status_without_a_number_has_none_whatever_the_file_says(desk, status):
    edit(desk, "notebook", status=status)
    one = results(desk)[0]["notebook"]
    assert (one.score, one.scale) == (None, None)
    assert one.why_none


@pytest.mark.parametrize("broken", [{"score": 3}, {"status": "great"}, {"graded_attempt": 99}])
def test_a_result_that_cannot_be_read_is_pending_and_named(desk, broken):
    edit(desk, "notebook", **broken)
    found, notes = results(desk)
    assert found["notebook"].status is Status.PENDING
    assert found["notebook"].score is None
    assert notes[0].startswith("notebook: its result cannot be read")


def test_a_missing_result_is_pending(desk):
    (desk.out / "results" / "layers" / "notebook.json").unlink()
    assert results(desk)[0]["notebook"].status is Status.PENDING


def test_pages_come_along(desk):
    page = desk.out / "pages" / "layers" / "students" / "notebook.html"
    page.parent.mkdir(parents=True)
    page.write_bytes(b"<html>")
    found, _ = results(desk)
    assert found["notebook"].page == b"<html>"
    assert found["einsum"].page is None


def test_people_are_named_with_their_names(graded):
    found, _ = results(graded)
    assert who(found["notebook"]) == "notebook (Nora Bookish)"
