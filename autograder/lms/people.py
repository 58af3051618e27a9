"""Who is who: find the student whom a platform means, or say why that is not certain.

An id decides (a student id, an alias of the roster, an e-mail address). Without one, a full name
decides if it is exactly a student's and nobody else's, on either side. A name that only looks like
a student's (another case, no accents, other spaces) is never taken: it is listed with that student.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from autograder.models import frozen


@frozen
class Person:
    """A student, as the course knows them."""

    student_id: str
    name: str = ""
    aliases: tuple[str, ...] = ()


@frozen
class Claim:
    """Somebody on a platform, as the platform knows them."""

    ids: tuple[str, ...] = ()
    name: str = ""


@frozen
class Match:
    """The student whom a claim means; or nobody, and why."""

    student_id: str | None
    reason: str = ""
    by_name: bool = False


def spoken(name: str) -> str:
    """Return a name in NFC with single spaces, "Last, First" turned round."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    last, comma, first = name.partition(", ")
    return f"{first} {last}" if comma and first and "," not in first else name


def folded(name: str) -> str:
    """Return what is left of a name without case, accents, punctuation and order of words."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(sorted(kept.split()))


def match(people: Iterable[Person], claims: Sequence[Claim]) -> list[Match]:
    """Find every claim's student; claims are matched together, since names must be unique."""
    known = _People(people)
    found = [known.find(claim) for claim in claims]
    by_id = {one.student_id for one in found if one.student_id and not one.by_name}
    names = Counter(one.student_id for one in found if one.student_id and one.by_name)
    return [
        _doubted(one, claim, by_id, names) if one.by_name else one
        for one, claim in zip(found, claims, strict=True)
    ]


def _doubted(one: Match, claim: Claim, by_id: set[str], names: Counter[str]) -> Match:
    """Take a match by name back if somebody else has it, too."""
    assert one.student_id is not None
    if one.student_id in by_id:
        reason = f"{claim.name!r} is also the name of {one.student_id}, whose id stands elsewhere"
    elif names[one.student_id] > 1:
        reason = f"{names[one.student_id]} here are called {claim.name!r}, as is {one.student_id}"
    else:
        return one
    return Match(student_id=None, reason=reason)


class _People:
    def __init__(self, people: Iterable[Person]) -> None:
        self._ids: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._names: defaultdict[str, list[str]] = defaultdict(list)
        self._folded: defaultdict[str, list[Person]] = defaultdict(list)
        for person in people:
            for one in (*person.aliases, person.student_id):
                self._ids[_key(one)][person.student_id] = None
            if person.name:
                self._names[spoken(person.name)].append(person.student_id)
                self._folded[folded(person.name)].append(person)

    def find(self, claim: Claim) -> Match:
        owners = {owner: one for one in claim.ids if one for owner in self._ids.get(_key(one), ())}
        if len(owners) > 1:
            said = ", ".join(f"{one!r} is {owner}" for owner, one in sorted(owners.items()))
            return Match(student_id=None, reason=f"its ids mean two students: {said}")
        if owners:
            return Match(student_id=next(iter(owners)))
        return self._by_name(claim)

    def _by_name(self, claim: Claim) -> Match:
        same = self._names.get(spoken(claim.name), []) if claim.name else []
        if len(same) == 1:
            return Match(student_id=same[0], by_name=True)
        if same:
            reason = f"{len(same)} students are called {claim.name!r}: {', '.join(same)}"
            return Match(student_id=None, reason=reason)
        near = self._folded.get(folded(claim.name), []) if folded(claim.name) else []
        if near:
            said = ", ".join(f"{one.student_id} is {one.name!r}" for one in near)
            return Match(student_id=None, reason=f"nobody is called {claim.name!r}, but {said}")
        return Match(student_id=None, reason="nobody has this id or name")


def _key(one: str) -> str:
    """Compare e-mail addresses without case, everything else exactly."""
    one = unicodedata.normalize("NFC", one.strip())
    return one.casefold() if "@" in one else one
