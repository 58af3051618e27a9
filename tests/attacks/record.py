"""What an attack is, and what must happen to it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import field

from autograder.models import frozen

BANNER = "said by an attacker"  # printed by each of them; must be found in OUT/private only
SECRET = "8675309"  # the digits of a hidden input; no student may read them
FOLDER = "@FOLDER@"
TIME = ("cpu_time", "wall_time")  # whichever is reached first: the machine may be busy
EXERCISES = ("scale", "tanh_backward", "softmax", "describe")

Content = str | bytes
Files = Mapping[str, Content]


@frozen
class End:
    """How one exercise must end."""

    outcome: str
    points: float = 0.0
    reasons: frozenset[str] = frozenset()  # of the cases that do not pass: any of these, no other
    review: bool | None = None  # whether a person is asked to look; None: either


@frozen
class Attack:
    """One hostile submission or input.

    Attributes:
        name: Short, as part of a student id.
        tries: What it would achieve, in one sentence.
        files: What is handed in, or how to make it; a folder, file by file.
        ends: How the exercises that are handed in must end.
        status: Of the grade.
        problem: Part of what an unreadable submission is told, or of a remark.
        called: The student's name on the roster.
        place: Makes what files cannot say (links, pipes) in the submission's folder.
        refused: The folder's own name, where it is no student id: it must be left out with a note.
        never: Text that its feedback must not hold, besides what no feedback may.
        undefended: How it wins where nobody defends: a way of `naive.WAYS`; empty if that is not
            shown, since it would hurt the machine or nobody else falls for it.
    """

    name: str
    tries: str
    files: Files | Callable[[], Files] = field(default_factory=dict)
    ends: Mapping[str, End] = field(default_factory=dict)
    status: str = "graded"
    problem: str = ""
    called: str = ""
    place: Callable[..., None] | None = None
    refused: str = ""
    never: tuple[str, ...] = ()
    undefended: str = ""

    def contents(self, folder: str) -> dict[str, bytes]:
        """Return the files as bytes, for a batch in `folder`."""
        files = self.files() if callable(self.files) else self.files
        return {
            name: content.replace(FOLDER, folder).encode("utf-8", "surrogatepass")
            if isinstance(content, str)
            else content
            for name, content in files.items()
        }


def python(text: str, **siblings: Content) -> dict[str, Content]:
    """Return a module that says that it is an attacker's, and modules beside it."""
    lines = f'print("{BANNER}", flush=True)\n\n{textwrap.dedent(text).strip()}\n'
    return {"small.py": lines, **{f"{name}.py": text for name, text in siblings.items()}}


def failed(*reasons: str, points: float = 0.0) -> End:
    """Return the end of a wrong exercise."""
    return End(outcome="failed", points=points, reasons=frozenset(reasons))


def stopped(*reasons: str) -> End:
    """Return the end of an exercise that was not played, since its file ended the worker."""
    return End(outcome="error", reasons=frozenset(reasons))


def honest(points: float = 1.0, *, review: bool = False) -> End:
    """Return the end of a right exercise: what it tried besides was refused."""
    return End(outcome="passed", points=points, review=review)


FORBIDDEN = End(outcome="forbidden")
BLANK = End(outcome="not_implemented")
