"""A value, summed up so that it can be recognised again but not read back.

A fingerprint holds a value's kind and shape and a few random projections of its elements. Known
mistakes are recognised by it, in the grader and on a student's own machine, where the mistakes'
outputs themselves must not be shipped.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np
import torch

PROJECTIONS = 4
# What is larger is no mistake that anybody knows, and whoever returns it would have the grader
# compute for minutes: a reply may hold forty million elements.
MAX_ELEMENTS = 1 << 18
MAX_ITEMS = 4096
_KEPT = 4096  # directions of so many elements are worth remembering
Fingerprint = list[Any]  # [kind, shape, norm, projections, projections of what is not finite]


def fingerprint(value: Any) -> Fingerprint:
    """Return the fingerprint of whatever a student's function returned.

    Args:
        value: Any decoded value: a tensor, an array, a number, None, a tuple of such.

    Returns:
        Plain lists, strings and floats, so that it can be kept as JSON. Of what is very large,
        only that it is.
    """
    return _fingerprint(value) if _is_small(value) else ["other", "too much to compare"]


def _is_small(value: Any) -> bool:
    """Whether a value has few enough elements, and few enough items."""
    elements, items, left = 0, 0, [value]
    while left and elements <= MAX_ELEMENTS and items <= MAX_ITEMS:
        one = left.pop()
        items += 1
        if isinstance(one, torch.Tensor):
            elements += one.numel()
        elif isinstance(one, np.ndarray):
            elements += one.size
        elif isinstance(one, tuple | list):
            left += one[: MAX_ITEMS + 1]
        elif isinstance(one, dict):
            left += [item for pair in one.items() for item in pair]
    return not left and elements <= MAX_ELEMENTS and items <= MAX_ITEMS


def _fingerprint(value: Any) -> Fingerprint:
    if isinstance(value, torch.Tensor):
        return _of_array(value.detach().cpu().resolve_conj().resolve_neg())
    if isinstance(value, np.ndarray | np.generic):
        return _of_array(torch.as_tensor(np.ascontiguousarray(value)).reshape(np.shape(value)))
    if isinstance(value, bool | int | float | complex):
        wide = torch.complex128 if type(value) is complex else torch.float64
        return _of_array(torch.tensor(value, dtype=wide))
    if isinstance(value, tuple | list):
        return ["sequence", [_fingerprint(item) for item in value]]
    if isinstance(value, dict):
        return _fingerprint(sorted(value.items(), key=lambda pair: str(pair[0])))
    if isinstance(value, str):
        return ["text", hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()]
    return ["other", type(value).__name__]


def raised(type_name: str) -> Fingerprint:
    """Return the fingerprint of a call that raised instead of returning."""
    return ["raised", type_name]


def agree(one: Fingerprint, other: Fingerprint, *, rtol: float) -> bool:
    """Say whether two fingerprints are those of the same value, up to `rtol` of its norm."""
    if one[0] != other[0]:
        return False
    if one[0] == "sequence":
        return len(one[1]) == len(other[1]) and all(
            agree(a, b, rtol=rtol) for a, b in zip(one[1], other[1], strict=True)
        )
    if one[0] != "array":
        return one == other
    _, shape, norm, values, special = one
    _, shape_, norm_, values_, special_ = other
    if shape != shape_ or not np.allclose(special, special_, rtol=1e-9, atol=1e-9):
        return False
    bound = rtol * max(norm, norm_, 1e-3)
    return all(abs(a - b) <= bound for a, b in zip(values, values_, strict=True))


def scaled(one: Fingerprint, factor: float) -> Fingerprint:
    """Return the fingerprint of the same value times a finite number; text stays what it is."""
    if one[0] == "sequence":
        return ["sequence", [scaled(item, factor) for item in one[1]]]
    if one[0] != "array":
        return one
    kind, shape, norm, values, special = one
    return [kind, shape, abs(factor) * norm, [factor * value for value in values], special]


def magnitude(one: Fingerprint) -> float:
    """Return the sum of the norms of a value's arrays; 0 for what has none."""
    if one[0] == "sequence":
        return sum(magnitude(item) for item in one[1])
    return float(one[2]) if one[0] == "array" else 0.0


def _of_array(tensor: torch.Tensor) -> Fingerprint:
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    flat = tensor.reshape(-1).to(torch.float64).numpy()
    finite = np.isfinite(flat)
    special = np.where(finite, 0.0, np.where(np.isnan(flat), 1.0, np.where(flat > 0, 2.0, 3.0)))
    clean = np.where(finite, flat, 0.0)
    directions = _directions(flat.size)
    # Not BLAS: its sums differ between machines and thread counts by more than they need to.
    projections = [float(np.sum(row * clean)) for row in directions]
    marks = [float(np.sum(row * special)) for row in directions[:1]]
    largest = float(np.max(np.abs(clean), initial=0.0))
    norm = largest * float(np.sqrt(np.sum((clean / largest) ** 2))) if largest else 0.0
    return ["array", list(tensor.shape), norm, projections, marks]


def _directions(size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return _kept_directions(size) if size <= _KEPT else _kept_directions.__wrapped__(size)


@functools.lru_cache(maxsize=256)
def _kept_directions(size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.RandomState(size % 2**32).uniform(-1.0, 1.0, size=(PROJECTIONS, size))
