"""The instructor's commands. Each one gathers its arguments, calls one stage and prints."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli.options import ASSIGNMENT, OUT, PATH, alone, course_dir, writing
from autograder.errors import ConfigError

if TYPE_CHECKING:
    from autograder.models import GradingConfig
    from autograder.pipeline import Request

commands = click.Group("instructor")


def _request(context: click.Context, assignment: str, out: Path) -> Request:
    from autograder.pipeline import Request  # noqa: PLC0415

    return Request(course_dir=course_dir(context), source=None, assignment=assignment, out=out)


def _topics(command: str, wanted: tuple[str, ...], course: GradingConfig) -> tuple[str, ...]:
    """Return the topics that are asked for; all of the course's, if none is named."""
    for name in wanted:
        if name not in course.topics:
            known = ", ".join(course.topics)
            raise ConfigError(
                f"{command}: expected a topic out of {known}, got {name!r}. Correct it."
            )
    return wanted or tuple(course.topics)


_INSTEAD = {
    "darwin": ("macOS", "in a Linux virtual machine or container"),
    "win32": ("Windows", "in WSL2, or in a Linux virtual machine or container"),
}


def _needs_linux(command: str, *, or_macos: bool = False) -> None:
    """Refuse to run elsewhere, before anything is imported that other systems lack.

    Args:
        command: As it is typed.
        or_macos: Whether any Unix will do, because no student code is run.

    Raises:
        ConfigError: If this is another system.
    """
    here: str = sys.platform
    if here == "linux" or (or_macos and here == "darwin"):
        return
    name, instead = _INSTEAD.get(here, (platform.system(), "in a Linux virtual machine"))
    expected = "Linux or macOS" if or_macos else "Linux, whose kernel isolates student code"
    raise ConfigError(
        f"gradlab {command}: expected {expected}, got {name}. Run it {instead};"
        " `gradlab start` and `gradlab check` work here."
    )


