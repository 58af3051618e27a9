"""Small edits of a reference, one at a time."""

import time

import pytest

from autograder.checks import bank
from autograder.errors import SuiteError
from autograder.mutants import Clock, known_survivors, mutants
from tests.autograder.checks import toys

SECOND = """
# %%
def _scaled(x, factor):
    return x * factor


# %%
class Point:
    def __init__(self, x):
        self.x = x

    def doubled(self):
        return _scaled(self.x, 2)


# %%
def double(x: "1 + 1" = None) -> "2 * 3":
    \"\"\"Return 2 * x.\"\"\"
    if x is None:
        raise ValueError("1 + 1")
    return BODY


if __name__ == "__main__":
    print(1 + 1)
"""


GUARD = "if x is None:\n    raise ValueError('1 + 1')"


def edits(folder, body, *, exercises=None, helper="_scaled(x, 2)"):
    """Return what each edit of `double` does to its source."""
    solution = SECOND.replace("BODY", body or helper)
    listed = exercises or {"double": "{points: 1}"}
    course = toys.write(folder, solution=solution, exercises=listed)
    return all_of(course)


def all_of(course):
    """Return the edits of every exercise."""
    topic, exercises = bank.load(course.course_dir, "toy"), course.topics["toy"]
    return [edit for one in exercises for edit in mutants(topic, one, exercises)]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("x + 2", {"x - 2", "x + 3", "x + 1"}),
        ("x - y * z", {"x + y * z", "x - y / z"}),
        ("x ** 2.5", {"x * 2.5", "x ** 5.0"}),
        ("x // y % z", {"x // y // z", "x * y % z"}),
        ("-x", {"x"}),
        ("x < y", {"x <= y", "x > y"}),
        ("x == y", {"x != y"}),
        ("x and y", {"x or y"}),
        ("x & y", {"x | y"}),
        ("x.sum(0)", {"x", "x.sum(1)"}),
        ("torch.exp(x)", {"x"}),
        ("x.mean(0, keepdim=True)", {"x", "x.mean(1, keepdim=True)", "x.mean(0)",
                                     "x.mean(0, keepdim=False)"}),
        ("zip(x, y, strict=True)", set()),
        ("x.T", {"x"}),
        ("(x, y)", {"(y, x)"}),
        ("(x, x)", set()),
        ("(x, ())", {"((), x)"}),
        ("x if y else z", {"x if not y else z"}),
        ("x[0.0]", {"x[1.0]"}),
    ],
)  # fmt: skip
def test_every_kind_of_edit(tmp_path, body, wanted):
    made = edits(tmp_path, body)
    assert {whole(one, body) for one in made if one.was != GUARD} == wanted


def whole(mutant, body):
    """Return the body after an edit, from the part that was edited."""
    assert mutant.was in body
    return body.replace(mutant.was, mutant.now, 1)


def test_guards_types_docstrings_and_rewards_are_no_code(tmp_path):
    made = edits(tmp_path, "x.neg()")
    assert [one.edit for one in made] == [
        f"{GUARD} -> {GUARD.replace('if', 'if not')}",
        "x.neg() -> x",
    ]
    assert {one.exercise for one in made} == {"double"}


def test_an_edit_can_be_called(tmp_path):
    made = edits(tmp_path, "x + 2")
    results = {one.now: one.version.definition(10) for one in made if one.was != GUARD}
    assert results == {"x - 2": 8, "3": 13, "1": 11}


def test_a_helper_belongs_to_each_exercise_that_uses_it(tmp_path):
    listed = {"double": "{points: 1}", "Point.doubled": "{points: 1}"}
    made = edits(tmp_path, "", exercises=listed)
    of_helper = [one for one in made if one.was == "x * factor"]
    assert [one.exercise for one in of_helper] == ["double", "Point.doubled"]
    assert of_helper[0].version.definition(8) == 4.0
    of_method = [one for one in made if one.exercise == "Point.doubled" and one.was == "2"]
    assert sorted(one.now for one in of_method) == ["1", "3"]


def test_assignments_and_loops_are_edited(tmp_path):
    solution = toys.SOLUTION.replace(
        "    return 2 * x\n",
        "    y = x\n    y += x\n    print(y)\n    if y:\n        y = y\n    return y\n",
    )
    course = toys.write(tmp_path, solution=solution)
    assert [one.edit for one in all_of(course)] == [
        "y = x -> pass",
        "y += x -> y = x",
        "y += x -> pass",
        "print(y) -> pass",
        "print(y) -> y",
        "if y:\n    y = y -> if not y:\n    y = y",
        "y = y -> pass",
    ]


def test_an_edit_that_does_not_load_is_none(tmp_path):
    solution = toys.SOLUTION.replace("# %%\n", "# %%\nLIMIT = [1][0]\n", 1).replace(
        "def double(x):", "def double(x, y=1):"
    )
    course = toys.write(tmp_path, solution=solution)
    assert len(all_of(course)) == 3


def test_time_is_limited_also_for_code_that_catches_everything():
    caught = []
    with Clock(0.05) as clock:
        while len(caught) < 2:
            try:
                spin()
            except TimeoutError as fault:
                caught.append(str(fault))
    assert clock.has_rung
    assert caught == ["mutant: expected an end within 0.05 s of CPU, got none."] * 2


def spin():
    while True:
        pass


def test_waiting_is_no_cpu_time():
    with Clock(0.05) as clock:
        time.sleep(0.1)
    assert not clock.has_rung


@pytest.mark.parametrize(
    "text",
    ["- 1", "double: 3", "double: {x -> y: }", "double: {x -> y: 3}", "double: {x -> y: ''}"],
)
def test_a_malformed_list_of_survivors_is_named(tmp_path, text):
    path = tmp_path / "reference" / "toy" / "survivors.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError, match=r"^reference/toy/survivors.yml: expected exercises, each"):
        known_survivors(tmp_path, "toy")


def test_a_list_that_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "reference" / "toy" / "survivors.yml"
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(SuiteError, match=r"^reference/toy/survivors.yml: expected YAML, got "):
        known_survivors(tmp_path, "toy")


def test_an_empty_list_and_none_are_the_same(tmp_path):
    assert known_survivors(tmp_path, "toy") == {}
    path = tmp_path / "reference" / "toy" / "survivors.yml"
    path.parent.mkdir(parents=True)
    path.write_text("# nothing\n", encoding="utf-8")
    assert known_survivors(tmp_path, "toy") == {}
