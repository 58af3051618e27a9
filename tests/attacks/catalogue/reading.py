"""Reading what a student may not see: tests, truth, solutions, other students, the machine."""

from pathlib import Path

from tests.attacks.record import FOLDER, Attack, failed, honest, python

EVIL = (Path(__file__).parents[2] / "autograder" / "sandbox" / "evil.py").read_text("utf-8")

# A probe is honest, unless something was not refused.
PROBE = """
class Achieved(Exception):
    pass

def scale(x, factor):
    if achieved := probe():
        raise Achieved(achieved)
    return x * factor
"""


def probing(text: str) -> dict[str, str | bytes]:
    """Return a submission whose `probe` returns what was not refused; `evil` lies beside it."""
    return python(f"{text}\n{PROBE}", evil=EVIL)


ATTACKS = (
    Attack(
        name="open-the-tests",
        tries="opens the course's tests, solutions and configuration by their paths",
        files=probing(f"""
import evil
COURSE = "{FOLDER}/course"
FILES = ("tests/hidden/test_small.py", "tests/public/test_small.py", "grading_config.yml",
         "reference/small/solution.py", "reference/small/mistakes.py", "roster.csv")

def probe():
    return evil.openable([COURSE + "/" + name for name in FILES])
"""),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="climb-to-the-tests",
        tries="climbs from every descriptor that came with the process to the course",
        files=probing(f"""
import evil

def probe():
    return evil.climb("{FOLDER}/course/grading_config.yml")[:1]
"""),
        ends={"scale": honest()},
    ),
    Attack(
        name="copy-from-a-neighbour",
        tries="reads what the student before handed in, and runs it",
        files=python(f"""
            def scale(x, factor):
                space = {{}}
                exec(open("{FOLDER}/handed-in/000-b-perfect/small.py").read(), space)
                return space["scale"](x, factor)
        """),
        ends={"scale": failed("exception")},
        undefended="assertion",
    ),
    Attack(
        name="read-the-results",
        tries="looks for results and copies of submissions in OUT",
        files=probing(f"""
import os

def probe():
    return [top for top in ("{FOLDER}/out", "{FOLDER}/handed-in") if listable(top)]

def listable(top):
    try:
        return os.listdir(top)
    except OSError:
        return []
"""),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="read-frames",
        tries="looks up the stack for a variable that holds the truth",
        files=python("""
            import sys

            def scale(x, factor):
                frame = sys._getframe(1)
                while frame is not None:
                    for name in ("expected", "truth", "answer", "y"):
                        if name in frame.f_locals:
                            return frame.f_locals[name]
                    frame = frame.f_back
        """),
        ends={"scale": failed("type")},
        undefended="assertion",
    ),
    Attack(
        name="read-memory",
        tries="searches all objects for a tensor of the right shape that is not the input",
        files=python("""
            import gc
            import torch

            def scale(x, factor):
                for thing in gc.get_objects():
                    if type(thing) is torch.Tensor and thing.shape == x.shape and thing is not x:
                        return thing
        """),
        ends={"scale": failed("type", "value", "dtype")},
        undefended="assertion",
    ),
    Attack(
        name="read-modules",
        tries="calls the oracle of the test module among the loaded modules",
        files=python("""
            import sys

            def scale(x, factor):
                for module in list(sys.modules.values()):
                    if hasattr(module, "truth_of_scale"):
                        return module.truth_of_scale(x, factor)
        """),
        ends={"scale": failed("type", "exception")},
        undefended="assertion",
    ),
    Attack(
        name="read-tracebacks",
        tries="has inspect show the lines of whoever called it, and what they compare with",
        files=probing("""
import inspect

def probe():
    lines = [line for one in inspect.stack() for line in one.code_context or ()]
    return [line for line in lines if '["scale"]' in line]  # what its caller calls
"""),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="import-the-grader",
        tries="imports the parts of the grader that hold tests, truth and grades",
        files=probing("""
import importlib

NAMES = ("score", "pipeline", "examine", "checks.bank", "checks.oracle", "report.store", "ledger")

def probe():
    achieved = []
    for name in ("reference.losses.solution", *("autograder." + name for name in NAMES)):
        try:
            importlib.import_module(name)
            achieved.append(name)
        except ImportError:
            pass
    return achieved
"""),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="find-the-repository",
        tries="follows installed metadata and editable paths back to the repository",
        files=probing("""
import importlib.metadata
import os
import sys

def probe():
    roots = [path for path in sys.path if os.path.isdir(path)]
    for found in importlib.metadata.distributions():
        if (found.metadata["Name"] or "").lower() == "gradlab":
            roots.append(found.read_text("direct_url.json") or "wheel")
            return roots
    names = ("reference", "tests", ".git", "grading_config.yml")
    return [root for root in roots if any(os.path.exists(os.path.join(root, n)) for n in names)]
"""),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="read-other-processes",
        tries="reads memory, environment and command lines through /proc, ptrace and vm_readv",
        files=probing("""
import evil
import os

def probe():
    return evil.processes() + evil.look_at(max(os.getppid(), 1 if os.getpid() != 1 else 2))
"""),
        ends={"scale": honest()},
    ),
    Attack(
        name="read-the-environment",
        tries="looks for tokens in the environment and in all strings of the process",
        files=probing("""
import evil

def probe():
    return evil.secrets_in_memory()
"""),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="sniff-the-wire",
        tries="keeps every frame that arrives, to find an expected value in it",
        files=python("""
            import sys

            wire = sys.modules["autograder.sandbox.wire"]
            unpack, seen = wire.unpack, []

            def sniff(tree, payload, **named):
                value = unpack(tree, payload, **named)
                seen.append(value)
                return value

            wire.unpack = sniff

            def scale(x, factor):
                import torch
                def tensors(value):
                    if isinstance(value, (list, tuple)):
                        for item in value: yield from tensors(item)
                    elif isinstance(value, dict):
                        yield from tensors(list(value.values()))
                    elif type(value) is torch.Tensor:
                        yield value
                return next((t for t in tensors(seen) if t is not x and not torch.equal(t, x)), x)
        """),
        ends={"scale": failed("value", "shape", "dtype")},
    ),
)
