"""One suite, four doors that say the same of each case: pytest, `gradlab check`, otter's
`grader.check` and `gradlab grade`.

Handed in are all known mistakes, all other right versions, and what earns nothing: the stub, None,
zeros, NaN, the inputs. Every file holds one version of each exercise, so that a few files hold all.
"""

import json
import shutil
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import jupytext
import pytest

from autograder import config, handout
from autograder.check import check
from autograder.checks import bank
from autograder.checks.bank import Topic, Version
from autograder.cli import main
from autograder.report.json import exercise_document
from tests.autograder.layers import COMMAND, ENVIRONMENT, ROOT

COURSE = config.load(ROOT)

# Ways to write a function without a thought; {name} is the function, _right what it should be.
_CHANGED = """
def {name}(*args, **kwargs):
    import torch

    def change(value):
        if isinstance(value, (tuple, list)):
            return type(value)(change(item) for item in value)
        return torch.as_tensor(value) * 0 + {fill}

    return change(_right(*args, **kwargs))
"""
DEGENERATE = {
    "nothing": "def {name}(*args, **kwargs):\n    return None\n",
    "echo": "def {name}(*args, **kwargs):\n    return (*args, *kwargs.values())[0]\n",
    "zeros": _CHANGED.replace("{fill}", "0"),
    "nan": _CHANGED.replace("{fill}", "float('nan')"),
}


@dataclass(frozen=True)
class Said:
    """What one door says of one case."""

    outcome: str
    reason: str | None = None
    message: str = ""


Verdicts = dict[str, dict[str, Said]]  # student -> case id -> what is said of it


# --- what is handed in ------------------------------------------------------------------------


def versions(topic: Topic, exercise: str) -> list[Version | str]:
    """Return every version of one exercise that is known; a degenerate one is its name."""
    thoughtless = ["stub", *DEGENERATE] if "." not in exercise else []  # a function, not a method
    return [*topic.mistakes_of(exercise), *topic.alternatives_of(exercise), *thoughtless]


def text_of(topic: Topic, exercise: str, version: Version | str) -> str:
    """Return what to add to the solution, so that it has this version."""
    if isinstance(version, Version):
        return topic.submission_text(version).removeprefix(topic.solution_text)
    if version == "stub":
        return stub_of(topic, exercise)
    right = f"_right_{exercise}"
    text = DEGENERATE[version].replace("_right", right).replace("{name}", exercise)
    return f"\n\n{right} = {exercise}\n\n\n{text}"


def stub_of(topic: Topic, exercise: str) -> str:
    """Return an exercise as it was handed out."""
    text = handout.stub_source(topic.solution_text, where=topic.name)
    start = text.index(f"def {exercise}(")
    end = text.find("\n# %%", start)
    return "\n\n" + text[start : end if end >= 0 else None] + "\n"


def everything(name: str) -> dict[str, str]:
    """Return files that together hold every version of every exercise of a topic."""
    topic = bank.load(ROOT, name)
    columns = [
        [text_of(topic, exercise.id, one) for one in versions(topic, exercise.id)]
        for exercise in COURSE.topics[name]
    ]
    return {
        f"{name}-{number:02}": topic.solution_text + "".join(row)
        for number, row in enumerate(zip_longest(*columns, fillvalue=""))
    }


