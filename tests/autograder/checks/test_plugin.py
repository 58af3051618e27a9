"""The pytest plugin: what marks mean, and plain `pytest` on a student's own machine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.checks.suite import open_suite
from autograder.errors import SuiteError
from autograder.models import Visibility
from tests.autograder.checks import toys

ROOT = Path(__file__).parents[3]
HEAD = "import pytest\nimport torch\n\n"


def cases(folder, text, *, hidden=""):
    """Return the cases of a public and a hidden suite."""
    paths = []
    for name, content in (("public", text), ("hidden", hidden)):
        if content:
            path = folder / "tests" / name / "test_toy.py"
            path.parent.mkdir(parents=True)
            path.write_text(HEAD + content)
            paths.append(path)
    found = []
    open_suite(paths, lambda suite: found.extend(suite.cases), root=folder)
    return found


# --- marks -------------------------------------------------------------------------------------


def test_a_case_knows_what_its_marks_and_its_first_lines_say(tmp_path):
    (case,) = cases(
        tmp_path,
        '@pytest.mark.exercise("backward", parts={"grad_x": 2, "grad_w": 1})\n'
        'class TestBackward:\n    """Backward pass.\n\n    More."""\n\n'
        "    @pytest.mark.parametrize('n', [3])\n"
        '    def test_rows(self, n, student):\n        """random rows\n\n        more"""\n',
    )
    assert case.id == "public/test_toy.py::TestBackward::test_rows[3]"
    assert case.title == "random rows (3)"
    assert case.exercise_title == "Backward pass"
    assert (case.topic, case.exercise) == ("toy", "backward")
    assert case.visibility is Visibility.PUBLIC
    assert case.weights == {"grad_x": 2, "grad_w": 1}
    assert case.parts == ("grad_x", "grad_w")


def test_without_words_of_its_own_a_case_has_its_name(tmp_path):
    (case,) = cases(tmp_path, '@pytest.mark.exercise("f")\ndef test_rows(student):\n    pass\n')
    assert (case.title, case.exercise_title) == ("test_rows", "f")
    assert case.weights == {"f": 1}


def test_a_test_without_an_exercise_is_no_case(tmp_path):
    marked = '@pytest.mark.exercise("f")\ndef test_rows(student):\n    pass\n\n\n'
    assert len(cases(tmp_path, marked + "def test_other():\n    pass\n")) == 1


def test_a_case_that_claims_a_part_decides_it_alone_in_both_files(tmp_path):
    text = (
        '@pytest.mark.exercise("f", parts={"p": 1, "stability": 1})\nclass TestF:\n'
        "    def test_rows(self, student):\n        pass\n"
    )
    claim = (
        '\n    @pytest.mark.part("stability")\n    def test_large(self, student):\n        pass\n'
    )
    found = cases(tmp_path, text, hidden=text + claim)
    assert [case.parts for case in found] == [("p",), ("p",), ("stability",)]


def test_where_every_part_is_claimed_a_plain_case_may_decide_any(tmp_path):
    text = (
        '@pytest.mark.exercise("f", parts={"p": 1})\nclass TestF:\n'
        "    def test_rows(self, student):\n        pass\n\n"
        '    @pytest.mark.part("p")\n    def test_large(self, student):\n        pass\n'
    )
    assert [case.parts for case in cases(tmp_path, text)] == [("p",), ("p",)]


@pytest.mark.parametrize("weights", ["{'p': 0}", "{'p': -1}", "{'p': 1.5}", "{'p': True}"])
def test_weights_are_whole_and_positive(tmp_path, weights):
    with pytest.raises(
        SuiteError,
        match=r"test_toy.py::test_x: expected whole positive weights of the parts of f, got \{'p'",
    ):
        cases(tmp_path, f'@pytest.mark.exercise("f", parts={weights})\ndef test_x():\n    pass\n')


def test_both_files_give_the_same_parts(tmp_path):
    text = '@pytest.mark.exercise("f", parts={"p": %d})\ndef test_x(student):\n    pass\n'
    with pytest.raises(
        SuiteError,
        match=r"test_x: expected the parts \{'p': 1\} of f, as elsewhere, got \{'p': 2\}.",
    ):
        cases(tmp_path, text % 1, hidden=text % 2)


def test_a_part_must_be_one_of_the_exercise(tmp_path):
    with pytest.raises(
        SuiteError, match=r"test_x: expected one of the parts \['p'\], got 'q'. Correct the mark."
    ):
        cases(
            tmp_path,
            '@pytest.mark.part("q")\n@pytest.mark.exercise("f", parts={"p": 1})\n'
            "def test_x(student):\n    pass\n",
        )


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("exercise", "expected the id of an exercise in the mark 'exercise', got none"),
        ("exercise()", "expected the id of an exercise in the mark 'exercise', got none"),
        ("exercise('f', parts=['p'])", "expected whole positive weights"),
        (
            "exercise('f')\n@pytest.mark.part",
            "expected the name of a part in the mark 'part', got none",
        ),
    ],
)
def test_a_mark_that_says_too_little_is_named(tmp_path, mark, message):
    with pytest.raises(SuiteError, match=f"test_toy.py::test_x: {message}"):
        cases(tmp_path, f"@pytest.mark.{mark}\ndef test_x(student):\n    pass\n")


# --- what needs pytest -------------------------------------------------------------------------


INDIRECT = """
@pytest.fixture
def n(request): pass


