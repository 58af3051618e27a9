"""Statements run in order, each guarded; siblings and stand-ins are imported from memory."""

import builtins
import inspect
import json
import signal
import sys
import traceback

import pytest
import torch

from autograder.worker.loading import lay_out, load
from autograder.worker.reading import read


def facts_of(*files, exercises=("f",), **spec):
    """Read files, given as (name, text or cells); one text alone is a.py."""
    pairs = [("a.py", file) if isinstance(file, str) else file for file in files]
    return read(
        [(name, encoded(content)) for name, content in pairs],
        {
            "exercises": [{"id": id_, "topic": "t", "forbidden": []} for id_ in exercises],
            "names": ["a.py", "a.ipynb"],
            **spec,
        },
    )


def encoded(content):
    if isinstance(content, list):
        cells = [{"cell_type": "code", "source": cell} for cell in content]
        content = json.dumps({"cells": cells})
    return content if isinstance(content, bytes) else content.encode()


def loaded(*files, cpu_s=5.0, **spec):
    facts = facts_of(*files, **spec)
    return load(facts, facts.variants[0].candidates if facts.variants else [], cpu_s)


def test_what_a_module_defines_can_be_called():
    found = loaded("import torch\nW = 2\ndef f(x): return x * W\n")
    assert found.namespace["f"](torch.ones(1)).item() == 2.0
    assert found.remarks == ()
    assert found.missing == {}


def test_a_failing_statement_is_a_remark_and_the_next_one_runs():
    found = loaded("x = 1\ny = 1 / 0\nfor i in range(3):\n    z = nothing\ndef f(): return x\n")
    assert found.remarks == (
        "a.py, line 2: ZeroDivisionError: division by zero. The rest was read.",
        "a.py, line 4: NameError: name 'nothing' is not defined. The rest was read.",
    )
    assert found.namespace["f"]() == 1


def test_whatever_a_statement_raises_is_a_remark():
    found = loaded(
        "import sys\nsys.exit(1)\nraise SystemExit\nreturn 3\n"
        "class Stop(BaseException):\n    def __str__(self): raise ValueError\nraise Stop\n"
        "raise GeneratorExit\nawait x\ndef g(): return g()\ng()\ndef f(): return 1\n"
    )
    assert [remark.split(": ", 1)[1] for remark in found.remarks] == [
        "SystemExit: 1. The rest was read.",
        "SystemExit. The rest was read.",
        "SyntaxError: 'return' outside function. The rest was read.",
        "Stop. The rest was read.",
        "GeneratorExit. The rest was read.",
        "SyntaxError: 'await' outside function. The rest was read.",
        "RecursionError: maximum recursion depth exceeded. The rest was read.",
    ]
    assert found.namespace["f"]() == 1


def test_the_terminal_can_still_interrupt():
    with pytest.raises(KeyboardInterrupt):
        loaded("raise KeyboardInterrupt\ndef f(): pass\n")


def test_remarks_are_bounded():
    assert len(loaded("1 / 0\n" * 200 + "def f(): pass\n").remarks) == 50


def test_assertions_are_compiled_away_and_docstrings_stay():
    found = loaded("assert False\ndef f():\n    'Say.'\n    assert False\n    return __debug__\n")
    assert found.remarks == ()
    assert found.namespace["f"]() is False
    assert found.namespace["f"].__doc__ == "Say."


def test_the_last_definition_of_a_name_wins():
    assert loaded("def f(): return 1\ndef f(): return 2\n").namespace["f"]() == 2


def test_main_blocks_do_not_run():
    found = loaded("def f(): return 1\nif __name__ == '__main__':\n    1 / 0\n")
    assert found.remarks == ()


def test_tracebacks_show_the_students_source_and_cell():
    found = loaded(("a.ipynb", ["x = 1", "def f():\n    return 1 / 0  # here\n"]))
    with pytest.raises(ZeroDivisionError) as caught:
        found.namespace["f"]()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == ("a.ipynb, cell 2", 2)
    assert last.line == "return 1 / 0  # here"
    assert inspect.getsource(found.namespace["f"]).startswith("def f():")


