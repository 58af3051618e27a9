"""Who may import whom: the layers of `autograder/`, checked on its source."""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "autograder"

# What each module or package may import of ours, besides itself; the longest name that fits counts.
# A module that is not listed is a stage of the pipeline: one frozen type in, the next one out.
NOUNS = {"models", "errors"}
STAGE = NOUNS
ENGINE = NOUNS | {"checks", "sandbox", "worker.session"}  # plays suites; knows no stage
ANYTHING = {""}
LAYERS = {
    "": set(),  # autograder/__init__.py
    "models": set(),
    "errors": set(),
    "sandbox.wire": set(),  # copied into the jail with `worker`, and nothing else of ours
    "worker": {"sandbox.wire"},
    "sandbox": NOUNS,
    "checks": NOUNS | {"sandbox.wire", "worker.session"},
    "checks.sandboxed": NOUNS | {"checks", "sandbox.wire", "sandbox.client"},
    "examine": ENGINE,
    "batch": ENGINE | {"examine", "graders", "handout", "report.json", "report.store"},
    "mutants": NOUNS | {"checks"},
    "lms": NOUNS,  # what platforms write, read by `collect` and filled by `publish`
    "collect": NOUNS | {"lms"},
    "publish": NOUNS
    | {"lms", "report", "anonymous"},  # from results that are on disk, not from records
    "validate": ENGINE | {"examine", "batch", "graders", "mutants"},
    "check": ENGINE,
    "config": NOUNS | {"formula"},  # says where a formula is wrong
    "course": NOUNS | {"formula", "collect.tables", "report.json", "report.store"},  # its table
    "regrade": NOUNS | {"ledger", "score", "report.json", "report.store"},  # scores OUT again
    "anonymous": NOUNS | {"report.store"},  # of whom OUT knows
    "forget": NOUNS | {"anonymous", "course", "gradebook", "ledger", "report.store"},  # all of OUT
    "similarity": NOUNS,
    "similarity.inside": {"worker"},  # shuts itself in as a worker does
    "similarity.pairs": NOUNS
    | {"handout", "report.json", "report.store", "sandbox.launch", "similarity.inside"},
    "marking": NOUNS | {"ledger", "collect.tables", "report.json", "report.store"},  # its table
    "gradebook": NOUNS
    | {"course", "ledger", "report.json", "report.store"},  # reads what OUT holds
    "watch": NOUNS | {"attended"},  # to each of its checks
    "pack": ENGINE | {"archive", "check"},
    "notebook": ENGINE | {"check", "report.cell"},  # one exercise, in a student's own kernel
    "leaks": NOUNS | {"handout"},  # a stub is what may be said
    "release": ENGINE | {"examine", "batch", "handout", "archive", "leaks", "config"},
    "pipeline": ANYTHING,
    "desk": ANYTHING,
    "gradescope": ANYTHING,  # the pipeline, for one submission
    "demo": NOUNS | {"batch", "pipeline", "report.store"},
    "cli": ANYTHING,
}
JAILED_PACKAGES = {"torch", "numpy"}
NEVER_IMPORTED = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
UNIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios"}
# `gradlab start`, `gradlab check` and plain pytest run on Windows, too.
STUDENT_DOORS = ("cli", "cli.student", "checks.plugin")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = [path for path in sorted(ROOT.rglob("*.py")) if "assignments" not in path.parts]
MODULES = {name_of(path): path for path in SOURCES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def first(name: str) -> str:
    return name.partition(".")[0]


def imports(name: str, nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the absolute names that the import statements among `nodes` may stand for."""
    package = MODULES[name].relative_to(ROOT.parent).parent.parts
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            for alias in node.names:
                ours = f"{base}.{alias.name}".removeprefix("autograder.")
                yield f"{base}.{alias.name}" if ours in MODULES else base


def ours(name: str, nodes: Iterator[ast.AST]) -> set[str]:
    found = set(imports(name, nodes))
    return {
        target.removeprefix("autograder").removeprefix(".")
        for target in found
        if first(target) == "autograder"
    }


def at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what runs whenever the module is imported: no function's body, nothing guarded."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.Module | ast.ClassDef):
            waiting.extend(node.body)


def fits(name: str, layer: str) -> bool:
    return layer in ("", name) or name.startswith(layer + ".")


def layer_of(name: str) -> tuple[str, set[str]]:
    fitting = [layer for layer in LAYERS if layer and fits(name, layer)]
    if name == "" or fitting:
        layer = max(fitting, key=len, default="")
        return layer, LAYERS[layer]
    return first(name), STAGE


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_its_layer_allows(name):
    layer, allowed = layer_of(name)
    may = allowed | ({layer} if layer else set())
    targets = ours(name, ast.walk(TREES[name])) - {""}  # autograder itself holds the version only
    assert {target for target in targets if not any(fits(target, one) for one in may)} == set()


def test_there_is_no_import_cycle():
    graph = {name: ours(name, ast.walk(tree)) - {name} for name, tree in TREES.items()}
    cycle = []
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as fault:
        cycle = fault.args[1]
    assert cycle == []


def test_only_modules_that_exist_are_listed():
    assert {layer for layer in LAYERS if layer not in MODULES} == set()


@pytest.mark.parametrize(
    "name", [name for name in MODULES if fits(name, "worker") or name == "sandbox.wire"]
)
def test_what_enters_the_jail_needs_only_what_is_there(name):
    packages = {first(target) for target in imports(name, ast.walk(TREES[name]))}
    assert packages - sys.stdlib_module_names - JAILED_PACKAGES - {"autograder"} == set()


@pytest.mark.parametrize("name", MODULES)
def test_nothing_unpickles_evaluates_or_calls_a_shell(name):
    tree = TREES[name]
    packages = {first(target) for target in imports(name, ast.walk(tree))}
    assert packages & NEVER_IMPORTED == set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert dangers(node, in_worker=fits(name, "worker")) == [], f"line {node.lineno}"


def dangers(call: ast.Call, *, in_worker: bool) -> list[str]:
    text = ast.unparse(call.func)
    banned = {"eval", "os.system", "os.popen", "torch.load", "torch.save"}
    if not in_worker:
        banned.add("exec")  # student code runs there, and only there
    keywords = [ast.unparse(keyword) for keyword in call.keywords]
    flags = {"shell=True", "allow_pickle=True", "weights_only=False"}
    return [name for name in (text, *keywords) if name in banned | flags]


def test_the_student_s_commands_import_nothing_that_windows_lacks():
    """Follow what runs at import; a guarded import (`if`, `try`, in a function) is all right."""
    seen: set[str] = set()
    waiting = [door for door in STUDENT_DOORS if door in MODULES]
    assert waiting
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        packages = {first(target) for target in imports(name, at_import(TREES[name]))}
        assert packages & UNIX_ONLY == set(), f"{name}, from {STUDENT_DOORS}"
        parents = {name.rsplit(".", 1)[0]} if "." in name else set()
        waiting.extend((ours(name, at_import(TREES[name])) | parents) & MODULES.keys())
    assert "checks.plugin" in seen
