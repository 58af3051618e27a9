"""`gradlab report`: pages for students and teachers."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.cli.options import PATH, course_dir
from autograder.errors import ConfigError


@click.command()
@click.argument("out", type=PATH)
@click.option("-a", "--assignment", help="Only this one; all that OUT holds, if left out.")
@click.option("-o", "--out", "folder", type=PATH, metavar="DIR",
              help="Where to; OUT/pages, or OUT/pages-anonymous, if left out.")  # fmt: skip
@click.option("--anonymous", is_flag=True, help="A class page without names, and no others.")
@click.pass_context
def report(
    context: click.Context,
    out: Path,
    *,
    assignment: str | None,
    folder: Path | None,
    anonymous: bool,
) -> None:
    """Write a feedback page for each student, and one for the class.

    They are static and need no network: open them, print them, put them on a server.

    Example: gradlab report grades -a tp1
    """
    from autograder import anonymous as naming  # noqa: PLC0415
    from autograder import config, ledger  # noqa: PLC0415 -- pydantic and jinja2 only where used
    from autograder.report import html, text  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    course = config.load(course_dir(context))
    store = Store(out)
    chosen = [assignment] if assignment is not None else store.assignments()
    for name in chosen:
        if name not in course.assignments:
            known = ", ".join(course.assignments)
            raise ConfigError(
                f"-a: expected an assignment out of {known}, got {name!r}. Correct it."
            )
    if not out.is_dir() or not chosen:
        raise ConfigError(f"{out}: expected results, got none. Grade first: gradlab grade.")
    default = out / ("pages-anonymous" if anonymous else "pages")
    with store.lock():
        names = naming.aliases(store) if anonymous else None
        for name in chosen:
            made = html.write_pages(
                store, course, course.assignments[name], folder or default, names
            )
            pages = text.count(made.students, "feedback page")
            said = "without names" if anonymous else f"and {pages}"
            removed = f", {text.count(made.removed, 'old page')} removed" if made.removed else ""
            click.echo(text.printable(f"{made.index}, {said}{removed}"))
    try:
        ledger.read(out / ledger.LEDGER_NAME)
    except ConfigError as error:  # pages show grades as they are; the next `grade` would stop
        store.notes.extend(str(error).splitlines())
    for note in dict.fromkeys(store.notes):
        click.echo(text.printable(f"note: {note}"))
