"""All attacks, by family."""

from __future__ import annotations

from tests.attacks.catalogue import (
    archives,
    blaming,
    byhand,
    exhausting,
    kernel,
    leaking,
    leaving,
    lying,
    names,
    notebooks,
    parsers,
    patching,
    peers,
    reading,
)
from tests.attacks.record import Attack

FAMILIES: dict[str, tuple[Attack, ...]] = {
    module.__name__.rpartition(".")[2]: module.ATTACKS
    for module in (
        *(reading, lying, patching, leaving, kernel, exhausting, peers),
        *(parsers, archives, notebooks, names, leaking, byhand, blaming),
    )
}
ATTACKS = tuple(attack for family in FAMILIES.values() for attack in family)

# One or two of each family, quick ones: for the fast tests.
_SAMPLE = (
    *("open-the-tests", "equals-everything", "patch-torch", "exit-zero-in-a-call", "sockets"),
    *("rubbish", "huge-literal", "zip-slip", "forged-metadata", "formula"),
    *("tell-by-message", "softmax-computed"),
)
SAMPLE = tuple(attack for attack in ATTACKS if attack.name in _SAMPLE)
