"""By hand, as the text shows it: which forbidden operations does an exercise reach?

A `use` is certain: the name resolves to the forbidden one, or is another name of the same torch
object. What is only `suspicious` (computed names, `exec`, private parts of torch) is for a person.
What the text cannot decide is left to the witness, which watches the calls themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from autograder.worker.names import Finder
from autograder.worker.reach import Reached, Spot, reach, reach_top_level
from autograder.worker.source import Source

_TRANSFORMS = ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize")
# What "autograd" means: a name covers everything below it.
AUTOGRAD = (
    "torch.Tensor.backward",
    *(
        f"torch.autograd.{name}"
        for name in ("backward", "grad", "functional", "forward_ad", "gradcheck", "gradgradcheck")
    ),
    *(f"{package}.{name}" for package in ("torch.func", "functorch") for name in _TRANSFORMS),
)
_SUSPICIOUS_PATHS = (
    *(f"builtins.{name}" for name in ("exec", "eval", "compile", "__import__", "globals")),
    *(f"sys.{name}" for name in ("modules", "_getframe", "settrace", "setprofile", "meta_path")),
    *("importlib", "ctypes", "cffi", "gc", "subprocess", "os.system", "os.popen", "marshal"),
    *(f"inspect.{name}" for name in ("currentframe", "stack", "getouterframes", "getinnerframes")),
    *("torch.ops", "torch.library", "torch.jit", "torch.compile", "torch.overrides"),
    *("torch.profiler", "torch.autograd.profiler", "torch.utils.cpp_extension"),
)
_SUSPICIOUS_ATTRIBUTES = frozenset(
    {"__globals__", "__code__", "__closure__", "__builtins__", "__subclasses__", "f_back"}
)
# What a file's own statements rarely need, and what could blind the witness before it looks.
_TAMPERING_PATHS = (
    *("sys.modules", "sys._getframe", "sys.settrace", "sys.setprofile", "sys.meta_path"),
    *("gc.get_objects", "gc.get_referrers", "gc.get_referents", "ctypes", "builtins.exec"),
    *("builtins.eval", "builtins.__import__", "autograder.worker", "autograder.sandbox"),
)
_TAMPERING_ATTRIBUTES = frozenset({"__globals__", "__subclasses__", "__builtins__", "f_back"})
_GRAPH_ATTRIBUTES = frozenset({"grad_fn", "next_functions"})  # may be read, not called
_MOST = 50  # entries of one kind for one exercise


def judge(
    source: Source, exercise: str, forbidden: list[dict[str, Any]], find: Finder = lambda _: None
) -> dict[str, list[dict[str, Any]]]:
    """Return the forbidden operations that `exercise` reaches in `source`.

    Args:
        source: The candidate that defines the exercise.
        exercise: Its id.
        forbidden: The sets of the exercise, each ``{name, names, operators, autograd}``.
        find: Gives the sibling module of a dotted name, if there is one.

    Returns:
        ``{"uses": [{"set", "name", "line", "where"}], "suspicious": [{"what", "line", "where"}]}``,
        in the order of the lines; `where` is the line as a person finds it.
    """
    reached = reach(source, exercise, find)
    uses = {
        (group["name"], name, spot) for group in forbidden for name, spot in _uses(reached, group)
    }
    suspicious = set(_suspicious(reached, {spot for *_, spot in uses}))
    top_level = reach_top_level(source, find)
    suspicious |= set(_replaced([*reached.stores, *top_level.stores]))
    suspicious |= set(_tampering(top_level))
    return {
        "uses": [
            {"set": group, "name": name, "line": spot.line, "where": spot.where}
            for group, name, spot in sorted(uses, key=lambda use: (use[2].line, use))[:_MOST]
        ],
        "suspicious": [
            {"what": what, "line": spot.line, "where": spot.where}
            for what, spot in sorted(suspicious, key=lambda one: (one[1].line, one[0]))[:_MOST]
        ],
    }


def _uses(reached: Reached, group: dict[str, Any]) -> Iterator[tuple[str, Spot]]:
    """Yield the forbidden names of one set that are certainly used, and where."""
    names = [*group.get("names", ()), *(AUTOGRAD if group.get("autograd") else ())]
    operators = {operator.partition(".")[0] for operator in group.get("operators", ())}
    for path, spot in reached.paths:
        for name in names:
            if _is_or_below(path, name) or _is_same_object(path, name):
                yield name, spot
        operator = _operator(path)
        if operator in operators:
            yield operator, spot
    for attribute in reached.attributes:
        name = f"torch.Tensor.{attribute.name}"
        if attribute.is_tensor and name in names:
            yield name, attribute.spot


def _operator(path: str) -> str:
    """Return "aten::_softmax" for "torch.ops.aten._softmax.default"."""
    head, _, rest = path.partition("torch.ops.")
    namespace, *name = rest.split(".")
    return f"{namespace}::{name[0]}" if not head and name else ""


def _is_or_below(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}.")


def _is_same_object(path: str, name: str) -> bool:
    """Whether two names are the same torch object: torch.nn.modules.conv.Conv2d is nn.Conv2d."""
    if path.rpartition(".")[2] != name.rpartition(".")[2]:
        return False
    found = _object(path)
    return callable(found) and found is _object(name)


def _object(path: str) -> object:
    """Return what a dotted name stands for among imported modules, without importing anything."""
    head, *rest = path.split(".")
    found: object = sys.modules.get(head)
    for name in rest:
        found = getattr(found, "__dict__", {}).get(name)
    return found


def _suspicious(reached: Reached, used: set[Spot]) -> Iterator[tuple[str, Spot]]:
    """Yield what may hide a forbidden operation, except where one was found anyway."""
    for path, spot in reached.paths:
        if spot not in used and (_is_private(path) or _matches(path, _SUSPICIOUS_PATHS)):
            yield f"uses {path.removeprefix('builtins.')}", spot
    for name, spot in _names_read(reached):
        if name in _SUSPICIOUS_ATTRIBUTES:
            yield f"reads {name}", spot
    for attribute in reached.attributes:
        if attribute.is_called and attribute.name in _GRAPH_ATTRIBUTES:
            yield f"calls {attribute.name}", attribute.spot
    for spot in reached.computed:
        yield "gets an attribute of torch by a computed name", spot


def _tampering(top_level: Reached) -> Iterator[tuple[str, Spot]]:
    """Yield where the file itself reaches for the grader's own objects in its process."""
    for path, spot in top_level.paths:
        if _matches(path, _TAMPERING_PATHS):
            yield f"uses {path.removeprefix('builtins.')}", spot
    for name, spot in _names_read(top_level):
        if name in _TAMPERING_ATTRIBUTES:
            yield f"reads {name}", spot


def _names_read(reached: Reached) -> Iterator[tuple[str, Spot]]:
    """Yield the last name of everything dotted, whether what it belongs to is known or not."""
    yield from ((attribute.name, attribute.spot) for attribute in reached.attributes)
    yield from ((path.rpartition(".")[2], spot) for path, spot in reached.paths)


def _replaced(stores: Iterable[tuple[str, Spot]]) -> Iterator[tuple[str, Spot]]:
    """Yield the assignments to parts of torch; its documented switches are not meant."""
    for path, spot in stores:
        if path.startswith("torch.") and not path.startswith("torch.backends."):
            yield f"assigns to {path}", spot


def _is_private(path: str) -> bool:
    head, *rest = path.split(".")
    return head == "torch" and any(part[:1] == "_" and part != "__version__" for part in rest)


def _matches(path: str, names: Iterable[str]) -> bool:
    return any(_is_or_below(path, name) for name in names)
