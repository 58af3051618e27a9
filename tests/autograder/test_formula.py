"""Formulas: exact, total on what they accept, and never Python."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder import formula

VALUES = {"a": Fraction(1, 3), "b": Fraction(12), "tp_1": Fraction(7, 2)}


def value(text: str) -> Fraction:
    return formula.parse(text).value(VALUES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", 3),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("a", Fraction(1, 3)),
        ("a * 3", 1),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("2 - 3 - 4", -5),
        ("12 / 3 / 2", 2),
        ("12 / (1 + 2)", 4),
        ("-b + 2", -10),
        ("2 * -b", -24),
        ("b - -1", 13),
        ("min(a, b, tp_1)", Fraction(1, 3)),
        ("max(a, min(b, 5))", 5),
        ("(a + b + tp_1 - min(a, b, tp_1)) / 2", Fraction(31, 4)),
        ("  ( a+b )/2  ", Fraction(37, 6)),
        ("0.4*tp_1 + 0.6*b", Fraction(43, 5)),
    ],
)
def test_a_formula_has_the_exact_value(text, expected):
    assert value(text) == expected


def test_names_come_once_in_their_order():
    assert formula.parse("b + a * b - min(tp_1, a)").names == ("b", "a", "tp_1")
    assert formula.parse("min(1, 2)").names == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a name, a number or '(', got the end"),
        ("a +", "expected a name, a number or '(', got the end"),
        ("(a", "expected ')', got the end"),
        ("a)", "expected an operator, got ')'"),
        ("a b", "expected an operator, got 'b'"),
        ("2a", "expected an operator, got 'a'"),
        ("* a", "expected a name, a number or '(', got '*'"),
        ("min(a b)", "expected ')', got 'b'"),
        ("min()", "expected a name, a number or '(', got ')'"),
        ("a(1)", "expected an operator, got '('"),
        ("a.b", "expected names, numbers, + - * / ( ) and commas, got '.b'"),
        ("a ** 2", "expected a name, a number or '(', got '*'"),
        ("a % 2", "expected names, numbers, + - * / ( ) and commas, got '% 2'"),
        ("a / b", "expected a number below '/', got 'b'"),
        ("a / (1 - 1)", "expected a number other than 0 below '/', got 0"),
        ("1 / (2 + (a))", "expected a number below '/', got 'a'"),
        ("é", "expected names, numbers, + - * / ( ) and commas, got 'é'"),
        ("(" * 50 + "a" + ")" * 50, "expected at most 40 parentheses in each other, got more"),
        ("-" * 50 + "a", "expected at most 40 signs in a row, got more"),
        ("a" * 501, "expected at most 500 letters, got 501"),
        ("1" * 10, "expected an operator, got '1'"),
    ],
)
def test_what_is_no_formula_is_named(text, said):
    with pytest.raises(formula.FormulaError) as caught:
        formula.parse(text)
    assert str(caught.value) == said


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.text(alphabet="ab1.0+-*/(), minax_'\"[]\n", max_size=40))
def test_any_text_has_a_value_or_a_fault(text):
    try:
        parsed = formula.parse(text)
    except formula.FormulaError:
        return
    assert isinstance(parsed.value(dict.fromkeys(parsed.names, Fraction(2))), Fraction)


NUMBERS = st.fractions(0, 20, max_denominator=100)
TERMS = st.recursive(
    st.sampled_from(["a", "b", "tp_1", "2", "0.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})"
        ),
        inner.map(lambda t: f"{t} / 4"),
        inner.map(lambda t: f"-{t}"),
    ),
    max_leaves=8,
)


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(text=TERMS, numbers=st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_the_value_is_what_python_would_say(text, numbers):
    values = dict(zip(VALUES, numbers, strict=True))
    python = text.replace("0.5", "Fraction(1, 2)")
    scope = {**values, "Fraction": Fraction, "min": min, "max": max}
    assert formula.parse(text).value(values) == eval(python, scope)  # a formula of this test
