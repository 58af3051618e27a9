"""`gradlab export`: grades for a learning platform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.options import ASSIGNMENT, PATH, course_dir

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from autograder.publish.plan import Plan

_TARGETS = ("moodle", "canvas", "gradescope", "classroom50", "junit", "csv")


@click.command()
@click.argument("out", type=PATH)
@ASSIGNMENT
@click.option("--to", "target", required=True, type=click.Choice(_TARGETS))
@click.option("--into", type=PATH, help="The platform's own file, to be filled.")
@click.option("--column", help="Canvas's column, if its name is not the assignment's.")
@click.option(
    "-o", "path", type=PATH, help="File or folder to write (OUT/exports/..., if left out)."
)
@click.option("--dry-run", is_flag=True, help="Show every change; write nothing.")
@click.option("--anonymous", is_flag=True, help="Name no student in what is written.")
@click.pass_context
def export(  # noqa: PLR0913 -- one parameter for each option
    context: click.Context,
    out: Path,
    assignment: str,
    target: str,
    into: Path | None,
    column: str | None,
    path: Path | None,
    *,
    dry_run: bool,
    anonymous: bool,
) -> None:
    """Write the grades in OUT as a learning platform takes them.

    Moodle and Canvas: download their own table, and name it with --into. Only grades and comments
    in it change. Rows that stay as they are, or that the platform will pass over, are listed.

    Example: gradlab export grades -a tp1 --to moodle --into worksheet.csv
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from autograder import pipeline  # noqa: PLC0415
    from autograder.publish import export as stage  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    request = pipeline.Request(
        course_dir=course_dir(context), source=None, assignment=assignment, out=out
    )
    course, chosen = pipeline.configured(request)
    order = stage.Order(target=target, into=into, column=column, anonymous=anonymous)
    plan = stage.plan(Store(out), chosen, order, ZoneInfo(course.timezone))
    console = text.console()
    folder = out / "exports" / chosen.id / target
    for part in _shown(plan, everything=dry_run, has_cells=target in stage.FILLED):
        console.print(part)
    if dry_run:
        for place, what in stage.preview(plan, folder, path):
            click.echo(text.printable(f"{place}: {what}"))  # in one piece, as below
        console.print(text.line("Nothing was written."))
        return
    for written in stage.write(plan, folder, path):
        click.echo(text.printable(f"wrote {written}"))  # in one piece, to be copied


def _shown(plan: Plan, *, everything: bool, has_cells: bool) -> Iterable[RenderableType]:
    """Yield what the export changes, what it passes over, and what people should know."""
    from autograder.report import text  # noqa: PLC0415

    if everything and plan.changes:
        yield text.table(
            ("row", "student", "column", "before", "after"),
            (
                (one.where, one.who, one.column, _short(one.before), _short(one.after))
                for one in plan.changes
            ),
        )
    if plan.skips:
        yield text.table(
            ("row", "student", "passed over, or not certain"),
            ((one.where, one.who, one.reason) for one in plan.skips),
        )
    for note in plan.notes:
        yield text.line(f"note: {note}")
    said = []
    if has_cells:
        changed = len({one.where for one in plan.changes})
        cells = text.count(len(plan.changes), "cell")
        said.append(f"{cells} in {text.count(changed, 'row')} changed")
    if has_cells or plan.skips:
        said.append(text.count(len(plan.skips), "remark"))
    if said:
        yield text.line(", ".join(said))


def _short(cell: str) -> str:
    line = " ".join(cell.split())
    return line if len(line) <= 40 else f"{line[:37]}..."
