r"""Handouts: from the master of a topic to what students get.

    reference/<topic>/solution.py   --stub_source-->   assignments/<topic>/<topic>.py, <topic>.ipynb

The master is one script in jupytext's percent format. A solution's body stands between two markers:

    # BEGIN SOLUTION
    return grad_z
    # END SOLUTION

and becomes ``raise NotImplementedError("softmax_backward: write this function")``. A cell that is
wholly the teacher's carries the tag ``solution`` in its mark: ``# %% tags=["solution"]``.

The same master always gives the same bytes, so that a diff of `assignments/` shows what changed.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from autograder.errors import ConfigError, SuiteError

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"

# What jupytext takes for the start of a cell, indented ones included.
_CELL_MARK = re.compile(r"\s*#\s*(%%|<codecell>|In\[[0-9 ]*\]:?\s*$)")
_TAGS = re.compile(r"tags=(\[[^\]]*\])")
# Anything that a teacher may have meant as a marker: a typo must not publish a solution.
_ALMOST_MARKER = re.compile(r"#+\s*(begin|end)\s*_?solution", re.IGNORECASE)


# --- the student's module ---------------------------------------------------------------------

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class _Marker:
    """One `# BEGIN SOLUTION` or `# END SOLUTION`."""

    text: str
    line: int
    column: int


def stub_source(solution_text: str, *, where: str = "solution.py") -> str:
    """Return the student's module: the master with every solution taken out.

    Args:
        solution_text: The master, a percent script.
        where: How errors name it, "reference/losses/solution.py".

    Raises:
        SuiteError: If the master is no Python, a marker or a tag is malformed, a cell mark cuts a
            statement in two, or the handout would not be Python.
    """
    text = re.sub(r"\r\n?", "\n", solution_text)
    lines = text.split("\n")
    tree = _parse(text, range(1, len(lines) + 1), where, "Python")
    dropped = _teachers_lines(lines, tree, where)
    markers = [marker for marker in _markers(text, where) if marker.line not in dropped]
    stubs: dict[int, str] = {}
    for name, begin, end in _holes(markers, tree, where):
        message = f"{name}: write this function"
        stubs[begin.line] = f'{" " * begin.column}raise NotImplementedError("{message}")'
        dropped.update(range(begin.line + 1, end.line + 1))
    kept = [number for number in range(1, len(lines) + 1) if number not in dropped]
    stub = "\n".join(stubs.get(number, lines[number - 1]) for number in kept)
    _parse(stub, kept, where, "Python once its solutions are taken out")
    return stub.strip("\n") + "\n"


def _parse(text: str, numbers: Sequence[int], where: str, wanted: str) -> ast.Module:
    """Parse lines of the master; `numbers` are their line numbers there."""
    try:
        return ast.parse(text)
    except SyntaxError as fault:
        line = numbers[min(fault.lineno or 1, len(numbers)) - 1]
        raise SuiteError(
            f"{where}:{line}: expected {wanted}, got {fault.msg!r}. Mend it."
        ) from fault


def _teachers_lines(lines: list[str], tree: ast.Module, where: str) -> set[int]:
    """Return the line numbers of all cells with the tag `solution`; check all cell marks."""
    marks = [number for number, line in enumerate(lines, 1) if _CELL_MARK.match(line)]
    for number in marks:
        _check_mark(number, lines[number - 1], tree, where)
    dropped: set[int] = set()
    for start, end in pairwise([*marks, len(lines) + 1]):
        if "solution" in _tags(lines[start - 1], f"{where}:{start}"):
            dropped.update(range(start, end))
    return dropped


def _check_mark(number: int, line: str, tree: ast.Module, where: str) -> None:
    for node in tree.body:
        if node.lineno < number <= (node.end_lineno or node.lineno):
            raise SuiteError(
                f"{where}:{number}: expected a cell mark between two statements,"
                f" got {line.strip()!r} inside the one of line {node.lineno}."
                " A class or a function is one cell."
            )


def _tags(mark: str, where: str) -> set[str]:
    """Return the tags that a cell mark carries."""
    found = _TAGS.search(mark)
    try:
        tags = set(json.loads(found[1])) if found else set()
    except json.JSONDecodeError:
        tags = set()
    if "solution" in mark.lower() and "solution" not in tags:
        raise SuiteError(
            f'{where}: expected tags=["solution"] in a cell mark that says so, got {mark!r}.'
            " Write the tag like this, or take the word out."
        )
    return tags


def _markers(text: str, where: str) -> Iterator[_Marker]:
    """Yield the markers in order; comments only, so that a string may speak of them."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or not _ALMOST_MARKER.match(token.string):
            continue
        line, column = token.start
        if token.string.rstrip() not in (BEGIN, END) or token.line[:column].strip():
            raise SuiteError(
                f"{where}:{line}: expected {BEGIN!r} or {END!r}, alone on its line,"
                f" got {token.line.strip()!r}. Write it like this."
            )
        yield _Marker(token.string.rstrip(), line, column)


