"""Workflows: valid, careful with rights and with text, and their steps do what they say.

Each `run:` step is run here in bash, in a repository made for it, with the variables that the
platform gives. Only what installs GradLab or changes the kernel is left out: GradLab is installed.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from autograder import workflows
from autograder.cli import main
from autograder.errors import ConfigError
from autograder.workflows import WORKFLOWS
from tests.autograder.layers import COURSE, ROOT

GITHUB = [one for one in WORKFLOWS if one.platform == "github"]
GITLAB = [one for one in WORKFLOWS if one.platform == "gitlab"]
IDS = [one.source for one in WORKFLOWS]
NOT_RUN_HERE = {"Install", "Allow namespaces, for the best isolation"}
SUBMISSIONS = COURSE / "submissions"
SECRET_SEED = "4711"


def parsed(workflow) -> dict:
    return YAML(typ="safe", pure=True).load(workflows.text(workflow))


def named(platform, whose):
    return next(one for one in WORKFLOWS if (one.platform, one.whose) == (platform, whose))


def jobs(workflow) -> dict[str, dict]:
    document = parsed(workflow)
    if workflow.platform == "github":
        return document["jobs"]
    return {
        name: job for name, job in document.items() if isinstance(job, dict) and "script" in job
    }


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


class TestWrite:
    def test_it_says_which_file_belongs_where(self, tmp_path, capsys):
        assert main(["workflows", "-o", str(tmp_path / "ci")]) == 0
        whose = {
            "student": "into each student's repository",
            "teacher": "into the course's private repository",
        }
        assert capsys.readouterr().out.splitlines() == [
            f"{tmp_path}/ci/{one.path}: {whose[one.whose]}" for one in WORKFLOWS
        ]
        for workflow in WORKFLOWS:
            assert (tmp_path / "ci" / workflow.path).read_text() == workflows.text(workflow)

    def test_one_platform_is_enough(self, tmp_path):
        assert main(["workflows", "-o", str(tmp_path), "--platform", "gitlab"]) == 0
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] != []
        assert not list(tmp_path.rglob("*.github"))

    def test_an_edited_file_is_never_lost(self, tmp_path, capsys):
        assert main(["workflows", "-o", str(tmp_path), "--platform", "github"]) == 0
        assert main(["workflows", "-o", str(tmp_path), "--platform", "github"]) == 0
        edited = tmp_path / GITHUB[1].path
        edited.write_text("mine")
        (tmp_path / GITHUB[0].path).unlink()
        assert main(["workflows", "-o", str(tmp_path), "--platform", "github"]) == 2
        assert (
            f"{edited}: expected no file, or the one that GradLab writes, got another."
            " Move yours away, or name another folder: -o." in capsys.readouterr().err
        )
        assert edited.read_text() == "mine"
        assert not (tmp_path / GITHUB[0].path).exists()

    def test_a_folder_in_the_way_is_named_too(self, tmp_path):
        (tmp_path / GITHUB[0].path).mkdir(parents=True)
        with pytest.raises(ConfigError, match="check.yml: expected no file"):
            workflows.write(tmp_path)

    def test_where_nothing_can_be_written_it_says_so(self, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        assert main(["workflows", "-o", str(tmp_path / "file")]) == 2
        assert "file: expected room and leave to write" in capsys.readouterr().err


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=IDS)
class TestRules:
    def test_the_platform_s_schema_accepts_it(self, workflow, tmp_path):
        workflows.write(tmp_path)
        schema = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema",
                   schema[workflow.platform], str(tmp_path / workflow.path)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_its_scripts_are_bash_and_stop_at_a_fault(self, workflow):
        for job in jobs(workflow).values():
            for script in scripts(workflow, job):
                done = subprocess.run(
                    ["bash", "-n", "-c", script], capture_output=True, check=False
                )
                assert done.returncode == 0, done.stderr

    def test_no_script_is_put_together_from_what_others_write(self, workflow):
        """`${{ }}` in a script is text before bash sees it: it belongs into `env`."""
        for job in jobs(workflow).values():
            for script in scripts(workflow, job):
                assert "${{" not in script
                assert "eval" not in script

    def test_every_job_ends(self, workflow):
        for name, job in jobs(workflow).items():
            assert "timeout-minutes" in job or "timeout" in job or name == "pages"

    def test_it_says_where_it_belongs(self, workflow):
        head = "".join(
            line[1:] for line in workflows.text(workflow).splitlines() if line.startswith("#")
        )
        assert Path(workflow.path).name in head
        assert ("PRIVATE" in head) == (workflow.whose == "teacher")


def scripts(workflow, job):
    if workflow.platform == "github":
        return [step["run"] for step in job["steps"] if "run" in step]
    return [*job.get("before_script", ()), *job["script"]]


@pytest.mark.parametrize("workflow", GITHUB, ids=[one.source for one in GITHUB])
class TestGithubRules:
    def test_it_may_only_read_unless_a_job_says_what_else(self, workflow):
        document = parsed(workflow)
        assert document["permissions"] == {"contents": "read"}
        wider = {name: job["permissions"] for name, job in jobs(workflow).items()
                 if "permissions" in job}  # fmt: skip
        assert wider in ({}, {"publish": {"pages": "write", "id-token": "write"}})

    def test_what_it_uses_is_pinned_by_commit_and_official(self, workflow):
        uses = re.findall(r"uses: (\S+)(.*)", workflows.text(workflow))
        assert uses
        for action, comment in uses:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)

    def test_it_starts_on_nothing_that_a_stranger_can_send(self, workflow):
        on = parsed(workflow)["on"]
        events = {on} if isinstance(on, str) else set(on)
        assert events <= {"push", "workflow_dispatch"}
        assert workflow.whose == "student" or events == {"workflow_dispatch"}

    def test_the_checkout_leaves_no_credentials(self, workflow):
        for job in jobs(workflow).values():
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False

    def test_secrets_go_into_one_step_only(self, workflow):
        for job in jobs(workflow).values():
            holders = [step["name"] for step in job["steps"] if "secrets." in str(step)]
            assert holders in ([], ["Grade"])
            outside = {key: value for key, value in job.items() if key != "steps"}
            assert not [text for text in strings(outside) if "secrets." in text]

    def test_actionlint_finds_nothing(self, workflow, tmp_path):
        binary = shutil.which("actionlint")
        if binary is None:
            pytest.skip("expected actionlint")
        path = tmp_path / "workflow.yml"
        path.write_text(workflows.text(workflow))
        done = subprocess.run([binary, str(path)], capture_output=True, text=True, check=False)
        assert done.stdout + done.stderr == ""


# --- their steps, run --------------------------------------------------------------------------


class Runner:
    """A machine of the platform: runs a job's steps in a repository, and keeps what they print."""

    def __init__(self, workflow, repository: Path, folder: Path):
        self.workflow = workflow
        self.repository = repository
        self.log = ""
        self.skipped: list[str] = []
        self.outputs = folder / "outputs"
        self.summary = folder / "summary.md"
        self.outputs.write_text("")
        self.summary.write_text("")
        tools = folder / "tools"
        tools.mkdir()
        shim = tools / "gradlab"
        code = "from autograder.cli import main; raise SystemExit(main())"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
        shim.chmod(0o755)
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment = kept | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "CI": "true",
        }
        if workflow.platform == "github":
            self.environment |= {
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKSPACE": str(repository),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "GITHUB_OUTPUT": str(self.outputs),
                "GITHUB_EVENT_NAME": "push",
            }
        else:
            self.environment |= {"GITLAB_CI": "true", "CI_PROJECT_DIR": str(repository)}

    def run(self, name: str, **given: str) -> int:
        """Run a job to its end, or to the first step that fails; return the exit code."""
        job = jobs(self.workflow)[name]
        known = {**parsed(self.workflow).get("env", {}), **job.get("env", {}),
                 **job.get("variables", {})}  # fmt: skip
        for step, script, more in self._steps(job):
            if step in NOT_RUN_HERE:
                self.skipped.append(step)
                continue
            variables = self.environment | {
                key: value for key, value in {**known, **more}.items() if "${{" not in value
            }
            code = self._bash(script, variables | given)
            if code:
                return code
        return 0

    def _steps(self, job):
        if self.workflow.platform == "github":
            for step in job["steps"]:
                if "run" in step:
                    yield step["name"], step["run"], step.get("env", {})
            return
        for script in job.get("before_script", ()):
            assert script.startswith("python -m pip install"), script
            yield "Install", script, {}
        for script in job["script"]:
            yield script, script, {}

    def _bash(self, script, variables) -> int:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.repository,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.log += done.stdout + done.stderr
        return done.returncode


