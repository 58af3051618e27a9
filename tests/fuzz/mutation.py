"""Change bytes a little, or a lot: most of what a mutant says must still mean something."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

WORDS = re.compile(rb"\w+|\s+|[^\w\s]")
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
EVERYWHERE = (
    *(b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae", b"\xc2\x85"),
    *(b"\r", b"\n", b"\t", b" ", b"\x1b[31m", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000", b"%s", b"'"),
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b"(", b")", b",", b":", b"-", b"#", b"&a", b"*a", b"!!"),
    *(b"null", b"true", b"NaN", b"Infinity", b"1e999", b"1e-999", b"1/0", b"9" * 25, b"9" * 5000),
)
NUMBERS = (
    *(b"0", b"-1", b"1", b"-0", b"2147483648", b"18446744073709551616", b"1e308", b"1e99999"),
    *(b"9" * 400, b"9" * 4300, b"0x10", b"1_0", b"0.1", b"1.5e3", b"00", b"1e-400", b"9999"),
)

Mutator = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def mutate(
    data: bytes,
    rng: random.Random,
    corpus: Sequence[bytes],
    tokens: Sequence[bytes] = (),
    longest: int = 200_000,
) -> bytes:
    """Return `data` with one to five changes; `tokens` are words of its language."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
        change = rng.choice(_CHANGES)
        data = change(data, rng, rng.choice(corpus), (*EVERYWHERE, *tokens))[:longest]
    return data


def _place(data: bytes, rng: random.Random) -> int:
    return rng.randrange(len(data) + 1)


def _flip(data, rng, _, __):
    at = _place(data, rng)
    return (
        data[:at]
        + bytes(byte ^ 1 << rng.randrange(8) for byte in data[at : at + 1])
        + data[at + 1 :]
    )


def _insert(data, rng, _, tokens):
    at = _place(data, rng)
    return data[:at] + rng.choice(tokens) + data[at + rng.choice((0, 0, 1, 3)) :]


def _cut(data, rng, _, __):
    at = _place(data, rng)
    return data[:at] + data[at + rng.choice((1, 2, 5, 20, 100)) :]


def _end(data, rng, _, __):
    return data[: _place(data, rng)]


def _splice(data, rng, other, _):
    start, at = _place(other, rng), _place(data, rng)
    return data[:at] + other[start : start + rng.choice((5, 40, 300))] + data[at:]


def _repeat(data, rng, _, tokens):
    """Nest, or pile up."""
    at = _place(data, rng)
    piece = rng.choice((rng.choice(tokens), data[at : at + rng.choice((1, 2, 5, 30))]))
    return data[:at] + piece * rng.choice((2, 10, 99, 1000, 20_000)) + data[at:]


def _number(data, rng, _, __):
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    start, end = rng.choice(found).span()
    return data[:start] + rng.choice(NUMBERS) + data[end:]


def _swap_words(data, rng, _, __):
    return b"".join(_swapped(WORDS.findall(data), rng))


def _swap_lines(data, rng, _, __):
    return b"".join(_swapped(data.splitlines(keepends=True), rng))


def _word(data, rng, other, tokens):
    """Put another word, of this text or of another one, in the place of a word."""
    words = WORDS.findall(data)
    if not words:
        return data
    words[rng.randrange(len(words))] = rng.choice((*WORDS.findall(other)[:200], *tokens))
    return b"".join(words)


def _swapped(parts, rng):
    if len(parts) > 1:
        one, two = rng.randrange(len(parts)), rng.randrange(len(parts))
        parts[one], parts[two] = rng.choice(
            ((parts[two], parts[one]), (parts[one], parts[one]), (parts[one] + parts[two], b""))
        )
    return parts


_CHANGES = (
    *(_flip, _insert, _cut, _end, _splice, _repeat, _number, _number, _swap_words, _swap_lines),
    *(_word, _word, _insert),
)
