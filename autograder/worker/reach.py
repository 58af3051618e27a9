"""What a definition reaches: every name and attribute used by it and by the local code it calls.

Local functions, lambdas, classes and sibling modules are followed by name. A method is reached if
its class is and its name occurs as an attribute, or if it is a special method. `assert`
statements, annotations and docstrings do not count: they do not run in graded code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from autograder.worker.names import Finder, Local, Module, Names, Scope
from autograder.worker.source import Source, Value, bound, flat

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something stands."""

    line: int
    where: str  # "losses.ipynb, cell 3, line 2"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an object that has no dotted path: `x.softmax`, `out.grad_fn`."""

    name: str
    spot: Spot
    is_tensor: bool  # its object is a torch tensor for certain
    is_called: bool


@dataclass(slots=True)
class Reached:
    """All that the reached code does with names."""

    paths: list[tuple[str, Spot]] = field(default_factory=list)  # "torch.exp", "builtins.exec"
    attributes: list[Attribute] = field(default_factory=list)
    computed: list[Spot] = field(default_factory=list)  # getattr on torch with a computed name
    stores: list[tuple[str, Spot]] = field(default_factory=list)  # torch.softmax = ...
    globals: set[str] = field(default_factory=set)  # names of the candidate's own top level


def reach(source: Source, definition: str, find: Finder = lambda _: None) -> Reached:
    """Follow `definition` ("softmax", "Value", "Value.backward") through all that it calls.

    Args:
        source: The candidate that holds the definition.
        definition: Its name at the top level.
        find: Gives the sibling module of a dotted name, if there is one.
    """
    names = Names(source, find)
    walk = _Walk(names)
    if owner := names.definition(names.main, definition.rpartition(".")[0]):
        walk.enter(owner)
    if local := names.definition(names.main, definition):
        walk.follow(local, whole=True)
    walk.run()
    return walk.reached


def reach_top_level(source: Source, find: Finder = lambda _: None) -> Reached:
    """Follow all that runs with the file itself: its statements, and what they call."""
    names = Names(source, find)
    walk = _Walk(names)
    for piece in source.pieces:
        scope = Scope(names.main, piece)
        for statement in piece.tree.body:
            if isinstance(statement, ast.ClassDef):
                for part in statement.body:
                    walk.look(part, scope)
            walk.look(statement, scope)
    walk.run()
    return walk.reached


