"""What runs a student's code runs in a process of its own: no silent end of it is a pass."""

import fcntl
import os
import pty
import signal
import subprocess
import termios

import pytest

from autograder.attended import Attended
from tests.autograder.layers import COMMAND, COURSE, ENVIRONMENT

RIGHT = (COURSE / "submissions" / "tuple-cache" / "layers.py").read_text()
PATIENCE_S = 60
EXIT = "\nimport os\n\nos._exit(0)\n"
ENDED = (
    "layers.py: expected the checks to end, got an interpreter that the file ended (exit code 0)."
    " Look for exit() or os._exit in it.\n"
)
WAITS = "\nprint('waiting', flush=True)\nwhile True:\n    pass\n"


def gradlab(home, *arguments, given=""):
    return subprocess.run(
        [*COMMAND, *arguments], cwd=home, env=ENVIRONMENT, input=given, text=True,
        capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


# --- the end that a file makes -----------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_file_that_ends_the_interpreter_does_not_pass(home, options):
    (home / "layers.py").write_text(RIGHT + EXIT)
    done = gradlab(home, "check", *options)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", ENDED)


def test_a_call_that_ends_the_interpreter_does_not_pass(home):
    (home / "layers.py").write_text("def affine_forward(x, w, b):\n    import os; os._exit(0)\n")
    done = gradlab(home, "check")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", ENDED)


def test_a_file_that_is_killed_does_not_pass(home):
    (home / "layers.py").write_text(RIGHT + "\nimport os\n\nos.kill(os.getpid(), 9)\n")
    done = gradlab(home, "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "layers.py: expected the checks to end, got an interpreter that a signal ended (Killed)."
        " Look for what crashes it or takes all memory.\n"
    )


def test_a_zip_that_is_written_is_fine_but_that_its_tests_did_not_end_is_said(home):
    (home / "layers.py").write_text(RIGHT + EXIT)
    done = gradlab(home, "pack")
    assert done.returncode == 0
    assert (home / "layers.zip").is_file()
    assert done.stdout.startswith("layers.zip: ")
    assert done.stderr == ENDED.replace("the checks", "the public tests")


def test_an_end_before_any_code_of_a_student_is_nobody_s_pass():
    with Attended(["--version"], env={**ENVIRONMENT, "PYTHONPATH": "/nowhere"}) as running:
        running.process.kill()
        assert running.has_ended()
        code, said = running.end()
    assert code == 3
    assert said.startswith("gradlab: expected the command to end, got an interpreter that a signal")


def test_a_program_that_cannot_start_says_so():
    with Attended([], env={**ENVIRONMENT, "PYTHONHOME": "/nowhere"},
                  stderr=subprocess.DEVNULL) as running:  # fmt: skip
        assert running.has_ended()
        code, said = running.end()
    assert code == 3
    assert said == (
        "gradlab: expected the command to end, got an interpreter that ended (exit code 1)."
        " Run it again."
    )


# --- what stays as it is without another process -------------------------------------------------


def test_a_command_that_comes_to_its_end_keeps_its_output_and_exit_code(home):
    (home / "layers.py").write_text(RIGHT)
    done = gradlab(home, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "layers.py: 4 of 4 exercises pass their public tests." in done.stdout


def test_a_file_that_ends_the_interpreter_after_the_last_line_changes_nothing(home):
    text = "import atexit, os\n\natexit.register(os._exit, 0)\ndef affine_forward(x, w, b): 1\n"
    (home / "layers.py").write_text(text)
    done = gradlab(home, "check")
    assert (done.returncode, done.stderr) == (1, "")


def test_no_module_of_the_folder_takes_the_place_of_another(home):
    (home / "click.py").write_text("raise SystemExit('mine')\n")
    with Attended(["--version"], cwd=home, env=ENVIRONMENT) as running:
        assert running.has_ended()
        assert running.end() == (0, "")


def test_a_debugger_works(home):
    (home / "layers.py").write_text("secret = 6 * 7\nbreakpoint()\n" + RIGHT)
    done = gradlab(home, "check", given="p secret\nc\n")
    assert "(Pdb) 42" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_for_the_command_alone_stops_its_check(home, how, code):
    (home / "layers.py").write_text(RIGHT + WAITS)
    running = subprocess.Popen([*COMMAND, "check"], cwd=home, env=ENVIRONMENT, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)  # fmt: skip
    assert running.stdout.readline() == "waiting\n"
    running.send_signal(how)
    _, complaints = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == code
    assert complaints == "\nStopped.\n"


def test_ctrl_c_in_a_terminal_stops_the_check_once(home):
    (home / "layers.py").write_text(RIGHT + WAITS)
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [*COMMAND, "check"], cwd=home, env=ENVIRONMENT, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )  # fmt: skip
    os.close(theirs)
    said = ""
    while "waiting" not in said:
        said += os.read(ours, 4096).decode()
    os.write(ours, b"\x03")
    assert running.wait(PATIENCE_S) == 130
    said = os.read(ours, 4096).decode()
    os.close(ours)
    assert said.count("Stopped.") == 1
    assert "Traceback" not in said
