"""Aliases: always the same, all different, and no help in finding out who it is."""

import pytest

from autograder import anonymous
from autograder.models import Submission
from autograder.report.store import Store


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "out")
    with made.lock():
        yield made


def hand_in(store, *students, assignment="tp1"):
    store.record_attempts(
        [Submission(student_id=one, assignment=assignment, attempts=()) for one in students]
    )


def test_an_alias_stays_when_others_come(store):
    hand_in(store, "ana", "bob")
    before = anonymous.aliases(store)
    hand_in(store, "cleo", assignment="tp2")
    after = anonymous.aliases(store)
    assert after.keys() == {"ana", "bob", "cleo"}
    assert before.items() <= after.items()


def test_a_class_of_thousands_shares_no_alias(store):
    hand_in(store, *(f"s{number}" for number in range(3000)))
    found = anonymous.aliases(store)
    assert len(set(found.values())) == 3000
    assert len({len(alias) for alias in found.values()}) == 1


def test_another_seed_gives_other_aliases(tmp_path):
    found = []
    for seed in (1, 2):
        made = Store(tmp_path / str(seed))
        with made.lock():
            made.run_seed(seed)
            hand_in(made, "ana", "bob")
            found.append(anonymous.aliases(made))
    assert set(found[0].values()) & set(found[1].values()) == set()