{mark}
@pytest.mark.parametrize("n", [1], indirect=True)
def test_x(student, n): pass
"""


@pytest.mark.parametrize(
    "test",
    [
        "@pytest.mark.skip\ndef test_x(student): pass",
        "@pytest.mark.skipif(False, reason='')\ndef test_x(student): pass",
        "@pytest.mark.xfail\ndef test_x(student): pass",
        "@pytest.mark.usefixtures('draw')\ndef test_x(student): pass",
        "@pytest.fixture\ndef own(): pass\n\n\n{mark}\ndef test_x(student, own): pass",
        "@pytest.fixture\ndef draw(): pass\n\n\n{mark}\ndef test_x(student, draw): pass",
        "@pytest.fixture(autouse=True)\ndef own(): pass\n\n\n{mark}\ndef test_x(student): pass",
        "@pytest.fixture(params=[1])\ndef own(request): pass\n\n\n{mark}\ndef test_x(own): pass",
        INDIRECT,
        "def test_x(student, request): pass",
        "def test_x(student, tmp_path): pass",
        "class TestX:\n    def setup_method(self): pass\n\n    {mark}\n    def test_x(self): pass",
        "def setup_module(): pass\n\n\n{mark}\ndef test_x(student): pass",
    ],
)
def test_whatever_needs_pytest_gets_pytest(tmp_path, test):
    mark = '@pytest.mark.exercise("f")'
    text = test.replace("{mark}", mark) if "{mark}" in test else f"{mark}\n{test}"
    (case,) = cases(tmp_path, text + "\n")
    assert case.fixtures is None


@pytest.mark.parametrize(
    ("test", "fixtures"),
    [
        ("def test_x(student, expect): pass", ("student", "expect")),
        ("def test_x(support, oracle, draw): pass", ("support", "oracle", "draw")),
        ("def test_x(): pass", ()),
        ("@pytest.mark.parametrize('n', [1])\ndef test_x(n, student): pass", ("student",)),
        ("@pytest.mark.parametrize(('n', 'm'), [(1, 2)])\ndef test_x(m, n): pass", ()),
        ("class TestX:\n    @staticmethod\n    def test_x(student): pass", ("student",)),
    ],
)
def test_plain_cases_do_without(tmp_path, test, fixtures):
    mark = '@pytest.mark.exercise("f")'
    (case,) = cases(tmp_path, f"{mark}\n{test}\n")
    assert case.fixtures == fixtures


def test_support_makes_objects_where_the_students_code_runs(tmp_path):
    suite = toys.DOUBLE.replace("expect, shape", "expect, support, shape").replace(
        "student.double(x)", 'student.double(x, support.make("scaled", 2.0))'
    )
    solution = toys.SOLUTION.replace("(x)", "(x, f)").replace("2 * x", "f(x)")
    for needs_pytest in (False, True):
        text = suite.replace("    @pytest", "    @pytest.mark.usefixtures('draw')\n    @pytest", 1)
        course = toys.write(
            tmp_path / str(needs_pytest),
            hidden=text if needs_pytest else suite,
            solution=solution,
            support="def scaled(k):\n    return lambda x: k * x\n",
        )
        (result,) = toys.grade(course, {"double": lambda x, f: f(x)})
        assert result.outcome.value == "passed"


# --- plain pytest ------------------------------------------------------------------------------


def plain_pytest(folder):
    """Run plain pytest in a folder, as a student does."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "autograder.checks.plugin"],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def losses(tmp_path):
    """Return a copy of the handed-out assignment, solved."""
    folder = tmp_path / "losses"
    shutil.copytree(ROOT / "assignments" / "losses", folder)
    solution = (ROOT / "reference" / "losses" / "solution.py").read_text()
    (folder / "losses.py").write_text(solution)
    return folder


