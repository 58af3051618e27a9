"""Loading: the statements of a submission, run in order, each guarded.

Every source gets a module of its own. A statement that fails or takes too long becomes a remark
and the next one runs; when the time is spent, imports, definitions and constants still run.
Student code sees its own builtins: `import` finds sibling modules in memory and stand-ins, and
nothing is patched for anyone else. Assertions are compiled away.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import linecache
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import getattr_static
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType
from typing import Any, Literal

from autograder.worker.budget import Budget, OutOfTime
from autograder.worker.reach import reach
from autograder.worker.reading import Candidate, Facts
from autograder.worker.source import Piece, Source, bindings, bound, flat
from autograder.worker.standins import Absent, Inert, stand_in

_MOST_REMARKS = 50
_REASON = 200  # characters of what a student's exception says
_QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
_LIGHT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)
_WORK = (ast.Call, ast.Await, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is there to call after the statements have run."""

    namespace: dict[str, Any]
    remarks: tuple[str, ...]
    missing: dict[str, str]  # exercise id -> why it is not there, or will fail when it is called
    stand_ins: tuple[str, ...] = ()  # modules that were replaced by inert ones


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a statement ended."""

    kind: Literal["done", "failed", "stopped", "skipped"]
    where: str
    reason: str = ""

    @property
    def remark(self) -> str:
        """The sentence that its author reads."""
        return f"{self.where}: {self.reason}. The rest was read."


def load(facts: Facts, candidates: Sequence[int], cpu_s: float) -> Loaded:
    """Run the candidates' statements and return their names.

    Args:
        facts: What `reading.read` found.
        candidates: Indices of `facts.candidates`, best first. An exercise is taken from the first
            of them that changed it, else the first that defines it; other names from the first.
        cpu_s: CPU seconds for all statements together. Definitions that come after are given half
            a second each, so a bound from outside should leave room: twice this.

    Returns:
        The names, and in `missing` a sentence for each exercise that is not there, or that needs
        a name which is not. The latter may still be called: it may not come that way.
    """
    chosen = [_by_index(facts, index) for index in candidates]
    loader = _Loader(facts)
    with warnings.catch_warnings(), Budget(cpu_s) as budget:
        warnings.simplefilter("default")  # under pytest's "error", too, a warning is only that
        for quiet in _QUIET:
            warnings.simplefilter("ignore", quiet)
        loader.budget = budget
        modules = [loader.module(candidate.source) for candidate in chosen]
    loader.budget = None
    givers = {exercise: _giver(exercise, chosen) for exercise in facts.exercises}
    namespace: dict[str, Any] = {}
    for module in reversed(modules):
        namespace |= {k: v for k, v in vars(module).items() if not k.startswith("__")}
    for exercise, giver in givers.items():
        head = exercise.partition(".")[0]
        own = vars(loader.module(giver.source)) if giver else {}
        namespace |= {head: own[head]} if head in own else {}
    sentences = {exercise: _missing(exercise, giver, loader) for exercise, giver in givers.items()}
    missing = {exercise: sentence for exercise, sentence in sentences.items() if sentence}
    return Loaded(namespace, tuple(loader.remarks), missing, tuple(sorted(loader.stand_ins)))


def _by_index(facts: Facts, index: int) -> Candidate:
    return next(candidate for candidate in facts.candidates if candidate.index == index)


def _giver(exercise: str, chosen: list[Candidate]) -> Candidate | None:
    having = [candidate for candidate in chosen if exercise in candidate.defines]
    working = [candidate for candidate in having if exercise in candidate.changed]
    return next(iter(working or having), None)


def lay_out(facts: Facts, directory: Path) -> list[str]:
    """Write the small data files of a submission where its code looks for them.

    Only for a worker's own empty directory: on a laptop the files are there already.

    Returns:
        Remarks about files that could not be written.
    """
    first = facts.candidates[0].source.name if facts.candidates else ""
    remarks = []
    for file in facts.data:
        name, folder = PurePosixPath(file.name), PurePosixPath(first).parent
        path = directory / (name.relative_to(folder) if name.is_relative_to(folder) else name.name)
        if ".." in path.parts or path.exists():
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
        except OSError as error:
            remarks.append(f"{file.name}: was not laid out ({error.strerror}).")
    return remarks


# --- running -----------------------------------------------------------------------------------


class _Loader:
    """Runs sources on demand, each once: candidates first, siblings when they are imported."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.budget: Budget | None = None  # None after loading: imports inside calls
        self.remarks: list[str] = []
        self.stand_ins: set[str] = set()
        self.outcomes: dict[str, dict[str, _Outcome]] = {}  # source -> name -> how it came about
        self._modules: dict[str, ModuleType] = {}
        self._has_skipped = False

    def module(self, source: Source) -> ModuleType:
        """Return the module of a source; half made if it is being loaded right now."""
        if source.name not in self._modules:
            module = ModuleType(f"student_{len(self._modules)}_{_identifier(source.stem)}")
            vars(module).update(
                __file__=source.name, __package__="", __builtins__=self._builtins(source)
            )
            self._modules[source.name] = sys.modules[module.__name__] = module
            self._run(source, module)
        return self._modules[source.name]

    def _builtins(self, source: Source) -> dict[str, Any]:
        return vars(builtins) | {
            "__import__": partial(self._import, source),
            "get_ipython": Inert("get_ipython"),
            "display": Inert("display"),
        }

    def _run(self, source: Source, module: ModuleType) -> None:
        flags = _future_flags(source)
        for piece in source.pieces:
            lines = piece.text.splitlines(keepends=True)
            linecache.cache[piece.filename] = (len(piece.text), None, lines, piece.filename)
            for statement in piece.tree.body:
                for part in _split(statement):
                    outcome = self._statement(part, piece, vars(module), flags)
                    self._note(source, part, outcome)

    def _statement(
        self, statement: ast.stmt, piece: Piece, namespace: dict[str, Any], flags: int
    ) -> _Outcome:
        """Run one statement and say how it ended."""
        where = piece.where(statement.lineno)
        share = self._share(statement)
        if share == 0.0:
            return _Outcome("skipped", where, "not run, the time for the file was spent")
        try:
            code = _compile(statement, piece.filename, flags)
            if self.budget is None:
                exec(code, namespace)  # noqa: S102 - a sibling, imported while a call runs
            else:
                self.budget.run(code, namespace, share)
        except OutOfTime:
            return _Outcome("stopped", where, f"stopped after {share:.1f} s")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a student's statement may raise anything
            if isinstance(statement, ast.Import | ast.ImportFrom):
                namespace.update(_absent(statement, error))
            return _failure(error, piece, statement)
        return _Outcome("done", where)

    def _share(self, statement: ast.stmt) -> float:
        if self.budget is None:
            return float("inf")
        return self.budget.share(is_definition=_is_light(statement))

    def _note(self, source: Source, statement: ast.stmt, outcome: _Outcome) -> None:
        """Keep how a statement ended: for its author, and for what misses the names it binds."""
        names = self.outcomes.setdefault(source.name, {})
        for part in flat([statement]):
            names.update({name: outcome for name, _ in bound(part)})
        if outcome.kind == "done" or len(self.remarks) >= _MOST_REMARKS:
            return
        if outcome.kind != "skipped" or not self._has_skipped:
            self.remarks.append(outcome.remark)
        self._has_skipped |= outcome.kind == "skipped"

    # --- import, as student code sees it

    def _import(
        self,
        source: Source,
        name: str,
        globals: dict[str, Any] | None = None,  # noqa: A002 - the names of `__import__`
        locals: dict[str, Any] | None = None,  # noqa: A002 - the names of `__import__`
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """Stand in for `__import__`: siblings from memory, stand-ins, then what is installed."""
        head = name.partition(".")[0]
        found = self._sibling(source, name, tuple(fromlist or ()))
        if found is not None:
            return found
        inert = stand_in(name, top=not fromlist)
        if inert is not None:
            self.stand_ins.add(head)
            return inert
        allowed = self.facts.modules
        if level or (allowed and head not in allowed and head not in sys.stdlib_module_names):
            raise ModuleNotFoundError(
                f"{name}: expected a module that the grader has, got none. Do without it.",
                name=head,
            )
        return builtins.__import__(name, globals, locals, fromlist or (), 0)

    def _sibling(self, source: Source, name: str, fromlist: tuple[str, ...]) -> ModuleType | None:
        """Return what an import statement binds or reads from, if it means a sibling module."""
        inner = {
            item: self.module(found)
            for item in fromlist
            if (found := self.facts.sibling(source, f"{name}.{item}".lstrip(".")))
        }
        target = self.facts.sibling(source, name) if name else None
        module = self.module(target) if target else None
        if module is None and inner:
            module = ModuleType(name)  # a folder without __init__.py
        if module is None:
            return None
        vars(module).update({key: value for key, value in inner.items() if key not in vars(module)})
        return module if fromlist else self._top(source, name, module)

    def _top(self, source: Source, name: str, module: ModuleType) -> ModuleType:
        """Return what ``import a.b.c`` binds: `a`, with `module` at the end of the chain."""
        head, *rest = name.split(".")
        if not rest:
            return module
        package = self.facts.sibling(source, head)
        top = here = self.module(package) if package else ModuleType(head)
        for folder in rest[:-1]:
            inner = ModuleType(folder)
            setattr(here, folder, inner)
            here = inner
        setattr(here, rest[-1], module)
        return top


def _identifier(stem: str) -> str:
    return re.sub(r"\W", "_", stem)


def _future_flags(source: Source) -> int:
    """Return the compiler flags of the ``from __future__`` imports, wherever they stand."""
    flags = 0
    for _, statement in source.statements():
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)
    return flags


