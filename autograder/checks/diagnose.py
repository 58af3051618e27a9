"""Why is it wrong? Known mistakes by their transcripts, then algebra.

A transcript is what a known mistake showed when the suite was played with it: for each comparison,
whether it was right and, if not, the fingerprint of its value. A student's wrong values are held
against those. Values that came from a student never enter reference or mistake code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from autograder.checks.fingerprint import Fingerprint, agree, raised
from autograder.checks.play import Played
from autograder.checks.student import BlockedError, CaseEndedError
from autograder.models import Diagnosis, Reason

# Of a value's norm: above the rounding of float32, below what tells two mistakes apart.
AGREEMENT = 2e-5

Key = tuple[str, int]  # case id, ordinal of the comparison; 0 stands for a call that gave no value


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What one known mistake shows in each comparison; None where it is right."""

    mistake: str
    hints: tuple[str, ...]
    seen: Mapping[Key, Fingerprint | None]

    def as_json(self) -> dict[str, Any]:
        """Return plain data for a student's machine: no output can be read back from it."""
        seen = [[case, ordinal, value] for (case, ordinal), value in self.seen.items()]
        return {"mistake": self.mistake, "hints": list(self.hints), "seen": seen}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Transcript:
        """Read what `as_json` wrote."""
        seen = {(case, ordinal): value for case, ordinal, value in data["seen"]}
        return cls(mistake=data["mistake"], hints=tuple(data["hints"]), seen=seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrong:
    """The wrong and the right comparisons of one part."""

    wrong: dict[Key, Fingerprint]
    right: frozenset[Key]


def transcribe(played: Sequence[Played]) -> dict[Key, Fingerprint | None]:
    """Return what a version showed, comparison by comparison."""
    seen: dict[Key, Fingerprint | None] = {}
    for one in played:
        for observation in one.observations:
            seen[one.case.id, observation.ordinal] = observation.seen
        if one.ended is not None:
            seen[one.case.id, 0] = _raised(one.ended)
    return seen


def diagnose(played: Sequence[Played], transcripts: Sequence[Transcript]) -> tuple[Diagnosis, ...]:
    """Explain what is wrong with one exercise, each returned tensor by itself.

    One mistake that explains every wrong tensor is named alone; otherwise each tensor gets the one
    that explains it, so that two bugs give two hints; then come constant ratios and transposes.
    Zeros and NaN explain nothing by themselves.
    """
    parts = _by_part(played)
    if not parts:
        return ()
    matches = {part: _matching(found, transcripts) for part, found in parts.items()}
    shared = [t for t in transcripts if all(t in found for found in matches.values())]
    if len(shared) > 1:
        shared = _closest(shared, _right(played))
    if len(shared) == 1:
        return (_named(shared[0], tuple(parts)),)
    return _part_by_part(played, parts, matches)


def _part_by_part(
    played: Sequence[Played],
    parts: Mapping[str, _Wrong],
    matches: Mapping[str, list[Transcript]],
) -> tuple[Diagnosis, ...]:
    found: dict[str, list[str]] = {}
    hints: dict[str, Diagnosis] = {}
    for part, candidates in matches.items():
        best = _closest(candidates, parts[part].right) if _says_much(parts[part]) else []
        diagnosis = _named(best[0], (part,)) if len(best) == 1 else _probe(played, part)
        if diagnosis is not None:
            key = diagnosis.mistake or diagnosis.hints[0]
            found.setdefault(key, []).append(part)
            hints[key] = diagnosis
    return tuple(
        Diagnosis(mistake=hints[key].mistake, parts=tuple(names), hints=hints[key].hints)
        for key, names in found.items()
    )


def _by_part(played: Sequence[Played]) -> dict[str, _Wrong]:
    wrong: dict[str, dict[Key, Fingerprint]] = {}
    right: dict[str, set[Key]] = {}
    for one in played:
        for observation in one.observations:
            key = (one.case.id, observation.ordinal)
            if observation.seen is not None:
                wrong.setdefault(observation.part, {})[key] = observation.seen
            else:
                right.setdefault(observation.part, set()).add(key)
        if _is_wrong(one.ended):
            value = _raised(one.ended)
            for part in one.case.parts:
                wrong.setdefault(part, {})[one.case.id, 0] = value
    return {
        part: _Wrong(wrong=values, right=frozenset(right.get(part, ())))
        for part, values in wrong.items()
    }


def _is_wrong(ended: CaseEndedError | None) -> TypeGuard[CaseEndedError]:
    """Whether a case ended by what this exercise's own code did, or returned."""
    if ended is None or isinstance(ended, BlockedError):
        return False
    return ended.reason in (Reason.EXCEPTION, Reason.TYPE)


def _raised(ended: CaseEndedError) -> Fingerprint:
    return raised(ended.raised or ended.reason.value)


def _matching(found: _Wrong, transcripts: Sequence[Transcript]) -> list[Transcript]:
    """Return the mistakes that agree wherever the student differs from the truth.

    Where the student is right more often than wrong although the mistake would be wrong there, it
    is another one, whose hints would not be true. Exceptions alone are weak evidence: they count
    if they come in exactly the cases in which the mistake raises them too, and others are right.
    """
    if all(value[0] == "raised" for value in found.wrong.values()):
        transcripts = [
            transcript
            for transcript in transcripts
            if found.right
            and all(transcript.seen.get(key, "absent") is None for key in found.right)
        ]
    return [
        transcript
        for transcript in transcripts
        if all(
            (seen := transcript.seen.get(key)) is not None and agree(seen, value, rtol=AGREEMENT)
            for key, value in found.wrong.items()
        )
        and sum(transcript.seen.get(key) is not None for key in found.right) <= len(found.wrong)
    ]


def _says_much(found: _Wrong) -> bool:
    """Whether some wrong value is no zero and no NaN: many mistakes give the same ones of those.

    Then a mistake that the other tensors contradict is not named for this one alone.
    """
    return any(value[0] != "array" or value[2] > 0 for value in found.wrong.values())


def _right(played: Sequence[Played]) -> frozenset[Key]:
    """Return the comparisons, of whatever part, that the student gets right."""
    return frozenset(
        (one.case.id, observation.ordinal)
        for one in played
        for observation in one.observations
        if observation.seen is None
    )


def _closest(candidates: list[Transcript], right: frozenset[Key]) -> list[Transcript]:
    """Of several, keep the one that is right wherever the student is right."""
    if len(candidates) < 2:
        return candidates
    exact = [
        transcript
        for transcript in candidates
        if all(transcript.seen.get(key, "absent") is None for key in right)
    ]
    return exact if len(exact) == 1 else candidates


def _named(transcript: Transcript, parts: tuple[str, ...]) -> Diagnosis:
    return Diagnosis(mistake=transcript.mistake, parts=parts, hints=transcript.hints)


# --- algebraic probes -------------------------------------------------------------------------


def _probe(played: Sequence[Played], part: str) -> Diagnosis | None:
    """Name a transpose, or one constant factor between what came back and what is right."""
    wrong = [
        observation
        for one in played
        for observation in one.observations
        if observation.part == part and not observation.verdict.ok
    ]
    if wrong and all(one.verdict.transposed for one in wrong):
        return _hint(
            part,
            "has the right numbers with rows and columns exchanged",
            "it shows wherever it has two axes",
            "Which axis counts what, in the formula?",
        )
    ratios = [(one.verdict.ratio, one.sizes) for one in wrong]
    if not ratios or any(ratio is None for ratio, _ in ratios):
        return None
    known = [(ratio, sizes) for ratio, sizes in ratios if ratio is not None]
    for name, question, expected in _RATIOS:
        values = [(ratio, expected(sizes)) for ratio, sizes in known]
        if all(
            want is not None and math.isclose(ratio, want, rel_tol=1e-5) for ratio, want in values
        ):
            return _hint(
                part,
                f"is {name} the right value, element by element",
                "the direction is right in every case, only the size is off",
                question,
            )
    return None


def _hint(part: str, what: str, where: str, question: str) -> Diagnosis:
    return Diagnosis(
        mistake=None, parts=(part,), hints=(f"{part} {what}.", f"In {part}: {where}.", question)
    )


def _size(axis: int, power: float) -> Any:
    def expected(sizes: tuple[int, ...]) -> float | None:
        if len(sizes) < 2 or sizes[axis] == 1:
            return None
        return math.pow(sizes[axis], power)

    return expected


def _mean_over_all(sizes: tuple[int, ...]) -> float | None:
    return 1.0 / math.prod(sizes) if len(sizes) > 1 and math.prod(sizes) > 1 else None


# (what the value is, the question, the factor for inputs of a given size)
_RATIOS: tuple[tuple[str, str, Any], ...] = (
    ("minus", "Would a small step against this gradient raise or lower the loss?", lambda _: -1.0),
    ("twice", "Which factor of the derivative is counted a second time?", lambda _: 2.0),
    ("half", "Which factor of the derivative is left out?", lambda _: 0.5),
    ("N times (N is the batch size)", "Is the loss a sum or a mean over the batch?", _size(0, 1.0)),
    ("1/N of (N is the batch size)", "How many times does the batch size divide?", _size(0, -1.0)),
    ("C times (C is the size of the last axis)", "Over which axes is the mean?", _size(-1, 1.0)),
    ("1/C of (C is the size of the last axis)", "Over which axes is the mean?", _size(-1, -1.0)),
    ("sqrt(C) times (C is the size of the last axis)", "What is the scale for?", _size(-1, 0.5)),
    ("1/sqrt(C) of (C is the size of the last axis)", "What is the scale for?", _size(-1, -0.5)),
    ("a mean over all elements of", "Over which axes is the mean?", _mean_over_all),
)
