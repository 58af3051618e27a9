"""Frames of every kind, changed in their structure or byte by byte, and how they are read."""

from __future__ import annotations

import json
import math
import random
import re
import socket
import struct
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from autograder.sandbox import wire
from tests.fuzz.mutation import mutate
from tests.fuzz.readers import Reader

PREFIX = struct.Struct("<4sIQ")
BUFFER = 4 << 20  # of the socket: a frame is sent before it is read


@dataclass(frozen=True)
class Stays:
    """What stands for an object that does not cross."""

    number: int


def values() -> list[Any]:
    """Return a value for every kind of tree that there is."""
    torch.manual_seed(0)
    matrix, array = torch.randn(3, 4), np.arange(12.0).reshape(3, 4)
    tensors = [torch.ones(2, 2).to(dtype) for dtype in wire.TENSOR_DTYPES.values()]
    arrays = [np.ones((2, 2), dtype) for dtype in wire.ARRAY_DTYPES.values()]
    frozen = array.copy()
    frozen.flags.writeable = False
    return [
        [1, -(2**70), True, None, "text \ud800 é", 0.5, math.nan, -math.inf, 1 - 2j],
        {"a": [1, (2, {3: ()})], 2: None, None: 1.5, False: OrderedDict(x=1)},
        tensors,
        arrays,
        [kind(1) for kind in (np.float32, np.int8, np.bool_, np.complex128)],
        [matrix.t(), matrix[1:, ::2], matrix[:1].expand(5, 3, 4), matrix.unfold(0, 2, 1)],
        [array[::-1], array.T[1:], np.broadcast_to(array, (2, 3, 4)), frozen, np.empty((0, 3))],
        [torch.empty(0, 4), torch.tensor(3.0), torch.nn.Parameter(torch.ones(2)) * 2],
        [torch.Generator().manual_seed(3), torch.bfloat16, Stays(7)],
    ]


def framed(header: dict[str, Any], payload: bytes) -> bytes:
    """Return one frame as `wire.send` writes it."""
    head = json.dumps(header, separators=(",", ":")).encode()
    return PREFIX.pack(wire.MAGIC, len(head), len(payload)) + head + payload


def seeds(*, from_worker: bool) -> list[bytes]:
    """Return a frame of each kind."""
    made = []
    for value in values():
        tree, buffers = wire.pack(
            value, keep_layout=not from_worker, handle=lambda one: getattr(one, "number", 0)
        )
        made.append(framed({"seq": 3, "ok": True, "value": tree}, b"".join(buffers)))
    return made


# --- mutants -------------------------------------------------------------------------------------

_LEAVES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        63,
        64,
        65,
        1 << 31,
        1 << 48,
        (1 << 48) + 1,
        1 << 60,
        1 << 64,
    ),
    *(
        -(1 << 64),
        1 << 4096,
        0.5,
        1e308,
        "",
        "x",
        "ff" * 8,
        "00" * 16,
        "float32",
        "bool",
        "bfloat16",
    ),
    *(
        "int64",
        "cpu",
        "cuda:0",
        "mps",
        "meta",
        "nn",
        "tensor",
        "array",
        "handle",
        [],
        {},
        [[]],
        "é\0",
    ),
)
_KEYS = ("!", "items", "dtype", "shape", "strides", "offset", "device", "at", "bits", "size", "id")


def change(data: bytes, rng: random.Random, corpus: Sequence[bytes]) -> bytes:
    """Change a frame: mostly its tree, whose lengths stay honest; else bytes, or lengths."""
    parts = _parts(data)
    if parts is None or rng.random() < 0.25:
        changed = mutate(data, rng, corpus, (wire.MAGIC, b'"!":"tensor"', b'"strides":[0]'))
        return changed if rng.random() < 0.5 else _honest(changed)
    header, payload = parts
    for _ in range(rng.choice((1, 1, 2, 3))):
        other = _parts(rng.choice(corpus))
        header = _changed(header, rng, other[0] if other else {})
    if rng.random() < 0.3:
        payload = rng.choice((mutate(payload, rng, corpus), payload[: rng.randrange(200)], b""))
    if rng.random() < 0.03:
        header["value"] = _nested(rng)
    try:
        frame = framed(header, payload[:100_000])
    except (ValueError, RecursionError):
        return data
    if rng.random() < 0.05:
        lie = PREFIX.pack(wire.MAGIC, rng.choice((0, 5, 1 << 31)), rng.choice((0, 9, 1 << 63)))
        return lie + frame[PREFIX.size :]
    return frame[:200_000]


def _parts(data: bytes) -> tuple[dict[str, Any], bytes] | None:
    """Return the header and the payload of what may be a frame."""
    if len(data) < PREFIX.size:
        return None
    _, size, _ = PREFIX.unpack(data[: PREFIX.size])
    head = data[PREFIX.size : PREFIX.size + size]
    try:
        header = json.loads(head)
    except (ValueError, RecursionError):
        return None
    return (header, data[PREFIX.size + size :]) if isinstance(header, dict) else None