def _split(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield a statement, or one import for each name, so that one missing package loses one."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        yield statement
        return
    for alias in statement.names:
        part: ast.stmt = (
            ast.Import(names=[alias])
            if isinstance(statement, ast.Import)
            else ast.ImportFrom(statement.module, [alias], statement.level)
        )
        yield ast.copy_location(part, statement)


def _compile(statement: ast.stmt, filename: str, flags: int) -> CodeType:
    tree = ast.Module([statement], [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `x is 1` runs, whatever the caller's filters say
        code: CodeType = compile(tree, filename, "exec", flags=flags, dont_inherit=True, optimize=1)
    return code


def _is_light(statement: ast.stmt) -> bool:
    """Whether a statement imports, defines or sets a constant, and does no work of its own."""
    if isinstance(statement, _LIGHT):
        return True
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
        return statement.value is None or _is_constant(statement.value)
    if isinstance(statement, ast.If):
        blocks = [*statement.body, *statement.orelse]
        return _is_constant(statement.test) and all(map(_is_light, blocks))
    if isinstance(statement, ast.Try):
        handled = [part for handler in statement.handlers for part in handler.body]
        rest = [*statement.body, *handled, *statement.orelse, *statement.finalbody]
        return all(map(_is_light, rest))
    return False


def _is_constant(value: ast.expr) -> bool:
    return isinstance(value, ast.Lambda) or not any(
        isinstance(part, _WORK) for part in ast.walk(value)
    )


def _absent(
    statement: ast.Import | ast.ImportFrom, error: BaseException
) -> Iterator[tuple[str, Absent]]:
    """Yield placeholders for the names that a failed import would have bound."""
    for name, path in bound(statement):
        if name != "*":
            yield name, Absent(str(path), _text(error))


def _failure(error: BaseException, piece: Piece, statement: ast.stmt) -> _Outcome:
    """Say where inside a statement an exception arose, and what it says."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == piece.filename and frame.lineno
    ]
    line = lines[0] if lines else statement.lineno
    text = f"{type(error).__name__}: {_text(error)}" if _text(error) else type(error).__name__
    return _Outcome("failed", piece.where(line), text.rstrip("."))


def _text(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # noqa: BLE001 - `__str__` is the student's
        return ""
    return " ".join(text.split())[:_REASON]


# --- what is missing ---------------------------------------------------------------------------


def _missing(exercise: str, giver: Candidate | None, loader: _Loader) -> str | None:
    """Return why an exercise is not there or will fail, or None."""
    if giver is None:
        return f"{exercise}: expected a definition, got none. Define it at the top level."
    source = giver.source
    names = vars(loader.module(source))
    outcomes = loader.outcomes.get(source.name, {})
    head, _, method = exercise.partition(".")
    nothing = object()
    if head not in names or (method and getattr_static(names[head], method, nothing) is nothing):
        return f"{exercise} is not there: {head} {_why(outcomes.get(head))}."
    for name in sorted(_needs(exercise, giver, loader.facts)):
        if name not in names and not hasattr(builtins, name):
            return f"{exercise} uses {name}, which {_why(outcomes.get(name))}."
    return None


def _needs(exercise: str, giver: Candidate, facts: Facts) -> set[str]:
    """Return the names of the top level that an exercise needs, through its local functions."""
    try:
        needs = reach(giver.source, exercise, partial(facts.sibling, giver.source)).globals
    except RecursionError:
        return set()
    definition = bindings(giver.source)[exercise].statement
    for part in ast.walk(definition):
        if isinstance(part, ast.Global):  # it may set them itself
            needs -= set(part.names)
    return needs


def _why(outcome: _Outcome | None) -> str:
    match outcome:
        case None:
            return "is never set"
        case _Outcome("failed", where, reason):
            return f"is set only in a statement that failed ({where}: {reason})"
        case _Outcome("stopped", where):
            return f"is set only in a statement that takes too long ({where}, not finished)"
        case _Outcome("skipped", where):
            return f"is set only after the time for the file was spent ({where}, not run)"
        case _:
            return f"is not there when the file has run ({outcome.where})"