def test_a_module_is_real_enough_for_dataclasses_with_postponed_annotations():
    found = loaded(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Point:\n    x: Unknown = 1\ndef f(): return Point().x\n"
    )
    assert found.remarks == ()
    assert found.namespace["f"]() == 1
    assert sys.modules[found.namespace["Point"].__module__].Point is found.namespace["Point"]


# --- imports


def test_an_import_that_is_missing_and_never_used_is_a_remark():
    found = loaded(
        "import nowhere.at.all as n, math\nfrom torch import nothing\ndef f(): return math.pi\n"
    )
    assert found.namespace["f"]() == pytest.approx(3.14159, abs=1e-5)
    assert [remark.split(": ")[1] for remark in found.remarks] == [
        "ModuleNotFoundError",
        "ImportError",
    ]


def test_a_missing_import_may_be_named_but_not_used():
    found = loaded("import nowhere as n\ndef f(x: n.Array = None): return n.array(x)\n")
    with pytest.raises(
        ModuleNotFoundError, match=r"^nowhere\.array: expected a package that the grader"
    ):
        found.namespace["f"]()


def test_a_missing_import_inside_try_is_an_ordinary_error():
    text = "try:\n    import nowhere as m\nexcept ImportError:\n    import math as m\n"
    found = loaded(text + "def f(): return m\n")
    assert found.namespace["f"]().__name__ == "math"


def test_only_the_graders_packages_can_be_imported():
    text = "import json\nimport numpy\nimport pytest\ndef f(): return json, numpy\n"
    found = loaded(text, modules=["numpy"])
    assert [remark.split(". ")[0] for remark in found.remarks] == [
        "a.py, line 3: ModuleNotFoundError: pytest: expected a module that the grader has, got none"
    ]
    assert loaded(text).remarks == ()


SIBLINGS = """\
from helpers import g
import pack.sub
from pack import sub as s
from . import helpers as h
from .helpers import g as k
import whole.part
def f():
    import lazy
    return g(), pack.sub.X, s.X, h.g(), k(), lazy.Y, whole.part.Z, whole.W
"""


def test_siblings_are_imported_from_memory_also_while_a_call_runs():
    found = loaded(
        ("w/a.py", SIBLINGS),
        ("w/helpers.py", "def g(): return 1\n"),
        ("w/pack/sub.py", "X = 2\n"),
        ("w/lazy.py", "Y = 3\n1 / 0\n"),
        ("w/whole/__init__.py", "W = 5\n"),
        ("w/whole/part.py", "Z = 4\n"),
    )
    assert found.remarks == ()
    assert found.namespace["f"]() == (1, 2, 2, 1, 1, 3, 4, 5)


def test_siblings_may_import_each_other():
    found = loaded(
        "import b\ndef g(): return 1\ndef f(): return b.h()\n",
        ("b.py", "import a\ndef h(): return a.g()\n"),
    )
    assert found.namespace["f"]() == 1


def test_a_star_import_of_a_sibling_brings_its_names():
    found = loaded("from b import *\ndef f(): return X\n", ("b.py", "X = 1\n"))
    assert found.namespace["f"]() == 1
    assert found.missing == {}


def test_a_name_that_a_sibling_could_not_define_is_a_placeholder():
    found = loaded("from b import g\ndef f(): return g()\n", ("b.py", "g = 1 / 0\n"))
    with pytest.raises(ModuleNotFoundError, match=r"b\.g: expected"):
        found.namespace["f"]()


IMPORTS = """\
%matplotlib inline
import matplotlib.pyplot as plt
import otter
from google.colab import drive
from IPython.display import display as show
from tqdm.auto import tqdm, trange
grader = otter.Notebook('a.ipynb')
"""
PICTURES = """\
drive.mount('/content')
fig, ax = plt.subplots(1, 2)
ax[0].plot([1])[0].x = 1
with plt.style.context('x'):
    show(fig)
    display(fig)
get_ipython().run_line_magic('x', 'y')
grader.check('f')
"""
LOOPS = """\
total = 0
for i in tqdm(range(3)): total += i
for i in trange(2): total += i
def f(): return total
"""


