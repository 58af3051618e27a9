"""Who is who, and who only looks like somebody."""

import pytest

from autograder.lms.people import Claim, Person, folded, match, spoken

ANA = Person(student_id="ana", name="Ana Gómez", aliases=("4711", "Ana@Example.org"))
ZOE = Person(student_id="zoe", name="Zoé Müller")
JEAN = Person(student_id="jean1", name="Jean Martin", aliases=("jm1",))
JEAN2 = Person(student_id="jean2", name="Jean Martin", aliases=("jm2",))
CLASS = (ANA, ZOE, JEAN, JEAN2)


def found(*claims):
    return [(one.student_id, one.reason) for one in match(CLASS, claims)]


@pytest.mark.parametrize("one", ["ana", "4711", "ana@example.ORG", " ana "])
def test_an_id_decides_whatever_the_name(one):
    assert found(Claim(ids=(one,), name="Zoé Müller")) == [("ana", "")]


def test_ids_are_compared_exactly_but_for_addresses():
    assert found(Claim(ids=("ANA",))) == [(None, "nobody has this id or name")]


def test_ids_of_two_students_are_nobody_s():
    assert found(Claim(ids=("ana", "jm1"))) == [
        (None, "its ids mean two students: 'ana' is ana, 'jm1' is jean1")
    ]


def test_an_id_that_two_students_have_is_nobody_s():
    people = [Person(student_id="a", aliases=("x",)), Person(student_id="b", aliases=("x",))]
    (one,) = match(people, [Claim(ids=("x",))])
    assert one.reason == "its ids mean two students: 'x' is a, 'x' is b"


@pytest.mark.parametrize("name", ["Ana Gómez", "Ana  Gómez", "Gómez, Ana", "Ana Go\u0301mez"])
def test_a_full_name_that_is_nobody_else_s_decides(name):
    (one,) = match(CLASS, [Claim(ids=("", "unknown"), name=name)])
    assert (one.student_id, one.by_name) == ("ana", True)


@pytest.mark.parametrize(
    "name", ["ana gómez", "Ana Gomez", "Gómez Ana", "ANA GÓMEZ", "Ana-Gómez", "Ana Gómez."]
)
def test_a_name_that_only_looks_alike_is_listed_and_not_taken(name):
    reason = f"nobody is called {name!r}, but ana is 'Ana Gómez'"
    assert found(Claim(name=name)) == [(None, reason)]


def test_a_name_of_two_students_is_nobody_s_but_their_ids_tell():
    reason = "2 students are called 'Jean Martin': jean1, jean2"
    assert found(Claim(name="Jean Martin"), Claim(ids=("jm2",), name="Jean Martin")) == [
        (None, reason),
        ("jean2", ""),
    ]


def test_two_of_one_name_on_the_platform_are_both_doubtful():
    reason = "2 here are called 'Ana Gómez', as is ana"
    assert found(Claim(name="Ana Gómez"), Claim(name="Ana Gómez")) == [(None, reason)] * 2


def test_a_namesake_of_somebody_with_an_id_is_doubtful():
    reason = "'Ana Gómez' is also the name of ana, whose id stands elsewhere"
    assert found(Claim(name="Ana Gómez"), Claim(ids=("4711",))) == [(None, reason), ("ana", "")]


def test_nobody_is_found_without_a_name():
    nameless = [Person(student_id="x"), Person(student_id="y", name="--")]
    assert [one.student_id for one in match(nameless, [Claim(), Claim(name="!!")])] == [None, None]


def test_names_are_turned_round_and_folded():
    assert spoken("van der Berg, Jan") == "Jan van der Berg"
    assert spoken("a, b, c") == "a, b, c"
    assert folded("Müller, Zoé") == folded("zoe MULLER") == "muller zoe"
