"""What a teacher knows about one topic: the solution, other right versions, known wrong ones.

`reference/<topic>/` is trusted code. It is loaded by path, so that a course directory can live
anywhere and two topics may each have a module called `solution`.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard, TypeVar

from autograder.errors import SuiteError

Definition = TypeVar("Definition", bound=Callable[..., Any])
_MARK = "__gradlab__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One way to write an exercise: a known mistake if it has hints, else another right version."""

    exercise: str
    id: str
    hints: tuple[str, ...] = ()
    source: str = ""
    definition: Callable[..., Any] = field(repr=False, compare=False)


def mistake(
    exercise: str, *, source: str, hints: tuple[str, ...]
) -> Callable[[Definition], Definition]:
    """Mark a complete wrong version of `exercise`; its name is the mistake's id.

    Args:
        exercise: Id of the exercise that the definition stands in for.
        source: Where this mistake was seen.
        hints: The ladder: the property that fails; where; a question. Never the line itself.

    Raises:
        SuiteError: If there are not exactly three hints, or the last one asks nothing.
    """
    if len(tuple(hints)) != 3 or not hints[-1].rstrip().endswith("?"):
        raise SuiteError(
            f"mistake of {exercise}: expected three hints, the last a question, got {hints!r}."
            " Write the property that fails, where, and a question."
        )

    def mark(definition: Definition) -> Definition:
        version = Version(
            exercise=exercise,
            id=definition.__name__,
            hints=tuple(hints),
            source=source,
            definition=definition,
        )
        setattr(definition, _MARK, version)
        return definition

    return mark


def alternative(exercise: str) -> Callable[[Definition], Definition]:
    """Mark another right version of `exercise`, which every suite must accept."""

    def mark(definition: Definition) -> Definition:
        version = Version(exercise=exercise, id=definition.__name__, definition=definition)
        setattr(definition, _MARK, version)
        return definition

    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One folder of `reference/`, loaded."""

    name: str
    folder: Path
    solution: dict[str, Any]
    mistakes: tuple[Version, ...]
    alternatives: tuple[Version, ...]
    support: dict[str, Any]

    @property
    def solution_text(self) -> str:
        """The master: handout and solution in one percent script."""
        return (self.folder / "solution.py").read_text(encoding="utf-8")

    @property
    def support_text(self) -> str:
        """Instructor code that students may see; empty if the topic needs none."""
        path = self.folder / "support.py"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def mistakes_of(self, exercise: str) -> tuple[Version, ...]:
        """Return the known mistakes of one exercise, in file order."""
        return tuple(version for version in self.mistakes if version.exercise == exercise)

    def alternatives_of(self, exercise: str) -> tuple[Version, ...]:
        """Return the other right versions of one exercise, in file order."""
        return tuple(version for version in self.alternatives if version.exercise == exercise)

    def namespace(self, version: Version | None = None) -> dict[str, Any]:
        """Return the solution's names, with one exercise replaced by `version`."""
        names = dict(self.solution)
        if version is not None:
            holder, _, method = version.exercise.rpartition(".")
            if holder:
                subclass = type(holder, (names[holder],), {method: version.definition})
                names[holder] = subclass
            else:
                names[method] = version.definition
        return names

    def submission_text(self, version: Version | None = None) -> str:
        """Return a whole file that a student could hand in: the solution, or `version` in it."""
        if version is None:
            return self.solution_text
        mistaken = len(version.hints) > 0
        path = self.folder / ("mistakes.py" if mistaken else "alternatives.py")
        return self.solution_text + "\n\n" + _extract(path, version)


def load(course_dir: Path, topic: str) -> Topic:
    """Load `reference/<topic>/`.

    Raises:
        SuiteError: If a file is missing or fails to load, or two mistakes share an id.
    """
    folder = course_dir / "reference" / topic
    if not (folder / "solution.py").is_file():
        raise SuiteError(
            f"reference/{topic}/solution.py: expected the solution of topic {topic!r}, got no"
            " such file. Write it, or take the topic out of grading_config.yml."
        )
    return Topic(
        name=topic,
        folder=folder,
        solution=_public(_module(folder, "solution")),
        mistakes=_versions(folder, "mistakes"),
        alternatives=_versions(folder, "alternatives"),
        support=_public(_module(folder, "support")) if (folder / "support.py").exists() else {},
    )


def _module(folder: Path, name: str) -> ModuleType:
    path = folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"reference_{folder.name}_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except SuiteError:
        raise
    except Exception as fault:
        where = f"reference/{folder.name}/{name}.py"
        raise SuiteError(
            f"{where}: expected a module that loads, got {type(fault).__name__}: {fault}. Mend it."
        ) from fault
    return module


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


def _versions(folder: Path, name: str) -> tuple[Version, ...]:
    if not (folder / f"{name}.py").exists():
        return ()
    module = _module(folder, name)
    text = (folder / f"{name}.py").read_text(encoding="utf-8")
    defined = [node.name for node in ast.parse(text).body if _is_marked(node)]
    for one in defined:
        if defined.count(one) > 1:
            raise SuiteError(
                f"reference/{folder.name}/{name}.py: expected one {one!r}, got two. Rename one."
            )
    marked = [getattr(value, _MARK, None) for value in vars(module).values()]
    return tuple(dict.fromkeys(version for version in marked if isinstance(version, Version)))


def _is_marked(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.ClassDef]:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and len(node.decorator_list) > 0


def _extract(path: Path, version: Version) -> str:
    """Cut one version out of its file, with the imports and private names that it may use."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    is_method = "." in version.exercise
    kept: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("autograder"):
            continue
        if _is_marked(node):
            if node.name != version.id:
                continue
            node.name = version.id if is_method else version.exercise
            node.decorator_list = []
        kept.append(node)
    if is_method:
        kept += ast.parse(f"{version.exercise} = {version.id}").body
    return ast.unparse(ast.Module(body=kept, type_ignores=[])) + "\n"
