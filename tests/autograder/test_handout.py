"""Handouts hold all of a master but its solutions, and are the same bytes every time."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

from autograder import handout
from autograder.errors import ConfigError, SuiteError

COURSE = Path(__file__).parents[2]
TOPICS = sorted(path.parent.name for path in COURSE.glob("reference/*/solution.py"))

MASTER = '''\
# %% [markdown]
# # A heading
#
# Prose with $x^2$, and "quotes".

# %%
"""The module's docstring speaks of # BEGIN SOLUTION and # END SOLUTION."""
import torch


# %%
def relu(x: torch.Tensor) -> torch.Tensor:
    """Return max(x, 0)."""
    # BEGIN SOLUTION
    positive = x > 0
    return x * positive
    # END SOLUTION


# %%
class Value:
    """A number."""

    def __init__(self, data):
        self.data = data

    def double(self):
        """Return twice the number."""
        # BEGIN SOLUTION
        def twice(x):
            return 2 * x

        return Value(twice(self.data))
        # END SOLUTION

    def is_big(self):
        if self.data > 100:
            # BEGIN SOLUTION
            return "big"
            # END SOLUTION
        return "small"


# %% tags=["solution"]
secret = relu(torch.ones(2))

# %% tags=["keep"]
print("done")
'''

STUB = '''\
# %% [markdown]
# # A heading
#
# Prose with $x^2$, and "quotes".

# %%
"""The module's docstring speaks of # BEGIN SOLUTION and # END SOLUTION."""
import torch


# %%
def relu(x: torch.Tensor) -> torch.Tensor:
    """Return max(x, 0)."""
    raise NotImplementedError("relu: write this function")


# %%
class Value:
    """A number."""

    def __init__(self, data):
        self.data = data

    def double(self):
        """Return twice the number."""
        raise NotImplementedError("Value.double: write this function")

    def is_big(self):
        if self.data > 100:
            raise NotImplementedError("Value.is_big: write this function")
        return "small"


