"""Is the value that a student returned the right one, and if not, what broke?

Everything is compared on the trusted side, on exact builtin types, tensors and arrays that were
rebuilt from bytes: `==` of a student's object is never asked.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from autograder.errors import SuiteError
from autograder.models import Reason, Tolerance

_Array = np.ndarray[Any, np.dtype[Any]]

_LONGEST = 200  # characters of a text that a message quotes
_FEW = 8  # elements that are shown one by one
SHAPE_ONLY = "The values are right, the shape is not."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of one comparison.

    Attributes:
        reason: What broke first (type, shape, dtype, NaN, value), or None if all is well.
        message: The numbers, for public cases and instructors.
        feedback: What a student may read of a hidden case: no input, no expected value.
        remark: Something worth saying that costs nothing.
        ratio: actual / expected if that is one constant, for the algebraic probes.
        transposed: Whether the expected value is the transpose of the actual one.
    """

    reason: Reason | None = None
    message: str = ""
    feedback: str = ""
    remark: str = ""
    ratio: float | None = None
    transposed: bool = False

    @property
    def ok(self) -> bool:
        """Whether the value is right."""
        return self.reason is None


def compare(
    actual: Any,
    expected: Any,
    *,
    label: str,
    tolerances: Mapping[str, Tolerance],
    tolerance: Tolerance | None = None,
) -> Verdict:
    """Compare one returned value with the right one: type, shape, dtype, NaN, then values.

    Args:
        actual: What came back from the student.
        expected: A tensor, array, number, string, None, or a tuple, list or dict of such.
        label: What students call the value ("grad_z").
        tolerances: By dtype name.
        tolerance: Overrides them.

    Raises:
        SuiteError: If `expected` is of a kind that cannot be compared.
    """
    if isinstance(expected, tuple | list):
        return _compare_sequence(actual, expected, label, tolerances, tolerance)
    if isinstance(expected, dict):
        return _compare_dict(actual, expected, label, tolerances, tolerance)
    if isinstance(expected, str | bytes) or expected is None:
        return _compare_plain(actual, expected, label)
    if isinstance(expected, torch.Tensor | np.ndarray | np.generic | bool | int | float | complex):
        return _compare_numeric(actual, expected, label, tolerances, tolerance)
    raise SuiteError(
        f"expect({label}): expected a tensor, array, number, text, tuple or dict to compare with,"
        f" got {type(expected).__name__}. Correct the suite."
    )


