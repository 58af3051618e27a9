"""What is being played decides what the fixtures are."""

import random

import numpy as np
import pytest
import torch

from autograder.checks.local import LocalStage
from autograder.checks.play import Case, Play
from autograder.models import Visibility
from autograder.worker.session import Session


def case(exercise="f", visibility=Visibility.HIDDEN, name="test_x", topic="toy"):
    return Case(
        id=f"{visibility.value}/test_{topic}.py::{name}", title="", topic=topic,
        exercise=exercise, exercise_title="", visibility=visibility, parts=("y",),
        weights={"y": 1}, item=None,
    )  # fmt: skip


def made(functions=None, **options):
    stage = LocalStage(Session.from_namespace(functions or {}))
    given = {"run_seed": "7", "assignment": "tp1", "tolerances": {}, "references": None,
             "known": {}, **options}  # fmt: skip
    return Play(stage, **given)


def drawn(play, which=None):
    return play.draw(which or case()).normal(3).tolist()


def test_hidden_inputs_depend_on_the_run_the_assignment_and_the_case():
    first = drawn(made())
    assert drawn(made()) == first
    assert drawn(made(run_seed="8")) != first
    assert drawn(made(assignment="tp2")) != first
    assert drawn(made(), case(name="test_y")) != first


def test_public_inputs_depend_on_the_case_alone():
    public = case(visibility=Visibility.PUBLIC)
    first = drawn(made(), public)
    assert drawn(made(run_seed="8", assignment="tp2"), public) == first
    assert drawn(made(), case(visibility=Visibility.PUBLIC, name="test_y")) != first


def test_a_case_draws_the_same_whatever_was_drawn_before_it():
    play = made()
    first = drawn(play)
    drawn(play, case(name="test_y"))
    assert drawn(play) == first


def test_inputs_have_the_dtype_of_the_play():
    exact = made().draw(case()).normal(3)
    cast = made(dtype=torch.float32).draw(case()).normal(3)
    assert torch.equal(exact.float(), cast)


def test_the_oracle_has_the_reference_of_the_topic_of_the_case():
    references = {"toy": {"f": lambda x: 2 * x}, "other": {"f": lambda x: 3 * x}}
    play = made(references=references)
    one = torch.ones(1, dtype=torch.float64)
    assert play.oracle(case()).f(one).item() == 2
    assert play.oracle(case(topic="other")).f(one).item() == 3


def test_the_students_generators_start_alike_in_each_exercise():
    def f():
        draws = np.random.rand()  # noqa: NPY002 -- what students write
        return [random.random(), draws, torch.rand(1).item()]

    play = made({"f": f})
    first = play.enter(case()).f()
    second = play.enter(case(name="test_y")).f()
    assert play.enter(case("g")).f() != first
    play.reset()
    assert [play.enter(case()).f(), play.enter(case()).f()] == [first, second]
    assert made({"f": f}, run_seed="8").enter(case()).f() != first


def test_an_exercise_begins_once_and_its_cases_share_what_they_cached():
    play = made()
    assert play.enter(case()).cached("key", lambda: 1) == 1
    assert play.enter(case(name="test_y")).cached("key", lambda: 2) == 1
    assert play.enter(case("g")).cached("key", lambda: 3) == 3
    assert play.enter(case()).cached("key", lambda: 4) == 4


@pytest.mark.parametrize("topic", ["toy", "other"])
def test_exercises_of_two_topics_with_one_name_share_nothing(topic):
    play = made()
    play.enter(case(topic="toy")).cached("key", lambda: "toy")
    assert play.enter(case(topic=topic)).cached("key", lambda: "other") == topic


def test_a_reset_forgets_what_was_cached():
    play = made()
    play.enter(case()).cached("key", lambda: 1)
    play.reset()
    assert play.enter(case()).cached("key", lambda: 2) == 2


def test_nobody_is_on_stage_between_two_cases():
    play = made()
    student = play.enter(case())
    assert play.student is student
    assert play.expect is not None
    play.leave()
    assert play.student is None
    assert play.expect is None