# %% tags=["keep"]
print("done")
'''


def cells(notebook: str) -> list[tuple[str, str]]:
    return [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(notebook)["cells"]]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    for name, text in {
        "reference/toy/solution.py": MASTER,
        "tests/public/test_toy.py": "def test_relu(student): ...\n",
        "tests/hidden/test_toy.py": "def test_secret(student): ...\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


class TestStub:
    def test_bodies_become_stubs_and_teachers_cells_vanish(self):
        assert handout.stub_source(MASTER) == STUB

    def test_a_stub_is_its_own_stub(self):
        assert handout.stub_source(STUB) == STUB

    def test_line_endings_do_not_matter(self):
        assert handout.stub_source(MASTER.replace("\n", "\r\n")) == STUB

    def test_the_last_cell_may_be_the_teachers(self):
        assert handout.stub_source('x = 1\n\n# %% tags=["solution"]\ny = 2\n') == "x = 1\n"

    def test_markers_inside_a_teachers_cell_go_with_it(self):
        master = '# %% tags=["solution"]\n# BEGIN SOLUTION\n\n# %%\nx = 1\n'
        assert handout.stub_source(master) == "# %%\nx = 1\n"

    @pytest.mark.parametrize("topic", TOPICS)
    def test_no_line_of_a_solution_survives(self, topic):
        path = COURSE / "reference" / topic / "solution.py"
        master = path.read_text(encoding="utf-8")
        stub = handout.stub_source(master, where=str(path))
        inside, outside = cut(master)
        assert inside
        left = {line.strip() for line in stub.splitlines()}
        assert (inside - outside) & left == set()
        assert outside <= left

    @pytest.mark.parametrize("topic", TOPICS)
    def test_every_signature_and_docstring_survives(self, topic):
        master = (COURSE / "reference" / topic / "solution.py").read_text(encoding="utf-8")
        originals = functions(ast.parse(master))
        stubs = functions(ast.parse(handout.stub_source(master)))
        assert stubs
        for name, stub in stubs.items():
            assert ast.dump(stub.args) == ast.dump(originals[name].args)
            assert ast.get_docstring(stub) == ast.get_docstring(originals[name])


def functions(tree, holder=""):
    """Return all functions and methods of a module, by qualified name."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= functions(node, f"{holder}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            found[holder + node.name] = node
    return found


def cut(master: str) -> tuple[set[str], set[str]]:
    """Split a master's lines naively, with other means than `handout`: (inside, outside)."""
    inside: set[str] = set()
    outside: set[str] = set()
    hidden = teachers = False
    for line in map(str.strip, master.splitlines()):
        if line.startswith("# %%"):
            teachers = '"solution"' in line
        if line == "# BEGIN SOLUTION":
            hidden = True
        (inside if hidden or teachers else outside).add(line)
        if line == "# END SOLUTION":
            hidden = False
    return inside, outside


def function(body: str) -> str:
    return "def f(x):\n" + "".join(f"    {line}\n" for line in body.splitlines())


@pytest.mark.parametrize(
    ("master", "message"),
    [
        (
            function("# BEGIN SOLUTION\nreturn x\n# BEGIN SOLUTION\nreturn x\n# END SOLUTION"),
            (
                r"^m\.py:2: expected # END SOLUTION before the end of f, got # BEGIN SOLUTION"
                r" again in line 4\. Close the solution's body\.$"
            ),
        ),
        (
            function("# BEGIN SOLUTION\nreturn x"),
            r"^m\.py:2: expected # END SOLUTION before the end of f, got none\.",
        ),
        (
            function("# BEGIN SOLUTION\nreturn x") + "y = 1\n# END SOLUTION\n",
            r"^m\.py:2: expected # END SOLUTION before the end of f, got it in line 5\.",
        ),
        (
            function("return x\n# END SOLUTION"),
            r"^m\.py:3: expected # BEGIN SOLUTION before # END SOLUTION, got none\.",
        ),
        (
            "# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n",
            r"^m\.py:1: expected # BEGIN SOLUTION inside a function, above its body, got it else",
        ),
        (
            function("#begin solution\nreturn x\n# END SOLUTION"),
            (
                r"^m\.py:2: expected '# BEGIN SOLUTION' or '# END SOLUTION', alone on its line, got"
                r" '#begin solution'\."
            ),
        ),
        (
            function("y = x  # BEGIN SOLUTION\nreturn y\n# END SOLUTION"),
            r"^m\.py:2: expected .* alone on its line, got 'y = x  # BEGIN SOLUTION'\.",
        ),
        (
            function("# BEGIN SOLUTION: the easy way\nreturn x\n# END SOLUTION"),
            r"^m\.py:2: expected .* got '# BEGIN SOLUTION: the easy way'\. Write it like this\.$",
        ),
        (
            "x = 1\n# %% tags=['solution']\ny = 2\n",
            r"^m\.py:2: expected tags=\[\"solution\"\] in a cell mark that says so, got",
        ),
        (
            "# %% Solution of exercise 3\ny = 2\n",
            r"^m\.py:1: expected tags=\[\"solution\"\] .* or take the word out\.$",
        ),
        (
            "class A:\n    x = 1\n\n    # %%\n    y = 2\n",
            (
                r"^m\.py:4: expected a cell mark between two statements, got '# %%' inside"
                r" the one of line 1\. A class or a function is one cell\.$"
            ),
        ),
        ("x = 1\nx =\n", r"^m\.py:2: expected Python, got 'invalid syntax'\. Mend it\.$"),
        (
            '# %% tags=["solution"]\ny = 1\n\n# %%\n'
            + function("return (\n# BEGIN SOLUTION\nx\n# END SOLUTION\n)"),
            r"^m\.py:7: expected Python once its solutions are taken out, got 'invalid syntax'\.",
        ),
    ],
)
def test_a_malformed_master_is_refused_with_its_line(master, message):
    with pytest.raises(SuiteError, match=message):
        handout.stub_source(master, where="m.py")


class TestNotebook:
    def test_it_has_the_module_s_text_in_cells(self):
        assert cells(handout.notebook_source(STUB, "toy")) == [
            ("markdown", '# A heading\n\nProse with $x^2$, and "quotes".'),
            *(
                ("code", cell.split("\n", 1)[1].strip())
                for cell in STUB.split("# %%")[2:]  # without the markdown cell
            ),
        ]

    def test_it_is_ready_to_run_and_holds_no_output(self):
        notebook = json.loads(handout.notebook_source(STUB, "toy"))
        assert notebook["metadata"]["kernelspec"]["name"] == "python3"
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        assert [cell["id"] for cell in notebook["cells"]] == [f"toy-0{i}" for i in range(5)]
        for cell in notebook["cells"]:
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None
        assert [cell["metadata"] for cell in notebook["cells"]] == [{}] * 4 + [{"tags": ["keep"]}]

    def test_it_is_the_same_bytes_every_time(self):
        assert handout.notebook_source(STUB, "toy") == handout.notebook_source(STUB, "toy")

    def test_commented_magics_stay_as_they_are(self):
        magic = "# %%\n# %timeit f(x)\n# !ls\nx = 1\n"
        assert cells(handout.notebook_source(magic, "toy")) == [
            ("code", "# %timeit f(x)\n# !ls\nx = 1")
        ]

    @pytest.mark.parametrize("topic", TOPICS)
    def test_every_code_cell_stands_in_the_module(self, topic):
        path = COURSE / "reference" / topic / "solution.py"
        stub = handout.stub_source(path.read_text(encoding="utf-8"))
        code = [
            text for kind, text in cells(handout.notebook_source(stub, topic)) if kind == "code"
        ]
        assert code
        assert all(f"\n{text}\n" in stub for text in code)
        compile("\n".join(code), str(path), "exec")

    def test_without_jupytext_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "jupytext", None)
        with pytest.raises(ConfigError, match=r"expected jupytext .* 'gradlab\[notebook\]'\.$"):
            handout.notebook_source(STUB, "toy")


@pytest.mark.parametrize("topic", TOPICS)
def test_the_module_runs_cell_by_cell_as_editors_do(topic, monkeypatch):
    """Each `# %%` cell runs in order in one namespace; only what is not written may be missing."""
    folder = COURSE / "assignments" / topic
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))  # editors run cells where the file lies
    monkeypatch.delitem(sys.modules, "support", raising=False)
    pieces = re.split(r"^# %%(.*)$", (folder / f"{topic}.py").read_text(), flags=re.MULTILINE)
    cells = [text for mark, text in zip(pieces[1::2], pieces[2::2], strict=True) if not mark]
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in cells:
        try:
            exec(compile(cell, f"{topic}.py", "exec"), names)
        except NotImplementedError:
            continue
    assert len(cells) >= 8
    assert {one for one in handout.variations("".join(pieces)) if "." not in one} <= names.keys()
    sys.modules.pop("support", None)


class TestVariations:
    """What hidden tests vary stands in the handout, below the exercise's heading."""

    STUB = (
        "# %% [markdown]\n# ## 1. `f`\n#\n# **Parts.** `y`. **Hidden tests\n# vary** the shape,\n"
        "# dtype.\n#\n# More.\n\n# %%\ndef f(x): ...\n# %% [markdown]\n# ## 2. (*) `A.g`\n#\n"
        "# **Hidden tests vary** all.\n# ## 3. `h`\n# Nothing.\n"
    )

    def test_it_is_found_and_put_on_one_line(self):
        assert handout.variations(self.STUB) == {"f": "the shape, dtype.", "A.g": "all."}

    @pytest.mark.parametrize(
        ("tex", "plain"),
        [
            (r"scores, $-\infty$, dtype", "scores, -infinity, dtype"),
            (r"$C \geq 2$ and $\eta_\min$, $\beta_1$", "C >= 2 and eta_min, beta_1"),
            (r"numbers of $\pm 40$, $n_{in}$", "numbers of +- 40, n_in"),
        ],
    )
    def test_formulas_become_words(self, tex, plain):
        stub = f"# ## 1. `f`\n#\n# **Hidden tests vary** {tex}.\n"
        assert handout.variations(stub) == {"f": f"{plain}."}

    def test_a_handout_without_headings_says_nothing(self):
        assert handout.variations("# **Hidden tests vary** all.\n") == {}

    @pytest.mark.parametrize("topic", TOPICS)
    def test_every_handout_says_it_for_every_exercise(self, topic):
        folder = COURSE / "assignments" / topic
        data = json.loads((folder / f"{topic}.json").read_text(encoding="utf-8"))
        assert [one["id"] for one in data["exercises"] if not one["varies"]] == []
        assert not re.search(r"[$\\\\]", "".join(one["varies"] for one in data["exercises"]))


class TestChecks:
    """What `grader.check` needs: cells in the notebook, and otter's test files."""

    def test_the_notebook_starts_otter_and_checks_below_each_exercise(self):
        plain = cells(handout.notebook_source(STUB, "toy"))
        checked = cells(handout.notebook_source(STUB, "toy", ["relu", "Value.double", "gone"]))
        first, *rest = checked
        assert first[0] == "code"
        assert "import otter" in first[1]
        assert first[1].endswith('grader = otter.Notebook(tests_dir="tests")')
        assert [cell for cell in rest if not cell[1].startswith("grader.check")] == plain
        code = [text for _, text in rest]
        for name, definition in (("relu", "def relu("), ("Value.double", "class Value:")):
            (home,) = [number for number, text in enumerate(code) if text.startswith(definition)]
            assert code[home + 1] == f'grader.check("{name}")'
        assert code[-1] == 'grader.check("gone")'  # of a support module, say

    def test_cells_have_ids_of_their_own_that_nbformat_takes(self):
        long = "Value." + "x" * 80
        notebook = json.loads(handout.notebook_source(STUB, "toy", ["relu", "Value.double", long]))
        ids = [cell["id"] for cell in notebook["cells"]]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", one) for one in ids)
        assert [one for one in ids if "check" not in one][1:] == [f"toy-0{i}" for i in range(5)]

    @pytest.mark.parametrize(("points", "shown"), [("2", "2"), ("1/2", "0.5"), ("4/3", str(4 / 3))])
    def test_a_test_file_is_otter_s_exception_format(self, points, shown):
        text = handout.otter_test("toy", {"id": "Value.double", "points": points})
        assert "from otter.test_files import test_case" in text
        assert "OK_FORMAT = False" in text
        assert 'name = "Value.double"' in text
        assert f"points = {shown}\n" in text
        compile(text, "test", "exec")

    def test_no_test_file_defines_the_exercise_itself(self):
        """A grader takes any file that defines an exercise for work on it."""
        tree = ast.parse(handout.otter_test("toy", {"id": "relu", "points": "1"}))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert "relu" not in names

    def test_the_folder_has_one_for_each_exercise_with_public_tests(self, course):
        data = {"exercises": [{"id": "relu", "points": "1"}]}
        files = handout.render_topic(course, "toy", data)
        assert [name for name in files if name.startswith("tests/")] == ["tests/relu.py"]
        assert 'grader.check(\\"relu\\")' in files["toy.ipynb"]
        dest = course / "assignments/toy"
        handout.build_topic(course, "toy", dest, data)
        assert (dest / "tests/relu.py").read_text() == files["tests/relu.py"]
        assert handout.is_current(course, {"toy": data}) == []


class TestFolder:
    def test_it_holds_what_a_student_needs_and_nothing_else(self, course):
        dest = course / "assignments/toy"
        handout.build_topic(course, "toy", dest, {"expected": {"relu": [1.5]}})
        names = sorted(path.name for path in dest.iterdir())
        assert names == ["README.md", "test_toy.py", "toy.ipynb", "toy.json", "toy.py"]
        assert (dest / "toy.py").read_text() == STUB
        assert (dest / "test_toy.py").read_text() == "def test_relu(student): ...\n"
        assert json.loads((dest / "toy.json").read_text()) == {"expected": {"relu": [1.5]}}

    def test_support_comes_along_if_the_topic_has_some(self, course):
        (course / "reference/toy/support.py").write_text("W = 1\n")
        assert handout.render_topic(course, "toy", {})["support.py"] == "W = 1\n"

    def test_its_readme_names_the_exercises_and_how_to_check_them(self, course):
        readme = handout.render_topic(course, "toy", {})["README.md"]
        assert readme.startswith("# A heading\n")
        assert "- `relu`: Return max(x, 0)." in readme
        assert "- `Value.double`: Return twice the number." in readme
        assert "- `Value.is_big`\n" in readme
        assert "__init__" not in readme
        assert "gradlab check" in readme
        assert "pytest" in readme

    @pytest.mark.parametrize("name", ["reference/toy/solution.py", "tests/public/test_toy.py"])
    def test_a_missing_part_is_named(self, course, name):
        (course / name).unlink()
        with pytest.raises(SuiteError, match=f"^{name}: expected a file, got none. Write it, or"):
            handout.build_topic(course, "toy", course / "assignments/toy", {})

    def test_data_is_written_in_order_and_with_short_lines(self, course):
        data = {"b": [[1, 2.5], []], "a": {"é": None}, "c": (), "d": "x"}
        text = handout.render_topic(course, "toy", data)["toy.json"]
        assert text == (
            '{\n "a": {"é": null},\n "b": [\n  [1, 2.5],\n  []\n ],\n "c": [],\n "d": "x"\n}\n'
        )

    def test_data_may_not_hold_what_json_has_no_word_for(self, course):
        with pytest.raises(ValueError, match="not JSON compliant"):
            handout.render_topic(course, "toy", {"x": [float("nan")]})


class TestIsCurrent:
    @pytest.fixture
    def built(self, course):
        handout.build_topic(course, "toy", course / "assignments/toy", {"x": [0.1, 1, "a"]})
        return course

    def test_nothing_differs_after_building(self, built):
        assert handout.is_current(built, {"toy": {"x": [0.1, 1, "a"]}}) == []

    def test_missing_changed_and_left_over_files_are_named(self, built):
        folder = built / "assignments"
        (folder / "toy/toy.py").write_text("print(1)\n")
        (folder / "toy/README.md").unlink()
        (folder / "old").mkdir()
        (folder / "old/old.py").write_text("")
        assert handout.is_current(built, {"toy": {"x": [0.1, 1, "a"]}}) == [
            "assignments/old/old.py",
            "assignments/toy/README.md",
            "assignments/toy/toy.py",
        ]

    def test_what_tools_leave_behind_does_not_count(self, built):
        for name in ("__pycache__/toy.pyc", ".ipynb_checkpoints/toy.ipynb"):
            path = built / "assignments/toy" / name
            path.parent.mkdir()
            path.write_text("")
        assert handout.is_current(built, {"toy": {"x": [0.1, 1, "a"]}}) == []

    @pytest.mark.parametrize(
        ("data", "current"),
        [
            ({"x": [0.1 + 1e-15, 1, "a"]}, True),
            ({"x": [0.1 + 1e-6, 1, "a"]}, False),
            ({"x": [0.1, 1.0, "a"]}, False),
            ({"x": [0.1, True, "a"]}, False),
            ({"x": [0.1, 1]}, False),
            ({"y": [0.1, 1, "a"]}, False),
        ],
    )
    def test_data_may_differ_in_the_last_bits_only(self, built, data, current):
        assert handout.is_current(built, {"toy": data}) == (
            [] if current else ["assignments/toy/toy.json"]
        )

    def test_data_that_is_no_json_is_not_current(self, built):
        (built / "assignments/toy/toy.json").write_text("{")
        assert handout.is_current(built, {"toy": {}}) == ["assignments/toy/toy.json"]

    def test_building_again_leaves_current_files_alone(self, built):
        path = built / "assignments/toy/toy.json"
        before = path.read_bytes()
        handout.build_topic(built, "toy", path.parent, {"x": [0.1 + 1e-15, 1, "a"]})
        assert path.read_bytes() == before
        handout.build_topic(built, "toy", path.parent, {"x": [0.2, 1, "a"]})
        assert path.read_bytes() != before
