"""The formula of a course grade: names, numbers, + - * /, parentheses, min and max; exact.

    sum    = product (("+" | "-") product)*
    product = factor (("*" | "/") factor)*
    factor = number | name | "-" factor | "(" sum ")" | ("min" | "max") "(" sum ("," sum)* ")"

It is read by a parser of its own and never executed as Python. Only numbers may stand below a
fraction bar, so that no student's scores can divide by zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from autograder.models import frozen

Values = Mapping[str, Fraction]

_LONGEST = 500
_DEEPEST = 40
_TOKEN = re.compile(r"\s*(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)|([A-Za-z_][A-Za-z0-9_]*)|([-+*/(),]))")
_CHOICES: dict[str, Callable[..., Fraction]] = {"min": min, "max": max}
WORDS = tuple(_CHOICES)  # no score may be called so


class FormulaError(ValueError):
    """A text is no formula."""

    def __init__(self, what: str, got: str) -> None:
        super().__init__(f"expected {what}, got {got}")
        self.what = what
        self.got = got


@frozen
class Formula:
    """A formula that can be worked out."""

    text: str
    names: tuple[str, ...]  # in the order in which they come
    value: Callable[[Values], Fraction]  # from the value of each name


def parse(text: str) -> Formula:
    """Return the formula in `text`.

    Raises:
        FormulaError: If it is none.
    """
    if len(text) > _LONGEST:
        raise FormulaError(f"at most {_LONGEST} letters", f"{len(text)}")
    parser = _Parser(_tokens(text))
    value = parser.sum()
    if parser.next is not None:
        raise FormulaError("an operator", repr(parser.next))
    return Formula(text=text, names=tuple(dict.fromkeys(parser.names)), value=value)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            got = repr(text[place:].strip()[:20])
            raise FormulaError("names, numbers, + - * / ( ) and commas", got)
        tokens.append(match[0].strip())
        place = match.end()
    return tokens


class _Parser:
    """Goes through the tokens once; each method returns what works its part out."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self.names: list[str] = []

    @property
    def next(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def sum(self) -> Callable[[Values], Fraction]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FormulaError(f"at most {_DEEPEST} parentheses in each other", "more")
        value = self._product()
        while self.next in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            value = _added(value, self._product(), sign)
        self._depth -= 1
        return value

    def _product(self) -> Callable[[Values], Fraction]:
        value = self._factor()
        while self.next in ("*", "/"):
            if self._take() == "*":
                value = _multiplied(value, self._factor())
            else:
                value = _divided(value, self._divisor())
        return value

    def _divisor(self) -> Fraction:
        known = len(self.names)
        divisor = self._factor()
        if len(self.names) > known:
            raise FormulaError("a number below '/'", repr(self.names[known]))
        number = divisor({})
        if number == 0:
            raise FormulaError("a number other than 0 below '/'", "0")
        return number

    def _factor(self) -> Callable[[Values], Fraction]:
        word = self._take()
        if word == "-":
            self._depth += 1  # "- - - 1" is deep, too
            if self._depth > _DEEPEST:
                raise FormulaError(f"at most {_DEEPEST} signs in a row", "more")
            value = _multiplied(lambda _: Fraction(-1), self._factor())
            self._depth -= 1
            return value
        if word == "(":
            value = self.sum()
            self._expect(")")
            return value
        if word in _CHOICES and self.next == "(":
            return self._choice(_CHOICES[word])
        if word[0].isdigit():
            number = Fraction(word)
            return lambda _: number
        if word[0].isalpha() or word[0] == "_":
            self.names.append(word)
            return lambda values: values[word]
        raise FormulaError("a name, a number or '('", repr(word))

    def _choice(self, choose: Callable[..., Fraction]) -> Callable[[Values], Fraction]:
        self._expect("(")
        among = [self.sum()]
        while self.next == ",":
            self._take()
            among.append(self.sum())
        self._expect(")")
        return lambda values: choose(one(values) for one in among)

    def _take(self) -> str:
        word = self.next
        if word is None:
            raise FormulaError("a name, a number or '('", "the end")
        self._place += 1
        return word

    def _expect(self, wanted: str) -> None:
        if self.next != wanted:
            raise FormulaError(repr(wanted), repr(self.next) if self.next else "the end")
        self._place += 1


def _added(
    left: Callable[[Values], Fraction], right: Callable[[Values], Fraction], sign: int
) -> Callable[[Values], Fraction]:
    return lambda values: left(values) + sign * right(values)


def _multiplied(
    left: Callable[[Values], Fraction], right: Callable[[Values], Fraction]
) -> Callable[[Values], Fraction]:
    return lambda values: left(values) * right(values)


def _divided(value: Callable[[Values], Fraction], number: Fraction) -> Callable[[Values], Fraction]:
    return lambda values: value(values) / number