def describe(value: Any) -> str:
    """Say what a value is, without showing what it holds."""
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and dtype {dtype_name(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {dtype_name(value)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if value is None:
        return "None"
    own = getattr(type(value), "described_as", None)  # of an object that stays with the student
    if own is not None:
        return str(own)
    article = "an" if type(value).__name__[0] in "aeiou" else "a"
    return f"{article} {type(value).__name__}"


def typed(value: Any) -> str:
    """Return a value as one might type it; of a large tensor only shape and dtype."""
    if isinstance(value, torch.Tensor | np.ndarray):
        if math.prod(value.shape) <= _FEW and value.ndim <= 2:
            return _numbers(value.tolist())
        return f"{dtype_name(value)} of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list) and len(value) <= _FEW:
        left, right = "()" if isinstance(value, tuple) else "[]"
        return f"{left}{', '.join(map(typed, value))}{right}"
    if value is None or isinstance(value, bool | int | float | complex | str | np.generic):
        return _numbers(value) if not isinstance(value, str) else repr(value[:40])
    return describe(value)


def _numbers(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_numbers, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else f"{value}"


def dtype_name(value: Any) -> str:
    """Return a dtype's name without its library: "float64"."""
    return str(value.dtype).removeprefix("torch.")


def _compare_sequence(
    actual: Any,
    expected: Any,
    label: str,
    tolerances: Mapping[str, Tolerance],
    tolerance: Tolerance | None,
) -> Verdict:
    if not isinstance(actual, tuple | list) or len(actual) != len(expected):
        return _wrong_type(label, f"{len(expected)} values in a tuple", actual)
    for index, (one, other) in enumerate(zip(actual, expected, strict=True)):
        verdict = compare(
            one, other, label=f"{label}[{index}]", tolerances=tolerances, tolerance=tolerance
        )
        if not verdict.ok:
            return verdict
    return Verdict()


def _compare_dict(
    actual: Any,
    expected: dict[Any, Any],
    label: str,
    tolerances: Mapping[str, Tolerance],
    tolerance: Tolerance | None,
) -> Verdict:
    if not isinstance(actual, dict) or set(actual) != set(expected):
        return _wrong_type(label, f"a dict with the keys {sorted(map(str, expected))}", actual)
    for key, other in expected.items():
        verdict = compare(
            actual[key],
            other,
            label=f"{label}[{key!r}]",
            tolerances=tolerances,
            tolerance=tolerance,
        )
        if not verdict.ok:
            return verdict
    return Verdict()


def _compare_plain(actual: Any, expected: str | bytes | None, label: str) -> Verdict:
    if type(actual) is not type(expected):
        return _wrong_type(label, describe(expected), actual)
    if actual == expected:
        return Verdict()
    return Verdict(
        reason=Reason.VALUE,
        message=f"{label}: expected {_quote(expected)}, got {_quote(actual)}",
        feedback=f"{label} is wrong",
    )


def _quote(value: str | bytes | None) -> str:
    """Return how a text is written, cut where it is long: a student may return a megabyte."""
    if value is None or len(value) <= _LONGEST:
        return repr(value)
    return f"{value[:_LONGEST]!r} ... ({len(value)} in all)"


def _compare_numeric(
    actual: Any,
    expected: Any,
    label: str,
    tolerances: Mapping[str, Tolerance],
    tolerance: Tolerance | None,
) -> Verdict:
    wanted = _as_tensor(expected)
    scalar = wanted.dim() == 0
    if not _acceptable_kind(actual, expected, scalar=scalar):
        return _wrong_type(label, describe(expected), actual)
    got = _as_tensor(actual)
    wrong = _gate_shape(got, wanted, label) or _gate_dtype(got, wanted, label, plain=scalar)
    if wrong is not None:
        return _say_if_only_shape(wrong, got, wanted, _tolerance(wanted, tolerances, tolerance))
    verdict = _compare_values(got, wanted, label, _tolerance(wanted, tolerances, tolerance))
    widened = got.dtype == torch.float64 and wanted.dtype == torch.float32 and not scalar
    if verdict.ok and widened:
        return Verdict(remark=f"{label} is float64 although the inputs are float32")
    return verdict


def _acceptable_kind(actual: Any, expected: Any, *, scalar: bool) -> bool:
    """A 0-d tensor, a float and a numpy scalar are equal as scalars; tensors and arrays differ."""
    if scalar:
        if isinstance(actual, bool) and not _is_bool(expected):
            return False
        numeric = isinstance(actual, bool | int | float | complex | np.generic)
        return numeric or isinstance(actual, torch.Tensor | np.ndarray)
    if isinstance(expected, np.ndarray):
        return isinstance(actual, np.ndarray)
    return isinstance(actual, torch.Tensor)


def _is_bool(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return True
    return isinstance(value, torch.Tensor | np.ndarray) and dtype_name(value) == "bool"


def _as_tensor(value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, float):
        return torch.tensor(value, dtype=torch.float64)
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return torch.tensor(value, dtype=torch.complex128)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return torch.tensor(float(value), dtype=torch.float64)
    return torch.as_tensor(value)


def _gate_shape(got: torch.Tensor, wanted: torch.Tensor, label: str) -> Verdict | None:
    if got.shape == wanted.shape:
        return None
    sentence = f"{label}: expected shape {tuple(wanted.shape)}, got {tuple(got.shape)}."
    return Verdict(
        reason=Reason.SHAPE,
        message=sentence,
        feedback=f"{label} has the wrong shape",
    )


def _shape_advice(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Say what would make one shape the other, if one step does; nothing else."""
    if len(got) == len(wanted) + 1:
        extra = [axis for axis in range(len(got)) if got[:axis] + got[axis + 1 :] == wanted]
        if extra:
            axis = extra[-1]
            return f"Axis {axis}, of length {got[axis]}, should be gone{_gone(got[axis], axis)}."
    if len(got) + 1 == len(wanted):
        lost = [axis for axis in range(len(wanted)) if wanted[:axis] + wanted[axis + 1 :] == got]
        if lost:
            axis = lost[-1]
            return f"Axis {axis}, of length {wanted[axis]}, is lost{_lost(wanted[axis], axis)}."
    return ""


def _gone(length: int, axis: int) -> str:
    return f": squeeze({axis}), or no keepdim" if length == 1 else ""


def _lost(length: int, axis: int) -> str:
    return f": unsqueeze({axis}), or keepdim=True" if length == 1 else ""


def _gate_dtype(
    got: torch.Tensor, wanted: torch.Tensor, label: str, *, plain: bool
) -> Verdict | None:
    same_kind = _kind(got) == _kind(wanted)
    too_narrow = _kind(wanted) == "float" and got.dtype not in {wanted.dtype, torch.float64}
    counts_as_float = plain and _kind(wanted) == "float" and _kind(got) == "int"
    if (same_kind and not too_narrow) or counts_as_float:
        return None
    if plain and _kind(wanted) == "int" and _is_whole(got):
        return None
    sentence = f"{label}: expected dtype {dtype_name(wanted)}, got {dtype_name(got)}."
    feedback = f"{label} has the wrong dtype: expected {dtype_name(wanted)}"
    return Verdict(reason=Reason.DTYPE, message=sentence, feedback=feedback)


def _kind(tensor: torch.Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "bool"
    if tensor.is_complex():
        return "complex"
    return "float" if tensor.is_floating_point() else "int"


def _is_whole(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and bool((tensor == tensor.round()).all())


def _tolerance(
    wanted: torch.Tensor, tolerances: Mapping[str, Tolerance], override: Tolerance | None
) -> Tolerance:
    if override is not None:
        return override
    if _kind(wanted) in ("int", "bool"):
        return Tolerance(rtol=0.0, atol=0.0)
    name = {"complex128": "float64", "complex64": "float32"}.get(
        dtype_name(wanted), dtype_name(wanted)
    )
    return tolerances.get(name, Tolerance(rtol=1e-2, atol=1e-3))  # half precision


def _compare_values(
    got: torch.Tensor, wanted: torch.Tensor, label: str, tolerance: Tolerance
) -> Verdict:
    wide = torch.complex128 if wanted.is_complex() or got.is_complex() else torch.float64
    # In numpy, whose small operations cost a fifth of torch's.
    seen = got.to(wide).resolve_conj().numpy()
    truth = wanted.to(wide).resolve_conj().numpy()
    with np.errstate(invalid="ignore", over="ignore"):
        error, size = np.abs(seen - truth), np.abs(truth)
        largest = float(size.max(initial=0.0))
        if math.isfinite(largest):  # nearly all comparisons end here
            close = error <= tolerance.atol * max(1.0, largest) + tolerance.rtol * size
            if bool(close.all()):
                return Verdict()
            special = np.zeros(truth.shape, dtype=bool)
        else:
            special = ~np.isfinite(truth)
            largest = float(size.max(initial=0.0, where=~special))
            close = error <= tolerance.atol * max(1.0, largest) + tolerance.rtol * size
    # Same infinities in the same places, NaN only where NaN is the answer.
    settled = special & ((seen == truth) | (np.isnan(seen) & np.isnan(truth)))
    broken = (special & ~settled) | (~special & ~np.isfinite(seen))
    if bool(broken.any()):
        return _not_finite(seen, truth, broken, label)
    bad = ~(close | settled)
    if not bool(bad.any()):
        return Verdict()
    return _wrong_values(seen, truth, np.where(special, 0.0, error), int(bad.sum()), label)


def _not_finite(seen: _Array, truth: _Array, broken: _Array, label: str) -> Verdict:
    at = _index(int(broken.argmax()), broken.shape)
    return Verdict(
        reason=Reason.NAN,
        message=f"{_element(label, at)}: expected {_show(truth[at])}, got {_show(seen[at])}"
        f" ({int(broken.sum())} of {broken.size} elements are {_kind_of_break(seen[broken])})",
        feedback=f"{label} holds NaN or infinity where a number is expected"
        if not bool(np.isfinite(seen).all())
        else f"{label} is finite where infinity is expected",
    )


def _kind_of_break(values: _Array) -> str:
    """Name what stands where it must not."""
    finite = np.isfinite(values)
    if bool(finite.all()):
        return "numbers where infinity or NaN is right"
    return "NaN or infinite" if not bool(finite.any()) else "NaN, infinite or finite by mistake"


def _wrong_values(seen: _Array, truth: _Array, error: _Array, count: int, label: str) -> Verdict:
    at = _index(int(error.argmax()), error.shape)
    return Verdict(
        reason=Reason.VALUE,
        message=f"{_element(label, at)}: {_expected(truth[at], seen[at])},"
        f" the largest of {count} wrong elements out of {seen.size}",
        feedback=f"{label} is wrong; the largest error is {_roughly(float(error[at]))}",
        ratio=constant_ratio(seen, truth),
        transposed=_is_transposed(seen, truth),
    )


def _roughly(error: float) -> str:
    """Say how large an error is; not how large exactly, for that may be a hidden input."""
    if error > 1e3:
        return "more than 1000"
    if error < 1e-6:
        return "less than 1e-06"
    return f"about {10.0 ** round(math.log10(error)):.0e}"


def constant_ratio(seen: _Array, truth: _Array) -> float | None:
    """Return c if seen = c * truth up to rounding, else None."""
    if seen.size < 2 or np.iscomplexobj(seen):
        return None
    square = float((truth * truth).sum())
    if not math.isfinite(square) or square == 0.0:
        return None
    ratio = float((seen * truth).sum()) / square
    residual = float(np.abs(seen - ratio * truth).max())
    allowed = 1e-6 * abs(ratio) * float(np.abs(truth).max())
    return ratio if ratio != 0.0 and residual <= allowed else None


def _is_transposed(seen: _Array, truth: _Array) -> bool:
    if truth.ndim != 2 or truth.shape[0] != truth.shape[1] or truth.shape[0] < 2:
        return False
    turned = np.abs(seen.T - truth)
    if not bool((turned <= 1e-9 + 1e-6 * np.abs(truth)).all()):
        return False
    # A symmetric truth is as near to the one as to the other.
    return float(turned.max()) <= 1e-3 * float(np.abs(seen - truth).max())


def _say_if_only_shape(
    verdict: Verdict, got: torch.Tensor, wanted: torch.Tensor, tolerance: Tolerance
) -> Verdict:
    if verdict.reason is not Reason.SHAPE:
        return verdict
    advice = _shape_advice(tuple(got.shape), tuple(wanted.shape))
    if got.numel() == wanted.numel() and _kind(got) == _kind(wanted):
        flat = _compare_values(got.reshape(-1), wanted.reshape(-1), "", tolerance)
        if flat.ok:
            return Verdict(
                reason=Reason.SHAPE,
                message=f"{verdict.message} {SHAPE_ONLY} {advice}".rstrip(),
                feedback=f"{verdict.feedback}. {SHAPE_ONLY}",
            )
    if got.dim() == wanted.dim() == 2 and got.T.shape == wanted.shape:
        transposed = _compare_values(got.T, wanted, "", tolerance).ok
        return Verdict(
            reason=Reason.SHAPE,
            message=f"{verdict.message} It is the transpose of the right shape.",
            feedback=f"{verdict.feedback}. It is the transpose of the right shape",
            transposed=transposed,
        )
    return dataclasses.replace(verdict, message=f"{verdict.message} {advice}".rstrip())


def _wrong_type(label: str, wanted: str, actual: Any) -> Verdict:
    message = f"{label}: expected {wanted}, got {describe(actual)}."
    return Verdict(
        reason=Reason.TYPE,
        message=f"{message} Is a `return` missing?" if actual is None else message,
        feedback=f"{label} is not {wanted.partition(' of ')[0]}",
    )


def _index(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()


def _element(label: str, at: tuple[int, ...]) -> str:
    return f"{label}[{', '.join(map(str, at))}]" if at else label


def _expected(truth: Any, seen: Any) -> str:
    """Say what was expected and what came, with as many digits as tell them apart."""
    shown = "", ""
    for digits in (6, 9, 12, 17):
        shown = _show(truth, digits), _show(seen, digits)
        if shown[0] != shown[1]:
            break
    return f"expected {shown[0]}, got {shown[1]}"


def _show(value: Any, digits: int = 6) -> str:
    number = value.item()
    return f"{number:.{digits}g}" if isinstance(number, float) else f"{number}"
