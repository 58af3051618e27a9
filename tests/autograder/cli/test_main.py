"""One line for every error, an exit code for every end, an example for every command."""

import io
import json
import subprocess
import sys

import click
import pytest

from autograder import __version__
from autograder.cli import gradlab, main
from tests.autograder import layers

COMMANDS = gradlab.list_commands(click.Context(gradlab))


def fails(capsys, *arguments: str) -> str:
    """Run a command that must fail with exit code 2; return its only line."""
    assert main(list(arguments)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


# --- help -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command, capsys):
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: gradlab {command}")
    assert f"Example: gradlab {command}" in " ".join(said.split())


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_lists_all_commands_in_whole_sentences(arguments, capsys):
    assert main(arguments) == 0
    said = capsys.readouterr().out
    listed = said.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)
    assert max(map(len, said.splitlines())) <= 80


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gradlab, version {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["grade", "--help"], ["start", "no-such-topic"]])
def test_what_needs_no_torch_does_not_wait_for_it(arguments):
    script = (
        "import sys; from autograder.cli import main; main(sys.argv[1:]);"
        " sys.exit('torch' in sys.modules or 'pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=layers.ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0


# --- usage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grde"], "gradlab: No such command 'grde'."),
        (["--verbose"], "gradlab: No such option '--verbose'."),
        (["grade", "--sed", "3"], "gradlab grade: No such option '--sed'."),
        (["grade", "there"], "gradlab grade: Missing option '-a' / '--assignment'."),
        (["grade", "-a", "tp1"], "gradlab grade: Missing option '-o' / '--out'."),
        (["collect", "-a", "tp1", "-o", "x"], "gradlab collect: Missing argument 'SOURCE'."),
        (["explain", "-a", "tp1", "-o", "x"], "gradlab explain: Missing argument 'STUDENT'."),
        (["replay", "ana", "-a", "x", "-o", "x"], "gradlab replay: Missing option '--case'."),
        (["start"], "gradlab start: Missing argument 'TOPIC'."),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_look(capsys, arguments, said):
    line = fails(capsys, *arguments)
    command = said.partition(":")[0]
    assert line.startswith(said[:-1])
    assert line.endswith(f"See `{command} --help`.")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--jobs", "0"], "0 is not in the range x>=1"),
        (["--jobs", "two"], "'two' is not a valid integer"),
        (["--seed", "x"], "'x' is not a valid integer"),
        (["--device", "tpu"], "'tpu' is not one of 'cpu', 'cuda'"),
        (["--min-tier", "B"], "'B' is not one of 'A', 'C'"),
    ],
)
def test_an_option_that_cannot_be_is_named(capsys, option, said):
    line = fails(capsys, "grade", "x", "-a", "tp1", "-o", "x", *option)
    assert line.startswith(f"gradlab grade: Invalid value for '{option[0]}': {said}")


# --- what is not there ------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path) -> layers.Desk:
    return layers.desk(tmp_path, "stub")


def test_a_course_that_is_not_there_is_named(capsys, tmp_path):
    line = fails(capsys, "-C", str(tmp_path), "grade", "x", "-a", "layers", "-o", "x")
    assert line.startswith(f"{tmp_path}: expected grading_config.yml here or in a folder above")


def test_the_course_is_found_upwards(desk, monkeypatch, capsys):
    monkeypatch.chdir(desk.course / "tests" / "hidden")
    source, out = str(desk.source), str(desk.out)
    assert main(["collect", source, "-a", "layers", "-o", out]) == 0
    assert capsys.readouterr().out == f"1 attempt of 1 student in {out}\n"


def test_an_unknown_assignment_is_named(desk, capsys):
    line = fails(capsys, "-C", str(desk.course), "grade", str(desk.source), "-a", "tp9", "-o", "x")
    assert line == "-a: expected an assignment out of layers, got 'tp9'. Correct it."


def test_a_source_that_is_not_there_is_named(desk, capsys):
    line = fails(capsys, *desk.arguments("grade", str(desk.folder / "nowhere")))
    assert line.endswith("nowhere: expected a folder or a zip archive, got nothing there."
                         " Check the path.")  # fmt: skip


def test_a_missing_source_is_asked_for_where_out_knows_nothing(desk, capsys):
    line = fails(capsys, *desk.arguments("grade"))
    assert line == (
        f"{desk.out}: expected attempts at layers, got none."
        " Name the folder or zip that holds them: gradlab grade SOURCE ..."
    )
    assert not desk.out.exists()


def test_a_course_that_may_not_be_read_is_named(desk, capsys):
    desk.config.unlink()
    desk.config.symlink_to("x" * 300)  # a name that no file system takes
    line = fails(capsys, *desk.arguments("grade", str(desk.source)))
    said = "grading_config.yml: expected to read and write what is needed, got 'File name too long'"
    assert said in line


def test_an_out_that_is_a_file_is_named(desk, capsys):
    (desk.folder / "out").write_text("a file")
    line = fails(capsys, *desk.arguments("grade", str(desk.source)))
    assert line.startswith(f"{desk.out}: expected a folder, got a file. Name another one: -o.")


def test_a_roster_that_is_not_there_is_named(desk, capsys):
    roster = ("--roster", str(desk.folder / "roster.csv"))
    line = fails(capsys, *desk.arguments("grade", str(desk.source), *roster))
    assert line.endswith("Check --roster.")


def test_every_fault_of_the_configuration_is_one_line_with_its_number(desk, capsys):
    desk.replace("grading_config.yml", "points: 3", "points: three")
    desk.replace("grading_config.yml", "timezone: UTC", "timezone: Mars")
    assert main(desk.arguments("grade", str(desk.source))) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0].rpartition("/")[2] for line in lines] == [
        "grading_config.yml:3:11",
        "grading_config.yml:12:33",
    ]


@pytest.mark.prove
def test_a_suite_that_is_missing_is_named(desk):
    (desk.course / "tests" / "hidden" / "test_layers.py").unlink()
    done = desk.grade(code=2)
    assert done.stderr.splitlines()[-1].endswith(
        "tests/hidden/test_layers.py: expected a test file, got none. Write it."
    )
    assert "Traceback" not in done.stderr


# --- terminals --------------------------------------------------------------------------------


def test_names_of_files_cannot_paint_the_terminal(capsys):
    assert main(["check", "\x1b[2Jlosses.py"]) == 2
    assert capsys.readouterr().err.startswith("\\x1b[2Jlosses.py: expected")


def test_a_terminal_that_knows_only_ascii_is_no_reason_to_fail(graded, tmp_path, monkeypatch):
    desk = graded.copy(tmp_path)
    document = desk.document("results", "stub")
    document["remarks"] = ["‖x‖ ≠ 1"]
    (desk.out / "results" / "layers" / "stub.json").write_text(json.dumps(document))
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    assert main(desk.arguments("explain", "stub")) == 0
    sys.stdout.flush()
    assert b"note: \\u2016x\\u2016 \\u2260 1\n" in printed.getvalue()


# --- stopped ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "name", "goes_on"),
    [
        (["grade", "check"], "grade", True),
        (["-C", "check", "collect"], "collect", True),
        (["check", "grade"], "check", False),
        (["-C", "grade", "release"], "release", False),
    ],
)
def test_a_command_that_is_stopped_says_only_what_is_true_of_it(
    arguments, name, goes_on, monkeypatch, capsys
):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(gradlab.get_command(None, name), "make_context", interrupted)
    assert main(arguments) == 130
    more = " What was done is kept; the same command goes on from here." if goes_on else ""
    assert capsys.readouterr().err == f"\nStopped.{more}\n"
