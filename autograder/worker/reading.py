"""Reading a submission: bytes to facts, before any statement of it runs.

Archives are unpacked, notebooks and modules parsed, exercises found wherever they are defined,
compared with the stub and analysed for forbidden operations. What cannot be read becomes a
sentence for its author; nothing here raises because of what a student wrote.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from types import EllipsisType
from typing import Any

from autograder.worker.archives import SOURCES, File, clean, unpack
from autograder.worker.byhand import judge
from autograder.worker.notebooks import read_notebook
from autograder.worker.source import (
    SOURCE_LIMIT,
    Binding,
    Kind,
    Piece,
    Source,
    Unreadable,
    bindings,
    read_module,
    too_deep,
)

_MOST_SENTENCES = 50
_SENTENCE = 500  # characters
_STYLE = ("annotation", "returns", "decorator_list", "type_comment", "kind")  # not what is done


@dataclass(frozen=True, slots=True)
class Candidate:
    """A source that defines at least one exercise."""

    index: int
    source: Source
    defines: dict[str, int]  # exercise id -> line
    changed: tuple[str, ...]  # the ids that differ from the stub
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """What is graded at once: the modules of a submission, or its notebooks."""

    kind: Kind
    graded_file: str
    candidates: tuple[int, ...]  # best first; each gives at least one exercise
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known about a submission before it runs."""

    exercises: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    variants: tuple[Variant, ...]
    problems: tuple[str, ...]
    by_hand: dict[int, dict[str, dict[str, list[dict[str, Any]]]]]
    sources: tuple[Source, ...] = field(default=(), repr=False)  # helper modules too
    data: tuple[File, ...] = field(default=(), repr=False)
    lost: dict[str, str] = field(default_factory=dict)  # exercise id -> why nobody can read it
    modules: frozenset[str] = frozenset()  # importable top-level names; empty: whatever is there

    def sibling(self, source: Source, name: str) -> Source | None:
        """Return the module of the submission that `source` gets by ``import name``, if any.

        As on a laptop, modules in its own folder come first; then one that is the only one of
        its name. A sibling never takes the place of an installed package or a built-in module.
        """
        if name.partition(".")[0] in self.modules | {"torch", "numpy", *sys.builtin_module_names}:
            return None
        modules = {other.name: other for other in self.sources if other.kind == "module"}
        path = PurePosixPath(source.name).parent / name.replace(".", "/")
        for here in (f"{path}.py", f"{path}/__init__.py"):
            if here in modules:
                return modules[here]
        namesakes = [other for other in modules.values() if other.stem == name]
        return namesakes[0] if len(namesakes) == 1 and name not in sys.stdlib_module_names else None

    def as_dict(self) -> dict[str, Any]:
        """Return what crosses the wire: plain JSON, nothing that a student could make large."""
        return {
            "candidates": [
                {
                    "index": candidate.index,
                    "name": candidate.source.name,
                    "kind": candidate.source.kind,
                    "defines": candidate.defines,
                    "changed": list(candidate.changed),
                    "remarks": _sentences(candidate.remarks),
                }
                for candidate in self.candidates
            ],
            "variants": [
                {
                    "kind": variant.kind,
                    "graded_file": variant.graded_file,
                    "candidates": list(variant.candidates),
                    "changed": list(variant.changed),
                }
                for variant in self.variants
            ],
            "problems": _sentences(self.problems),
            "lost": {id_: _sentence(why) for id_, why in self.lost.items()},
            "by_hand": {str(index): found for index, found in self.by_hand.items()},
        }