def test_what_belongs_to_notebooks_is_inert():
    found = loaded(("a.ipynb", [IMPORTS, PICTURES, LOOPS]))
    assert found.remarks == ()
    assert found.namespace["f"]() == 4
    assert found.stand_ins == ("IPython", "google", "matplotlib", "otter", "tqdm")


def test_nothing_is_patched_for_anyone_else():
    before = (
        builtins.__import__,
        list(sys.meta_path),
        list(sys.path),
        dict(vars(builtins)),
        signal.getsignal(signal.SIGALRM),
    )
    found = loaded("import otter, nowhere\nimport b\ndef f(): return 1\n", ("b.py", "x = 1\n"))
    found.namespace["f"]()
    assert before == (
        builtins.__import__,
        list(sys.meta_path),
        list(sys.path),
        dict(vars(builtins)),
        signal.getsignal(signal.SIGALRM),
    )
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not {"a", "b", "otter", "nowhere"} & sys.modules.keys()


# --- time


def test_a_loop_that_trains_is_stopped_and_the_rest_runs():
    found = loaded(
        "while True: pass\nimport time\ntime.sleep(60)\nW = 3\ndef f(): return W\n", cpu_s=0.4
    )
    assert [remark.split(",")[1].split(":")[0] for remark in found.remarks] == [
        " line 1",
        " line 3",
    ]
    assert found.namespace["f"]() == 3


def test_what_a_stopped_statement_should_have_set_is_missing():
    found = loaded(
        "def f(): return g()\ndef g(): return W\nwhile True: pass\nW = [i for i in iter(int, 1)]\n",
        cpu_s=0.4,
    )
    why = "set only in a statement that takes too long (a.py, line 4, not finished)"
    assert found.missing == {"f": f"f uses W, which is {why}."}


def test_after_the_time_is_spent_imports_definitions_and_constants_still_run():
    found = loaded(
        "while True: pass\nx = sum(range(3))\ny = -1.5\nz = y\nimport math\n"
        "if y:\n    import json\nelse:\n    pass\n"
        "try:\n    import nowhere\nexcept ImportError:\n    nowhere = None\n"
        "k = lambda: sum(range(3))\nclass C: pass\n"
        "def f(): return y, z, math, json, nowhere, k(), C\ndef g(): return x\n",
        cpu_s=0.05,
        exercises=("f", "g"),
    )
    assert found.namespace["f"]()[:2] == (-1.5, -1.5)
    why = "set only after the time for the file was spent (a.py, line 2, not run)"
    assert found.missing == {"g": f"g uses x, which is {why}."}
    assert sum("not run" in remark for remark in found.remarks) == 1


def test_a_sibling_that_trains_does_not_take_the_import_with_it():
    found = loaded(
        "from b import g\ndef f(): return g()\n",
        ("b.py", "while True: pass\ndef g(): return 1\n"),
        cpu_s=0.4,
    )
    assert [remark.split(":")[0] for remark in found.remarks] == ["b.py, line 1"]
    assert found.namespace["f"]() == 1


# --- which file, and what is missing


def test_each_file_keeps_its_own_names():
    found = loaded(
        ("a.py", "k = 1\ndef f(): return k\n"),
        ("b.py", "k = 2\ndef g(): return k\n"),
        exercises=("f", "g"),
    )
    assert (found.namespace["f"](), found.namespace["g"](), found.namespace["k"]) == (1, 2, 1)


