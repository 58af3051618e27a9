"""`gradlab workflows`: files for GitHub Actions and GitLab CI."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.cli.options import PATH, writing

_WHOSE = {
    "student": "into each student's repository",
    "teacher": "into the course's private repository",
}


@click.command()
@click.option("-o", "--out", required=True, type=PATH, help="Where to.")
@click.option("--platform", type=click.Choice(["github", "gitlab"]), help="Both, if left out.")
def workflows(out: Path, platform: str | None) -> None:
    """Write CI workflows: for students' repositories, and yours.

    They are ready to be copied, and say in their first lines where they belong.

    Example: gradlab workflows -o ci --platform github
    """
    from autograder import workflows as stage  # noqa: PLC0415
    from autograder.report.text import printable  # noqa: PLC0415 -- rich only where it is used

    with writing(out):
        written = stage.write(out, (platform,) if platform is not None else stage.PLATFORMS)
    for workflow, path in written:
        click.echo(printable(f"{path}: {_WHOSE[workflow.whose]}"))
