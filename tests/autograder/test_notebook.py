"""`grader.check` in a notebook: the verdict of `gradlab check`, on what the kernel has defined."""

import json
import random
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.check import check
from autograder.notebook import Notebook, Verdict
from autograder.report.json import exercise_document
from tests.autograder.layers import ENVIRONMENT, ROOT

RIGHT = "def softmax(z, dim=-1):\n    e = (z - z.amax(dim, keepdim=True)).exp()\n"
RIGHT += "    return e / e.sum(dim, keepdim=True)\n"
WRONG = RIGHT.replace("e.sum(dim, keepdim=True)", "e.sum()")
COMPUTED = "def softmax(z, dim=-1):\n    return getattr(torch, 'soft' + 'max')(z, dim)\n"
STUB = 'def softmax(z, dim=-1):\n    raise NotImplementedError("softmax: write this function")\n'


@pytest.fixture
def home(tmp_path):
    return Path(shutil.copytree(ROOT / "assignments" / "losses", tmp_path / "losses"))


def kernel(*cells):
    """Return the names of a kernel that ran some cells; what fails there, fails."""
    names = {"In": ["", "import torch", *cells]}
    for number, cell in enumerate(names["In"]):
        try:
            exec(compile(cell, f"/tmp/ipykernel_1/{number}.py", "exec"), names)
        except Exception:  # noqa: BLE001 -- a kernel goes on
            continue
    return names


def checked(home, *cells, exercise="softmax") -> Verdict:
    return Notebook(tests_dir=home / "tests").check(exercise, kernel(*cells))


def as_plain(result):
    document = exercise_document(result)
    for case in document["cases"]:
        del case["duration_s"]
    return document


# --- the verdict ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (RIGHT, "passed"),
        (WRONG, "failed"),
        (STUB, "not_implemented"),
        ("def softmax(z, dim=-1):\n    return torch.softmax(z, dim)\n", "forbidden"),
        (COMPUTED, "forbidden"),
        ("def softmax(z, dim=-1):\n    return None\n", "failed"),
        ("def softmax(z, dim=-1):\n    raise ValueError('<b>no</b>')\n", "failed"),
        ("def softmax(z, dim=-1):\n    return helper(z)\n", "failed"),
    ],
)  # fmt: skip
def test_it_says_what_a_check_of_the_module_says(home, text, outcome):
    (home / "losses.py").write_text("import torch\n\n" + text)
    (expected,) = check(home / "losses.py", ["softmax"]).results
    found = checked(home, text).found
    assert found.outcome.value == outcome
    assert without_places(as_plain(found)) == without_places(as_plain(expected))


def without_places(document):
    """Return it as text; a line counts from the top of its cell, and of the module."""
    text = json.dumps(document).replace("losses.ipynb, cell 2", "losses.py")
    text = text.replace(": softmax uses helper, which is never set.", "")  # known by loading a file
    for module, cell in ((4, 2), (5, 3)):
        text = text.replace(f"line {module}", f"line {cell}")
    return text


def test_the_last_definition_that_ran_counts(home):
    assert checked(home, WRONG, RIGHT).is_pass
    assert not checked(home, RIGHT, WRONG).is_pass
    assert checked(home, RIGHT, STUB).found.outcome.value == "not_implemented"
    assert checked(home, RIGHT, WRONG, RIGHT).is_pass


def test_what_never_ran_is_not_written_yet(home):
    assert repr(checked(home)) == "softmax: not written yet"


def test_a_forbidden_use_is_named_as_jupyter_counts_cells(home):
    verdict = checked(
        home, "", "x = 1", "def softmax(z, dim=-1):\n    return torch.softmax(z, 0)\n"
    )
    assert "softmax uses torch.softmax (losses.ipynb, cell 4, line 2)" in repr(verdict)


def test_names_of_other_cells_are_there(home):
    assert checked(home, "CONSTANT = 1.0", RIGHT.replace("return e", "return CONSTANT * e")).is_pass


def test_cells_that_are_no_python_and_magics_do_no_harm(home):
    assert checked(home, "def broken(:", "%matplotlib inline", "!ls", RIGHT).is_pass


def test_a_long_day_of_many_runs_is_read(home):
    runs = [f"# {number}\n{WRONG}{'#' * 5000}" for number in range(200)]
    names = {"In": ["", "import torch", *runs, RIGHT], "torch": torch}
    exec(RIGHT, names)
    assert Notebook(tests_dir=home / "tests").check("softmax", names).is_pass


def test_the_cells_of_otter_s_do_nothing_when_the_file_is_graded(home):
    text = (home / "losses.ipynb").read_text()
    stub = 'raise NotImplementedError(\\"softmax: write this function\\")'
    assert text.count(stub) == 1
    body = "e = (z - z.amax(dim, keepdim=True)).exp(); return e / e.sum(dim, keepdim=True)"
    (home / "losses.ipynb").write_text(text.replace(stub, body))
    report = check(home / "losses.ipynb", ["softmax"])
    assert report.passed == 1
    assert report.remarks == ()
    assert not (home / ".OTTER_LOG").exists()