def test_the_solution_passes_plain_pytest_and_is_not_printed(losses):
    done = plain_pytest(losses)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed in", done.stdout)
    assert " failed" not in done.stdout
    assert done.stderr == ""


WRONG = """

def softmax_backward(grad_p, p):
    return p * grad_p


def softmax(z, dim=-1):
    raise ValueError(f"no softmax of {z}")


def logsumexp(z, dim=-1):
    return torch.logsumexp(z, dim)


def entropy(p):
    return object()


def kl_discrete(p, q):
    raise NotImplementedError("kl_discrete: write this function")
"""
OWN_TESTS = '''

@pytest.mark.exercise("entropy", parts={"entropy": 2, "zeros": 1})
class TestMine:
    """My own"""

    def test_nothing(self, student):
        """compares nothing"""
        student.cross_entropy_discrete(torch.ones(1), torch.ones(1))

    def test_odd(self, student, expect):
        """an odd value"""
        float(student.entropy(torch.ones(1)))

    def test_twice(self, student, expect):
        """two comparisons"""
        one = torch.ones(1, dtype=torch.float64)
        expect(student.cross_entropy_discrete(one, one), torch.ones(2), name="entropy")
        expect(student.cross_entropy_discrete(one, one), None, name="zeros")


def test_unmarked(student):
    pass
'''  # fmt: skip


def test_a_failure_is_a_sentence_without_a_trace_through_the_grader(losses):
    with (losses / "losses.py").open("a") as file:
        file.write(WRONG)
    with (losses / "test_losses.py").open("a") as file:
        file.write(OWN_TESTS)
    done = plain_pytest(losses)
    out = done.stdout
    assert done.returncode == 1
    assert (
        "grad_z[0, 2]: expected 0.333333, got 1.5, the largest of 3 wrong elements out of 3" in out
    )
    assert re.search(r"softmax raised ValueError: no softmax of tensor\(.* \(line \d+\)", out)
    assert 'raise ValueError(f"no softmax of {z}")' in out  # the student's own line
    assert "logsumexp uses torch.logsumexp (losses.py, line" in out
    assert "an object of your own" in out
    assert "kl_discrete raised NotImplementedError: kl_discrete: write this function" in out
    assert "TestMine::test_nothing: expected a comparison, got none. Add one." in out
    assert "entropy: expected shape (2,), got ()." in out
    assert "zeros: expected None, got a tensor of shape ()" in out
    assert "handle: expected to compare plain data" in out
    assert "test_unmarked: expected @pytest.mark.exercise on a test that uses the student" in out
    assert "autograder/checks" not in out
    assert "FAILED test_losses.py::TestSoftmax::test_worked_number - softmax raised Value" in out
    assert "passed" in out.splitlines()[-1]
