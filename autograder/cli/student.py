"""`gradlab start` and `gradlab check`: a student's day. Works without a sandbox, on any system."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder import attended
from autograder.errors import ConfigError

if TYPE_CHECKING:
    from autograder.check import Report


@click.command()
@click.argument("topic")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
def start(topic: str, directory: Path | None) -> None:
    """Copy an assignment into a new folder.

    The folder is called TOPIC, unless DIRECTORY is given.

    Example: gradlab start losses
    """
    known = sorted(one.name for one in _assignments().iterdir() if one.is_dir())
    if topic not in known:
        raise ConfigError(
            f"start: expected one of {', '.join(known)}, got {topic!r}. Correct the name."
        )
    target = directory if directory is not None else Path(topic)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(
            f"{target}: expected a new or empty folder, got one with files in it."
            f" Name another: gradlab start {topic} DIRECTORY."
        )
    try:
        shutil.copytree(_assignments() / topic, target, dirs_exist_ok=True)
    except OSError as fault:
        raise ConfigError(
            f"{target}: expected room and leave to write, got {fault.strerror!r}. Name another."
        ) from None
    click.echo(f"{target}/{topic}.py and {target}/{topic}.ipynb are yours; write in either one.")
    click.echo(f"Then: gradlab check {target}")


@click.command()
@click.argument("path", required=False, default=".", type=click.Path(path_type=Path))
@click.option("-k", "only", multiple=True, metavar="EXERCISE", help="Check this exercise only.")
@click.option("--hint", count=True, help="Show one hint more; --hint --hint shows two more.")
@click.option("--json", "as_json", is_flag=True, help="Print what programs can read.")
@click.option("--watch", is_flag=True, help="Check again whenever you save; Ctrl-C ends it.")
@click.option("--annotate", type=click.Choice(["github", "gitlab"]),
              help="In CI: also show what fails at its line, as this platform does.")  # fmt: skip
def check(
    path: Path,
    only: tuple[str, ...],
    hint: int,
    *,
    as_json: bool,
    watch: bool,
    annotate: str | None,
) -> None:
    """Run the public tests on your module or notebook.

    PATH is the file, or the folder it is in; this folder, if left out.

    Example: gradlab check losses.ipynb -k softmax_backward --hint
    """
    if watch:
        names = [part for name in only for part in ("-k", name)]
        hints = ["--hint"] * hint
        _watch(path, [*names, *hints, *(["--json"] if as_json else [])])
        return
    from autograder.check import check as run_check  # noqa: PLC0415 -- torch takes seconds
    from autograder.report import text  # noqa: PLC0415

    begins = partial(attended.begins, what="the checks", code=1)
    report = run_check(path, only, begins=begins)
    passed = report.passed == len(report.results)
    if as_json:
        click.echo(json.dumps(_plain(report), indent=2))
    else:
        console = text.console()
        for result in text.forbidden_first(report.results):
            for line in text.exercise_lines(result, rung=1 + hint):
                console.print(line)
        for remark in report.remarks:
            console.print(text.inside("note: ", remark, depth=0))
        if more := _more_hints(report, 1 + hint):
            console.print(text.inside("", more, depth=0))
        summary = text.check_summary(report.results, report.file, report.varies)
        console.print(text.inside("", summary, depth=0))
    if annotate is not None:
        _annotate(report, path, annotate)
    raise SystemExit(0 if passed else 1)


def _more_hints(report: Report, shown: int) -> str:
    """Say how to see the hints of a check after the first `shown` of each mistake."""
    most = max((len(one.hints) for each in report.results for one in each.diagnoses), default=0)
    if most <= shown:
        return ""
    last = f", {' '.join(['--hint'] * (most - 1))} for all" if most > shown + 1 else ""
    return f"More hints: add {' '.join(['--hint'] * shown)} for one more{last}."


def _annotate(report: Report, path: Path, platform: str) -> None:
    """Say what was found as a CI job of `platform` does; files go into the current folder."""
    from autograder.report import annotations  # noqa: PLC0415

    folder = path.parent if path.is_file() else path
    file = folder / report.file
    root = os.environ.get("GITHUB_WORKSPACE") or Path.cwd()
    checked = annotations.Checked(
        path=Path(os.path.relpath(file, root)).as_posix(),
        source=file.read_text(encoding="utf-8", errors="replace") if file.is_file() else "",
        topic=report.topic,
        results=report.results,
    )
    if platform == "gitlab":
        quality, tests = (Path(f"gradlab-{report.topic}.{kind}") for kind in ("json", "xml"))
        quality.write_bytes(annotations.code_quality(checked))
        tests.write_bytes(annotations.junit(checked))
        click.echo(f"Wrote {quality} (code quality) and {tests} (JUnit).", err=True)
        return
    for command in annotations.github_commands(checked):
        click.echo(command)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(annotations.github_summary(checked))


@click.command()
@click.argument("path", required=False, default=".", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Where to write the zip.")
def pack(path: Path, out: Path | None) -> None:
    """Make the zip to hand in, and say what will be graded.

    PATH is the folder of an assignment, or the file to hand in; this folder, if left out. The
    public tests run once the zip is written: Ctrl-C leaves them out.

    Example: gradlab pack losses
    """
    from autograder import archive  # noqa: PLC0415
    from autograder import pack as stage  # noqa: PLC0415 -- torch takes seconds
    from autograder.report import text  # noqa: PLC0415

    packed = stage.pack(path)
    target = out if out is not None else Path(packed.name)
    archive.write(target, packed.data)
    console = text.console()
    for said in text.packed_lines(str(target), packed):
        console.print(text.inside("", said, depth=0))
    attended.begins(" and ".join(packed.graded), "the public tests", code=0)
    for reports in stage.public_results(packed):
        console.print(text.inside("", text.packed_summary(reports), depth=0))
        for remark in dict.fromkeys(one for report in reports for one in report.remarks):
            console.print(text.inside("note: ", remark, depth=0))


def _watch(path: Path, options: list[str]) -> None:
    from autograder.report import text  # noqa: PLC0415
    from autograder.watch import watch  # noqa: PLC0415

    if not path.exists():
        raise ConfigError(f"{path}: expected your file or its folder, got no such path.")
    folder = path if path.is_dir() else path.parent

    def started() -> None:
        click.clear()  # does nothing unless this is a terminal
        click.echo(f"Watching {click.format_filename(folder)}; save to check again, Ctrl-C to end.")

    def complain(problem: str) -> None:
        click.echo(text.printable(problem), err=True)

    watch(folder, ["check", str(path), *options], started, complain)


def _plain(report: object) -> dict[str, object]:
    from autograder.check import Report  # noqa: PLC0415
    from autograder.report.json import exercise_document  # noqa: PLC0415

    assert isinstance(report, Report)
    return {
        "schema": "gradlab/check/v1",
        "topic": report.topic,
        "file": report.file,
        "passed": report.passed,
        "exercises": [exercise_document(result) for result in report.results],
        "remarks": list(report.remarks),
    }


def _assignments() -> Path:
    """Return the folder of handed-out assignments: in the wheel, or in a checkout."""
    installed = Path(__file__).parent.parent / "assignments"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "assignments"