def _holes(
    markers: list[_Marker], tree: ast.Module, where: str
) -> Iterator[tuple[str, _Marker, _Marker]]:
    """Pair the markers and yield each pair with the name of its function."""
    waiting = iter(markers)
    for begin in waiting:
        if begin.text == END:
            raise SuiteError(
                f"{where}:{begin.line}: expected {BEGIN} before {END}, got none."
                " Open the solution's body."
            )
        name, function = _function_at(begin, tree, where)
        yield name, begin, _closing(begin, next(waiting, None), name, function, tree, where)


def _function_at(begin: _Marker, tree: ast.Module, where: str) -> tuple[str, _Function]:
    for name, node in _functions(tree.body):
        if node.lineno < begin.line <= (node.end_lineno or node.lineno):
            return name, node
    raise SuiteError(
        f"{where}:{begin.line}: expected {BEGIN} inside a function, above its body,"
        " got it elsewhere. Move it."
    )


def _closing(
    begin: _Marker,
    marker: _Marker | None,
    name: str,
    function: _Function,
    tree: ast.Module,
    where: str,
) -> _Marker:
    """Return `marker` if it closes the body that `begin` opens in `function`."""
    statements = (node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt))
    last = function.end_lineno or function.lineno
    following = min((line for line in statements if line > last), default=math.inf)
    if marker is None:
        got = "none"
    elif marker.text == BEGIN:
        got = f"{BEGIN} again in line {marker.line}"
    elif marker.line > following:
        got = f"it in line {marker.line}"
    else:
        return marker
    raise SuiteError(
        f"{where}:{begin.line}: expected {END} before the end of {name}, got {got}."
        " Close the solution's body."
    )


def _functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, _Function]]:
    """Yield the functions of a module and the methods of its classes, by name."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, _Function):
            yield prefix + node.name, node


_HEADING = re.compile(r"^##+ (.*)$", re.MULTILINE)
_VARIES = re.compile(r"\*\*Hidden\s+tests\s+vary\*\*\s+(.*?)(?:\n\n|\Z)", re.DOTALL)


def variations(stub: str) -> dict[str, str]:
    """Return what hidden tests vary, by exercise: the handout's own words below its heading.

    Args:
        stub: The student's module. Headings name exercises in backquotes: "## 1. `softmax`".
    """
    comments = (line[2:] if line.startswith("# ") else "" for line in stub.split("\n"))
    pieces = _HEADING.split("\n".join(comments))
    found: dict[str, str] = {}
    for heading, prose in zip(pieces[1::2], pieces[2::2], strict=True):
        if said := _VARIES.search(prose):
            text = _without_tex(" ".join(said[1].split()))
            found |= dict.fromkeys(re.findall(r"`([\w.]+)`", heading), text)
    return found


_WORDS = {r"\infty": "infinity", r"\pm": "+-", r"\geq": ">=", r"\leq": "<="}


def _without_tex(text: str) -> str:
    """Return a sentence without formulas, as a terminal and a screen reader can show it."""

    def plain(formula: re.Match[str]) -> str:
        made = formula[1]
        for command, word in _WORDS.items():
            made = made.replace(command, word)
        return re.sub(r"[\\{}]", "", made)

    return re.sub(r"\$([^$]*)\$", plain, text)


# --- the notebook -----------------------------------------------------------------------------


def notebook_source(stub: str, topic: str, exercises: Sequence[str] = ()) -> str:
    """Return the student's notebook: the cells of the module `stub`, word for word.

    Args:
        stub: The student's module, a percent script.
        topic: Its name.
        exercises: Ids of those with public tests. If there are any, the notebook starts otter, and
            below the cell that defines an exercise stands one that checks it.

    Raises:
        ConfigError: If jupytext is not installed.
    """
    # Imported by jsonschema when it is there, for a format that notebooks do not use: 2 s.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type] # None blocks an import
    try:
        import jupytext  # type: ignore[import-untyped] # noqa: PLC0415 # untyped, slow, optional
    except ImportError as fault:
        raise ConfigError(
            "handout: expected jupytext to write notebooks, got no such package."
            " pip install 'gradlab[notebook]'."
        ) from fault
    script = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    notebook = jupytext.reads(stub, fmt=script)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{topic}-{number:02d}"  # jupytext's own ids are random
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
    if exercises:
        notebook.cells = list(_with_checks(notebook.cells, topic, exercises))
    return str(jupytext.writes(notebook, fmt="ipynb")).rstrip("\n") + "\n"


# `Notebook` of our own takes the place of otter's where otter-grader is not installed.
_START = """\
# Run me first; then run the cell below an exercise to check what you have written.
try:
    import otter
