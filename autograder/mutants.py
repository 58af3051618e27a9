"""Does the suite notice when the reference is changed? Small edits of it, one at a time.

A mutant is the reference with one operator, constant, call or statement changed. A suite that still
gives it full points either does not look where the change shows, or the change shows nowhere; which
of the two, a person says in `reference/<topic>/survivors.yml`.

Source: DeMillo, Lipton and Sayward, "Hints on Test Data Selection", Computer 11(4), 1978.
"""

from __future__ import annotations

import ast
import copy
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from importlib.abc import InspectLoader
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn, Self

from autograder.checks.bank import Topic, Version
from autograder.errors import SuiteError
from autograder.models import Exercise

SECONDS = 5  # of CPU for one mutant: an edited condition may loop for ever
_Path = tuple[tuple[str, int | None], ...]  # fields and indices that lead from a function to a node


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One edit of the reference.

    Attributes:
        exercise: Id of the exercise that it may break.
        line: Where, in `solution.py`.
        was: The statement or expression, as it was.
        now: The same after the edit.
        version: The edited exercise, to be played.
    """

    exercise: str
    line: int
    was: str
    now: str
    version: Version

    @property
    def edit(self) -> str:
        """The edit in one line; this is what `survivors.yml` calls it."""
        return f"{self.was} -> {self.now}"


def mutants(topic: Topic, exercise: Exercise, exercises: Sequence[Exercise]) -> Iterator[Mutant]:
    """Yield every edit of an exercise's function and of its helpers.

    Args:
        topic: What is edited.
        exercise: Whose edits.
        exercises: All of the topic: one that uses another is not blamed for that one's edits.
    """
    tree = _without_reward(ast.parse(topic.solution_text))
    owner = exercise.id
    mine = {owner, *_helpers(tree, owner, {one.id for one in exercises})}
    for name, path, function in _functions(tree):
        if name not in mine:
            continue
        for was, now, line, edited in _edits(function):
            definition = _definition(tree, path, edited, owner, topic)
            if definition is not None:
                version = Version(exercise=owner, id=f"{was} -> {now}", definition=definition)
                yield Mutant(exercise=owner, line=line, was=was, now=now, version=version)


class Clock:
    """Ends what takes too much CPU time of this process.

    The code under test may catch what is raised in it: it is raised again after as much time, and
    whoever called it can ask.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.has_rung = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGPROF, self._ring)
        signal.setitimer(signal.ITIMER_PROF, self._seconds, self._seconds)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._before)

    def _ring(self, _: int, __: FrameType | None) -> NoReturn:
        self.has_rung = True
        raise TimeoutError(f"mutant: expected an end within {self._seconds} s of CPU, got none.")


def known_survivors(course_dir: Path, topic: str) -> dict[str, dict[str, str]]:
    """Return why some mutants may survive: by exercise and edit.

    Raises:
        SuiteError: If the file is no mapping of exercises to edits and reasons.
    """
    path = course_dir / "reference" / topic / "survivors.yml"
    if not path.exists():
        return {}
    from ruamel.yaml import YAML  # noqa: PLC0415 -- only where suites are proven
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    where = f"reference/{topic}/survivors.yml"
    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
    except YAMLError as fault:
        raise SuiteError(f"{where}: expected YAML, got {str(fault).splitlines()[0]}.") from None
    is_sound = isinstance(found, dict) and all(
        isinstance(edits, dict)
        and all(isinstance(why, str) and why.strip() for why in edits.values())
        for edits in found.values()
    )
    if not is_sound:
        raise SuiteError(
            f"{where}: expected exercises, each with edits and the reason why the suite cannot see"
            " them, got something else. Write `exercise: {edit: reason}`."
        )
    return found


# --- which functions --------------------------------------------------------------------------


def _without_reward(tree: ast.Module) -> ast.Module:
    """Leave out what runs only as a script."""
    kept = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test))
    ]
    return ast.Module(body=kept, type_ignores=[])


def _functions(tree: ast.Module) -> Iterator[tuple[str, tuple[int, ...], ast.FunctionDef]]:
    """Yield the name of each function or method, where it stands, and its node."""
    for i, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef):
            yield node.name, (i,), node
        elif isinstance(node, ast.ClassDef):
            for k, method in enumerate(node.body):
                if isinstance(method, ast.FunctionDef):
                    yield f"{node.name}.{method.name}", (i, k), method


def _helpers(tree: ast.Module, owner: str, exercises: AbstractSet[str]) -> set[str]:
    """Return the functions that an exercise uses and that are no exercises themselves."""
    functions = {name: node for name, _, node in _functions(tree)}
    found: set[str] = set()
    waiting = [owner]
    while waiting:
        node = functions.get(waiting.pop())
        used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} if node else set()
        new = (used & functions.keys()) - found - exercises
        found |= new
        waiting += new
    return found


