"""The instructor's commands, as they are typed."""

import json
import os
import re
import shutil
import subprocess

import pytest

from autograder.cli import main
from autograder.sandbox import doctor, tiers
from autograder.sandbox.tiers import Trial
from tests.autograder import layers
from tests.autograder.layers import COURSE
from tests.autograder.sandbox.test_tiers import DOCKER

HIDDEN = "hidden/test_layers.py::TestAffineBackward::test_random[5]"


@pytest.fixture
def desk(graded, tmp_path) -> layers.Desk:
    """Return the graded class, to be changed."""
    return graded.copy(tmp_path)


@pytest.fixture
def course(tmp_path):
    """Return a copy of the course, to be broken."""
    return layers.desk(tmp_path, "stub").course


def run(capsys, *arguments, code=0):
    """Run a command and return its output and its complaints."""
    assert main([str(argument) for argument in arguments]) == code
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.out, printed.err


# --- collect and grade ------------------------------------------------------------------------


def test_collect_records_attempts_with_a_time_and_says_what_it_left_out(tmp_path, capsys):
    desk = layers.desk(tmp_path, "stub", "einsum")
    (desk.source / "readme.txt").write_text("hello")
    at = ("--at", "2026-02-09 18:25")
    printed, _ = run(capsys, *desk.arguments("collect", str(desk.source), *at))
    assert printed.splitlines()[0].startswith("note: readme.txt: not a folder, .zip, .py or .ipynb")
    assert printed.splitlines()[-1] == f"2 attempts of 2 students in {desk.out}"
    (attempt,) = desk.document("submissions", "stub")["attempts"]
    assert attempt["submitted_at"] == "2026-02-09T18:25:00+00:00"
    assert attempt["time_source"] == "collected"
    assert not (desk.out / "grades.csv").exists()


def test_collect_wants_a_time_that_is_one(tmp_path, capsys):
    desk = layers.desk(tmp_path, "stub")
    arguments = desk.arguments("collect", str(desk.source), "--at", "yesterday")
    _, complaint = run(capsys, *arguments, code=2)
    assert "expected a date and a time, such as 2026-02-09 18:30, got 'yesterday'" in complaint


def test_a_device_that_workers_cannot_have_is_refused_before_anything_is_written(tmp_path, capsys):
    desk = layers.desk(tmp_path, "stub")
    grading = desk.arguments("grade", str(desk.source), "--device", "cuda")
    _, complaint = run(capsys, *grading, code=2)
    assert complaint == (
        "--device: expected cpu, got cuda. The sandbox gives workers no GPU yet;"
        " grade on the CPU: --device cpu.\n"
    )
    assert not desk.out.exists()


def test_grade_ends_in_a_table_that_needs_no_colour(desk, capsys):
    printed, _ = run(capsys, *desk.grading())
    lines = [line.rstrip() for line in printed.splitlines()]
    assert lines[0] == "student           score  status         exercises  remark"
    assert (
        "known-mistakes     1.60  graded         +-+-       db_keeps_an_axis, ignores_the_gate"
        in (lines)
    )
    assert "absent             0.00  not submitted" in lines
    assert lines[-4].startswith("marks: + passed  - failed")
    assert lines[-3] == "11 students: 9 graded, 1 not submitted, 1 unreadable; scores are out of 4"
    assert lines[-2].startswith("isolation: tier ")
    assert lines[-1] == f"grades: {desk.out}/grades.csv"
    assert "\x1b" not in printed


# --- explain ----------------------------------------------------------------------------------


def test_explain_says_where_a_score_comes_from(graded, capsys):
    printed, _ = run(capsys, *graded.arguments("explain", "einsum"))
    assert printed.startswith("einsum, layers: graded\n  Core exercises: 2 of 5 points")
    assert "affine_backward uses numpy.einsum (layers.py, line 10), which is forbidden" in printed


def test_explain_can_print_the_whole_result(graded, capsys):
    printed, _ = run(capsys, *graded.arguments("explain", "einsum", "--json"))
    assert json.loads(printed) == graded.document("results", "einsum")


def test_explain_keeps_a_students_words_inert(graded, capsys):
    printed, _ = run(capsys, *graded.arguments("explain", "ansi"))
    assert "[bold]red[/bold]" in printed
    assert "\x1b" not in printed
    assert "\u202e" not in printed


@pytest.mark.parametrize("student", ["nobody", "../../x", ""])
def test_explain_of_a_student_without_result_is_one_line(graded, capsys, student):
    _, complaint = run(capsys, *graded.arguments("explain", student), code=2)
    assert complaint.count("\n") == 1
    assert "Grade first, or correct the names." in complaint