except ImportError:
    from autograder import notebook as otter

grader = otter.Notebook(tests_dir="tests")"""


def _with_checks(cells: Sequence[Any], topic: str, exercises: Sequence[str]) -> Iterator[Any]:
    """Yield a notebook's cells, those that start otter and check exercises among them."""
    homes: dict[int, list[str]] = {}
    for exercise in exercises:
        name = exercise.partition(".")[0]
        found = [number for number, cell in enumerate(cells) if name in _defined_by(cell)]
        homes.setdefault(found[-1] if found else len(cells) - 1, []).append(exercise)
    yield _code_cell(f"{topic}-start", _START)
    for number, cell in enumerate(cells):
        yield cell
        for exercise in homes.get(number, ()):
            identity = f"{topic}-check-{exercise.replace('.', '-')}"[:64]  # as nbformat has it
            yield _code_cell(identity, f'grader.check("{exercise}")')


def _defined_by(cell: Any) -> set[str]:
    if cell.cell_type != "code":
        return set()
    body = ast.parse(cell.source).body
    return {node.name for node in body if isinstance(node, ast.ClassDef | _Function)}


def _code_cell(identity: str, source: str) -> Any:
    from nbformat.v4 import new_code_cell  # noqa: PLC0415 -- slow, optional

    return new_code_cell(id=identity, source=source)  # type: ignore[no-untyped-call]


def otter_test(topic: str, exercise: Mapping[str, Any]) -> str:
    """Return `tests/<exercise>.py`, the file behind `grader.check`, in otter's exception format.

    Args:
        topic: The assignment.
        exercise: Its `id`, and its `points` as text.
    """
    points = Fraction(exercise["points"])
    shown = int(points) if points.denominator == 1 else float(points)
    return f'''\
"""What grader.check("{exercise["id"]}") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "{exercise["id"]}"
points = {shown}

tests = PublicTests("{topic}", "{exercise["id"]}")
public_tests = test_case(name="public tests")(tests)
'''


# --- the folder -------------------------------------------------------------------------------


def render_topic(course_dir: Path, topic: str, public_data: dict[str, Any]) -> dict[str, str]:
    """Return the files of one handout, by name ("tests/softmax.py").

    Args:
        course_dir: The folder that holds `reference/` and `tests/public/`.
        topic: Name of the topic.
        public_data: What `check` needs as data, JSON's types only: expected outputs of the public
            cases, fingerprints of the known mistakes' outputs, hints.

    Raises:
        SuiteError: If the master or the public tests are missing, or the master is malformed.
        ConfigError: If jupytext is not installed.
    """
    master = f"reference/{topic}/solution.py"
    stub = stub_source(_read(course_dir, master), where=master)
    exercises = public_data.get("exercises", [])
    ids = [exercise["id"] for exercise in exercises]
    files = {
        "README.md": _readme(stub, topic),
        f"{topic}.py": stub,
        f"{topic}.ipynb": notebook_source(stub, topic, ids),
        f"{topic}.json": _dump(public_data) + "\n",
        f"test_{topic}.py": _read(course_dir, f"tests/public/test_{topic}.py"),
    }
    if (course_dir / "reference" / topic / "support.py").is_file():
        files["support.py"] = _read(course_dir, f"reference/{topic}/support.py")
    files |= {f"tests/{one['id']}.py": otter_test(topic, one) for one in exercises}
    return files