def test_an_exercise_is_taken_from_the_file_that_worked_on_it():
    stub = "def f():\n    raise NotImplementedError\ndef g():\n    raise NotImplementedError\n"
    found = loaded(
        ("a.py", stub.replace("raise NotImplementedError", "return 1", 1)),
        ("b.py", stub + "def g(): return 2\ndef f(): raise NotImplementedError\n"),
        exercises=("f", "g"),
        stubs={"t": stub},
    )
    assert (found.namespace["f"](), found.namespace["g"]()) == (1, 2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("f = 1 / 0\n", "f is not there: f is set only in a statement that failed (a.py, line 1:"),
        ("@nope\ndef f(): pass\n", "f is not there: f is set only in a statement that failed"),
        ("def f(): return W\n", "f uses W, which is never set."),
        (
            "def f(): return W\nW = 1 / 0\n",
            "f uses W, which is set only in a statement that failed",
        ),
        ("W = 1\ndef f(): return W\ndel W\n", "f uses W, which is not there when the file has run"),
        ("if __name__ == '__main__':\n    def f(): pass\n", "f is not there: f is not there when"),
    ],
)
def test_what_is_missing_is_said_with_its_reason(text, sentence):
    assert loaded(text).missing["f"].startswith(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "def f(): return len([1])\n",
        "def f():\n    global W\n    W = 1\n    return W\n",
        "def f(): return [i for i in range(3)]\n",
        "import torch\ndef f(x: 'Unknown'): return torch.exp(x)\n",
        "def f(): return g\ndef g(): return f\n",
        "from math import *\ndef f(): return pi\n",
    ],
)
def test_what_is_there_is_not_missing(text):
    assert loaded(text).missing == {}


def test_an_exercise_without_a_definition_is_missing():
    found = loaded("class Value:\n    pass\n", exercises=("f", "Value.backward", "Value"))
    assert found.missing == {
        "f": "f: expected a definition, got none. Define it at the top level.",
        "Value.backward": "Value.backward: expected a definition, got none."
        " Define it at the top level.",
    }


def test_a_method_that_its_class_lost_is_missing():
    text = "class Value:\n    def backward(self): pass\nclass Value: pass\n"
    assert (
        "Value.backward is not there"
        in loaded(text, exercises=["Value.backward"]).missing["Value.backward"]
    )


# --- data files


def test_small_data_files_are_laid_out_beside_the_graded_file(tmp_path):
    facts = facts_of(
        ("w/a.py", "def f(): pass"), ("w/data/x.csv", b"1"), ("y.csv", b"2"), ("w/z.csv", b"3")
    )
    (tmp_path / "z.csv").write_bytes(b"mine")
    assert lay_out(facts, tmp_path) == []
    assert (tmp_path / "data" / "x.csv").read_bytes() == b"1"
    assert (tmp_path / "y.csv").read_bytes() == b"2"
    assert (tmp_path / "z.csv").read_bytes() == b"mine"


def test_where_nothing_can_be_written_data_files_are_a_remark(tmp_path):
    (tmp_path / "data").write_bytes(b"a file in the way")
    facts = facts_of(("a.py", "def f(): pass"), ("data/x.csv", b"1"))
    assert [remark.partition(" (")[0] for remark in lay_out(facts, tmp_path)] == [
        "data/x.csv: was not laid out"
    ]


# --- warnings


@pytest.mark.filterwarnings("error")
def test_a_warning_is_only_a_warning_whatever_the_callers_filters_say(recwarn):
    text = "import warnings\nwarnings.warn('careful')\ndef f(x):\n    '\\alpha'\n    return x is 1"
    found = loaded(text)
    assert found.remarks == ()
    assert [str(warning.message) for warning in recwarn] in ([], ["careful"])


def test_a_package_of_folders_is_imported_by_its_whole_name():
    imports = "import one.two.three\nfrom math import *\nfrom nowhere import *\n"
    main = ("a.py", imports + "def f(): return one.two.three.x\n")
    found = loaded(main, ("one/two/three.py", "x = 5\n"), modules=["torch"])
    assert found.namespace["f"]() == 5
    (remark,) = found.remarks
    assert remark.startswith("a.py, line 3: ModuleNotFoundError: nowhere: expected a module")


def test_what_needs_a_name_too_deep_to_be_found_may_still_be_called():
    deep = "-" * 600 + "1"
    found = loaded(f"def f(): return 3\ndef g(): return {deep}\ndef f(x=g): return g\n")
    assert "f" in found.namespace