def test_explain_says_that_a_file_lacks_what_results_have(desk, capsys):
    path = desk.out / "results" / "layers" / "einsum.json"
    document = desk.document("results", "einsum")
    del document["exercises"]
    path.write_text(json.dumps(document))
    printed, complaint = run(capsys, *desk.arguments("explain", "einsum"), code=2)
    assert printed == ""
    assert complaint == (
        f"{path}: expected a file that can be read, got a damaged one (KeyError('exercises'))."
        f" Make it again: gradlab grade -a layers -o {desk.out}\n"
    )


# --- replay and adjust ------------------------------------------------------------------------


@pytest.mark.prove
def test_replay_shows_the_instructor_a_hidden_case(graded, capsys):
    printed, _ = run(capsys, *graded.arguments("replay", "ansi", "--case", HIDDEN))
    assert "    raise ValueError(PAINT)" in printed
    assert "printed:\n\\x1b[31m[bold]red[/bold]\\x1b[0m \\u202egnp.exe" in printed
    assert "\x1b" not in printed


def test_replay_of_an_unknown_case_says_where_to_find_one(graded, capsys):
    _, complaint = run(capsys, *graded.arguments("replay", "ansi", "--case", "x"), code=2)
    assert complaint.endswith(f"Copy one: gradlab explain ansi -a layers -o {graded.out}\n")


def test_adjust_writes_a_line_and_the_next_grade_applies_it(desk, capsys):
    options = ("--kind", "override", "--value", "3.5", "--why", "viva", "--by", "sam")
    printed, _ = run(capsys, *desk.arguments("adjust", "einsum", *options))
    assert printed == (
        f"{desk.out}/ledger.jsonl: override for einsum at layers."
        f" Then: gradlab grade -a layers -o {desk.out}\n"
    )
    entry = json.loads((desk.out / "ledger.jsonl").read_text())
    assert (entry["by"], entry["why"], entry["value"]) == ("sam", "viva", "3.5")
    printed, _ = run(capsys, *desk.grading())
    assert "einsum             3.50  graded" in printed


def test_adjust_and_collect_name_the_option_of_a_date_that_is_none(desk, capsys):
    said = "expected a date and a time, such as 2026-02-09 18:30, got"
    extension = ("--kind", "extension", "--why", "ill", "--value")
    _, complaint = run(capsys, *desk.arguments("adjust", "stub", *extension, "2026-13-01"), code=2)
    assert complaint == f"--value: {said} '2026-13-01'. Correct it.\n"
    collecting = desk.arguments("collect", str(desk.source), "--at", "18:25")
    _, complaint = run(capsys, *collecting, code=2)
    assert complaint == f"--at: {said} '18:25'. Correct it.\n"
    text = desk.config.read_text()
    desk.config.write_text(text.replace("timezone: UTC", "timezone: Europe/Paris"))
    never = desk.arguments("adjust", "stub", *extension, "2026-03-29 02:30")
    _, complaint = run(capsys, *never, code=2)
    assert complaint == (
        "--value: expected a time that exists in Europe/Paris, got '2026-03-29 02:30'. "
        "The clocks go forward over it; write a time before or after.\n"
    )
    assert not (desk.out / "ledger.jsonl").exists()


def test_adjust_refuses_what_is_no_decision(desk, capsys):
    for options in (
        ("--kind", "override", "--value", "35", "--why", "x"),
        ("--kind", "clear_forbidden", "--exercise", "conv", "--why", "x"),
        ("--kind", "excuse"),
        ("--kind", "praise", "--why", "x"),
    ):
        _, complaint = run(capsys, *desk.arguments("adjust", "einsum", *options), code=2)
        assert complaint.count("\n") == 1
    assert not (desk.out / "ledger.jsonl").exists()


# --- validate ---------------------------------------------------------------------------------


def test_validate_proves_a_sound_course(capsys):
    printed, _ = run(capsys, "-C", COURSE, "validate", "layers", "--seeds", "1")
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert lines[0] == "exercise cases mistakes alternatives degenerate proven"
    assert lines[2] == "layers.affine_backward 3 2 1 6 yes"
    assert lines[-1].endswith("3 known mistakes, 1 seed in float32 and float64: all proven")