def build_topic(course_dir: Path, topic: str, dest: Path, public_data: dict[str, Any]) -> None:
    """Write the handout of one topic into the folder `dest`, usually `assignments/<topic>`.

    Files that are current are left alone; arguments and errors are those of `render_topic`.
    """
    dest.mkdir(parents=True, exist_ok=True)
    for name, text in render_topic(course_dir, topic, public_data).items():
        path = dest / name
        if not _is_same(path, text):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")


def is_current(course_dir: Path, public_data: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return the files of `assignments/` that differ from what their masters give now.

    Args:
        course_dir: The folder that holds `reference/` and `assignments/`.
        public_data: The data of each topic, by its name; these are all topics that there are.

    Returns:
        Paths relative to `course_dir`, sorted: missing, changed and left-over files. None of them
        means that all is current.
    """
    root = course_dir / "assignments"
    wanted = {
        root / topic / name: text
        for topic, data in public_data.items()
        for name, text in render_topic(course_dir, topic, data).items()
    }
    found = {path for path in root.rglob("*") if path.is_file() and not _is_by_product(path, root)}
    stale = {path for path, text in wanted.items() if not _is_same(path, text)}
    paths = stale | (found - wanted.keys())
    return sorted(path.relative_to(course_dir).as_posix() for path in paths)


def _read(course_dir: Path, name: str) -> str:
    path = course_dir / name
    if not path.is_file():
        raise SuiteError(
            f"{name}: expected a file, got none. Write it, or take the topic out of"
            " grading_config.yml."
        )
    return path.read_text(encoding="utf-8")


def _readme(stub: str, topic: str) -> str:
    heading = re.search(r"^# # +(.+)$", stub, re.MULTILINE)
    title = heading[1] if heading else topic.replace("_", " ").capitalize()
    exercises = "\n".join(f"- {line}" for line in _exercises(stub))
    return f"""\
# {title}

Write the functions in `{topic}.py`, or in `{topic}.ipynb` if you prefer notebooks: both hold the
same exercises. Hand in one of them.

{exercises}

In this folder:

    gradlab check                 check all that you have written so far
    gradlab check -k NAME         check one exercise
    gradlab check --hint          ask for one more hint
    pytest                        the same tests, plainly

In the notebook, the cell below each exercise checks it: `grader.check("NAME")`.

The tests in `test_{topic}.py` are yours to read. More tests grade what you hand in, so a function
that only fits these inputs will not do.
"""


def _exercises(stub: str) -> Iterator[str]:
    """Yield a line for each function to write: its name and the first line of its docstring."""
    message = re.compile(r"raise NotImplementedError\(\"(.+): write this function\"\)")
    names = set(message.findall(stub))
    for name, node in _functions(ast.parse(stub).body):
        if name in names:
            title = (ast.get_docstring(node) or "").partition("\n")[0]
            yield f"`{name}`: {title}" if title else f"`{name}`"


def _dump(data: Any, margin: str = "\n") -> str:
    """Write JSON with the innermost lists and objects on one line each, so that diffs are short."""
    if isinstance(data, dict):
        parts = [f"{_leaf(key)}: {_dump(data[key], margin + ' ')}" for key in sorted(data)]
    elif isinstance(data, list | tuple):
        parts = [_dump(item, margin + " ") for item in data]
    else:
        return _leaf(data)
    left, right = "{}" if isinstance(data, dict) else "[]"
    items = data.values() if isinstance(data, dict) else data
    if any(isinstance(item, dict | list | tuple) for item in items):
        return left + margin + " " + f",{margin} ".join(parts) + margin + right
    return left + ", ".join(parts) + right


def _leaf(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _is_same(path: Path, text: str) -> bool:
    if not path.is_file():
        return False
    old = path.read_bytes()
    if old == text.encode():
        return True
    return path.suffix == ".json" and _is_equal_data(old, text)


def _is_equal_data(old: bytes, text: str) -> bool:
    """Compare data, not digits: two machines differ in the last bits of a (float32) product."""
    try:
        return _is_close(json.loads(old), json.loads(text))
    except ValueError:
        return False


def _is_close(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_is_close, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_is_close(a[key], b[key]) for key in a)
    return type(a) is type(b) and bool(a == b)


def _is_by_product(path: Path, root: Path) -> bool:
    """Tell what tools leave behind from what a handout holds."""
    parts = path.relative_to(root).parts
    return any(part.startswith(".") or part == "__pycache__" for part in parts)
