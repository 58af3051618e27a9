"""The command line; the one place where errors become exit codes.

0 fine, 1 some case failed (student commands), 2 usage or configuration, 3 a fault of the grader;
130 stopped by Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from autograder import __version__, attended
from autograder.cli import student
from autograder.errors import GraderError

_RUNS_STUDENT_CODE = ("check", "pack")
_GOES_ON = ("collect", "grade")
# Before anybody imports torch: with two threads, forked graders hang in libgomp.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Commands(click.Group):
    """Student commands at once; instructor commands only when asked for, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, students' first."""
        return [*super().list_commands(ctx), *self._instructor()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command of either side."""
        found = super().get_command(ctx, cmd_name)
        return found if found is not None else self._instructor().get(cmd_name)

    @staticmethod
    def _instructor() -> dict[str, click.Command]:
        from autograder.cli import (  # noqa: PLC0415 -- not for students
            gradebook,
            instructor,
            pages,
            publish,
            workflows,
        )

        single = (pages.report, publish.export, workflows.workflows)
        return {
            **instructor.commands.commands,
            **gradebook.commands.commands,
            **{str(one.name): one for one in single},
        }


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="gradlab")
@click.option(
    "-C",
    "course",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The course directory: where grading_config.yml is (else found upwards).",
)
@click.pass_context
def gradlab(context: click.Context, course: Path | None) -> None:
    """Grade deep-learning assignments: safely, exactly, in plain words.

    Students: gradlab start losses, then gradlab check losses.

    Instructors: gradlab grade SUBMISSIONS -a losses -o OUT.
    """
    context.obj = course
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


gradlab.add_command(student.start)
gradlab.add_command(student.check)
gradlab.add_command(student.pack)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: As a caller gives them; else those of the program itself, which attends in a
            process of its own to what runs a student's code.
    """
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a terminal that cannot show a letter shows \\u...
            stream.reconfigure(errors="backslashreplace")
    if arguments is None and _is_attended(sys.argv[1:]):
        code, problem = attended.attend(sys.argv[1:])
        if problem:
            _complain(problem)
        return code
    with _stopped_by_sigterm() as received:
        return _run(arguments, received)


def _is_attended(arguments: list[str]) -> bool:
    """Say whether a command runs a student's code here; a watch attends to its own checks."""
    return _command(arguments) in _RUNS_STUDENT_CODE and "--watch" not in arguments


def _command(arguments: Sequence[str]) -> str:
    """Return the name of the command that is called, if there is one."""
    context = click.Context(gradlab, resilient_parsing=True)
    _, rest, _ = gradlab.make_parser(context).parse_args(list(arguments))
    return rest[0] if rest else ""


def _stopped(arguments: Sequence[str] | None) -> str:
    """Return what is true of a command that was stopped."""
    if _command(sys.argv[1:] if arguments is None else arguments) in _GOES_ON:
        return "Stopped. What was done is kept; the same command goes on from here."
    return "Stopped."


def _run(arguments: list[str] | None, received: Sequence[int]) -> int:
    try:
        gradlab.main(arguments, prog_name="gradlab", standalone_mode=False)
    except GraderError as error:
        _complain(str(error))
        return error.exit_code
    except OSError as error:  # what no stage has a better sentence for
        where = error.filename if error.filename is not None else "gradlab"
        _complain(
            f"{where}: expected to read and write what is needed, got {error.strerror!r}."
            " Mend that and run again."
        )
        return 2
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "gradlab"
        _complain(f"{command}: {error.format_message()} See `{command} --help`.")
        return 2
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain(_stopped(arguments))
        return 128 + (received[0] if received else signal.SIGINT)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


@contextmanager
def _stopped_by_sigterm() -> Iterator[list[int]]:
    """Let SIGTERM (a cancelled CI job) stop a command as Ctrl-C does; yield what came."""
    received: list[int] = []

    def stop(number: int, frame: object) -> NoReturn:
        del frame
        signal.signal(number, signal.SIG_IGN)  # once is enough: nothing interrupts the tidying up
        received.append(number)
        raise KeyboardInterrupt

    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if is_ours:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield received
    finally:
        if is_ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _complain(message: str) -> None:
    """Say what is wrong; names of files are students' text, and must not move the cursor."""
    from autograder.report.text import printable  # noqa: PLC0415 -- rich only where it is used

    click.echo(printable(message, limit=20_000), err=True)
