"""What students use runs where there is no fork, no fcntl and no Unix socket; grading says so."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.autograder.layers import COURSE, ENVIRONMENT, ROOT

SCRIPT = Path(__file__).with_name("other_systems.py")
ADVICE = {
    "win32": "got Windows. Run it in WSL2, or in a Linux virtual machine or container",
    "darwin": "got macOS. Run it in a Linux virtual machine or container",
}
LACKING = """
import os, sys
for name in ("fcntl", "resource", "pwd", "termios"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        print(name)
print(sys.platform, hasattr(os, "fork"))
"""
PROGRAM = """
from pathlib import Path
from autograder.check import check
print(check(Path("right"), ["softmax"]).passed, check(Path("wrong"), ["softmax"]).passed)
"""
IN_OUT = ("-a", "layers", "-o", "out")
COMMANDS = {
    "lacking": ("python", LACKING),
    "start": ("gradlab", "start", "losses", "started"),
    "unwritten": ("gradlab", "check", "started", "--json", "-k", "softmax"),
    "right": ("gradlab", "check", "right", "-k", "softmax"),
    "wrong": ("gradlab", "check", "wrong", "--json", "-k", "softmax"),
    "notebook": ("gradlab", "check", "notebook", "--json", "-k", "softmax"),
    "program": ("python", PROGRAM),
    "grade": ("gradlab", "-C", str(COURSE), "grade", "inbox", *IN_OUT),
    "replay": ("gradlab", "-C", str(COURSE), "replay", "ana", *IN_OUT, "--case", "x"),
    "demo": ("gradlab", "-C", str(COURSE), "demo"),
    "doctor": ("gradlab", "doctor", "--json"),
}
UNIX = {  # commands that need any Unix
    "collect": ("gradlab", "-C", str(COURSE), "collect", "inbox", *IN_OUT),
    "explain": ("gradlab", "explain", "ana", *IN_OUT),
    "adjust": ("gradlab", "adjust", "ana", *IN_OUT, "--kind", "override", "--why", "x"),
    "validate": ("gradlab", "-C", str(COURSE), "validate"),
    "release": ("gradlab", "-C", str(COURSE), "release", "-o", "out"),
}
PLUGIN = ("-p", "autograder.checks.plugin", "-p", "no:cacheprovider", "-q", "--tb=no")
PYTEST = {"pytest": ("pytest", *PLUGIN, "-k", "softmax", "right")}
RIGHT = """    e = torch.exp(z - z.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)
"""
pytestmark = pytest.mark.prove


@pytest.fixture(params=ADVICE, scope="module")
def elsewhere(request, tmp_path_factory):
    """Return the system's name, and what every command did there."""
    folder = tmp_path_factory.mktemp(request.param)
    handout = ROOT / "assignments" / "losses"
    shutil.copytree(handout, folder / "notebook", ignore=shutil.ignore_patterns("losses.py"))
    stub = (handout / "losses.py").read_text(encoding="utf-8")
    unwritten = re.compile(
        r'(def softmax\(.*?""".*?"""\n) +raise NotImplementedError.*?\n', re.DOTALL
    )
    for name, text in (("right", RIGHT), ("wrong", RIGHT.replace("e /", "e *"))):
        written, count = unwritten.subn(lambda found, text=text: found[1] + text, stub, count=1)
        assert count == 1
        shutil.copytree(handout, folder / name, ignore=shutil.ignore_patterns("losses.ipynb"))
        (folder / name / "losses.py").write_text(written, encoding="utf-8")
    return request.param, {
        **_run(request.param, COMMANDS | (UNIX if request.param == "win32" else {}), folder),
        **_run(request.param, PYTEST, folder),  # in a process of its own, as students run it
    }


def _run(system, commands, folder):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), system, json.dumps(commands)],
        env=ENVIRONMENT | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def outcomes(done):
    return [one["outcome"] for one in json.loads(done["out"])["exercises"]]


def test_the_stage_lacks_what_the_system_lacks(elsewhere):
    system, done = elsewhere
    said = done["lacking"]["out"].split()
    assert said == ["fcntl", "resource", "pwd", "termios", system, "False"]


def test_a_student_starts_and_checks(elsewhere):
    _, done = elsewhere
    codes = {name: done[name]["code"] for name in ("start", "unwritten", "right", "wrong")}
    assert codes == {"start": 0, "unwritten": 1, "right": 0, "wrong": 1}
    assert outcomes(done["unwritten"]) == ["not_implemented"]
    assert "1 of 1 exercise passes" in done["right"]["out"]
    assert outcomes(done["wrong"]) == ["failed"]


def test_a_student_checks_a_notebook(elsewhere):
    _, done = elsewhere
    assert json.loads(done["notebook"]["out"])["file"] == "losses.ipynb"
    assert outcomes(done["notebook"]) == ["not_implemented"]


def test_plain_pytest_and_programs_give_the_same_verdict(elsewhere):
    _, done = elsewhere
    assert done["program"]["out"] == "1 0\n"
    assert re.search(r"\d+ failed, \d+ passed", done["pytest"]["out"])
    assert "error" not in done["pytest"]["out"]


@pytest.mark.parametrize("command", ["grade", "replay", "demo"])
def test_what_runs_student_code_says_what_to_use_instead(elsewhere, command):
    system, done = elsewhere
    assert done[command] == {
        "code": 2,
        "out": "",
        "err": f"gradlab {command}: expected Linux, whose kernel isolates student code,"
        f" {ADVICE[system]}; `gradlab start` and `gradlab check` work here.\n",
    }


@pytest.mark.parametrize("elsewhere", ["win32"], indirect=True)
@pytest.mark.parametrize("command", UNIX)
def test_windows_runs_no_instructor_s_command(elsewhere, command):
    _, done = elsewhere
    refusal = f"gradlab {command}: expected Linux or macOS, {ADVICE['win32']};"
    assert done[command]["err"].startswith(refusal)
    assert done[command]["code"] == 2


def test_doctor_says_that_this_is_not_linux(elsewhere):
    _, done = elsewhere
    found = json.loads(done["doctor"]["out"])
    assert done["doctor"]["code"] == 1
    assert [tier["works"] for tier in found["tiers"]] == [False, False, False]
    assert found["checks"][0]["fix"] == "Run in Linux on x86_64 or aarch64."