def _source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what `collect` and `grade` need to know about SOURCE."""
    origins = ("moodle", "canvas", "gradescope", "classroom50", "git", "folder")
    for add in (
        click.option("--from", "origin", type=click.Choice(origins),
                     help="Where SOURCE comes from (recognised, if left out)."),
        click.option("--worksheet", type=PATH,
                     help="Moodle's grading worksheet or Canvas's gradebook: who, and when."),
        click.option("--roster", type=PATH,
                     help="CSV with student_id, name, section, team; more columns are other ids."),
    ):  # fmt: skip
        command = add(command)
    return command


@commands.command()
@click.argument("source", type=PATH)
@ASSIGNMENT
@OUT
@_source_options
@click.option("--at", help="Time of attempts that have none: '2026-02-09 18:25'.")
@click.pass_context
def collect(
    context: click.Context, /, source: Path, assignment: str, out: Path, **options: Any
) -> None:
    """Record who handed in what, without grading it.

    Run it at the end of class; a later `grade` adds the final versions.

    Example: gradlab collect download.zip -a tp1 -o grades --at "2026-02-09 18:25"
    """
    _needs_linux("collect", or_macos=True)
    from autograder import pipeline  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415

    request = pipeline.Request(
        course_dir=course_dir(context),
        source=source,
        assignment=assignment,
        out=out,
        **options,
    )
    found = pipeline.collect(request)
    console = text.console()
    for note in found.notes:
        console.print(text.line(f"note: {note}"))
    attempts = sum(len(submission.attempts) for submission in found.submissions)
    students = text.count(len(found.submissions), "student")
    console.print(text.line(f"{text.count(attempts, 'attempt')} of {students} in {out}"))


@commands.command()
@click.argument("source", type=PATH, required=False)
@ASSIGNMENT
@OUT
@_source_options
@click.option("--jobs", type=click.IntRange(min=1), help="Graders at once (one for each core).")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Overrides the configuration.")
@click.option("--seed", type=int, help="Of hidden inputs; random, and kept in OUT, if left out.")
@click.option("--force", is_flag=True, help="Examine again what has not changed.")
@click.option("--min-tier", type=click.Choice(["A", "C"]),
              help="Refuse to run with less isolation (C).")  # fmt: skip
@click.option("--i-trust-this-code", "trust", is_flag=True,
              help="Grade without isolation if need be; never below --min-tier.")  # fmt: skip
@click.option("--quiet/--no-quiet", default=None,
              help="Print counts only, no ids and no scores; the default in a CI job.")  # fmt: skip
@click.pass_context
def grade(
    context: click.Context,
    /,
    source: Path | None,
    assignment: str,
    out: Path,
    *,
    quiet: bool | None,
    **options: Any,
) -> None:
    """Grade what SOURCE holds, and all that OUT already knows.

    Stop it at any moment: the same command goes on from there.

    Example: gradlab grade submissions/ -a tp1 -o grades --roster roster.csv
    """
    _needs_linux("grade")
    if options["device"] == "cuda":
        raise ConfigError(
            "--device: expected cpu, got cuda. The sandbox gives workers no GPU yet;"
            " grade on the CPU: --device cpu."
        )
    from autograder import pipeline  # noqa: PLC0415
    from autograder.cli.progress import Progress  # noqa: PLC0415

    request = pipeline.Request(
        course_dir=course_dir(context),
        source=source,
        assignment=assignment,
        out=out,
        **options,
    )
    if quiet is None:
        quiet = bool(os.environ.get("CI")) and not sys.stdout.isatty()
    with Progress(quiet=quiet) as progress:
        summary = pipeline.grade(request, progress)
    progress.show(summary)
    if summary.faults:
        raise SystemExit(3)


@commands.command()
@click.argument("student")
@ASSIGNMENT
@OUT
@click.option("--json", "as_json", is_flag=True, help="Print the whole result file.")
def explain(student: str, assignment: str, out: Path, *, as_json: bool) -> None:
    """Say where STUDENT's score comes from.

    Example: gradlab explain ana -a tp1 -o grades
    """
    _needs_linux("explain", or_macos=True)
    from autograder import desk  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415

    result = desk.result(out, assignment, student)
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    console = text.console()
    try:
        lines = list(text.explanation(result))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        path = out / "results" / assignment / f"{student}.json"
        raise desk.damaged(path, repr(error), out=out, assignment=assignment) from None
    for line in lines:
        console.print(line)


@commands.command()
@click.argument("student")
@ASSIGNMENT
@click.option("--case", "case_id", required=True, help="Its id in the result file.")
@OUT
@click.pass_context
def replay(context: click.Context, student: str, assignment: str, case_id: str, out: Path) -> None:
    """Play one case of STUDENT's again, with traceback and prints.

    Example: gradlab replay ana -a tp1 -o grades --case "hidden/test_mlp.py::TestMlp::test_rows"
    """
    _needs_linux("replay")
    from autograder import desk  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415

    console = text.console()
    request = _request(context, assignment, out)
    for line in desk.replay(request, student, case_id):
        console.print(text.line(line))


@commands.command()
@click.argument("student")
@ASSIGNMENT
@OUT
@click.option("--kind", required=True,
              type=click.Choice(
                  ["override", "extension", "excuse", "clear_review", "clear_forbidden"]
              ))  # fmt: skip
@click.option("--value", help="The score of an override, the date of an extension.")
@click.option("--exercise", help="Whose review or forbidden operation is cleared.")
@click.option("--why", required=True, help="The reason; students may ask.")
@click.option("--by", help="Who decides (the name of this account).")
@click.pass_context
def adjust(  # noqa: PLR0913 -- one parameter for each option
    context: click.Context,
    student: str,
    assignment: str,
    out: Path,
    *,
    kind: str,
    value: str | None,
    exercise: str | None,
    why: str,
    by: str | None,
) -> None:
    """Write a decision about STUDENT into the ledger.

    The next `grade` applies it; --value withdrawn takes it back.

    Example: gradlab adjust ana -a tp1 -o grades --kind override --value 3.5 --why "viva" --by sam
    """
    _needs_linux("adjust", or_macos=True)
    from autograder import desk  # noqa: PLC0415

    request = _request(context, assignment, out)
    more = {"value": value, "exercise": exercise, "by": by}
    path = desk.decide(request, student, kind=kind, why=why, **more)
    click.echo(
        f"{path}: {kind} for {student} at {assignment}."
        f" Then: gradlab grade -a {assignment} -o {out}"
    )


@commands.command()
@click.argument("topics", nargs=-1)
@click.option("-k", "only", multiple=True, metavar="EXERCISE", help="Prove this exercise only.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True,
              help="How many; the last one is always new.")  # fmt: skip
@click.option("--mutants", is_flag=True, help="Edit the references instead: what goes unnoticed?")
@click.option("--jobs", type=click.IntRange(min=1), help="Topics at once (one for each core).")
@click.option("--json", "as_json", is_flag=True, help="Print what programs can read.")
@click.pass_context
def validate(
    context: click.Context,
    topics: tuple[str, ...],
    only: tuple[str, ...],
    seeds: int,
    jobs: int | None,
    *,
    mutants: bool,
    as_json: bool,
) -> None:
    """Prove suites: every known mistake is caught and named.

    The reference and its alternatives pass; stubs, zeros and NaN earn nothing. With --mutants, each
    reference is edited, one operator or constant at a time, and the suite should notice.

    Example: gradlab validate losses -k softmax
    """
    _needs_linux("validate", or_macos=True)
    from autograder import config, graders, validate  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415

    course = config.load(course_dir(context))
    chosen = _topics("validate", topics, course)
    at_once = graders.default_graders(jobs)
    through: list[str] = []

    def done(topic: str) -> None:
        through.append(topic)
        if len(chosen) > 1:
            click.echo(f"{len(through)} of {len(chosen)} topics: {topic}", err=True)

    findings: list[validate.Finding] | list[validate.Survey]
    if mutants:
        findings = validate.survey(course, chosen, only, jobs=at_once, done=done)
        shown = text.survey(findings)
    else:
        findings = validate.validate_topics(course, chosen, seeds, only, jobs=at_once, done=done)
        shown = text.validation(findings)
    if as_json:
        click.echo(json.dumps([validate.as_json(one) for one in findings], indent=2))
    else:
        for part in shown:
            text.console().print(part)
    if any(finding.problems for finding in findings):
        raise SystemExit(1)


@commands.command()
@click.argument("names", nargs=-1, metavar="[ASSIGNMENT]...")
@click.option("-o", "--out", type=PATH, help="Where to; assignments/ of the course, if left out.")
@click.option("--zip", "zips", is_flag=True, help="Zips with the tool inside, for students.")
@click.option("--autograder", metavar="ASSIGNMENT",
              help="Gradescope's autograder.zip instead, hidden tests included; -o names the file.",
              )  # fmt: skip
@click.option("--check", is_flag=True, help="Only say whether assignments/ is current.")
@click.pass_context
def release(
    context: click.Context,
    names: tuple[str, ...],
    out: Path | None,
    autograder: str | None,
    *,
    zips: bool,
    check: bool,
) -> None:
    """Build what students get: a folder or a zip for each assignment.

    Nothing of a solution, a known mistake or a hidden test is inside; that is looked for.
    With --autograder, build what Gradescope grades with.

    Example: gradlab release tp1 -o handouts --zip
    """
    _needs_linux("release", or_macos=True)
    from autograder import archive, config  # noqa: PLC0415
    from autograder import release as stage  # noqa: PLC0415

    ignored = {"an ASSIGNMENT before it": names, "--zip": zips}
    if check:
        alone("release", "--check", {**ignored, "--autograder": autograder, "-o": out})
    elif autograder is not None:
        alone("release", "--autograder", ignored)
    course = config.load(course_dir(context))
    if check:
        old = stage.stale(course)
        for name in old:
            click.echo(f"{name}: expected what reference/ gives, got something else.", err=True)
        if old:
            raise ConfigError("assignments: expected current files. Run `gradlab release`.")
        return
    for name in (*names, *([autograder] if autograder else [])):
        if name not in course.assignments:
            known = ", ".join(course.assignments)
            raise ConfigError(
                f"release: expected an assignment or a topic out of {known}, got {name!r}."
                " Correct it."
            )
    if autograder is not None:
        target = out if out is not None else Path("autograder.zip")
        archive.write(target, stage.autograder_zip(course, autograder, stage.build_wheel()))
        click.echo(f"{target}: upload it at Gradescope; it holds hidden tests, so keep it.")
        return
    if zips and out is None:
        raise ConfigError("release: expected a folder for the zips, got none. Name it: -o DIR.")
    chosen = names or tuple(course.topics)
    folder = out if out is not None else course.course_dir / "assignments"
    with writing(folder):
        (stage.release_zips if zips else stage.release)(course, chosen, folder)
    click.echo(f"{folder}: {', '.join(f'{name}.zip' if zips else name for name in chosen)}")


@commands.command()
@click.option("-o", "--out", default="build/demo", show_default=True, type=PATH)
@click.option("--jobs", type=click.IntRange(min=1), help="Graders at once (one for each core).")
@click.pass_context
def demo(context: click.Context, out: Path, jobs: int | None) -> None:
    """Grade the bundled class and compare with what is expected.

    Example: gradlab demo
    """
    _needs_linux("demo")
    from autograder import demo as stage  # noqa: PLC0415
    from autograder.cli.progress import Progress  # noqa: PLC0415

    with writing(out), Progress() as progress:
        summary, differences = stage.run(course_dir(context), out, jobs=jobs, watch=progress)
    progress.show(summary)
    for difference in differences:
        click.echo(difference, err=True)
    if differences:
        raise SystemExit(1)
    click.echo(f"All {len(summary.rows)} students have the expected result; it is in {out}/.")


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="Print what programs can read.")
def doctor(*, as_json: bool) -> None:
    """Say how well this machine can isolate student code.

    Where it cannot, say what to change; and say what each tier cannot promise. The exit code is 1
    if `gradlab grade` would refuse to run here.

    Example: gradlab doctor
    """
    from autograder.report import text  # noqa: PLC0415
    from autograder.sandbox import doctor as stage  # noqa: PLC0415

    found = stage.examine()
    if as_json:
        click.echo(json.dumps(stage.as_json(found), indent=2))
    else:
        click.echo(stage.render(found, text.console().width))
    if not found.good:
        raise SystemExit(1)
