"""Check values against blocks, and say what is wrong in our words, where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import NoneType
from typing import Any, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from autograder.config.blocks import Block
from autograder.config.tree import Fault, Value
from autograder.config.words import Known, did_you_mean, find_zone, sentence

_Block = TypeVar("_Block", bound=Block)

_SHAPES = {
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "list_type": "a list",
    "too_short": "at least one entry",
}


class Reading:
    """Validates parts of the file and keeps their faults."""

    def __init__(self, known: Known, faults: list[Fault]) -> None:
        self.known = known
        self.faults = faults

    def block(self, kind: type[_Block], at: Value) -> _Block | None:
        """Return the mapping `at` as a block, or None if it has faults."""
        try:
            return kind.model_validate(at.plain(), context=self.known)
        except ValidationError as error:
            self.faults += [_fault(one, kind, at) for one in error.errors(include_url=False)]
        return None

    def mix(self, kind: type[_Block], own: Value, base: Value) -> _Block | None:
        """Return `own` over `base` as a block.

        A fault of the base is known already; one that only the mix has stands at `own`.
        """
        mixed = Reading(self.known, [])
        block = mixed.block(kind, own.over(base))
        places = {(fault.line, fault.column, fault.message) for fault in self.faults}
        names = {(fault.path, fault.message) for fault in self.faults}
        for fault in mixed.faults:
            name = fault.path.rpartition(".")[2]
            in_place = (fault.line, fault.column, fault.message) in places
            if not in_place and (f"{base.path}.{name}", fault.message) not in names:
                inside = fault.path.startswith(f"{own.path}.")
                mark = (fault.line, fault.column) if inside else own.key_mark
                file = fault.file if inside else own.file
                self.faults.append(Fault(*mark, f"{own.path}.{name}", fault.message, file))
        return block


def _fault(details: ErrorDetails, kind: type[Block], at: Value) -> Fault:
    """Say one of pydantic's errors our way, where it stands."""
    *outer, last = details["loc"] or ("",)
    context = details.get("ctx", {})
    if last == "[key]":
        named = at.at(*outer)
        said = sentence(context, repr(outer[-1]))
        return Fault(*named.key_mark, named.path, said, named.file)
    if details["type"] == "missing":
        return at.at(*outer).fault(f"expected the key {last!r}, got none. Add it.")
    if details["type"] == "extra_forbidden":
        advice = did_you_mean(last, _keys(kind, outer))
        unknown = at.at(*outer, last)
        said = f"unknown key {last!r}. {advice}".rstrip()
        return Fault(*unknown.key_mark, at.at(*outer).path, said, unknown.file)
    if details["type"] in _SHAPES:
        context = {"what": _SHAPES[details["type"]]}
    here = at.get(*details["loc"])
    if here is None:  # a default that does not fit, or an exercise written as its key alone
        here = at.at(*outer)
        if isinstance(here.value, dict):
            here = replace(here, path=f"{here.path}.{last}")
    return here.fault(sentence(context, here.shown))


def _keys(kind: type[Block], location: Sequence[str | int]) -> list[str]:
    """Return the keys that the block at `location` inside a `kind` may have."""
    block: Any = kind
    for step in location:
        if isinstance(block, type) and issubclass(block, Block):
            block = block.model_fields[str(step)].annotation
            if NoneType in get_args(block):  # X | None
                block = get_args(block)[0]
        else:  # dict[str, X], list[X]
            block = get_args(block)[-1]
    return list(block.model_fields)


def find_known(root: Value) -> Known:
    """Return the names that the file defines, whatever else may be wrong with it."""
    exercises = [
        f"{topic}.{name}"
        for topic, block in root.at("topics").items()
        for name, _ in block.at("exercises").items()
    ]
    zone = root.at("timezone").value
    places = ("topics", "assignments", "external")
    scores = dict.fromkeys(name for place in places for name, _ in root.at(place).items())
    return Known(
        exercises=tuple(exercises),
        topics=tuple(name for name, _ in root.at("topics").items()),
        forbidden=tuple(name for name, _ in root.at("forbidden").items()),
        scores=tuple(scores),
        zone=find_zone(zone) or ZoneInfo("UTC"),
    )
