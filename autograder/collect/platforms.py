"""Which platform SOURCE comes from, and which student each of its people is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType

from autograder.collect import canvas, classroom50, git, gradescope, moodle
from autograder.collect.handed import Handed, Look
from autograder.collect.tables import STUDENT_ID, Roster
from autograder.errors import ConfigError
from autograder.lms.people import Claim, Match, Person, match
from autograder.models import Submission

FOLDER = "folder"
_MODULES: dict[str, ModuleType] = {  # the most certain sign first
    "moodle": moodle,
    "gradescope": gradescope,
    "classroom50": classroom50,
    "canvas": canvas,
    "git": git,
}
ORIGINS = (*_MODULES, FOLDER)


def recognised(look: Look, only: str | None = None) -> str | None:
    """Name the platform (or this one `only`) that SOURCE looks like; None for one's own folder."""
    names = _MODULES if only is None else [only]
    return next((name for name in names if _MODULES[name].recognises(look)), None)


def handed_in(origin: str, look: Look) -> list[Handed]:
    """Return what everybody handed in on a platform.

    Raises:
        ConfigError: If what the platform wrote about it is missing or wrong.
    """
    if look.worksheet is not None and origin not in {"moodle", "canvas"}:
        raise ConfigError(
            f"--worksheet: expected a download of Moodle or Canvas to go with it, got {origin}. "
            f"Leave it out, or say which it is: --from."
        )
    found: list[Handed] = _MODULES[origin].handed_in(look)
    return found


def identified(
    handed: Sequence[Handed], roster: Roster | None, known: Iterable[Submission], notes: list[str]
) -> list[tuple[str, Handed]]:
    """Say which student each one is: by the roster, else by what OUT knows, else a new one.

    Whoever the roster does not name for certain keeps the platform's own id, with a note; without
    anything handed in, they are left out.

    Raises:
        ConfigError: If two people would become one student.
    """
    students = roster.students.values() if roster else ()
    people = [Person(student_id=s.student_id, name=s.name, aliases=s.aliases) for s in students]
    claims = [Claim(ids=(*one.ids, _key(one)), name=one.account.name) for one in handed]
    found = match(people, claims)
    before = {_account_key(a.platform, a.id): s.student_id for s in known for a in s.accounts}
    by_name = sum(one.by_name for one in found)
    if by_name:
        notes.append(f"{by_name} of {len(handed)} were found in the roster by full name alone.")
    pairs = [
        (_student_id(one, matched, before, notes, roster=roster is not None), one)
        for one, matched in zip(handed, found, strict=True)
    ]
    kept = [(student_id, one) for student_id, one in pairs if student_id is not None]
    _check_distinct(kept)
    return kept


def _key(one: Handed) -> str:
    return _account_key(one.account.platform, one.account.id)


def _account_key(platform: str, account: str) -> str:
    return f"{platform}:{account}"


def _student_id(
    one: Handed, matched: Match, before: dict[str, str], notes: list[str], *, roster: bool
) -> str | None:
    if matched.student_id:
        return matched.student_id
    if not roster or _key(one) in before:
        return before.get(_key(one), one.student_id)
    who = one.account.name or one.where or one.student_id
    doubt = f"{who} ({one.account.platform} {one.account.id}): {matched.reason}"
    if not one.entries and not one.problem:  # a test student, another class: nobody is missed
        notes.append(f"{doubt}; nothing handed in, left out.")
        return None
    notes.append(
        f"{doubt}; kept as {one.student_id}. Add an alias to the roster, and collect again."
    )
    return one.student_id


def _check_distinct(pairs: Sequence[tuple[str, Handed]]) -> None:
    owners: dict[str, Handed] = {}
    faults = []
    for student_id, one in pairs:
        first = owners.setdefault(student_id, one)
        if _key(first) != _key(one):
            faults.append(
                f"{one.where or one.account.name}: expected one student for each account, got "
                f"{student_id} here and for {first.where or first.account.name}. "
                f"Give each an id of its own: --roster."
            )
        elif not STUDENT_ID.fullmatch(student_id):
            faults.append(
                f"{one.where}: expected a student id that is safe as a file's name, got "
                f"{student_id!r}. Name it in the roster, and {student_id!r} as an alias."
            )
    if faults:
        raise ConfigError("\n".join(faults))