class _Walk(ast.NodeVisitor):
    """One walk over all reached code, each definition once."""

    def __init__(self, names: Names) -> None:
        self.reached = Reached()
        self._names = names
        self._queue: list[tuple[ast.AST, Scope]] = []
        self._followed: set[ast.AST] = set()
        self._classes: list[Local] = []
        self._attributes: set[str] = set()
        self._called: ast.expr | None = None
        self._scope: Scope

    def run(self) -> None:
        """Visit what is queued, and all that it reaches."""
        while self._queue:
            node, scope = self._queue.pop()
            self._scope = scope
            if isinstance(node, _Function):
                self._function(node)
            elif isinstance(node, ast.ClassDef):
                self._class(node)
            else:
                self.visit(node)

    def look(self, node: ast.AST, scope: Scope) -> None:
        """Visit one node in its scope."""
        outer = getattr(self, "_scope", scope)
        self._scope = scope
        self.visit(node)
        self._scope = outer

    def enter(self, owner: Local) -> None:
        """Have the methods of a class reached from now on wherever their name occurs."""
        if isinstance(owner.node, ast.ClassDef):
            self._classes.append(owner)
            self._queue.extend((base, owner.scope) for base in owner.node.bases)

    def follow(self, local: Local, *, whole: bool = False) -> None:
        """Queue a definition; of a class the methods that are called, or all if `whole`."""
        if local.node in self._followed:
            return
        self._followed.add(local.node)
        if isinstance(local.node, ast.ClassDef) and local.id:
            self.enter(local)
            for method in _members(local):
                name = method.id.rpartition(".")[2]
                if whole or name in self._attributes or (name[:2] == name[-2:] == "__"):
                    self.follow(method)
        else:
            self._queue.append((local.node, local.scope))

    def _function(self, node: _Function) -> None:
        scope = self._scope
        names = _local_names(node)
        inner = Scope(scope.module, scope.piece, names, scope if scope.names is not None else None)
        for outside in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(outside)
        if isinstance(node, ast.Lambda):
            self.look(node.body, inner)
            return
        for decorator in node.decorator_list:
            self.visit(decorator)
        for statement in node.body:
            self.look(statement, inner)

    def _class(self, node: ast.ClassDef) -> None:
        """Visit a class that is defined inside a function, whole."""
        for statement in node.body:
            if isinstance(statement, _Function):
                self._function(statement)
            else:
                self.visit(statement)

    # --- scopes inside a body

    def _pass_over(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """Visit what runs with an inner definition; its body is followed when its name is used."""
        for part in (*node.decorator_list, *getattr(node, "bases", ())):
            self.visit(part)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _pass_over  # noqa: N815 - NodeVisitor's names

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Visit a lambda where it stands."""
        self._followed.add(node)
        self._function(node)

    def _comprehension(self, node: _Comprehension) -> None:
        names: dict[str, list[Value | ast.arg]] = {
            part.id: [None]
            for generator in node.generators
            for part in ast.walk(generator.target)
            if isinstance(part, ast.Name)
        }
        scope = self._scope
        outer = scope if scope.names is not None else None
        self._scope = Scope(scope.module, scope.piece, names, outer)
        self.generic_visit(node)
        self._scope = scope

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815 - NodeVisitor's names

    # --- what does not run

    def visit_Assert(self, node: ast.Assert) -> None:
        """Pass over: graded code is compiled without assertions."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Visit the value and the target, not the annotation."""
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    # --- uses

    def visit_Name(self, node: ast.Name) -> None:
        """Record or follow what a name stands for."""
        if isinstance(node.ctx, ast.Load):
            self._use(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Record or follow what a dotted name stands for, or record the attribute."""
        if isinstance(node.ctx, ast.Load) and self._use(node):
            return
        if not isinstance(node.ctx, ast.Load):
            self._store(node.value, node.attr, node)
        else:
            self._attribute(node.value, node.attr, node)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        """Record `getattr` and `setattr` as the attributes that they are."""
        function = self._names.resolve(node.func, self._scope)
        if function in ("builtins.getattr", "builtins.setattr") and len(node.args) > 1:
            name = node.args[1].value if isinstance(node.args[1], ast.Constant) else None
            if function == "builtins.setattr":
                self._store(node.args[0], str(name), node)
            elif not isinstance(name, str):
                self._computed(node)
            elif not self._use(node):
                self._attribute(node.args[0], name, node)
        elif isinstance(self._names.resolve(node, self._scope), str):  # import_module("torch")
            self._use(node)
        self._called = node.func
        self.generic_visit(node)

    def _use(self, node: ast.expr) -> bool:
        """Record the path or follow the definition that `node` is; False if it is neither."""
        found = self._names.resolve(node, self._scope)
        self._global(node)
        if isinstance(found, str):
            self.reached.paths.append((found, self._spot(node)))
        elif found is not None:
            self.follow(found)
        elif isinstance(node, ast.Name):
            self._instance(node)
        return found is not None

    def _instance(self, node: ast.Name) -> None:
        """Record the class, or follow the arguments, of an object that the top level made.

        `conv = nn.Conv2d(3, 4, 3)` and `smooth = partial(F.softmax, dim=-1)` are used by name.
        """
        value, home = self._names.lookup(node.id, self._scope)
        if home.names is not None or not isinstance(value, ast.Call):
            return
        made_by = self._names.resolve(value.func, home)
        if made_by == "functools.partial":
            for argument in value.args:
                self.look(argument, home)
        elif isinstance(made_by, str) and made_by.rpartition(".")[2][:1].isupper():
            self.reached.paths.append((made_by, self._spot(node)))
        elif isinstance(made_by, Local) and isinstance(made_by.node, ast.ClassDef):
            self.follow(made_by)

    def _attribute(self, value: ast.expr, name: str, node: ast.expr) -> None:
        is_tensor = self._names.is_tensor(value, self._scope)
        self.reached.attributes.append(
            Attribute(name, self._spot(node), is_tensor, node is self._called)
        )
        if name not in self._attributes:
            self._attributes.add(name)
            for owner in self._classes:
                if method := self._names.definition(owner.scope.module, f"{owner.id}.{name}"):
                    self.follow(method)

    def _store(self, value: ast.expr, name: str, node: ast.expr) -> None:
        path = self._names.resolve(value, self._scope)
        if isinstance(path, str):
            self.reached.stores.append((f"{path}.{name}", self._spot(node)))

    def _computed(self, node: ast.Call) -> None:
        base = self._names.resolve(node.args[0], self._scope)
        if isinstance(base, str) or self._names.is_tensor(node.args[0], self._scope):
            self.reached.computed.append(self._spot(node))

    def _global(self, node: ast.AST) -> None:
        """Record the name that a dotted name starts with, if the top level has to bind it."""
        while isinstance(node, ast.Attribute):
            node = node.value
        scope = self._scope
        if (
            isinstance(node, ast.Name)
            and scope.module is self._names.main
            and scope.owner(node.id) is None
        ):
            self.reached.globals.add(node.id)

    def _spot(self, node: ast.expr) -> Spot:
        return Spot(node.lineno, self._scope.piece.where(node.lineno))


def _members(owner: Local) -> Iterator[Local]:
    """Yield what a class of the top level binds: its methods and attributes."""
    module: Module = owner.scope.module
    for name, binding in module.bindings.items():
        if name.startswith(f"{owner.id}.") and isinstance(binding.value, ast.AST):
            yield Local(binding.value, Scope(module, binding.piece), name)


def _parameters(arguments: ast.arguments) -> dict[str, list[Value | ast.arg]]:
    plain = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    names: dict[str, list[Value | ast.arg]] = {part.arg: [part] for part in plain}
    for starred in filter(None, (arguments.vararg, arguments.kwarg)):
        names[starred.arg] = [None]
    return names


def _local_names(node: _Function) -> dict[str, list[Value | ast.arg]]:
    """Return the names that a function binds, each with everything it is bound to."""
    names = _parameters(node.args)
    if isinstance(node, ast.Lambda):
        return names
    for statement in flat(node.body):
        if not isinstance(statement, ast.AugAssign):  # `x += y` is what `x` was
            for name, value in bound(statement):
                names.setdefault(name, []).append(value)
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr):
            names.setdefault(part.target.id, []).append(None)
        elif isinstance(part, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and part.name:
            names.setdefault(part.name, []).append(None)
    return {name: values for name, values in names.items() if name not in _declared_global(node)}


def _declared_global(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {
        name
        for statement in flat(node.body)
        if isinstance(statement, ast.Global)
        for name in statement.names
    }