def _honest(data: bytes) -> bytes:
    """Return the frame with lengths that are true, if the header ends where it seems to."""
    data = data.ljust(PREFIX.size)
    end = data.find(b"\0", PREFIX.size)
    end = len(data) if end < 0 else end
    return PREFIX.pack(wire.MAGIC, end - 16, len(data) - end) + data[16:]


def _changed(tree: Any, rng: random.Random, other: Any) -> Any:
    """Return a tree with one place of it changed; `other` is one to take from."""
    places: list[tuple[Any, Any]] = []
    _walk(tree, places)
    if not places:
        return tree
    holder, key = rng.choice(places)
    kind = rng.randrange(7)
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(_KEYS)] = rng.choice(_LEAVES)
    elif kind == 2 and isinstance(holder, list):
        holder.extend([holder[key]] * rng.choice((1, 3, 40)))
    elif kind == 3:
        elsewhere: list[tuple[Any, Any]] = []
        _walk(other, elsewhere)
        if elsewhere:
            source, at = rng.choice(elsewhere)
            holder[key] = json.loads(json.dumps(source[at]))
    elif kind == 4 and type(holder[key]) is int:
        holder[key] += rng.choice((1, -1, 64, -64, 1 << 20))
    elif kind == 5:
        holder[key] = rng.choice(({"!": "tuple", "items": [holder[key]]}, [holder[key]]))
    else:
        holder[key] = rng.choice(_LEAVES)
    return json.loads(json.dumps(tree))  # nothing shared


def _walk(tree: Any, places: list[tuple[Any, Any]]) -> None:
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(entries):
        places.append((tree, key))
        if isinstance(value, dict | list):
            _walk(value, places)


def _nested(rng: random.Random) -> Any:
    tree: Any = rng.choice((1, [], {"!": "tuple", "items": []}))
    for _ in range(rng.choice((14, 15, 16, 17, 60, 400))):
        tree = [tree] if rng.random() < 0.5 else {"!": "tuple", "items": [tree]}
    return tree


# --- reading -------------------------------------------------------------------------------------


FROM_WORKERS = wire.WireLimits(payload_bytes=64 << 20)


def receive(
    data: bytes, limits: wire.WireLimits = FROM_WORKERS
) -> tuple[dict[str, Any], bytearray]:
    """Return what `wire.receive` makes of bytes that a peer sent before it hung up."""
    here, there = socket.socketpair()
    with here, there:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        here.sendall(data)
        here.close()
        return wire.receive(there, limits=limits)


def read(data: bytes, *, keep_layout: bool) -> None:
    """Read a frame as its receiver does; what was accepted crosses once more, unchanged."""
    header, payload = receive(data)
    tree = header.get("value")
    value = wire.unpack(
        tree, payload, keep_layout=keep_layout, handle=lambda number, _: Stays(number)
    )
    wire.devices(tree)
    wire.requires_grad(tree)
    repr(value)
    try:
        first = _packed(value, keep_layout)
    except wire.WireError as error:
        # A few bytes, read at overlapping strides, may be more than a frame holds.
        if keep_layout and re.search("at most .*Use less", str(error)):
            return
        raise AssertionError("what was accepted does not cross again") from error
    tree = json.loads(json.dumps(first[0], allow_nan=False))
    again = wire.unpack(
        tree, bytearray(first[1]), keep_layout=keep_layout, handle=lambda number, _: Stays(number)
    )
    assert _packed(again, keep_layout) == first


def _packed(value: Any, keep_layout: bool) -> tuple[Any, bytes]:
    tree, buffers = wire.pack(value, keep_layout=keep_layout, handle=lambda one: one.number)
    return tree, b"".join(buffers)


def reader(*, from_worker: bool) -> Reader:
    """Return the reader of one direction."""
    return Reader(
        read=lambda data: read(data, keep_layout=not from_worker),
        seeds=seeds(from_worker=from_worker),
        files=("autograder/sandbox/wire.py",),
        refusals=(wire.WireError, EOFError),
        form=r"(frame|value): .+",
        mutate=change,
        memory=256 << 20 if from_worker else 2 << 30,  # a worker may use as much as its student
    )


def replies() -> Reader:
    """Return the reader of a worker's whole reply: as a call's value, or as what became of it."""
    from autograder.checks.student import CaseEndedError, Student

    def request(data: bytes) -> object:
        class Wire:
            def request(self, _header: Any, _buffers: Any) -> Any:
                return receive(data)

        return Student(Wire()).request({"op": "call", "target": "f"}, [torch.ones(2)], {})

    error = {"kind": "exception", "type": "ValueError", "message": "m", "traceback": "t", "line": 3}
    kinds = ("exception", "forbidden", "missing", "unsupported")
    failures = [{**error, "kind": kind, "name": "torch.exp", "memory": False} for kind in kinds]
    return Reader(
        read=request,
        seeds=[
            *(framed({"seq": 1, "ok": False, "error": failure}, b"") for failure in failures),
            *seeds(from_worker=True),
        ],
        files=("autograder/checks/student.py", "autograder/sandbox/wire.py"),
        refusals=(wire.WireError, EOFError, CaseEndedError),
        mutate=change,
    )