# --- the kernel -------------------------------------------------------------------------------


def drawn():
    return [random.random(), np.random.rand(), torch.rand(1).item()]  # noqa: NPY002 -- students use it


def test_the_kernel_s_generators_and_defaults_stay_as_they_were(home):
    names = kernel(RIGHT)
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        for seed in (random.seed, np.random.seed, torch.manual_seed):
            seed(3)
        expected = drawn()
        for seed in (random.seed, np.random.seed, torch.manual_seed):
            seed(3)
        Notebook(tests_dir=home / "tests").check("softmax", names)
        assert drawn() == expected
        assert torch.get_default_dtype() is torch.float64
        assert not torch.is_grad_enabled()
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


# --- what is shown ----------------------------------------------------------------------------


def test_html_escapes_what_students_write_and_folds_further_hints(home):
    html = checked(home, "def softmax(z, dim=-1):\n    raise ValueError('<b>no</b>\\x1b')\n")
    assert "&lt;b&gt;no&lt;/b&gt;" in html._repr_html_()
    assert "\x1b" not in html._repr_html_() + repr(html)
    wrong = checked(home, WRONG)
    hints = wrong.found.diagnoses[0].hints
    assert len(hints) == 3
    assert all(f"hint: {escape(hint)}" in wrong._repr_html_() for hint in hints)
    assert wrong._repr_html_().count("<summary>one more hint</summary>") == 2
    assert f"hint: {hints[0]}" in repr(wrong)
    assert hints[1] not in repr(wrong)


def test_a_pass_never_promises_more_than_it_knows(home):
    said = repr(checked(home, RIGHT))
    assert said.splitlines()[0] == "softmax: passed"
    assert "public tests" in said
    assert "Hidden tests also vary the shape (1 to 3 axes, one class, one example" in said


# --- what can go wrong ------------------------------------------------------------------------


def test_an_unknown_exercise_is_named(home):
    said = repr(checked(home, exercise="sofmax"))
    assert said.startswith("not checked: grader.check: expected one of softmax, logsumexp,")
    assert "got 'sofmax'." in said


def test_another_folder_is_named(tmp_path):
    said = repr(checked(tmp_path))
    assert "expected one of the exercises, got 'softmax'." in said
    assert f"open the notebook in the assignment's folder (this is {tmp_path})" in said


def test_names_of_no_kernel_are_refused(home):
    verdict = Notebook(tests_dir=home / "tests").check("softmax", {"softmax": print})
    assert "expected the names of a notebook's kernel, got others." in repr(verdict)


def test_a_damaged_assignment_is_named(home):
    (home / "losses.json").write_text("{}")
    said = repr(checked(home, RIGHT))
    assert said.startswith("not checked: losses.json: expected gradlab/public/v1")


# --- otter-grader itself ----------------------------------------------------------------------

OTTER = """
import json, sys
sys.modules["rfc3987_syntax"] = None
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
cells, found = json.load(sys.stdin), []
for name in sys.argv[1:]:  # what cannot be imported here
    sys.modules[name] = None
for cell in cells:
    ran = shell.run_cell(cell, store_history=True, silent=False)
    shown = shell.display_formatter.format(ran.result)[0] if ran.result is not None else {}
    found.append({"success": ran.success, "shown": shown})
print("\\n@@@" + json.dumps(found))
"""


def in_ipython(home, *cells, without=()):
    done = subprocess.run(
        [sys.executable, "-c", OTTER, *without],
        input=json.dumps(cells), cwd=home, env=ENVIRONMENT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition("@@@")[2])


def start_cells(home):
    cells = json.loads((home / "losses.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return code[:2]


@pytest.mark.prove
@pytest.mark.parametrize("blocked", [False, True])
def test_otter_and_its_stand_in_show_the_same(home, blocked):
    ask = 'grader.check("softmax")'
    cells = ("pass", *start_cells(home), STUB, ask, WRONG, ask, RIGHT, ask)
    found = in_ipython(home, *cells, without=["otter"] if blocked else [])
    assert all(cell["success"] for cell in found)
    for text, cell in ((STUB, found[4]), (WRONG, found[6]), (RIGHT, found[8])):
        verdict = checked(home, text)
        assert cell["shown"]["text/plain"] == repr(verdict)
        assert cell["shown"]["text/html"] == verdict._repr_html_()


@pytest.mark.prove
def test_other_tests_of_otter_s_are_shown_as_otter_does(home):
    (home / "tests" / "own.py").write_text(
        "from otter.test_files import test_case\nOK_FORMAT = False\nname = 'own'\npoints = 1\n"
        "@test_case()\ndef test_own(env):\n    assert env['x'] == 1, 'not one'\n"
    )
    ask = [f'grader.check("{name}")' for name in ("softmax", "own")]
    *_, own = in_ipython(home, *start_cells(home), "x = 2", *ask)
    assert "<pre" in own["shown"]["text/html"]
    assert "not one" in own["shown"]["text/plain"]