@pytest.fixture
def runner(tmp_path):
    def made(platform, whose, repository):
        return Runner(named(platform, whose), repository, tmp_path)

    return made


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handouts")
    assert main(["-C", str(COURSE), "release", "-o", str(folder)]) == 0
    return folder / "layers"


@pytest.fixture
def student(handout, tmp_path):
    """Return a student's repository, and the path of the file in it."""
    repository = tmp_path / "repository"
    shutil.copytree(handout, repository / "layers")
    return repository, repository / "layers" / "layers.py"


class TestStudentRepository:
    def test_on_github_what_fails_is_shown_at_its_line(self, runner, student):
        repository, file = student
        shutil.copy(SUBMISSIONS / "known-mistakes" / "layers.py", file)
        job = runner("github", "student", repository)
        assert job.run("check") == 1
        assert job.skipped == ["Install"]
        errors = re.findall(r"^::error file=(.+?),line=(\d+),title=(\w+)", job.log, re.MULTILINE)
        assert errors
        for path, line, name in errors:
            text = (repository / path).read_text().splitlines()[int(line) - 1]
            assert text.startswith(f"def {name}(")
        assert job.summary.read_text().startswith("### layers\n")
        assert "not yet right" in job.summary.read_text()

    def test_on_gitlab_the_reports_are_where_the_job_says(self, runner, student):
        repository, file = student
        shutil.copy(SUBMISSIONS / "known-mistakes" / "layers.py", file)
        job = runner("gitlab", "student", repository)
        assert job.run("check") == 1
        reports = jobs(job.workflow)["check"]["artifacts"]["reports"]
        (junit,) = repository.glob(reports["junit"])
        (quality,) = repository.glob(reports["codequality"])
        assert "<failure" in junit.read_text()
        found = json.loads(quality.read_text())
        assert (repository / found[0]["location"]["path"]) == file

    @pytest.mark.parametrize("platform", ["github", "gitlab"])
    def test_what_is_right_is_green_in_the_root_too(self, runner, handout, tmp_path, platform):
        repository = shutil.copytree(handout, tmp_path / "repository")
        shutil.copy(COURSE / "reference" / "layers" / "solution.py", repository / "layers.py")
        job = runner(platform, "student", repository)
        assert job.run("check") == 0
        assert "::error" not in job.log

    @pytest.mark.parametrize("platform", ["github", "gitlab"])
    def test_a_repository_without_an_assignment_says_so(self, runner, tmp_path, platform):
        (tmp_path / "empty").mkdir()
        job = runner(platform, "student", tmp_path / "empty")
        assert job.run("check") == 2
        assert "xpected an assignment (test_*.py) here or in a folder, got none." in job.log


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a teacher's repository: the course, a class of twelve, their roster."""
    repository = tmp_path_factory.mktemp("teacher") / "course"
    shutil.copytree(COURSE, repository, ignore=shutil.ignore_patterns("submissions"))
    inbox = repository / "inbox" / "layers"
    students = [path for path in sorted(SUBMISSIONS.iterdir()) if path.name != "absent"]
    for path in students:
        shutil.copytree(path, inbox / path.name)
    for number in range(12 - len(students)):
        shutil.copytree(SUBMISSIONS / "einsum", inbox / f"einsum-{number}")
    with (repository / "roster.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("student_id", "name", "section"))
        for path in sorted(inbox.iterdir()):
            writer.writerow((path.name, f"Famous {path.name.title()}", ""))
    return repository


@pytest.fixture(params=["github", "gitlab"])
def graded(request, runner, course, tmp_path):
    """Return the teacher's job on a fresh clone, done."""
    repository = shutil.copytree(course, tmp_path / "clone")
    job = runner(request.param, "teacher", repository)
    code = job.run("grade", ASSIGNMENT="layers", SEED=SECRET_SEED)
    assert code == 0, job.log
    return job


def names(repository) -> set[str]:
    with (repository / "roster.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["student_id"] for row in rows} | {row["name"] for row in rows}


class TestTeacherRepository:
    @pytest.mark.prove
    def test_it_grades_and_only_the_private_artifact_tells_whom(self, graded):
        out = graded.repository / "build" / "grades"
        everybody = names(graded.repository)
        rows = (out / "grades.csv").read_text()
        scores = {row["score"] for row in csv.DictReader(rows.splitlines())} - {""}
        assert all(name in rows for name in everybody)

        assert not [name for name in everybody if name in graded.log]
        numbers = set(re.findall(r"[\d.]+", graded.log))
        assert not {score for score in scores if "." in score} & numbers
        assert SECRET_SEED not in graded.log
        assert "students: " in (out / "ci.log").read_text()  # the table went there

        assert (out / "pages" / "layers" / "students" / "einsum.html").is_file()
        public = graded.repository / "build" / "statistics"
        assert [str(path.relative_to(public)) for path in public.rglob("*") if path.is_file()] == [
            "layers/index.html"
        ]
        page = (public / "layers" / "index.html").read_text()
        assert "12 students" in page
        words = {name for name in everybody if name != "stub"}  # "stub" is a word, too
        assert not [name for name in words if re.search(rf"\b{re.escape(name)}\b", page)]

    @pytest.mark.prove
    def test_feedback_is_packed_for_the_platform(self, graded):
        exports = graded.repository / "build" / "grades" / "exports" / "layers"
        assert list(exports.rglob("*.csv"))

    def test_the_public_artifact_is_the_statistics_and_nothing_else(self):
        steps = jobs(named("github", "teacher"))["grade"]["steps"]
        kept = {step["name"]: step["with"]["path"] for step in steps if "upload" in str(step)}
        assert kept == {
            "Keep everything, privately": "build/grades",
            "Keep the statistics": "build/statistics",
        }
        assert jobs(named("gitlab", "teacher"))["pages"]["artifacts"]["paths"] == ["public"]
        assert jobs(named("gitlab", "teacher"))["grade"]["artifacts"]["access"] == "developer"

    def test_statistics_are_public_only_if_somebody_says_so(self):
        publish = jobs(named("github", "teacher"))["publish"]
        assert "vars.PUBLISH_STATISTICS == 'yes'" in publish["if"]
        pages = jobs(named("gitlab", "teacher"))["pages"]
        assert pages["rules"] == [{"if": '$PUBLISH_STATISTICS == "yes"'}]

    @pytest.mark.prove
    @pytest.mark.parametrize("platform", ["github", "gitlab"])
    def test_a_fault_is_said_without_a_name(self, runner, course, tmp_path, platform):
        repository = shutil.copytree(course, tmp_path / "clone")
        (repository / "roster.csv").write_text("student_id,name\nana,Famous Ana\nana,Famous Ana\n")
        job = runner(platform, "teacher", repository)
        assert job.run("grade", ASSIGNMENT="layers", SEED="") != 0
        assert "Nothing was graded. ci.log in the private artifact says why." in job.log
        assert "Famous" not in job.log
        assert "expected" in (repository / "build" / "grades" / "ci.log").read_text()

    @pytest.mark.prove
    @pytest.mark.parametrize("platform", ["github", "gitlab"])
    def test_a_grader_that_cannot_start_is_no_warning_but_a_failure(
        self, runner, course, tmp_path, platform
    ):
        repository = shutil.copytree(course, tmp_path / "clone")
        config = repository / "grading_config.yml"
        config.write_text(f"device: cuda\n{config.read_text()}")
        job = runner(platform, "teacher", repository)
        assert job.run("grade", ASSIGNMENT="layers", SEED="") == 3
        assert "Nothing was graded." in job.log
        log = (repository / "build" / "grades" / "ci.log").read_text()
        assert "device: expected cpu, got cuda" in log

    @pytest.mark.prove
    @pytest.mark.parametrize("platform", ["github", "gitlab"])
    def test_a_small_class_gets_no_public_page(self, runner, course, tmp_path, platform):
        repository = shutil.copytree(course, tmp_path / "clone")
        for path in sorted((repository / "inbox" / "layers").iterdir())[2:]:
            shutil.rmtree(path)
        job = runner(platform, "teacher", repository)
        assert job.run("grade", ASSIGNMENT="layers", SEED="") == 0
        assert "No page of statistics: it needs ten graded students." in job.log
        assert not list((repository / "build").glob("statistics/**/*.html"))
        assert job.outputs.read_text() == ""
