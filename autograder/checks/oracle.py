"""The truth: computed in float64, once per batch, handed out as fresh copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import numpy as np
import torch

from autograder.errors import SuiteError

Key = tuple[str, str, int]  # case id, dtype, which oracle call of the case


class Oracle:
    """Expected values for one case.

    `oracle(fn, *args)` calls trusted code on float64 copies of its arguments; floating results come
    back in the lowest floating dtype of the inputs. `oracle.softmax(z)` does so with the reference
    solution, or looks up what was recorded where there is no reference (a student's machine).

    Args:
        case_id: Of the running case.
        known: Values by key, shared by all students of a batch.
        reference: The reference solution's functions, if this machine has them.
        dtype: What floating results become when no input is floating.
    """

    def __init__(
        self,
        case_id: str,
        known: MutableMapping[Key, Any],
        *,
        reference: Mapping[str, Any] | None,
        dtype: torch.dtype,
    ) -> None:
        self._case_id = case_id
        self._known = known
        self._reference = reference
        self._dtype = dtype
        self._count = 0

    def __call__(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return `fn(*args, **kwargs)`, computed in float64."""
        key = self._next_key()
        if key not in self._known:
            self._known[key] = in_float64(fn, args, kwargs, default=self._dtype)
        return copied(self._known[key])

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def recorded(*args: Any, **kwargs: Any) -> Any:
            if self._reference is not None:
                return self(self._function(name), *args, **kwargs)
            key = self._next_key()
            if key not in self._known:
                raise SuiteError(
                    f"{self._case_id}: expected a recorded value of {name}, got none."
                    " Download the assignment again."
                )
            return copied(self._known[key])

        return recorded

    def _function(self, name: str) -> Callable[..., Any]:
        function = (self._reference or {}).get(name)
        if not callable(function):
            raise SuiteError(
                f"{self._case_id}: expected a function of the reference solution, got"
                f" oracle.{name}. Correct the suite."
            )
        return function  # type: ignore[no-any-return]  # a namespace holds anything

    def _next_key(self) -> Key:
        self._count += 1
        return (self._case_id, str(self._dtype).removeprefix("torch."), self._count)


def in_float64(
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    default: torch.dtype,
) -> Any:
    """Call `fn` on float64 copies; return floating results in the inputs' lowest floating dtype."""
    dtypes: list[torch.dtype] = []

    def widen(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            dtypes.append(value.dtype)
            return value.detach().clone().to(torch.float64)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            dtypes.append(getattr(torch, value.dtype.name))
            return value.astype(np.float64)
        return copied(value)

    wide_args, wide_kwargs = _mapped(list(args), widen), _mapped(dict(kwargs), widen)
    result = fn(*wide_args, **wide_kwargs)
    lowest = min(dtypes, key=lambda dtype: torch.finfo(dtype).bits, default=default)

    def narrow(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            value = value.detach()
            return value.to(lowest) if value.is_floating_point() else value
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
            return value.astype(str(lowest).removeprefix("torch."))
        return value

    return _mapped(result, narrow)


def copied(value: Any) -> Any:
    """Return a copy that shares no memory with `value`."""

    def one(item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            return item.detach().clone()
        if isinstance(item, np.ndarray):
            return item.copy()
        if isinstance(item, torch.Generator):
            return _cloned_generator(item)
        return item

    return _mapped(value, one)


def _cloned_generator(generator: torch.Generator) -> torch.Generator:
    clone = torch.Generator(device=generator.device)
    clone.set_state(generator.get_state())
    return clone


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if type(value) in (list, tuple):
        return type(value)(_mapped(item, change) for item in value)
    if type(value) is dict:
        return {key: _mapped(item, change) for key, item in value.items()}
    return change(value)
