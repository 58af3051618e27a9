"""Ready workflows for GitHub Actions and GitLab CI, to be copied, read and edited.

A student's repository runs the public tests on every push and shows what fails at its line; the
teacher's private repository grades, keeps results private, and publishes statistics without names.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from autograder.errors import ConfigError
from autograder.models import frozen


@frozen
class Workflow:
    """One file, and where it belongs below the folder that is asked for."""

    platform: str
    whose: str  # student or teacher
    source: str  # its name in this package
    path: str


WORKFLOWS = (
    Workflow(
        platform="github",
        whose="student",
        source="github-student.yml",
        path="github-student/.github/workflows/check.yml",
    ),
    Workflow(
        platform="github",
        whose="teacher",
        source="github-teacher.yml",
        path="github-teacher/.github/workflows/grade.yml",
    ),
    Workflow(
        platform="gitlab",
        whose="student",
        source="gitlab-student.yml",
        path="gitlab-student/.gitlab-ci.yml",
    ),
    Workflow(
        platform="gitlab",
        whose="teacher",
        source="gitlab-teacher.yml",
        path="gitlab-teacher/.gitlab-ci.yml",
    ),
)
PLATFORMS = tuple(dict.fromkeys(one.platform for one in WORKFLOWS))


def text(workflow: Workflow) -> str:
    """Return what a workflow says."""
    return files(__name__).joinpath(workflow.source).read_text(encoding="utf-8")


def write(folder: Path, platforms: Sequence[str] = PLATFORMS) -> list[tuple[Workflow, Path]]:
    """Write the workflows of some platforms into `folder`, one folder for each repository.

    Raises:
        ConfigError: If a file is there already and says something else; then nothing is written.
    """
    wanted = [(one, folder / one.path) for one in WORKFLOWS if one.platform in platforms]
    for workflow, path in wanted:
        if path.exists() and (
            not path.is_file() or path.read_bytes() != text(workflow).encode("utf-8")
        ):
            raise ConfigError(
                f"{path}: expected no file, or the one that GradLab writes, got another."
                " Move yours away, or name another folder: -o."
            )
    for workflow, path in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text(workflow).encode("utf-8"))
    return wanted