def _definition(
    tree: ast.Module, path: tuple[int, ...], edited: ast.FunctionDef, owner: str, topic: Topic
) -> Any:
    """Run the module with one function edited; None if that does not even load."""
    module = ast.Module(body=list(tree.body), type_ignores=[])
    if len(path) == 1:
        module.body[path[0]] = edited
    else:
        holder = copy.copy(module.body[path[0]])
        assert isinstance(holder, ast.ClassDef)
        holder.body = list(holder.body)
        holder.body[path[1]] = edited
        module.body[path[0]] = holder
    loader = _Edited(ast.unparse(module))
    made = ModuleType(f"mutant_of_{topic.name}")
    try:
        loader.exec_module(made)
        first, _, attribute = owner.partition(".")
        return vars(getattr(made, first))[attribute] if attribute else getattr(made, first)
    except Exception:  # noqa: BLE001 -- an edit that does not load is no mutant
        return None


class _Edited(InspectLoader):
    """Loads an edited reference: the teacher's own code, like the reference itself."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        """Return the module's text."""
        del fullname
        return self._source


# --- which edits ------------------------------------------------------------------------------

_OTHER_OPERATORS: Mapping[type[ast.AST], Sequence[type[ast.AST]]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}


def _edits(function: ast.FunctionDef) -> Iterator[tuple[str, str, int, ast.FunctionDef]]:
    """Yield (was, now, line, edited function) for every edit of a function's body."""
    start = 1 if ast.get_docstring(function) is not None else 0
    for number in range(start, len(function.body)):
        for path, node in _nodes(function.body[number], (("body", number),)):
            for replacement in _replacements(node):
                edited = copy.deepcopy(function)
                _put(edited, path, replacement)
                ast.fix_missing_locations(edited)
                was, now = ast.unparse(node), ast.unparse(replacement)
                if was != now:  # (a, a) turned round is (a, a)
                    yield was, now, getattr(node, "lineno", function.lineno), edited


def _nodes(node: ast.AST, path: _Path) -> Iterator[tuple[_Path, ast.AST]]:
    """Yield a node and all below it with the way there, but for what only guards or explains."""
    yield path, node
    if isinstance(node, ast.Raise) or (isinstance(node, ast.keyword) and node.arg == "strict"):
        return
    for name, value in ast.iter_fields(node):
        if name == "annotation":
            continue
        if isinstance(value, ast.AST):
            yield from _nodes(value, (*path, (name, None)))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from _nodes(item, (*path, (name, index)))


def _put(root: ast.AST, path: _Path, replacement: ast.AST) -> None:
    *way, (name, index) = path
    for field, position in way:
        value = getattr(root, field)
        root = value if position is None else value[position]
    if index is None:
        setattr(root, name, replacement)
    else:
        getattr(root, name)[index] = replacement


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place."""
    for kind, edit in _EDITS:
        if isinstance(node, kind):
            yield from edit(node)


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    for other in _OTHER_OPERATORS.get(type(node.op), ()):
        yield ast.BinOp(node.left, other(), node.right)  # type: ignore[arg-type]


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    if len(node.ops) == 1:
        for other in _OTHER_OPERATORS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [other()], node.comparators)  # type: ignore[list-item]


def _bool(node: ast.BoolOp) -> Iterator[ast.AST]:
    for other in _OTHER_OPERATORS[type(node.op)]:
        yield ast.BoolOp(other(), node.values)  # type: ignore[arg-type]


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
        if node.value > 0:
            yield ast.Constant(node.value - 1)
    elif isinstance(node.value, float):
        yield ast.Constant(node.value * 2 if node.value else 1.0)


def _call(node: ast.Call) -> Iterator[ast.AST]:
    """A call without effect: of its argument, or of what its method belongs to."""
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield node.func.value
    elif len(node.args) == 1:
        yield node.args[0]
    if node.keywords and node.keywords[-1].arg != "strict":
        yield ast.Call(node.func, node.args, node.keywords[:-1])


def _attribute(node: ast.Attribute) -> Iterator[ast.AST]:
    if node.attr in {"T", "mT"} and isinstance(node.ctx, ast.Load):
        yield node.value


def _tuple(node: ast.Tuple) -> Iterator[ast.AST]:
    if isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        yield ast.Tuple([*node.elts[1:], node.elts[0]], node.ctx)


def _augmented(node: ast.AugAssign) -> Iterator[ast.AST]:
    yield ast.Assign([node.target], node.value)
    yield ast.Pass()


def _statement(node: ast.Assign | ast.Expr) -> Iterator[ast.AST]:
    if not isinstance(node.value, ast.Constant):
        yield ast.Pass()


def _if(node: ast.If) -> Iterator[ast.AST]:
    yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def _if_expression(node: ast.IfExp) -> Iterator[ast.AST]:
    yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def _is_module(node: ast.expr) -> bool:
    """Whether `node.name(...)` calls a function of a library, not a method."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in {"torch", "math", "np", "numpy", "F", "nn"}


_EDITS: Sequence[tuple[type[ast.AST], Callable[[Any], Iterator[ast.AST]]]] = (
    (ast.BinOp, _binary),
    (ast.Compare, _compare),
    (ast.BoolOp, _bool),
    (ast.UnaryOp, _unary),
    (ast.Constant, _constant),
    (ast.Call, _call),
    (ast.Attribute, _attribute),
    (ast.Tuple, _tuple),
    (ast.AugAssign, _augmented),
    (ast.Assign, _statement),
    (ast.Expr, _statement),
    (ast.If, _if),
    (ast.IfExp, _if_expression),
)
