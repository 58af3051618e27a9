"""What several commands take, and where they find the course."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from autograder.errors import ConfigError

PATH = click.Path(path_type=Path)
ASSIGNMENT = click.option(
    "-a", "--assignment", required=True, help="The assignment's id in grading_config.yml."
)
OUT = click.option("-o", "--out", required=True, type=PATH, help="Where results are kept.")


def course_dir(context: click.Context) -> Path:
    """Return the folder that -C names, or the course that the current folder is in.

    Raises:
        ConfigError: If there is no grading_config.yml.
    """
    from autograder.config import find_course  # noqa: PLC0415 -- pydantic only where it is used

    start: Path | None = context.obj
    return find_course(start if start is not None else Path.cwd())


def alone(command: str, option: str, others: Mapping[str, object]) -> None:
    """Refuse what an option would pass over without a word.

    Args:
        command: As it is typed.
        option: The one that is given.
        others: What was given for those that mean nothing beside it, by name.

    Raises:
        ConfigError: If any of them was given.
    """
    given = [name for name, value in others.items() if value]
    if given:
        raise ConfigError(
            f"{command}: expected {option} without {' and '.join(given)}, got both."
            " Leave one of them out."
        )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in one line why a folder could not be written.

    Raises:
        ConfigError: If it could not.
    """
    try:
        yield
    except OSError as fault:
        raise ConfigError(
            f"{folder}: expected room and leave to write, got {fault.strerror!r}. Name another: -o."
        ) from None