def read(files: list[tuple[str, bytes]], spec: dict[str, Any]) -> Facts:
    """Read what was handed in.

    Args:
        files: Names and bytes, as collected: .py, .ipynb, .zip and small data files.
        spec: ``{"exercises": [{"id", "topic", "forbidden"}], "stubs": {topic: source},
            "names": [expected file names, most expected first], "modules": [importable names]}``.
    """
    unpacked, problems = unpack(files)
    expected = [name.casefold() for name in spec.get("names", ())]
    sources = list(_sources(unpacked, expected, problems))
    exercises = tuple(exercise["id"] for exercise in spec["exercises"])
    candidates = tuple(_candidates(sources, _stubs(spec), problems))
    facts = Facts(
        exercises=exercises,
        candidates=candidates,
        variants=tuple(_variants(candidates, exercises, expected)),
        problems=tuple(problems),
        by_hand={},
        sources=tuple(sources),
        data=tuple(file for file in unpacked if file.suffix not in SOURCES),
        lost=dict(_lost(sources, exercises)),
        modules=frozenset(spec.get("modules", ())),
    )
    by_hand = {each.index: dict(_judgements(each, facts, spec["exercises"])) for each in candidates}
    return replace(facts, by_hand=by_hand)


# --- sources ---------------------------------------------------------------------------------


def _sources(files: list[File], expected: list[str], problems: list[str]) -> Iterator[Source]:
    """Yield what can be read, expected names first; the rest becomes a problem."""
    left = SOURCE_LIMIT
    for file in sorted(files, key=lambda file: _expectation(file.name, expected)):
        if file.suffix not in SOURCES or _is_empty_package(file):
            continue
        reader = read_module if file.suffix == ".py" else read_notebook
        try:
            source = reader(file.name, file.data, file.date, left)
        except Unreadable as error:
            problems.append(str(error))
        else:
            left -= source.length
            yield source


def _expectation(name: str, expected: list[str]) -> int:
    """Return how far down the list of expected names a file stands."""
    base = PurePosixPath(name).name.casefold()
    return expected.index(base) if base in expected else len(expected)


def _is_empty_package(file: File) -> bool:
    return PurePosixPath(file.name).name == "__init__.py" and not file.data.strip()


# --- exercises -------------------------------------------------------------------------------


def _stubs(spec: dict[str, Any]) -> dict[str, Binding | None]:
    """Return the stub of each exercise, None where its topic's stub has none."""
    topics: dict[str, dict[str, Binding]] = {}
    for topic, text in spec.get("stubs", {}).items():
        piece = Piece(topic, text, ast.parse(text))
        topics[topic] = bindings(Source(topic, "module", (piece,)))
    return {
        exercise["id"]: topics.get(exercise["topic"], {}).get(exercise["id"])
        for exercise in spec["exercises"]
    }


def _candidates(
    sources: list[Source], stubs: dict[str, Binding | None], problems: list[str]
) -> Iterator[Candidate]:
    """Yield the sources that define an exercise; a lost cell of another is a problem."""
    for index, source in enumerate(sources):
        try:
            candidate = _candidate(index, source, stubs)
        except RecursionError:
            problems.append(too_deep(source.name))
            continue
        if candidate.defines:
            yield candidate
        else:
            problems.extend(why for _, why in source.unread)


def _candidate(index: int, source: Source, stubs: dict[str, Binding | None]) -> Candidate:
    """Find the exercises that a source defines; an import of the name is not a definition."""
    found = bindings(source)
    defined = {
        id_: found[id_] for id_ in stubs if id_ in found and not isinstance(found[id_].value, str)
    }
    changed = tuple(id_ for id_, binding in defined.items() if _differs(binding, stubs[id_]))
    lines = {id_: binding.line for id_, binding in defined.items()}
    return Candidate(index, source, lines, changed, source.remarks)


