"""What a teacher knows about one topic, loaded from its folder."""

import textwrap
from pathlib import Path

import pytest
import torch

from autograder.checks import bank
from autograder.errors import SuiteError
from tests.autograder.checks import toys

ROOT = Path(__file__).parents[3]
HINTS = 'hints=("It is wrong.", "Everywhere.", "Which one?")'
HEAD = "import torch\n\nfrom autograder.checks.bank import alternative, mistake\n\n"
KNOWN = f"""
@mistake("double", source="a class of 2025", {HINTS})
def triple(x):
    return 3 * x
"""
VALUE = '''
# %%
class Value:
    """A number."""

    def __init__(self, data):
        self.data = data

    def double(self):
        """Return twice the number."""
        # BEGIN SOLUTION
        return 2 * self.data
        # END SOLUTION
'''


def loaded(folder, *, solution=toys.SOLUTION, **files):
    """Write and load a topic; files get the imports that they need."""
    home = folder / "reference" / "toy"
    home.mkdir(parents=True)
    (home / "solution.py").write_text(solution)
    for name, text in files.items():
        (home / f"{name}.py").write_text(HEAD + textwrap.dedent(text))
    return bank.load(folder, "toy")


def run(text):
    """Return the names that a file defines."""
    names = {}
    exec(compile(text, "toy.py", "exec"), names)
    return names


# --- loading -----------------------------------------------------------------------------------


def test_a_topic_has_a_solution_and_what_else_is_known(tmp_path):
    topic = loaded(
        tmp_path,
        mistakes=KNOWN,
        alternatives='@alternative("double")\ndef sum_of_two(x):\n    return x + x\n',
        support="def scaled(k):\n    return k\n",
    )
    assert topic.name == "toy"
    assert topic.solution["double"](2) == 4
    (known,) = topic.mistakes_of("double")
    assert (known.id, known.exercise, known.source) == ("triple", "double", "a class of 2025")
    assert known.hints == ("It is wrong.", "Everywhere.", "Which one?")
    assert known.definition(2) == 6
    (other,) = topic.alternatives_of("double")
    assert (other.id, other.hints) == ("sum_of_two", ())
    assert topic.mistakes_of("other") == topic.alternatives_of("other") == ()
    assert topic.support["scaled"](3) == 3
    assert topic.support_text.endswith("def scaled(k):\n    return k\n")


def test_only_the_solution_must_be_there(tmp_path):
    topic = loaded(tmp_path)
    assert (topic.mistakes, topic.alternatives, topic.support, topic.support_text) == (
        (),
        (),
        {},
        "",
    )


def test_two_courses_may_have_topics_of_one_name(tmp_path):
    first = loaded(tmp_path / "one")
    second = loaded(tmp_path / "two", solution=toys.SOLUTION.replace("2 * x", "x + x + 0"))
    assert first.solution["double"] is not second.solution["double"]
    assert first.solution_text != second.solution_text


def test_a_topic_without_a_solution_is_named(tmp_path):
    with pytest.raises(
        SuiteError,
        match=r"reference/toy/solution.py: expected the solution of topic 'toy', got no such file",
    ):
        bank.load(tmp_path, "toy")


@pytest.mark.parametrize("name", ["solution", "mistakes", "alternatives", "support"])
def test_a_file_that_does_not_load_is_named(tmp_path, name):
    with pytest.raises(
        SuiteError,
        match=rf"reference/toy/{name}.py: expected a module that loads, got ZeroDivisionError: div",
    ):
        loaded(tmp_path, **{name: "1 / 0\n"})


def test_a_file_that_is_no_python_is_named(tmp_path):
    with pytest.raises(
        SuiteError, match="reference/toy/mistakes.py: expected a module .* SyntaxErr"
    ):
        loaded(tmp_path, mistakes="def f(:\n")


# --- marking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hints",
    [(), ("One.", "Two.?"), ("One.", "Two.", "Three."), ("1", "2", "3?", "4?"), ("One?",)],
    ids=len,
)
def test_a_mistake_has_three_hints_and_the_last_is_a_question(hints):
    with pytest.raises(SuiteError, match="mistake of f: expected three hints, the last a question"):
        bank.mistake("f", source="made up", hints=hints)


def test_a_marked_function_is_still_a_function():
    @bank.mistake("f", source="made up", hints=("One.", "Two.", "Three? "))
    def wrong(x):
        return x

    assert wrong(3) == 3


def test_two_mistakes_of_one_name_are_refused(tmp_path):
    again = KNOWN.replace("3 * x", "4 * x")
    with pytest.raises(
        SuiteError, match="reference/toy/mistakes.py: expected one 'triple', got two. Rename one."
    ):
        loaded(tmp_path, mistakes=KNOWN + again)


def test_mistakes_of_two_exercises_cannot_share_a_name_either(tmp_path):
    again = KNOWN.replace('"double"', '"other"')
    with pytest.raises(SuiteError, match="expected one 'triple', got two"):
        loaded(tmp_path, mistakes=KNOWN + again)


def test_another_name_for_a_mistake_is_no_second_one(tmp_path):
    topic = loaded(tmp_path, mistakes=KNOWN + "\n\nthrice = triple\n")
    assert [one.id for one in topic.mistakes] == ["triple"]


# --- putting a version in its place ------------------------------------------------------------


def test_a_version_takes_the_place_of_its_exercise(tmp_path):
    topic = loaded(tmp_path, mistakes=KNOWN)
    assert topic.namespace()["double"](2) == 4
    assert topic.namespace(topic.mistakes[0])["double"](2) == 6
    assert topic.solution["double"](2) == 4


METHOD = f"""
@mistake("Value.double", source="made up", {HINTS})
def added(self):
    return self.data + 2
"""


def test_a_version_of_a_method_takes_its_place_in_the_class(tmp_path):
    topic = loaded(tmp_path, solution=VALUE, mistakes=METHOD)
    assert topic.namespace(topic.mistakes[0])["Value"](5.0).double() == 7.0
    assert topic.namespace()["Value"](5.0).double() == 10.0


def test_the_solution_can_be_handed_in(tmp_path):
    topic = loaded(tmp_path, mistakes=KNOWN)
    assert run(topic.submission_text())["double"](2) == 4


def test_a_version_can_be_handed_in_with_what_it_needs(tmp_path):
    helper = "import math\n\n_TWO = 2\n\n\ndef _thrice(x):\n    return math.floor(_TWO) * x + x\n\n"
    used = KNOWN.replace("3 * x", "_thrice(x)")
    other = KNOWN.replace("triple", "other")
    topic = loaded(
        tmp_path,
        mistakes=helper + used + other,
        alternatives='@alternative("double")\ndef sum_of_two(x):\n    return x + x\n',
    )
    text = topic.submission_text(topic.mistakes[0])
    assert run(text)["double"](5) == 15
    assert "other" not in text
    assert "autograder" not in text
    assert run(topic.submission_text(topic.alternatives[0]))["double"](5) == 10


def test_a_version_of_a_method_can_be_handed_in(tmp_path):
    topic = loaded(tmp_path, solution=VALUE, mistakes=METHOD)
    assert run(topic.submission_text(topic.mistakes[0]))["Value"](5.0).double() == 7.0


def test_a_mistake_that_is_handed_in_does_what_it_does_here():
    known = bank.load(ROOT, "losses")
    z = torch.tensor([[0.5, -1.0], [2.0, 0.25]], dtype=torch.float64)
    for version in known.mistakes_of("softmax"):
        handed_in = run(known.submission_text(version))["softmax"]
        assert torch.equal(handed_in(z), version.definition(z)), version.id
