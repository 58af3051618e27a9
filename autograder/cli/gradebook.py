"""The commands about grades that are there: the gradebook and its history."""

from __future__ import annotations

import dataclasses
import getpass
import json
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from autograder.cli.options import ASSIGNMENT, OUT, PATH, course_dir
from autograder.errors import ConfigError

if TYPE_CHECKING:
    from autograder.forget import Traces
    from autograder.models import Assignment, GradingConfig

commands = click.Group("gradebook")


def _assignment(course: GradingConfig, name: str) -> Assignment:
    """Return an assignment of the course; unlike `pipeline`, without waiting for torch."""
    if name not in course.assignments:
        known = ", ".join(course.assignments)
        raise ConfigError(f"-a: expected an assignment out of {known}, got {name!r}. Correct it.")
    return course.assignments[name]


@commands.command()
@click.argument("out", type=PATH)
@click.option("--database", metavar="URL", help="Also fill postgresql+psycopg://user@host/name.")
@click.pass_context
def rebuild(context: click.Context, out: Path, database: str | None) -> None:
    """Make OUT/gradebook.sqlite again from the files in OUT.

    `grade` does so at its end; the same files give the same bytes.

    Example: gradlab rebuild grades
    """
    from autograder import config, gradebook  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    course, store = config.load(course_dir(context)), Store.existing(out)
    with store.lock():
        gradebook.rebuild(course, store)
        if database is not None:
            gradebook.write_database(database, gradebook.rows(course, store))
    for note in store.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{out / gradebook.FILE_NAME}: made from the files in {out}")


@commands.command()
@click.argument("student")
@OUT
@click.option("--json", "as_json", is_flag=True, help="Print what programs can read.")
@click.pass_context
def history(context: click.Context, student: str, out: Path, *, as_json: bool) -> None:
    """Say all that happened to STUDENT's work, in time order.

    Attempts, grades and decisions.

    Example: gradlab history ana -o grades
    """
    from autograder import config, gradebook  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    zone = ZoneInfo(config.load(course_dir(context)).timezone)
    events = gradebook.history(Store.existing(out), student)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in events], indent=2))
        return
    console = text.console()
    for one in events:
        at = f"{datetime.fromisoformat(one.at).astimezone(zone):%Y-%m-%d %H:%M}" if one.at else ""
        when, what = at or "time unknown", one.what.replace("_", " ")
        console.print(text.inside(f"{when:<16}  {one.assignment}  {what}: ", one.text, depth=0))


@commands.command()
@click.argument("table", type=PATH, required=False)
@ASSIGNMENT
@OUT
@click.option("--by", help="Who decides (the name of this account).")
@click.pass_context
def points(
    context: click.Context, table: Path | None, assignment: str, out: Path, by: str | None
) -> None:
    """Enter points that people give, from the CSV file TABLE.

    They are for exercises with `kind: manual` in grading_config.yml. The columns are student_id,
    exercise, points and comment; students read the comment. Without TABLE, print one to fill in.
    The next `grade` applies the points.

    Example: gradlab points points.csv -a tp1 -o grades --by sam
    """
    from autograder import config, marking  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    wanted = _assignment(config.load(course_dir(context)), assignment)
    store = Store.existing(out)
    if table is None:
        click.echo(marking.waiting(store, wanted), nl=False)
        return
    with store.lock():
        given = marking.give(store, wanted, table, by=by or getpass.getuser())
    click.echo(
        f"{given.new} written, {given.known} known already, {given.empty} without points."
        f" Then: gradlab grade -a {assignment} -o {out}"
    )


@commands.command()
@click.argument("table", type=PATH)
@click.option("--column", required=True, help="Its name under `external` in grading_config.yml.")
@OUT
@click.pass_context
def scores(context: click.Context, table: Path, column: str, out: Path) -> None:
    """Keep scores from elsewhere, from the CSV file TABLE.

    Its columns are student_id, score and comment; an empty score is not known yet. The table takes
    the place of an older one.

    Example: gradlab scores project.csv --column project -o grades
    """
    from autograder import config, course, gradebook  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    configured, store = config.load(course_dir(context)), Store.existing(out)
    if column not in configured.external:
        known = ", ".join(configured.external) or "none"
        raise ConfigError(
            f"--column: expected a column under `external` ({known}), got {column!r}. Correct it,"
            " or add it to grading_config.yml."
        )
    with store.lock():
        notes = course.keep_scores(store, configured.external[column], table)
        gradebook.rebuild(configured, store)
    for note in notes:
        click.echo(f"note: {note}", err=True)
    kept = course.scores(store, configured.external[column])
    click.echo(f"{len(kept)} scores of {column} in {out}")


