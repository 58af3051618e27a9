"""What a name in a student's source stands for, resolved exactly from the text.

Names are followed through imports (`import torch.nn.functional as F`), aliases (`H = F`,
`T = torch`), `getattr` with a constant, star imports and sibling modules. Where the text alone
does not decide, the answer is None.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable
from dataclasses import dataclass

from autograder.worker.source import Piece, Source, Value, bindings, bound

Finder = Callable[[str], Source | None]  # dotted name -> the sibling module of that name
_DEPTH = 20  # of aliases of aliases, among which there may be cycles
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_PLAIN_RESULTS = frozenset(
    {"item", "tolist", "numpy", "size", "dim", "numel", "stride", "backward"}
)
_TENSOR_VIEWS = frozenset({"T", "mT", "H", "mH", "grad", "data", "real", "imag"})


class Module:
    """A source with the names of its top level."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.bindings = bindings(source)
        self.stars = [
            path
            for _, statement in source.statements()
            for name, path in bound(statement)
            if name == "*" and isinstance(path, str)
        ]


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that a function, a lambda or a comprehension binds; a module's `names` are None."""

    module: Module
    piece: Piece
    names: dict[str, list[Value | ast.arg]] | None = None
    parent: Scope | None = None

    def owner(self, name: str) -> Scope | None:
        """Return the innermost function scope that binds `name`, or None."""
        here: Scope | None = self
        while here is not None and name not in (here.names or {}):
            here = here.parent
        return here


@dataclass(frozen=True, slots=True)
class Local:
    """A definition of the student's own, with the scope in which it stands."""

    node: ast.AST
    scope: Scope
    id: str = ""  # "softmax", "Value.backward"; empty inside a function


class Names:
    """Resolves the names of one candidate and of the sibling modules that it imports."""

    def __init__(self, source: Source, find: Finder) -> None:
        self.main = Module(source)
        self._find = find
        self._siblings: dict[str, Module | None] = {}

    def definition(self, module: Module, name: str) -> Local | None:
        """Return the student's own definition of `name` at the top level of `module`."""
        binding = module.bindings.get(name)
        if binding is None or not isinstance(binding.value, ast.AST):
            return None
        return Local(binding.value, Scope(module, binding.piece), name)

    def lookup(self, name: str, scope: Scope) -> tuple[Value | ast.arg, Scope]:
        """Return what `name` is bound to and the scope that binds it.

        A local name that is bound more than once stands for nothing in particular: None.
        """
        owner = scope.owner(name)
        if owner is not None and owner.names is not None:
            values = owner.names[name]
            return (values[0] if len(values) == 1 else None), owner
        module = scope.module
        if binding := module.bindings.get(name):
            return binding.value, Scope(module, binding.piece)
        for star in module.stars:
            if name in vars(sys.modules.get(star, object)) or self._has(star, name):
                return f"{star}.{name}", Scope(module, scope.piece)
        builtin = f"builtins.{name}" if hasattr(builtins, name) else None
        return builtin, Scope(module, scope.piece)

    def resolve(self, node: ast.expr, scope: Scope, depth: int = 0) -> str | Local | None:
        """Return the dotted path, or the student's own definition, that an expression is."""
        if depth > _DEPTH:
            return None
        if isinstance(node, ast.Name):
            return self._name(node.id, scope, depth)
        if isinstance(node, ast.Attribute):
            return self._attribute(self.resolve(node.value, scope, depth + 1), node.attr, depth)
        if isinstance(node, ast.Call):
            return self._call(node, scope, depth)
        return None

    def _name(self, name: str, scope: Scope, depth: int) -> str | Local | None:
        value, home = self.lookup(name, scope)
        if isinstance(value, str):
            return self._path(value, depth)
        if isinstance(value, _DEFINITIONS):
            return Local(value, home, name if home.names is None else "")
        return self.resolve(value, home, depth + 1) if isinstance(value, ast.expr) else None

    def _attribute(self, base: str | Local | None, name: str, depth: int) -> str | Local | None:
        if isinstance(base, str):
            return self._path(f"{base}.{name}", depth)
        if base is not None and base.id and isinstance(base.node, ast.ClassDef):
            return self.definition(base.scope.module, f"{base.id}.{name}")
        return None

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> str | Local | None:
        """Resolve the calls that are only another way to write a name."""
        function = self.resolve(node.func, scope, depth + 1)
        constants = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
        match function, constants:
            case "builtins.getattr", [_, str(name), *_]:
                return self._attribute(self.resolve(node.args[0], scope, depth + 1), name, depth)
            case "importlib.import_module" | "builtins.__import__", [str(path), *_]:
                return path
            case _:
                return None

    def _path(self, path: str, depth: int) -> str | Local | None:
        """Return `path`, or the definition in a sibling module that it leads to."""
        name, _, attribute = path.rpartition(".")
        module = self._sibling(name) if name else None
        if module is None or depth > _DEPTH:
            return path
        binding = module.bindings.get(attribute)
        if binding is not None and isinstance(binding.value, str):
            return self._path(binding.value, depth + 1)
        return self.definition(module, attribute) or path

    def _sibling(self, name: str) -> Module | None:
        if name not in self._siblings:
            source = self._find(name)
            self._siblings[name] = None if source is None else Module(source)
        return self._siblings[name]

    def _has(self, module: str, name: str) -> bool:
        sibling = self._sibling(module)
        return sibling is not None and name in sibling.bindings

    def is_tensor(self, node: ast.expr, scope: Scope, seen: frozenset[str] = frozenset()) -> bool:
        """Whether an expression is a torch tensor for certain."""
        match node:
            case ast.Name(id=name):
                return name in seen or self._is_tensor_name(name, scope, seen | {name})
            case ast.Call(func=function):
                return self._returns_tensor(function, scope, seen)
            case ast.BinOp(left=left, right=right):
                return self.is_tensor(left, scope, seen) or self.is_tensor(right, scope, seen)
            case ast.UnaryOp(operand=part) | ast.Subscript(value=part):
                return self.is_tensor(part, scope, seen)
            case ast.Attribute(value=part, attr=name):
                return name in _TENSOR_VIEWS and self.is_tensor(part, scope, seen)
            case _:
                return False

    def _returns_tensor(self, function: ast.expr, scope: Scope, seen: frozenset[str]) -> bool:
        path = self.resolve(function, scope)
        if isinstance(path, str):
            return path.startswith("torch.") and path.rpartition(".")[2][:1].islower()
        if path is None and isinstance(function, ast.Attribute):
            return function.attr not in _PLAIN_RESULTS and self.is_tensor(
                function.value, scope, seen
            )
        return False

    def _is_tensor_name(self, name: str, scope: Scope, seen: frozenset[str]) -> bool:
        owner = scope.owner(name)
        if owner is None or owner.names is None:
            value, owner = self.lookup(name, scope)
            values = [value]
        else:
            values = owner.names[name]
        return all(
            self._is_tensor_annotation(value.annotation, owner)
            if isinstance(value, ast.arg)
            else isinstance(value, ast.expr) and self.is_tensor(value, owner, seen)
            for value in values
        )

    def _is_tensor_annotation(self, node: ast.expr | None, scope: Scope) -> bool:
        match node:
            case None:
                return False
            case ast.Constant(value=value):  # "torch.Tensor"
                return value in ("torch.Tensor", "Tensor")
            case ast.BinOp(left=left):  # torch.Tensor | None
                return self._is_tensor_annotation(left, scope)
            case _:
                return self.resolve(node, scope) == "torch.Tensor"