def test_validate_prints_what_programs_can_read(capsys):
    printed, _ = run(capsys, "-C", COURSE, "validate", "--seeds", "1", "--json")
    findings = json.loads(printed)
    assert {one["exercise"] for one in findings} == {
        f"layers.{name}_{way}" for name in ("affine", "relu") for way in ("forward", "backward")
    }
    assert all(one["problems"] == [] for one in findings)


def test_validate_proves_one_exercise(capsys):
    printed, _ = run(capsys, "-C", COURSE, "validate", "-k", "relu_forward", "--seeds", "1")
    assert "layers.relu_forward" in printed
    assert "layers.relu_backward" not in printed
    assert "1 exercise, " in printed


def test_validate_edits_the_references_and_says_what_nobody_notices(course, capsys):
    printed, _ = run(capsys, "-C", course, "validate", "--mutants", "-k", "affine_forward", code=1)
    assert "layers.affine_forward" in printed
    assert "(x, w) -> (w, x) is not noticed" in printed
    assert "1 open" in printed
    printed, _ = run(capsys, "-C", course, "validate", "--mutants", "--json", code=1)
    assert {"exercise", "mutants", "killed"} <= json.loads(printed)[0].keys()


def test_validate_names_an_exercise_that_is_none(capsys):
    _, complaint = run(capsys, "-C", COURSE, "validate", "-k", "relu", code=2)
    assert complaint.startswith("-k: expected an exercise out of affine_forward, affine_backward,")
    assert complaint.rstrip().endswith("got 'relu'. Correct it.")


def test_validate_finds_a_mistake_that_the_suite_does_not_catch(course, capsys):
    for kind in ("hidden", "public"):
        path = course / "tests" / kind / "test_layers.py"
        text = path.read_text()
        path.write_text(text[: text.index('@pytest.mark.exercise("relu_backward"')])
    path.write_text(
        path.read_text() + '@pytest.mark.exercise("relu_backward", parts={"dx": 1})\n'
        "class TestReluBackward:\n"
        '    """ReLU, backward"""\n\n'
        "    def test_open(self, student, expect):\n"
        '        """open gates only"""\n'
        "        cache = student.relu_forward(np.array([[1.0, 2.0]]))[1]\n"
        "        dout = np.array([[3.0, 4.0]])\n"
        "        expect(student.relu_backward(dout, cache), dout)\n"
    )
    printed, _ = run(capsys, "-C", course, "validate", "--seeds", "1", code=1)
    assert "layers.relu_backward" in printed
    assert "mistake ignores_the_gate is not caught" in " ".join(printed.split())
    assert "NO" in printed
    assert printed.rstrip().endswith("proofs failed")


def test_validate_stops_where_the_reference_does_not_pass_its_own_suite(course, capsys):
    path = course / "reference" / "layers" / "solution.py"
    path.write_text(path.read_text().replace("np.maximum(x, 0)", "np.minimum(x, 0)"))
    _, complaint = run(capsys, "-C", course, "validate", code=2)
    assert "expected the reference solution to pass, got" in complaint
    assert complaint.count("\n") == 1


def test_validate_names_a_suite_that_cannot_be_collected(course, capsys):
    path = course / "tests" / "hidden" / "test_layers.py"
    path.write_text(path.read_text() + "\nimport no_such_module\n")
    _, complaint = run(capsys, "-C", course, "validate", code=2)
    assert "no_such_module" in complaint


@pytest.mark.parametrize(
    ("command", "wanted"), [("validate", "a topic"), ("release", "an assignment or a topic")]
)
def test_an_unknown_topic_is_named(command, wanted, capsys):
    _, complaint = run(capsys, "-C", COURSE, command, "convolution", code=2)
    assert complaint == (
        f"{command}: expected {wanted} out of layers, got 'convolution'. Correct it.\n"
    )


def test_zips_need_a_folder_of_their_own(capsys):
    _, complaint = run(capsys, "-C", COURSE, "release", "--zip", code=2)
    assert complaint == ("release: expected a folder for the zips, got none. Name it: -o DIR.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--check", "-o", "there"], "--check without -o"),
        (["--check", "layers", "--zip"], "--check without an ASSIGNMENT before it and --zip"),
        (["--check", "--autograder", "layers"], "--check without --autograder"),
        (["--autograder", "layers", "--zip"], "--autograder without --zip"),
        (["layers", "--autograder", "layers"], "--autograder without an ASSIGNMENT before it"),
    ],
)
def test_options_that_would_be_passed_over_are_refused(arguments, said, capsys):
    _, complaint = run(capsys, "-C", COURSE, "release", *arguments, code=2)
    assert complaint == f"release: expected {said}, got both. Leave one of them out.\n"