def sample(key: str, count: int) -> dict[str, str]:
    """Return some files with one version each of one exercise."""
    name, _, exercise = key.partition(".")
    topic = bank.load(ROOT, name)
    known = list(enumerate(versions(topic, exercise)))
    return {
        f"{name}-{number:02}": topic.solution_text + text_of(topic, exercise, version)
        for number, version in known[:: -(-len(known) // count)]
    }


def as_notebook(text: str) -> str:
    """Return a module as a notebook, each added version in a cell of its own."""
    notebook = jupytext.reads(text.replace("\n\n\n_right_", "\n\n# %%\n_right_"), fmt="py:percent")
    return jupytext.writes(notebook, fmt="ipynb")


# Cells run with the kernel's own names, as IPython runs them; otter's checker looks at these.
OTTER = """
import json, linecache, os, sys, warnings
sys.modules["rfc3987_syntax"] = None
from otter import Notebook
from autograder.report.json import exercise_document
from autograder import notebook

def run(path, topic, exercises):
    cells = [c for c in json.load(open(path))["cells"] if c["cell_type"] == "code"]
    env = {"In": [""]}
    for number, cell in enumerate(cells, 1):
        source, name = "".join(cell["source"]), f"/tmp/ipykernel_1/{number}.py"
        env["In"].append(source)
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        try:
            exec(compile(source, name, "exec"), env)
        except Exception:
            pass
    grader = Notebook(tests_dir="tests")
    known = {one["id"] for one in json.load(open(f"{topic}.json"))["exercises"]}
    for exercise in exercises:
        if exercise in known:
            checked = grader.check(exercise, global_env=env)
            (verdict,) = notebook._verdicts(checked)
            assert verdict.is_pass == checked.passed_all
            yield exercise_document(verdict.found)

found = {}
for student, path, exercises in json.load(sys.stdin):
    os.chdir(os.path.dirname(path))
    topic = os.path.basename(path).partition(".")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found[student] = [
            {c["id"]: [c["outcome"], c["reason"], c["message"]] for c in one["cases"]}
            for one in run(path, topic, exercises)
        ]
print("@@@" + json.dumps(found))
"""


# --- the doors --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Doors:
    """A class of homes: what each student was handed out, and their file in it."""

    folder: Path
    files: dict[str, Path]  # by student
    exercises: tuple[str, ...]  # what is graded

    def pytest(self) -> Verdicts:
        """Run plain pytest in every home, in one process."""
        report = self.folder / "report.xml"
        tests = [f"{path.parent}/test_{path.stem}.py" for path in self.files.values()]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", f"--rootdir={self.folder}",
             "--import-mode=importlib", "-p", "no:cacheprovider", "--junitxml", str(report),
             "-o", "junit_family=xunit1", "--tb=line", *tests],
            cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        found: Verdicts = {student: {} for student in self.files}
        for case in ET.parse(report).iter("testcase"):
            student, _, file = case.attrib["file"].partition("/")
            cls = case.attrib["classname"].rpartition(".")[2]
            passed = case.find("failure") is None and case.find("error") is None
            identity = f"public/{file}::{cls}::{case.attrib['name']}"
            found[student][identity] = Said("passed" if passed else "not passed")
        return found

    def check(self) -> Verdicts:
        """Check every file, in this process."""
        found = {}
        for student, path in self.files.items():
            with warnings.catch_warnings():
                warnings.simplefilter("default")  # as anywhere but in our own tests
                results = check(path).results
            chosen = [result for result in results if result.exercise.key in self.exercises]
            found[student] = said_of([exercise_document(result) for result in chosen])
        return found

    def otter(self) -> Verdicts:
        """Run every cell of every notebook in a kernel's stead, then otter's own `grader.check`."""
        ids = [exercise.rpartition(".")[2] for exercise in self.exercises]
        work = [[student, str(path), ids] for student, path in self.files.items()]
        done = subprocess.run(
            [sys.executable, "-c", OTTER], input=json.dumps(work), env=ENVIRONMENT,
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.rpartition("@@@")[2])
        return {
            student: {
                case: Said(*said) for exercise in exercises for case, said in exercise.items()
            }
            for student, exercises in found.items()
        }

    def start_grading(self) -> subprocess.Popen:
        """Begin to grade the class, all in one run."""
        source, course = self.folder / "source", self.folder / "course"
        for student, path in self.files.items():
            (source / student).mkdir(parents=True)
            shutil.copy(path, source / student)
        for name in ("reference", "tests/public", "tests/hidden"):
            shutil.copytree(ROOT / name, course / name)
        text = (ROOT / "grading_config.yml").read_text(encoding="utf-8")
        both = f"  both: {{exercises: {list(self.exercises)}}}\n"
        text = text.replace("\nassignments:\n", f"\nassignments:\n{both}")
        (course / "grading_config.yml").write_text(text, encoding="utf-8")
        grading = ["grade", str(source), "-a", "both", "-o", str(self.folder / "out")]
        return subprocess.Popen(
            [*COMMAND, "-C", str(course), *grading],
            cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def graded(self, running: subprocess.Popen) -> Verdicts:
        """Return what grading came to."""
        _, complaints = running.communicate()
        assert running.returncode == 0, complaints
        found = {}
        for student, path in self.files.items():
            result = self.folder / "out" / "results" / "both" / f"{student}.json"
            exercises = json.loads(result.read_text())["exercises"]
            found[student] = said_of(exercises, f"test_{path.stem}.py")
        return found


def said_of(exercises: list[dict], file: str = "") -> dict[str, Said]:
    """Return what results say of public cases, part by part."""
    return {
        case["id"]: Said(case["outcome"], case["reason"], case["message"])
        for exercise in exercises
        for case in exercise["cases"]
        if case["id"].startswith(f"public/{file}")
    }


def without_parts(said: dict[str, Said]) -> dict[str, Said]:
    """Return what pytest would say: a case passes if it passes for every part."""
    cases: dict[str, list[str]] = {}
    for identity, one in said.items():
        cases.setdefault(identity.rpartition("#")[0], []).append(one.outcome)
    return {
        identity: Said("passed" if set(outcomes) == {"passed"} else "not passed")
        for identity, outcomes in cases.items()
    }


@pytest.fixture(scope="module")
def handouts(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("handouts")
    assert main(["-C", str(ROOT), "release", "-o", str(folder)]) == 0
    return folder


def doors(
    folder: Path, handouts: Path, texts: dict[str, str], *exercises: str, notebook: bool = False
) -> Doors:
    """Put each text into a home of its own."""
    files = {}
    for student, text in texts.items():
        topic = student.partition("-")[0]
        home = shutil.copytree(handouts / topic, folder / student)
        for path in (home / f"{topic}.py", home / f"{topic}.ipynb"):
            path.unlink()
        path = home / f"{topic}{'.ipynb' if notebook else '.py'}"
        path.write_text(as_notebook(text) if notebook else text, encoding="utf-8")
        files[student] = path
    return Doors(folder, files, exercises)


def assert_agreement(made: Doors, *, notebook: bool = False) -> None:
    running = made.start_grading()
    checked, tested = made.check(), made.pytest()
    noted = made.otter() if notebook else None
    graded = made.graded(running)
    for student in made.files:
        assert graded[student]
        assert checked[student] == graded[student], student
        if noted is not None:
            assert noted[student] == graded[student], student
        wanted = without_parts(graded[student])
        assert {case: tested[student][case] for case in wanted} == wanted, student


# --- the property -----------------------------------------------------------------------------


def test_the_doors_agree_on_a_sample(tmp_path, handouts):
    softmax, mlp = "losses.softmax_backward", "mlp.mlp_backward"
    texts = sample(softmax, 6) | sample(mlp, 6)
    assert len(texts) >= 11
    assert_agreement(doors(tmp_path, handouts, texts, softmax, mlp))


@pytest.mark.prove
def test_the_doors_agree_on_notebooks(tmp_path, handouts):
    entropy, mlp = "losses.cross_entropy", "mlp.mlp_backward"
    texts = sample(entropy, 7) | sample(mlp, 7)
    made = doors(tmp_path, handouts, texts, entropy, mlp, notebook=True)
    assert_agreement(made, notebook=True)


@pytest.mark.prove
def test_the_doors_agree_on_degenerate_notebooks(tmp_path, handouts):
    """What earns nothing earns it through every door, in both of two topics."""
    keys = ["losses.softmax_backward", "losses.entropy", "mlp.mlp_forward", "mlp.mlp_backward"]
    texts = {}
    for key in keys:
        name, _, exercise = key.partition(".")
        topic = bank.load(ROOT, name)
        for kind in ("stub", *DEGENERATE):
            added = text_of(topic, exercise, kind)
            texts[f"{name}-{exercise}-{kind}"] = topic.solution_text + added
    assert len(texts) == 20
    assert_agreement(doors(tmp_path, handouts, texts, *keys, notebook=True), notebook=True)


@pytest.mark.prove
@pytest.mark.parametrize("name", COURSE.topics)
def test_the_doors_agree_on_everything(tmp_path, handouts, name):
    """Everything of the first two topics; of the others every fourth version of each exercise."""
    texts = list(everything(name).items())
    texts = texts if name in {"losses", "mlp"} else texts[::4]
    exercises = [exercise.key for exercise in COURSE.topics[name]]
    assert_agreement(doors(tmp_path, handouts, dict(texts), *exercises))