def _lost(sources: list[Source], exercises: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the exercises that seem to be defined in a cell that does not parse, and why."""
    for id_ in exercises:
        name = re.escape(id_.partition(".")[0])
        definition = re.compile(rf"^[ \t]*(?:def|class)[ \t]+{name}\b", re.MULTILINE)
        for text, why in (cell for source in sources for cell in source.unread):
            if definition.search(text):
                yield id_, why
                break


def _differs(binding: Binding, stub: Binding | None) -> bool:
    """Whether a definition is more than the stub: docstrings, annotations, decorators aside."""
    return stub is None or _essence(binding.value) != _essence(stub.value)


def _essence(node: object) -> object:
    """Reduce a tree to what it does; all ways to write an empty body are one."""
    if isinstance(node, list):
        return [_essence(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if name not in _STYLE}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        fields["body"] = _work(node.body)
    return [type(node).__name__, *(_essence(value) for value in fields.values())]


def _work(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return a body without its docstring, and nothing of one that is a stub's."""
    rest = body[1:] if _is_constant(body[0], str) else body
    return [] if all(_is_blank(statement) for statement in rest) else rest


def _is_constant(statement: ast.stmt, kind: type) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, kind)
    )


def _is_blank(statement: ast.stmt) -> bool:
    """Whether a statement is one of those that stubs are made of."""
    if isinstance(statement, ast.Raise):
        error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(error, ast.Name) and error.id == "NotImplementedError"
    return isinstance(statement, ast.Pass) or _is_constant(statement, EllipsisType)


# --- what is graded --------------------------------------------------------------------------


def _variants(
    candidates: tuple[Candidate, ...], exercises: tuple[str, ...], expected: list[str]
) -> Iterator[Variant]:
    """Yield the modules and the notebooks to grade: both only if both differ from the stub."""
    ranked = sorted(candidates, key=lambda candidate: _rank(candidate, expected))
    kinds = dict.fromkeys(candidate.source.kind for candidate in ranked)
    variants = [_variant(kind, ranked, exercises) for kind in kinds]
    changed = [variant for variant in variants if variant.changed]
    yield from changed or variants[:1]


def _rank(candidate: Candidate, expected: list[str]) -> tuple[Any, ...]:
    """Order candidates: any work at all, expected name, most exercises, newest, name."""
    newest = tuple(-part for part in candidate.source.date)
    return (
        not candidate.changed,
        _expectation(candidate.source.name, expected),
        -len(candidate.defines),
        newest or (0,),
        candidate.source.name,
    )


def _variant(kind: Kind, ranked: list[Candidate], exercises: tuple[str, ...]) -> Variant:
    """Take each exercise from the best candidate that worked on it, else that has it."""
    of_kind = [candidate for candidate in ranked if candidate.source.kind == kind]
    givers: dict[str, Candidate] = {}
    for id_ in exercises:
        having = [candidate for candidate in of_kind if id_ in candidate.defines]
        working = [candidate for candidate in having if id_ in candidate.changed]
        if having:
            givers[id_] = (working or having)[0]
    used = [candidate for candidate in of_kind if candidate in givers.values()]
    return Variant(
        kind=kind,
        graded_file=used[0].source.name,
        candidates=tuple(candidate.index for candidate in used),
        changed=tuple(id_ for id_, giver in givers.items() if id_ in giver.changed),
    )


def _judgements(
    candidate: Candidate, facts: Facts, exercises: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, list[dict[str, Any]]]]]:
    """Yield what each changed exercise of a candidate uses that is forbidden to it."""
    source = candidate.source
    for exercise in exercises:
        id_, forbidden = exercise["id"], exercise.get("forbidden")
        if forbidden and id_ in candidate.changed:
            try:
                yield id_, judge(source, id_, forbidden, partial(facts.sibling, source))
            except RecursionError:
                line = candidate.defines[id_]
                what = {
                    "what": "is nested too deeply to be read",
                    "line": line,
                    "where": source.name,
                }
                yield id_, {"uses": [], "suspicious": [what]}


def _sentences(sentences: tuple[str, ...]) -> list[str]:
    return [_sentence(sentence) for sentence in sentences[:_MOST_SENTENCES]]


def _sentence(sentence: str) -> str:
    return clean(sentence)[:_SENTENCE]
