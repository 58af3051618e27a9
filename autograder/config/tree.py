"""The text of grading_config.yml, as values that know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from autograder.errors import ConfigError

CONFIG_NAME = "grading_config.yml"

_NO_CHARACTER = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

DECIMAL = r"[-+]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][-+]?[0-9]{1,2})?"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong, and where: line and column, from 1."""

    line: int
    column: int
    path: str
    message: str
    file: str = CONFIG_NAME

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        return where + (f"{self.path}: " if self.path else "") + self.message


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the file; `path` is its name, "assignments.tp3.limits"."""

    path: str
    key_mark: tuple[int, int]  # line and column of its key, from 1
    mark: tuple[int, int]
    value: Any  # dict of Value, list of Value, Fraction, bool, None or str
    shown: str  # in messages
    file: str = CONFIG_NAME

    def items(self) -> Iterator[tuple[str, Value]]:
        """Yield the entries of a mapping; nothing for what is not one."""
        if isinstance(self.value, dict):
            yield from self.value.items()

    def at(self, *keys: str | int) -> Value:
        """Follow `keys` down, to an empty mapping if they lead nowhere."""
        found = self.get(*keys)
        return found if found is not None else replace(self, value={}, shown="nothing")

    def get(self, *keys: str | int) -> Value | None:
        """Follow `keys` down; None if they lead nowhere."""
        here = self
        for key in keys:
            known = here.value if isinstance(here.value, dict | list) else ()
            if key not in (range(len(known)) if isinstance(known, list) else known):
                return None
            here = here.value[key]
        return here

    def plain(self) -> Any:
        """Return the value without its marks."""
        if isinstance(self.value, dict):
            return {key: one.plain() for key, one in self.value.items()}
        if isinstance(self.value, list):
            return [one.plain() for one in self.value]
        return self.value

    def over(self, base: Value | None) -> Value:
        """Return this mapping with what it leaves out taken from `base`."""
        inherited = base.value if base is not None and isinstance(base.value, dict) else {}
        own = self.value if isinstance(self.value, dict) else {}
        return replace(self, value={**inherited, **own})

    def only(self, keys: Sequence[str]) -> Value:
        """Return this mapping with no other keys than `keys`."""
        return replace(self, value={key: one for key, one in self.items() if key in keys})

    def fault(self, message: str) -> Fault:
        """Return a fault that stands at this value; at its key, if it takes several lines."""
        mark = self.key_mark if isinstance(self.value, dict | list) else self.mark
        return Fault(*mark, self.path, message, self.file)


def read_text(path: Path) -> str:
    """Return the text of the file.

    Raises:
        ConfigError: If it cannot be read, or is not text.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        raise ConfigError(
            f"{path.name}:{line}:1: expected UTF-8, got the byte 0x{byte:02x}."
            " Save the file as UTF-8."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable file, got: {error.strerror}.") from None


def parse(text: str, file: str = CONFIG_NAME) -> tuple[Value, list[Fault]]:
    """Return the root of the file, and what is wrong with it as YAML.

    Raises:
        ConfigError: If it is not YAML.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(
            f"{file}:{mark.line + 1}:{mark.column + 1}: expected YAML: {said}."
            " Look at quotes, brackets and indents here and on the line above."
        ) from None
    except ReaderError as error:
        before = text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        raise ConfigError(
            f"{file}:{before.count(chr(10)) + 1}:{column}: expected text,"
            f" got the character U+{ord(text[error.position]):04X}. Take it out."
        ) from None
    except ValueError:  # "\\U00110000", or a directive with thousands of digits
        found = _NO_CHARACTER.search(text)
        before = text[: found.start() if found else 0]
        raise ConfigError(
            f"{CONFIG_NAME}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}:"
            " expected YAML, got an escape or a version that does not exist. Take it out."
        ) from None
    except RecursionError:
        raise _too_deep(file) from None
    if node is None:
        raise ConfigError(
            f"{file}:1:1: expected title, timezone and topics, got an empty file."
            " Start from the example in the documentation."
        )
    nodes = _Nodes(file)
    try:
        return nodes.value(node, "", (1, 1)), nodes.faults
    except RecursionError:
        raise _too_deep(file) from None


def _too_deep(file: str) -> ConfigError:
    return ConfigError(
        f"{file}:1:1: expected a few levels of brackets and indents, got hundreds."
        " Look for brackets that are never closed."
    )


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Nodes:
    """Turns YAML nodes into `Value`s; what a plain file would not contain is a fault."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self._seen: set[int] = set()  # ids of collections; an alias to one is not followed

    def value(self, node: Node, path: str, key_mark: tuple[int, int]) -> Value:
        mark = _mark(node)
        if isinstance(node, ScalarNode) and not node.value and not node.style:
            mark = key_mark  # `title:` with nothing behind it: the mark of "nothing" is elsewhere
        if node.anchor is not None:
            self.faults.append(
                Fault(
                    *mark,
                    path,
                    f"unexpected anchor '&{node.anchor}'. Write the value out.",
                    self.file,
                )
            )
        tag = str(node.tag)
        if not tag.startswith("tag:yaml.org,2002:"):
            self.faults.append(
                Fault(*mark, path, f"unexpected tag {tag!r}. Take it out.", self.file)
            )
        if id(node) in self._seen:  # a few lines of aliases of aliases would fill all memory
            return Value(path, key_mark, mark, None, "an alias", self.file)
        if not isinstance(node, ScalarNode):
            self._seen.add(id(node))
        return Value(path, key_mark, mark, *self._content(node, path), self.file)

    def _content(self, node: Node, path: str) -> tuple[Any, str]:
        if isinstance(node, MappingNode):
            return self._entries(node, path), "a mapping" if node.value else "an empty mapping"
        if isinstance(node, SequenceNode):
            items = [
                self.value(one, f"{path}[{index}]", _mark(one))
                for index, one in enumerate(node.value)
            ]
            return items, "a list" if items else "an empty list"
        text = self._text(node, path)
        value = _scalar(str(node.tag), text)
        return value, repr(value) if isinstance(value, str) else text or "nothing"

    def _text(self, node: Node, path: str, allowed: str = "\n\t") -> str:
        """Return the text of a word; what only an escape can bring into it is a fault."""
        odd = [char for char in _ODD.findall(node.value) if char not in allowed]
        if odd:
            message = f"expected text, got the character U+{ord(odd[0]):04X}. Take it out."
            self.faults.append(Fault(*_mark(node), path, message))
        return _ODD.sub(lambda found: found[0] if found[0] in allowed else "?", str(node.value))

    def _entries(self, node: MappingNode, path: str) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        for key_node, value_node in node.value:
            mark = _mark(key_node)
            if not isinstance(key_node, ScalarNode):
                self.faults.append(Fault(*mark, path, "expected a name before the ':'.", self.file))
                continue
            key = self._text(key_node, path, allowed="")
            value = self.value(value_node, f"{path}.{key}" if path else key, mark)
            if key in entries:
                message = (
                    f"unexpected second {key!r}; the first is on line {entries[key].key_mark[0]}."
                )
                self.faults.append(Fault(*mark, path, message + " Take one out.", self.file))
            else:
                entries[key] = value
        return entries


def _scalar(tag: str, text: str) -> Fraction | bool | str | None:
    """Return what a plain word of the file means; numbers stay exact."""
    kind = tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in ("int", "float") and re.fullmatch(DECIMAL, text):
        return Fraction(text)
    return text