@commands.command("course")
@click.argument("out", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print what programs can read.")
@click.pass_context
def course_grades(context: click.Context, out: Path, *, as_json: bool) -> None:
    """Write OUT/course.csv: what all scores together make.

    The formula is `course_grade` in grading_config.yml; `grade` writes the file, too.

    Example: gradlab course grades
    """
    from autograder import config, course, gradebook  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    configured, store = config.load(course_dir(context)), Store.existing(out)
    if configured.course_grade is None:
        raise ConfigError(
            "course: expected `course_grade` in grading_config.yml, got none. Add it:"
            " a scale and a formula."
        )
    with store.lock():
        gradebook.rebuild(configured, store)
    found = course.results(configured, store)
    if as_json:
        rules = configured.course_grade
        click.echo(json.dumps([course.document(one, rules) for one in found], indent=2))
        return
    console = text.console()
    console.print(
        text.table(
            ("student", "score", "explanation"),
            ((one.student_id, _short(one.score), one.explanation) for one in found),
        )
    )
    pending = sum(one.score is None for one in found)
    console.print(text.line(f"{text.count(len(found), 'student')}: {pending} pending"))
    console.print(text.line(f"course grades: {out / course.FILE_NAME}"))


def _short(score: Fraction | None) -> str:
    return "" if score is None else f"{float(score):g}"


@commands.command()
@ASSIGNMENT
@OUT
@click.option("--what-if", "policy", type=PATH, required=True, metavar="POLICY.YML",
              help="Other dates, sections, score, exercises; or all of the file.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what programs can read.")
@click.pass_context
def regrade(
    context: click.Context, assignment: str, out: Path, policy: Path, *, as_json: bool
) -> None:
    """Say who would gain or lose under other rules.

    Nothing is examined and nothing is written. To apply the rules, put them into grading_config.yml
    and run `gradlab grade`.

    Example: gradlab regrade -a tp1 -o grades --what-if gentler.yml
    """
    from autograder import config, regrade  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    folder = course_dir(context)
    old = _assignment(config.load(folder), assignment)
    new = config.load_policy(folder, assignment, policy)
    if assignment not in new.assignments:
        raise ConfigError(
            f"{policy.name}: expected the assignment {assignment!r}, got none. Add it."
        )
    store = Store.existing(out)
    changes = regrade.what_if(store, old, new.assignments[assignment], timezone=new.timezone)
    if as_json:
        click.echo(json.dumps(regrade.document(changes, policy), indent=2))
        return
    console = text.console()
    for part in text.what_if(changes, regrade.totals(changes)):
        console.print(part)
    for note in store.notes:
        console.print(text.line(f"note: {note}"))
    console.print(
        text.line(
            "Nothing was written. To apply: change grading_config.yml, then"
            f" gradlab grade -a {assignment} -o {out}"
        )
    )


@commands.command()
@click.argument("student")
@OUT
@click.option("--database", metavar="URL", help="Also remove from this PostgreSQL gradebook.")
@click.option("--yes", is_flag=True, help="Remove; otherwise only say what would be.")
@click.pass_context
def forget(
    context: click.Context, student: str, out: Path, *, database: str | None, yes: bool
) -> None:
    """Remove every trace of STUDENT from OUT.

    Attempts, records, results, feedback, decisions, rows and pages. Then OUT is searched for the id
    and the name. The submissions folder, the roster and backups are not in OUT: they are yours.

    Example: gradlab forget ana -o grades --yes
    """
    from autograder import config, gradebook  # noqa: PLC0415
    from autograder import forget as stage  # noqa: PLC0415
    from autograder.collect.tables import STUDENT_ID, bad_id  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415

    if not STUDENT_ID.fullmatch(student):
        raise ConfigError(f"forget: {bad_id(student)}")
    configured, store = config.load(course_dir(context)), Store(out)
    if not (out / "run.json").exists() and not store.assignments():
        Store.existing(out)
    if not yes:
        if not stage.is_known(store, student):
            raise gradebook.unknown(store, student)
        _say_traces(stage.find(store, student), "would go")
        click.echo("Nothing was removed. Add --yes.")
        return
    with store.lock():
        done = stage.forget(store, configured, student)
        if database is not None:
            gradebook.write_database(database, gradebook.rows(configured, store))
    _say_traces(done.removed, "removed")
    if not done.removed.files and not done.removed.rows:
        click.echo(f"{student}: there was nothing to remove; is the id right?")
    for path in done.left:
        click.echo(f"{path}: the id or the name still stands here, in another's words", err=True)
    if done.left:
        raise SystemExit(1)
    click.echo(f"{student}: neither the id nor the name is in {out}")


def _say_traces(traces: Traces, what: str) -> None:
    for path in traces.files:
        click.echo(f"{what}: {path}")
    for path in traces.rows:
        click.echo(f"{what}: lines of {path}")
    for path in traces.shared:
        click.echo(f"stays: {path}, which somebody else handed in, too")


@commands.command()
@ASSIGNMENT
@OUT
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True,
              help="How many pairs to print.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print every pair, for programs.")
@click.pass_context
def similar(context: click.Context, assignment: str, out: Path, *, top: int, as_json: bool) -> None:
    """List the pairs of submissions that are most alike.

    For people to look at; nothing follows from it. Short exercises have few right answers: honest
    work can be alike. The handout does not count. Needs gradlab[similarity].

    Example: gradlab similar -a tp1 -o grades
    """
    from autograder import config  # noqa: PLC0415
    from autograder.report import text  # noqa: PLC0415
    from autograder.report.store import Store  # noqa: PLC0415
    from autograder.similarity import pairs  # noqa: PLC0415

    course = config.load(course_dir(context))
    wanted = _assignment(course, assignment)
    report = pairs.similar(Store.existing(out), wanted, course.course_dir)
    if as_json:
        click.echo(json.dumps(pairs.document(report), indent=2))
        return
    console = text.console()
    for part in text.similar(report, top):
        console.print(part)
