"""The catalogue is whole: names that can be ids, known exercises, ways that exist."""

import pytest

from autograder.collect.tables import STUDENT_ID
from tests.attacks.catalogue import ATTACKS, FAMILIES, SAMPLE
from tests.attacks.naive import WAYS
from tests.attacks.record import EXERCISES


def test_there_are_many_attacks_of_many_families():
    assert len(ATTACKS) >= 200
    assert min(len(family) for family in FAMILIES.values()) >= 9


def test_every_attack_has_a_name_of_its_own():
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


def test_the_fast_sample_has_one_of_nearly_every_family():
    sampled = [name for name, family in FAMILIES.items() if set(_names(family)) & _names(SAMPLE)]
    assert len(sampled) >= 11


def _names(attacks):
    return {attack.name for attack in attacks}


def test_every_way_to_win_is_used():
    assert {attack.undefended for attack in ATTACKS} - {""} == set(WAYS)


@pytest.mark.parametrize("attack", [pytest.param(one, id=one.name) for one in ATTACKS])
def test_an_attack_says_all_that_is_needed(attack):
    assert STUDENT_ID.fullmatch(f"000-a-{attack.name}")
    assert attack.tries
    assert attack.tries[0].islower()
    assert set(attack.ends) <= set(EXERCISES)
    assert attack.files or attack.place or attack.status == "not_submitted"
    assert attack.ends or attack.problem or attack.status != "graded"
