"""The command line; the one place where errors become exit codes.

0 fine, 1 some case failed (student commands), 2 usage or configuration, 3 a fault of the grader.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from autograder import __version__
from autograder.cli import student
from autograder.errors import GraderError

# Before anybody imports torch: with two threads, forked graders hang in libgomp.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Commands(click.Group):
    """Student commands at once; instructor commands only when asked for, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, students' first."""
        return [*super().list_commands(ctx), *self._instructor().commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command of either side."""
        found = super().get_command(ctx, cmd_name)
        return found if found is not None else self._instructor().commands.get(cmd_name)

    @staticmethod
    def _instructor() -> click.Group:
        from autograder.cli.instructor import commands  # noqa: PLC0415 -- not for students

        return commands


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
    """Run a command and return its exit code."""
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a terminal that cannot show a letter shows \\u...
            stream.reconfigure(errors="backslashreplace")
    try:
        gradlab.main(arguments, prog_name="gradlab", standalone_mode=False)
    except GraderError as error:
        _complain(str(error))
        return error.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "gradlab"
        _complain(f"{command}: {error.format_message()} See `{command} --help`.")
        return 2
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain("Stopped. What was done is kept; the same command goes on from here.")
        return 130
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _complain(message: str) -> None:
    """Say what is wrong; names of files are students' text, and must not move the cursor."""
    from autograder.report.text import printable  # noqa: PLC0415 -- rich only where it is used

    click.echo(printable(message, limit=20_000), err=True)
