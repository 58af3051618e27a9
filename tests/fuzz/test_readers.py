"""Whatever a file or a frame holds: it is read, or refused in the documented words.

Each campaign runs in a process that the kernel ends if it takes too much memory or time; see
`campaign`. A new reader is one entry of `readers.READERS`.
"""

import struct
import tracemalloc
from contextlib import suppress

import pytest

from autograder.sandbox import wire
from tests.fuzz import frames
from tests.fuzz.campaign import run
from tests.fuzz.readers import READERS

SHARE = 30  # of each reader, in every test run
COUNTS = {  # slow proofs; with the seeds of each campaign on top
    "frames from a worker": 140_000,
    "frames for a worker": 60_000,
    "replies of a worker": 20_000,
    "a notebook": 6_000,
    "a module": 6_000,
    "an archive": 3_000,
    "grading_config.yml": 3_000,
    "submissions.csv": 3_000,
    "the roster": 3_000,
    "the ledger": 3_000,
}
OF_OUT = 1_000  # of each file that grading leaves behind


@pytest.mark.parametrize("name", ["frames from a worker", "an archive", "grading_config.yml"])
def test_a_few_mutants_are_read_or_refused(name):
    outcomes = run(name, SHARE, seed=0)
    assert outcomes["read"] > 0


@pytest.mark.prove
@pytest.mark.parametrize("name", READERS)
def test_mutants_are_read_or_refused(name):
    count = COUNTS.get(name, OF_OUT)
    outcomes = run(name, count, seed=1)
    assert outcomes["read"] > 0  # not everything is refused
    assert outcomes["corpus"] > 0
    assert sum(outcomes.values()) - outcomes["corpus"] >= count


# --- memory, in multiples of what came -----------------------------------------------------------

MULTIPLE, BESIDES = 64, 64 << 10  # see `wire.receive`
SIZE = 200_000  # bytes of a dense header
DENSE = {
    "empty lists": b"[]",
    "empty objects": b"{}",
    "small objects": b'{"":0}',
    "numbers": b"0.1",
    "large integers": b"99999999",
    "strings": b'"ab"',
    "wide strings": "\U0001f600".join('""').encode(),
    "tuples": b'{"!":"tuple","items":[]}',
    "dicts": b'{"!":"dict","items":[]}',
    "pairs": b'{"!":"dict","items":[[1,2]]}',
    "floats": b'{"!":"float","bits":"000000000000f07f"}',
    "scalars": b'{"!":"scalar","dtype":"int8","bits":"00"}',
    "tensors": b'{"!":"tensor","dtype":"int8","shape":[0],"device":"cpu","at":0}',
    "arrays": b'{"!":"array","dtype":"int8","shape":[0],"at":0}',
}


@pytest.mark.parametrize("kind", DENSE)
def test_a_dense_frame_takes_a_bounded_multiple_of_its_size(kind):
    """The peak while it is received and unpacked, by what Python allocates."""
    items = b",".join([DENSE[kind]] * (SIZE // (len(DENSE[kind]) + 1)))
    head = b'{"value":[' + items + b"]}"
    frame = struct.pack("<4sIQ", wire.MAGIC, len(head), 0) + head
    tracemalloc.start()
    try:
        with suppress(wire.WireError):
            header, payload = frames.receive(frame)
            wire.unpack(header["value"], payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= MULTIPLE * len(frame) + BESIDES, peak / len(frame)


def test_a_frame_that_lies_about_its_length_takes_no_memory_beyond_the_limits():
    limits = wire.WireLimits(header_bytes=4096, payload_bytes=4096)
    lie = struct.pack("<4sIQ", wire.MAGIC, 1 << 31, 1 << 62)
    tracemalloc.start()
    try:
        with pytest.raises(wire.WireError, match="expected at most 4 KiB and 4 KiB"):
            frames.receive(lie, limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < BESIDES
