"""Why is it wrong? Known mistakes by their transcripts, then algebra."""

import json
import math

import pytest
import torch

from autograder.checks.diagnose import Transcript, diagnose, transcribe
from tests.autograder.checks import toys

SUITE = '''
import pytest
import torch

SHAPES = [(4, 3), (5, 5), (1, 6), (6, 1)]


@pytest.mark.exercise("moments", parts={"first": 1, "second": 1})
class TestMoments:
    """Two results"""

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_random(self, student, draw, expect, oracle, shape):
        """random numbers"""
        x = draw.normal(*shape)
        wanted = oracle.moments(x)
        first, second = student.moments(x)
        expect(first, wanted[0], name="first")
        expect(second, wanted[1], name="second")
'''
SOLUTION = '''
# %%
def moments(x):
    """Return the squares and the cubes of `x`."""
    # BEGIN SOLUTION
    return x**2, x**3
    # END SOLUTION
'''
MISTAKES = """
from autograder.checks.bank import mistake

HINTS = ("It is wrong.", "Everywhere.", "Which power is it?")


@mistake("moments", source="made up", hints=("absolute.", "Below 0.", "Which sign?"))
def absolute_first(x):
    return x.abs(), x**3


@mistake("moments", source="made up", hints=HINTS)
def fourth_second(x):
    return x**2, x**4


@mistake("moments", source="made up", hints=HINTS)
def shifted(x):
    return (x + 1) ** 2, (x + 1) ** 3


@mistake("moments", source="made up", hints=HINTS)
def right_for_rows(x):
    return (x**2 if len(x) == 1 else x**2 + 1), x**3


@mistake("moments", source="made up", hints=HINTS)
def nan_second(x):
    return x**2, x**3 * float("nan")


@mistake("moments", source="made up", hints=HINTS)
def raises(x):
    raise KeyError("axis")


@mistake("moments", source="made up", hints=HINTS)
def raises_for_rows(x):
    if len(x) == 1:
        raise IndexError("axis")
    return x**2 - 3, x**3 - 3


@mistake("moments", source="made up", hints=HINTS)
def refuses_rows(x):
    if len(x) == 1:
        raise ValueError("one row")
    return x**2, x**3
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return toys.write(
        tmp_path_factory.mktemp("course"),
        hidden=SUITE,
        solution=SOLUTION,
        mistakes=MISTAKES,
        exercises={"moments": "{points: 2}"},
    )


@pytest.fixture(scope="module")
def diagnosed(course):
    """Return a function that tells what is found about a way to write the exercise."""

    def diagnoses(function):
        (result,) = toys.grade(course, {"moments": function})
        return result.diagnoses

    return diagnoses


def named(diagnoses):
    return [(one.mistake, one.parts) for one in diagnoses]


def test_what_is_right_needs_no_explanation(diagnosed):
    assert diagnosed(lambda x: (x**2, x**3)) == ()


# --- known mistakes ----------------------------------------------------------------------------


def test_the_one_mistake_that_explains_everything_is_named_with_its_hints(diagnosed):
    (found,) = diagnosed(lambda x: ((x + 1) * (x + 1), (x + 1) ** 3))
    assert found.mistake == "shifted"
    assert found.parts == ("first", "second")
    assert found.hints == ("It is wrong.", "Everywhere.", "Which power is it?")


def test_a_mistake_explains_only_what_is_wrong(diagnosed):
    assert named(diagnosed(lambda x: (abs(x), x**3))) == [("absolute_first", ("first",))]


@pytest.mark.parametrize(
    ("shapes", "names"),
    [
        ([(6, 1)], []),
        ([(6, 1), (5, 5)], [("fourth_second", ("second",))]),
        ([(6, 1), (5, 5), (4, 3)], [("fourth_second", ("second",))]),
    ],
    ids=str,
)
def test_a_mistake_that_would_be_wrong_mostly_elsewhere_is_not_named(diagnosed, shapes, names):
    found = diagnosed(lambda x: (x**2, x**4 if tuple(x.shape) in shapes else x**3))
    assert named(found) == names


def test_two_bugs_in_two_tensors_are_two_diagnoses(diagnosed):
    found = diagnosed(lambda x: (abs(x), x**4))
    assert named(found) == [("absolute_first", ("first",)), ("fourth_second", ("second",))]
    assert found[0].hints[0] == "absolute."


def test_a_mistake_and_an_unknown_bug_give_what_is_known(diagnosed):
    assert named(diagnosed(lambda x: (abs(x), x.exp()))) == [("absolute_first", ("first",))]


def test_a_mistake_and_a_ratio_are_both_named(diagnosed):
    found = diagnosed(lambda x: (abs(x), -(x**3)))
    assert named(found) == [("absolute_first", ("first",)), (None, ("second",))]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (abs(x) if len(x) < 5 else x, x**3),
        lambda x: (abs(x) * (1 + 1e-3), x**3),
        lambda x: ((x + 1) ** 2, (x + 1) ** 3 + 1),
        lambda x: (abs(x), x**3) if len(x) > 1 else (x.exp(), x**3),
    ],
    ids=["in most cases", "nearly", "one tensor of two", "in some cases"],
)
def test_a_mistake_that_agrees_only_partly_is_not_named_for_it(diagnosed, function):
    assert "absolute_first" not in [one.mistake for one in diagnosed(function)]


def test_a_mistake_of_one_tensor_of_two_is_named_for_that_one(diagnosed):
    assert named(diagnosed(lambda x: ((x + 1) ** 2, x.exp()))) == [("shifted", ("first",))]


def test_nan_names_a_mistake_only_if_that_explains_all_that_is_wrong(diagnosed):
    def nothing(x):
        return x**3 * float("nan")

    assert named(diagnosed(lambda x: (x**2, nothing(x)))) == [("nan_second", ("second",))]
    assert diagnosed(lambda x: (x.exp(), nothing(x))) == ()


def test_rounding_does_not_hide_a_mistake(diagnosed):
    found = diagnosed(lambda x: (x.float().abs().double(), x**3))
    assert named(found) == [("absolute_first", ("first",))]


def test_of_several_that_agree_the_one_that_is_right_where_the_student_is_right_is_named(diagnosed):
    def wrong_where_there_are_columns(x):
        return (x**2 if len(x) == 1 else x**2 + 1), x**3

    assert named(diagnosed(wrong_where_there_are_columns)) == [("right_for_rows", ("first",))]


def test_exceptions_alone_name_nothing(diagnosed):
    def raises(x):
        raise KeyError("axis")

    assert diagnosed(raises) == ()


def test_an_exception_beside_wrong_values_is_compared_too(diagnosed):
    def raises_for_rows(x):
        if len(x) == 1:
            raise IndexError("mine")
        return x**2 - 3, x**3 - 3

    def raises_otherwise(x):
        if len(x) == 1:
            raise ValueError("mine")
        return x**2 - 3, x**3 - 3

    assert named(diagnosed(raises_for_rows)) == [("raises_for_rows", ("first", "second"))]
    assert diagnosed(raises_otherwise) == ()


def test_exceptions_alone_count_if_they_come_where_the_mistake_raises_them(diagnosed):
    def refuses(kind, where):
        def moments(x):
            if where(x):
                raise kind("mine")
            return x**2, x**3

        return diagnosed(moments)

    assert named(refuses(ValueError, lambda x: len(x) == 1)) == [
        ("refuses_rows", ("first", "second"))
    ]
    assert refuses(IndexError, lambda x: len(x) == 1) == ()
    assert refuses(ValueError, lambda x: len(x) > 1) == ()
    assert refuses(ValueError, lambda _: True) == ()


def test_what_cannot_be_used_is_no_mistake(diagnosed):
    assert diagnosed(lambda x: None) == ()
    assert diagnosed(lambda x: (x, x, x)) == ()


def test_two_mistakes_that_look_alike_name_neither(tmp_path):
    again = '@mistake("moments", source="made up", hints=HINTS)\ndef again(x):\n'
    twins = f"{MISTAKES}\n\n{again}    return x.abs(), x**3\n"
    course = toys.write(
        tmp_path, hidden=SUITE, solution=SOLUTION, mistakes=twins,
        exercises={"moments": "{points: 2}"},
    )  # fmt: skip
    (result,) = toys.grade(course, {"moments": lambda x: (abs(x), x**3)})
    assert result.diagnoses == ()


def test_a_case_that_is_blocked_does_not_hide_a_mistake(tmp_path):
    suite = (
        SUITE
        + '''
    def test_cached(self, student, draw, expect):
        """needs an earlier result"""
        x = student.cached("the inputs", lambda: student.inputs())
        expect(student.moments(x)[0], x**2, name="first")
'''
    )
    solution = SOLUTION + "\n\ndef inputs():\n    import torch\n    return torch.ones(2, 2)\n"
    course = toys.write(
        tmp_path, hidden=suite, solution=solution, mistakes=MISTAKES,
        exercises={"moments": "{points: 2}"},
    )  # fmt: skip

    def inputs():
        raise RuntimeError("not written")

    functions = {"moments": lambda x: (abs(x), x**3), "inputs": inputs}
    (result,) = toys.grade(course, functions)
    assert named(result.diagnoses) == [("absolute_first", ("first",))]


@pytest.mark.parametrize(
    ("right", "mistaken", "other"),
    [
        ("{'W': x, 'b': x + 1}", "{'W': x, 'b': x - 1}", lambda x: {"W": x, "b": x * 7}),
        ("'left'", "'right'", lambda x: "up"),
        ("[x, 'left']", "[x, 'right']", lambda x: [x, "up"]),
    ],
    ids=["dict", "text", "text in a list"],
)
def test_a_wrong_dict_or_text_is_no_other_wrong_one(tmp_path, right, mistaken, other):
    head = MISTAKES.partition("@mistake")[0]
    course = toys.write(
        tmp_path,
        solution=toys.SOLUTION.replace("2 * x", right),
        hidden=toys.DOUBLE.replace("2 * x", "oracle.double(x)").replace(
            "expect, ", "expect, oracle, "
        ),
        mistakes=f'{head}@mistake("double", source="made up", hints=HINTS)\n'
        f"def known(x):\n    return {mistaken}\n",
    )
    wrong = eval(f"lambda x: {mistaken}")  # what the mistake does
    first, second = toys.grade(course, {"double": wrong}, {"double": other})
    assert named(first.diagnoses) == [("known", ("y",))]
    assert second.diagnoses == ()


# --- algebra -----------------------------------------------------------------------------------


def factor(function):
    """Return a way to write the exercise that is off by a factor."""
    return lambda x: (function(*x.shape) * x**2, x**3)


@pytest.mark.parametrize(
    ("function", "name", "question"),
    [
        (lambda n, c: -1, "minus", "Would a small step against this gradient"),
        (lambda n, c: 2, "twice", "counted a second time?"),
        (lambda n, c: 0.5, "half", "left out?"),
    ],
)
def test_a_constant_factor_is_named(diagnosed, function, name, question):
    (found,) = diagnosed(factor(function))
    assert found.mistake is None
    assert found.parts == ("first",)
    assert found.hints[0] == f"first is {name} the right value, element by element."
    assert found.hints[1].startswith("In first: the direction is right in every case")
    assert found.hints[2].endswith(question) or found.hints[2].startswith(question)


SIZES = SUITE.replace("(1, 6), (6, 1)", "(7, 2)")


@pytest.fixture(scope="module")
def several_sizes(tmp_path_factory):
    return toys.write(
        tmp_path_factory.mktemp("sizes"), hidden=SIZES, solution=SOLUTION,
        exercises={"moments": "{points: 2}"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("function", "name", "question"),
    [
        (lambda n, c: n, "N times (N is the batch size)", "Is the loss a sum or a mean"),
        (lambda n, c: 1 / n, "1/N of (N is the batch size)", "How many times does the batch"),
        (lambda n, c: c, "C times (C is the size of the last axis)", "Over which axes"),
        (lambda n, c: 1 / c, "1/C of (C is the size of the last axis)", "Over which axes"),
        (lambda n, c: math.sqrt(c), "sqrt(C) times (C is the size", "What is the scale for?"),
        (lambda n, c: c**-0.5, "1/sqrt(C) of (C is the size", "What is the scale for?"),
        (lambda n, c: 1 / (n * c), "a mean over all elements of", "Over which axes is the mean?"),
    ],
)
def test_a_factor_that_depends_on_the_size_is_named(several_sizes, function, name, question):
    (result,) = toys.grade(several_sizes, {"moments": factor(function)})
    (found,) = result.diagnoses
    assert found.hints[0].startswith(f"first is {name}")
    assert found.hints[2].startswith(question)


def test_arrays_have_sizes_too(tmp_path):
    suite = SIZES.replace("x = draw.normal(*shape)", "x = draw.normal(*shape).numpy()")
    course = toys.write(
        tmp_path, hidden=suite, solution=SOLUTION, exercises={"moments": "{points: 2}"}
    )
    (result,) = toys.grade(course, {"moments": factor(lambda n, c: n)})
    assert result.diagnoses[0].hints[0].startswith("first is N times")


@pytest.mark.parametrize(
    "function",
    [
        lambda n, c: 3,
        lambda n, c: n + c,
        lambda n, c: -1 if n < 5 else 2,
        lambda n, c: n if n != 5 else 2,
    ],
    ids=["no known factor", "no known size", "another in each case", "in most cases"],
)
def test_other_factors_are_not_named(several_sizes, function):
    (result,) = toys.grade(several_sizes, {"moments": factor(function)})
    assert result.diagnoses == ()


def test_each_tensor_has_its_own_factor(several_sizes):
    (result,) = toys.grade(several_sizes, {"moments": lambda x: (-(x**2), 2 * x**3)})
    assert [one.parts for one in result.diagnoses] == [("first",), ("second",)]
    assert result.diagnoses[1].hints[0].startswith("second is twice the right value")


def test_a_transpose_is_named(several_sizes):
    (result,) = toys.grade(several_sizes, {"moments": lambda x: (x.T**2, x**3)})
    (found,) = result.diagnoses
    assert found.hints == (
        "first has the right numbers with rows and columns exchanged.",
        "In first: it shows wherever it has two axes.",
        "Which axis counts what, in the formula?",
    )


def test_a_transpose_of_something_else_is_not_named(several_sizes):
    (result,) = toys.grade(several_sizes, {"moments": lambda x: (x.T**2 + 1, x**3)})
    assert result.diagnoses == ()


def test_nan_and_wrong_shapes_have_no_factor(several_sizes):
    for wrong in (lambda x: (x**2 * float("nan"), x**3), lambda x: (x[:1] ** 2, x**3)):
        (result,) = toys.grade(several_sizes, {"moments": wrong})
        assert result.diagnoses == ()


# --- transcripts -------------------------------------------------------------------------------


def transcripts(course):
    return toys.examined(course, lambda examiner: examiner.transcripts["toy.moments"])


def test_a_transcript_says_what_a_mistake_shows_in_each_comparison(course):
    by_name = {one.mistake: one for one in transcripts(course)}
    shown = by_name["absolute_first"].seen
    assert len(shown) == 8
    assert [value is None for value in shown.values()] == [False, True] * 4
    assert {ordinal for _, ordinal in shown} == {1, 2}
    assert by_name["raises"].seen == {
        (case, 0): ["raised", "KeyError"] for case, _ in by_name["raises"].seen
    }


def test_a_transcript_survives_json(course):
    for one in transcripts(course):
        text = json.dumps(one.as_json(), allow_nan=False)
        assert Transcript.from_json(json.loads(text)) == one


def test_a_student_is_diagnosed_by_transcripts_out_of_json(course):
    def found(examiner):
        kept = json.dumps([one.as_json() for one in examiner.transcripts["toy.moments"]])
        played = toys.play(examiner, {"moments": lambda x: (abs(x), x**3)})
        return diagnose(played, [Transcript.from_json(one) for one in json.loads(kept)])

    assert named(toys.examined(course, found)) == [("absolute_first", ("first",))]


def test_a_value_that_gave_out_is_transcribed_by_its_reason(course):
    def found(examiner):
        return transcribe(toys.play(examiner, {"moments": lambda x: torch.tensor(1.0)}))

    assert set(map(tuple, toys.examined(course, found).values())) == {("raised", "type")}