@pytest.mark.parametrize(("command", "option"), [("validate", "--seeds"), ("similar", "--top")])
def test_none_at_all_is_no_number(command, option, capsys):
    _, complaint = run(capsys, command, option, "0", code=2)
    assert f"'{option}': 0 is not in the range x>=1" in complaint


# --- release and doctor -----------------------------------------------------------------------


def test_release_builds_what_students_get_and_knows_when_it_is_old(course, capsys):
    run(capsys, "-C", course, "release")
    assert sorted(path.name for path in (course / "assignments" / "layers").iterdir()) == [
        "README.md", "layers.ipynb", "layers.json", "layers.py", "test_layers.py", "tests",
    ]  # fmt: skip
    assert run(capsys, "-C", course, "release", "--check") == ("", "")
    path = course / "reference" / "layers" / "solution.py"
    path.write_text(path.read_text().replace("# ## ReLU", "# ## The rectifier"))
    _, complaint = run(capsys, "-C", course, "release", "--check", code=2)
    assert [line.split(":")[0] for line in complaint.splitlines()] == [
        "assignments/layers/layers.ipynb",
        "assignments/layers/layers.json",
        "assignments/layers/layers.py",
        "assignments",
    ]


def test_release_gives_no_line_of_a_solution_away(tmp_path, capsys):
    run(capsys, "-C", COURSE, "release", "-o", tmp_path / "out")
    text = "".join(path.read_text() for path in (tmp_path / "out" / "layers").glob("*.*"))
    assert "x @ w + b, (x, w)" not in text
    assert "keepdims" not in text


def test_release_says_where_it_cannot_write(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    _, complaint = run(capsys, "-C", COURSE, "release", "-o", tmp_path / "file", code=2)
    assert complaint == (
        f"{tmp_path}/file: expected room and leave to write, got 'Not a directory'."
        " Name another: -o.\n"
    )


def test_demo_needs_the_bundled_class(course, tmp_path, capsys):
    out = tmp_path / "demo"
    _, complaint = run(capsys, "-C", course, "demo", "-o", out, code=2)
    assert "tests/submissions: expected the bundled class" in complaint
    shutil.rmtree(out, ignore_errors=True)


def test_doctor_shows_what_each_tier_cannot_promise(capsys):
    printed, _ = run(capsys, "doctor")
    assert re.search(r"^(ok  |MISS)  verdict +`gradlab grade`", printed, re.MULTILINE)
    for tier in ("Tier A", "Tier C", "Tier none (--i-trust-this-code)"):
        assert f"\n{tier} cannot promise:\n  - " in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_doctor_fails_where_grade_would_refuse(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "attempt", lambda tier: Trial(tier=tier, fault="refused"))
    printed, _ = run(capsys, "doctor", "--json", code=1)
    found = json.loads(printed)
    assert (found["schema"], found["good"]) == ("gradlab/doctor/v1", False)
    assert [tier["works"] for tier in found["tiers"]] == [False, False, True]


# --- isolation --------------------------------------------------------------------------------


def in_docker(*arguments):
    """Run `gradlab` as root in a container of Docker's does: without the right to mount."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    if fault := tiers.attempt("C").fault:
        pytest.skip(fault)
    command = ["setpriv", f"--bounding-set={DOCKER}", *layers.COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, env=layers.ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("trust", [(), ("--i-trust-this-code",)])
def test_grade_refuses_less_than_the_least_tier_trusted_or_not(tmp_path, trust):
    desk = layers.desk(tmp_path, "stub")
    done = in_docker(*desk.grading("--min-tier", "A", *trust))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("--min-tier: expected tier A, got none (tier A: [Errno 1] ")
    assert ("--i-trust-this-code does not lower --min-tier" in done.stderr) == bool(trust)
    assert not (desk.out / "results").exists()


@pytest.mark.prove
def test_grade_with_less_than_the_best_tier_says_so_and_why(tmp_path):
    desk = layers.desk(tmp_path, "own-class")
    done = in_docker(*desk.grading("--min-tier", "C", "--i-trust-this-code"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("isolation: tier C (")
    for words in ("it cannot promise", "a file system of its own", "why no better tier: tier A:"):
        assert words in done.stderr
    assert "what to do: Allow user namespaces." in done.stderr
    assert "\nisolation: tier C (" in done.stdout
    isolation = desk.document("results", "own-class")["isolation"]
    assert isolation["tier"] == "C"
    assert any(one.startswith("a file system of its own") for one in isolation["missing"])
