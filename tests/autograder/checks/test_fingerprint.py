import json

import numpy as np
import pytest
import torch

from autograder.checks.fingerprint import (
    MAX_ELEMENTS,
    MAX_ITEMS,
    _kept_directions,
    agree,
    fingerprint,
    magnitude,
    raised,
    scaled,
)

X = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X, X + 1e-9),
        (X, X.float()),
        (X, X.numpy()),
        (2.0, torch.tensor(2.0)),
        (True, 1.0),
        ((X, None), (X, None)),
        (X * float("inf"), X * float("inf")),
        (torch.empty(0), torch.empty(0)),
        (X + 1j, X + 1j),
        (X * 1e200, X * 1e200),
        (np.float32(1.5), 1.5),
    ],
    ids=str,
)
def test_the_same_value_has_the_same_fingerprint(one, other):
    assert agree(fingerprint(one), fingerprint(other), rtol=1e-6)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X, X.T.reshape(3, 4)),
        (X, X * (1 + 1e-4)),
        (X, X.reshape(4, 3)),
        (X, None),
        (None, "text"),
        ((X,), (X, X)),
        (X, X * float("nan")),
        (X * float("inf"), -X * float("inf")),
    ],
    ids=str,
)
def test_another_value_has_another_fingerprint(one, other):
    assert not agree(fingerprint(one), fingerprint(other), rtol=1e-6)


def test_a_raised_exception_is_no_value():
    assert agree(raised("ValueError"), raised("ValueError"), rtol=1e-6)
    assert not agree(raised("ValueError"), raised("TypeError"), rtol=1e-6)
    assert not agree(raised("ValueError"), fingerprint(X), rtol=1e-6)


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(MAX_ELEMENTS + 1, dtype=torch.bool),
        np.zeros((2, MAX_ELEMENTS)),
        (torch.zeros(MAX_ELEMENTS // 2), [torch.zeros(MAX_ELEMENTS // 2 + 1)]),
        [0.5] * (MAX_ITEMS + 1),
        [[0.5] * 64] * 64,
        dict.fromkeys(range(MAX_ITEMS), 1.0),
    ],
    ids=["tensor", "array", "together", "list", "lists", "dict"],
)
def test_of_what_is_very_large_only_that_it_is(value):
    assert fingerprint(value) == ["other", "too much to compare"]


def test_large_values_are_not_remembered():
    before = _kept_directions.cache_info().currsize
    assert fingerprint(torch.ones(MAX_ELEMENTS))[0] == "array"
    assert _kept_directions.cache_info().currsize == before


def test_a_fingerprint_survives_json():
    print_ = fingerprint((X, X * float("inf"), None))
    assert agree(json.loads(json.dumps(print_, allow_nan=False)), print_, rtol=0.0)


@pytest.mark.parametrize("value", [X, (X, [X.T, 2.0]), -X, 1.5], ids=str)
def test_a_fingerprint_scales_as_its_value_does(value):
    tripled = (X * -3, [X.T * -3, -6.0]) if isinstance(value, tuple) else value * -3
    print_ = scaled(fingerprint(value), -3.0)
    assert agree(print_, fingerprint(tripled), rtol=1e-12)
    assert magnitude(print_) == pytest.approx(3 * magnitude(fingerprint(value)))
    assert magnitude(print_) > 0


def test_what_is_no_number_has_no_magnitude_and_does_not_scale():
    print_ = fingerprint(("text", None))
    assert scaled(print_, 2.0) == print_
    assert magnitude(print_) == magnitude(raised("ValueError")) == 0.0
