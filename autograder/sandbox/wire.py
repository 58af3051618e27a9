"""Frames between the trusted process and a worker: a JSON header and raw buffers, never pickle.

A frame is a magic word, the header's length and the payload's length (little endian), then the
header as UTF-8 JSON, then the payload, in which every buffer starts at a multiple of 64 bytes.
`pack` turns a value into a JSON tree and buffers, `unpack` turns them back; what is no JSON value
by itself is an object tagged with "!". Both sides check every number before they believe it, and
the peer names no type beyond the fixed list here.
"""

from __future__ import annotations

import json
import math
import re
import socket
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_T = TypeVar("_T")
Tree = Any  # what `json` reads and writes
Buffer = bytes | bytearray | memoryview
Wait = Callable[[socket.socket, bool], None]  # (socket, writing): returns when ready, or raises

MAGIC = b"GLAB"
ALIGNMENT = 64
TENSOR_DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.complex128, torch.complex64),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}
ARRAY_DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(name)
    for name in (*TENSOR_DTYPES, "uint16", "uint32", "uint64")
    if name != "bfloat16"
}

# What Python, NumPy and torch raise of odd values; the last, of a device that torch cannot use.
_UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, RuntimeError, AssertionError)
_SCALARS = {np.dtype(code).type for code in np.typecodes["All"] if code not in "OSUV"}
# A table, not `getattr`: some of torch's attributes are modules that are imported when asked for.
_NAMED_DTYPES = {
    str(one).removeprefix("torch."): one for one in vars(torch).values() if type(one) is torch.dtype
}
_PREFIX = struct.Struct("<4sIQ")
_DOUBLE = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")
_DEVICE = re.compile(r"cpu|cuda(:\d{1,2})?|mps(:0)?")
_MAX_DIMS = 32
_MAX_NUMBER = 1 << 48  # of elements, strides and offsets: far beyond memory, safe from overflow
_MAX_INT_BITS = 4096
_MAX_KEY = 1 << 60  # larger ints can be made to collide, which turns a dict into a time bomb
_MAX_NAME = 80
_JOIN_BELOW = 64 << 10  # a frame up to this size is one buffer and one system call
_MAX_PIECES = 512  # buffers in one system call; the kernel takes 1024


class WireError(Exception):
    """A frame or a value is malformed, too large or of a kind that cannot cross."""


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What one frame may hold."""

    header_bytes: int = 4 << 20
    payload_bytes: int = 256 << 20
    depth: int = 16
    items: int = 200_000


DEFAULT_LIMITS = WireLimits()


# --- text that a stranger wrote ------------------------------------------------------------------


def printable(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, control and invisible ones escaped."""
    text = str.__getitem__(text, slice(0, limit))  # a str subclass has no say in this
    if text.isprintable():
        return text
    shown = (
        char if char in "\n\t" or char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )
    return "".join(shown)[:limit]


def type_name(kind: type) -> str:
    """Return the name of a class, whatever its metaclass says."""
    return printable(type.__dict__["__name__"].__get__(kind), _MAX_NAME)


# --- values to trees -----------------------------------------------------------------------------


def pack(
    value: object,
    *,
    keep_layout: bool = False,
    handle: Callable[[Any], int] | None = None,
    name: str = "value",
    device: str | None = None,
    limits: WireLimits = DEFAULT_LIMITS,
) -> tuple[Tree, list[Buffer]]:
    """Turn a value into a JSON tree and the buffers it refers to.

    A list becomes a JSON list, so several values that share one payload are packed as one:
    ``(args, kwargs), buffers = pack([args, kwargs])``.

    Args:
        value: None, bool, int, float, complex, str, list, tuple, dict with plain keys, tensor,
            array, NumPy scalar, `torch.Generator` (as its state), `torch.dtype`; nested at will.
        keep_layout: whether strides and storage offset cross too (inputs); otherwise tensors and
            arrays are made C-ordered (outputs). Memory between the elements never crosses.
        handle: gives the number of an object that is none of the above.
        name: what messages call the value.
        device: the device tag of every tensor, in place of its own.
        limits: how much one frame may hold.

    Raises:
        WireError: the value cannot cross.
    """
    packer = _Packer(keep_layout, handle, name, device, limits)
    return packer.value(value, 0), packer.buffers


class _Packer:
    """One value on its way out."""

    def __init__(
        self,
        keep_layout: bool,  # noqa: FBT001 - private, called once, from `pack`
        handle: Callable[[Any], int] | None,
        name: str,
        device: str | None,
        limits: WireLimits,
    ) -> None:
        self.buffers: list[Buffer] = []
        self._keep_layout = keep_layout
        self._handle = handle
        self._name = name
        self._device = device
        self._limits = limits
        self._size = 0
        self._items = 0
        self._text = 0

    def value(self, value: Any, depth: int) -> Tree:
        self._items += 1
        if self._items > self._limits.items:
            raise self._error(f"at most {self._limits.items} items", "more", "Use tensors")
        kind = type(value)
        if kind is NoneType or kind is bool:
            return value
        write = self._WRITERS.get(kind)
        if write is not None:
            return write(self, value, depth)
        if issubclass(kind, tuple):  # named tuples, `torch.return_types`
            return self._tuple(value, depth)
        return self._opaque(value, kind)

    def _error(self, expected: str, got: str, advice: str) -> WireError:
        return WireError(f"{self._name}: expected {expected}, got {got}. {advice}.")

    def _opaque(self, value: Any, kind: type, what: str = "") -> Tree:
        if self._handle is None:
            got = what or f"type {type_name(kind)}"
            raise self._error("tensors, arrays or plain data", got, "Convert it")
        return {"!": "handle", "id": self._handle(value), "type": type_name(kind)}

    def _characters(self, count: int) -> None:
        self._text += count
        if self._text > self._limits.header_bytes:
            most = show_bytes(self._limits.header_bytes)
            raise self._error(f"at most {most} of text and numbers", "more", "Use tensors")

    def _deeper(self, depth: int) -> int:
        if depth >= self._limits.depth:
            raise self._error(
                f"at most {self._limits.depth} levels of nesting", "more", "Flatten it"
            )
        return depth + 1

    # plain data

    def _str(self, value: str, _: int) -> Tree:
        self._characters(len(value))
        return value

    def _int(self, value: int, _: int) -> Tree:
        if value.bit_length() > _MAX_INT_BITS:
            raise self._error(
                f"integers of at most {_MAX_INT_BITS} bits",
                f"one of {value.bit_length()}",
                "Use a float",
            )
        self._characters(value.bit_length() // 3 + 2)
        return value

    def _float(self, value: float, _: int) -> Tree:
        if math.isfinite(value):
            return value
        return {"!": "float", "bits": _DOUBLE.pack(value).hex()}  # JSON has no nan and no inf

    def _complex(self, value: complex, _: int) -> Tree:
        return {"!": "complex", "bits": _COMPLEX.pack(value.real, value.imag).hex()}

    def _list(self, value: list[Any], depth: int) -> Tree:
        depth = self._deeper(depth)
        return [self.value(item, depth) for item in value]

    def _tuple(self, value: tuple[Any, ...], depth: int) -> Tree:
        depth = self._deeper(depth)
        return {"!": "tuple", "items": [self.value(item, depth) for item in tuple.__iter__(value)]}

    def _dict(self, value: dict[Any, Any], depth: int) -> Tree:
        depth = self._deeper(depth)
        if not all(map(_is_plain_key, dict.keys(value))):
            return self._opaque(value, type(value), "a dict with other keys")
        pairs = dict.items(value)
        return {
            "!": "dict",
            "items": [[self.value(key, depth), self.value(item, depth)] for key, item in pairs],
        }

    def _dtype(self, value: torch.dtype, _: int) -> Tree:
        return {"!": "dtype", "dtype": str(value).removeprefix("torch.")}

    def _generator(self, value: torch.Generator, _: int) -> Tree:
        if value.device.type != "cpu":
            raise self._error(
                "a generator on the CPU", f"one on {value.device}", "Make it on the CPU"
            )
        state = value.get_state().numpy()
        return {"!": "generator", "at": self._add(state), "size": state.size}

    # tensors and arrays

    def _tensor(self, value: Tensor, _: int) -> Tree:
        dtype = str(value.dtype).removeprefix("torch.")
        self._check_tensor(value, dtype)
        try:
            plain = value.detach().cpu().resolve_conj().resolve_neg()
            raw = (plain.view(torch.int16) if dtype == "bfloat16" else plain).numpy()
        except (RuntimeError, TypeError, ValueError) as error:
            reason = printable(" ".join(str(error).split()), 200)
            raise self._error(
                "an ordinary tensor", f"one without values ({reason})", "Clone it"
            ) from None
        shape = list(plain.shape)
        tree: dict[str, Tree] = {"!": "tensor", "dtype": dtype, "shape": shape}
        if self._keep_layout:
            strides, offset = plain.stride(), int(plain.storage_offset())
            if offset or strides != _c_strides(shape):
                self._check_size(offset * raw.itemsize)
                tree |= {"strides": list(strides), "offset": offset}
        elif value.requires_grad:
            tree["requires_grad"] = True
        tree["device"] = self._device or str(value.device)
        tree["at"] = self._add(raw)
        return tree

    def _check_tensor(self, value: Tensor, dtype: str) -> None:
        if value.layout is not torch.strided or value.is_nested:
            kind = "nested" if value.is_nested else str(value.layout)
            raise self._error("a dense tensor", f"one of layout {kind}", "Call .to_dense() on it")
        if value.is_meta:
            raise self._error(
                "a tensor with values", "one on the meta device", "Make it on the CPU"
            )
        if dtype not in TENSOR_DTYPES:
            raise self._error("a tensor of a common dtype", dtype, "Convert it, e.g. to float32")
        if not self._keep_layout:
            self._check_size(value.numel() * value.itemsize)

    def _array(self, value: NDArray[Any], _: int) -> Tree:
        dtype = value.dtype.name
        if dtype not in ARRAY_DTYPES:
            raise self._error("an array of numbers", f"dtype {dtype[:_MAX_NAME]}", "Convert it")
        if not value.dtype.isnative:
            value = value.astype(ARRAY_DTYPES[dtype])
        tree: dict[str, Tree] = {"!": "array", "dtype": dtype, "shape": list(value.shape)}
        if self._keep_layout:
            if value.strides != _c_strides(value.shape, value.itemsize):
                tree["strides"] = list(value.strides)
            if not value.flags.writeable:
                tree["readonly"] = True
        tree["at"] = self._add(value)
        return tree

    def _scalar(self, value: np.generic, _: int) -> Tree:
        dtype = value.dtype.name
        if dtype not in ARRAY_DTYPES:
            raise self._error("a number", f"a NumPy {dtype[:_MAX_NAME]}", "Convert it")
        return {"!": "scalar", "dtype": dtype, "bits": value.tobytes().hex()}

    def _add(self, raw: NDArray[Any]) -> int:
        """Append the memory of an array to the payload and return where it starts."""
        if raw.ndim > _MAX_DIMS:
            raise self._error(f"at most {_MAX_DIMS} dimensions", str(raw.ndim), "Reshape it")
        start = self._size
        if not raw.size:
            return start
        if raw.flags.c_contiguous:
            self._check_size(raw.nbytes)
        elif self._keep_layout:
            raw = self._spread(raw)
        else:
            self._check_size(raw.nbytes)
            raw = np.asarray(raw, order="C")
        self.buffers.append(raw.reshape(-1).view(np.uint8).data)
        padding = -raw.nbytes % ALIGNMENT
        if padding:
            self.buffers.append(bytes(padding))
        self._size = start + raw.nbytes + padding
        return start

    def _spread(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Copy the elements into memory of the same strides, with zeros in between."""
        low, high = _extent(raw.shape, raw.strides)
        once = tuple(slice(0, 1) if step == 0 else slice(None) for step in raw.strides)
        self._check_size(max(high - low + raw.itemsize, raw[once].nbytes))
        memory = np.zeros(high - low + raw.itemsize, np.uint8)
        view: NDArray[Any] = np.ndarray(
            raw.shape, raw.dtype, memory.data, offset=-low, strides=raw.strides
        )
        view[once] = raw[once]
        return memory

    def _check_size(self, nbytes: int) -> None:
        size = self._size + nbytes + -nbytes % ALIGNMENT
        if size > self._limits.payload_bytes:
            most = show_bytes(self._limits.payload_bytes)
            raise self._error(f"at most {most}", show_bytes(size), "Use less")

    # how each type crosses

    _WRITERS: ClassVar[dict[type, Callable[[_Packer, Any, int], Tree]]] = {
        str: _str,
        int: _int,
        float: _float,
        complex: _complex,
        list: _list,
        tuple: _tuple,
        dict: _dict,
        OrderedDict: _dict,
        defaultdict: _dict,
        Counter: _dict,
        torch.dtype: _dtype,
        torch.Generator: _generator,
        Tensor: _tensor,
        torch.nn.Parameter: _tensor,
        np.ndarray: _array,
        **dict.fromkeys(_SCALARS, _scalar),
    }


def _is_plain_key(key: object) -> bool:
    kind = type(key)
    if kind is int:
        return -_MAX_KEY < key < _MAX_KEY  # type: ignore[operator]  # mypy does not narrow by `is`
    return kind is str or kind is float or kind is bool or kind is NoneType


def _c_strides(shape: Sequence[int], itemsize: int = 1) -> tuple[int, ...]:
    """Return the strides of a C-ordered array, as torch and NumPy both count them."""
    strides = []
    step = itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _extent(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """Return the lowest and the highest offset that an index reaches; no size is 0."""
    reach = [(size - 1) * step for size, step in zip(shape, strides, strict=True)]
    return sum(min(0, end) for end in reach), sum(max(0, end) for end in reach)


def show_bytes(count: int) -> str:
    """Write a number of bytes as people do: "64 MiB"."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


# --- trees to values -----------------------------------------------------------------------------


def unpack(
    tree: Tree,
    payload: bytearray,
    *,
    keep_layout: bool = False,
    handle: Callable[[int, str], object] | None = None,
    limits: WireLimits = DEFAULT_LIMITS,
) -> Any:
    """Rebuild a value from a tree and a payload that a peer sent; tensors share the payload.

    Args:
        tree: what `pack` made of the value; anything at all, if the peer is hostile.
        payload: the bytes that the tree refers to.
        keep_layout: whether strides are followed and tensors moved to the device of their tag
            (the worker, for inputs). Otherwise any order but C is refused and every tensor stays
            on the CPU; `devices` tells where they were.
        handle: gives the object for a number and the name of its type.
        limits: how much one frame may hold.

    Raises:
        WireError: whatever is wrong with the tree.
    """
    try:
        return _Unpacker(payload, keep_layout, handle, limits).value(tree, 0)
    except _UNREADABLE as error:
        got = f"{type(error).__name__}: {printable(str(error), _MAX_NAME)}"
        raise WireError(f"frame: expected a value, got {got}.") from None


class _Unpacker:
    """One value on its way in."""

    def __init__(
        self,
        payload: bytearray,
        keep_layout: bool,  # noqa: FBT001 - private, called once, from `unpack`
        handle: Callable[[int, str], object] | None,
        limits: WireLimits,
    ) -> None:
        self._payload = payload
        self._keep_layout = keep_layout
        self._handle = handle
        self._limits = limits
        self._items = 0
        self._end = 0  # of the last buffer; buffers follow each other and share nothing

    def value(self, tree: Tree, depth: int) -> Any:
        self._items += 1
        if self._items > self._limits.items:
            raise self._too_much()
        kind = type(tree)
        if kind is NoneType or kind is bool or kind is str or kind is float:
            return tree
        if kind is int:
            return _integer(tree, 1 - (1 << _MAX_INT_BITS), (1 << _MAX_INT_BITS) - 1)
        if kind is list:
            depth = self._deeper(depth)
            return [self.value(item, depth) for item in tree]
        tag = tree.get("!") if kind is dict else None
        read = self._READERS.get(tag) if type(tag) is str else None
        if read is None:
            raise WireError(f"frame: expected a known tag, got {_shown(tag)}.")
        return read(self, tree, depth)

    def _deeper(self, depth: int) -> int:
        if depth >= self._limits.depth:
            raise self._too_much()
        return depth + 1

    def _too_much(self) -> WireError:
        return WireError(
            f"frame: expected at most {self._limits.items} items in {self._limits.depth} "
            "levels, got more."
        )

    # plain data

    def _float(self, tree: dict[str, Tree], _: int) -> float:
        value: float = _DOUBLE.unpack(_bits(tree, _DOUBLE.size))[0]
        return value

    def _complex(self, tree: dict[str, Tree], _: int) -> complex:
        return complex(*_COMPLEX.unpack(_bits(tree, _COMPLEX.size)))

    def _tuple(self, tree: dict[str, Tree], depth: int) -> tuple[Any, ...]:
        depth = self._deeper(depth)
        return tuple([self.value(item, depth) for item in _list(tree["items"])])

    def _dict(self, tree: dict[str, Tree], depth: int) -> dict[Any, Any]:
        depth = self._deeper(depth)
        result = {}
        for pair in _list(tree["items"]):
            key, item = _list(pair)
            key = self.value(key, depth)
            if not _is_plain_key(key):
                raise WireError(f"frame: expected a plain key, got {_shown(key)}.")
            result[key] = self.value(item, depth)
        return result

    def _dtype(self, tree: dict[str, Tree], _: int) -> torch.dtype:
        dtype = _NAMED_DTYPES.get(_text(tree["dtype"]))
        if dtype is None:
            raise WireError(f"frame: expected a dtype of torch, got {_shown(tree['dtype'])}.")
        return dtype

    def _generator(self, tree: dict[str, Tree], _: int) -> torch.Generator:
        size = _integer(tree["size"], 1, 1 << 16)
        generator = torch.Generator()
        state = torch.frombuffer(
            self._payload, dtype=torch.uint8, count=size, offset=self._take(tree, size)
        )
        generator.set_state(state.clone())
        return generator

    def _opaque(self, tree: dict[str, Tree], _: int) -> object:
        if self._handle is None:
            raise WireError("frame: expected data, got a handle.")
        return self._handle(_integer(tree["id"], 0, _MAX_NUMBER), _text(tree["type"])[:_MAX_NAME])

    # tensors and arrays

    def _tensor(self, tree: dict[str, Tree], _: int) -> Tensor:
        dtype = _member(TENSOR_DTYPES, tree["dtype"])
        shape, numel = _shape(tree["shape"])
        device = self._device(tree)
        strides = self._strides(tree, shape, low=0)
        offset = _integer(tree.get("offset", 0), 0, self._limits.payload_bytes // dtype.itemsize)
        if not numel:
            return torch.empty_strided(shape, strides or _c_strides(shape), dtype=dtype).to(device)
        span = _extent(shape, strides)[1] + 1 if strides else numel
        start = self._take(tree, span * dtype.itemsize)
        flat = torch.frombuffer(self._payload, dtype=dtype, count=span, offset=start)
        self._check_bool(dtype is torch.bool, start, span)
        if device != "cpu":
            flat = flat.to(device)
        if not strides:
            return flat.view(shape)
        if offset:
            storage = torch.empty(offset + span, dtype=dtype, device=device)
            storage[offset:] = flat
            flat = storage
        return flat.as_strided(shape, strides, offset)

    def _device(self, tree: dict[str, Tree]) -> str:
        """Return the device to put a tensor on; the tag is checked even if it is not followed."""
        device = _text(tree["device"])
        if not _DEVICE.fullmatch(device):
            raise WireError(f"frame: expected a device, got {_shown(device)}.")
        return device if self._keep_layout else "cpu"

    def _array(self, tree: dict[str, Tree], _: int) -> NDArray[Any]:
        dtype = _member(ARRAY_DTYPES, tree["dtype"])
        shape, numel = _shape(tree["shape"])
        strides = self._strides(tree, shape, low=-_MAX_NUMBER)
        if numel:
            low, high = _extent(shape, strides) if strides else (0, (numel - 1) * dtype.itemsize)
            start = self._take(tree, high - low + dtype.itemsize)
            self._check_bool(dtype.kind == "b", start, high - low + 1)
            array: NDArray[Any] = np.ndarray(
                shape, dtype, self._payload, offset=start - low, strides=strides or None
            )
        else:
            array = np.empty(shape, dtype)
        if tree.get("readonly") is True:
            array.flags.writeable = False
        return array

    def _scalar(self, tree: dict[str, Tree], _: int) -> np.generic:
        dtype = _member(ARRAY_DTYPES, tree["dtype"])
        bits = _bits(tree, dtype.itemsize)
        if dtype.kind == "b" and bits[0] > 1:
            raise WireError("frame: expected a bool of 0 or 1, got another byte.")
        value: np.generic = np.frombuffer(bits, dtype)[0]
        return value

    def _strides(self, tree: dict[str, Tree], shape: list[int], low: int) -> tuple[int, ...]:
        """Return the strides of a tag, or nothing if its order is C."""
        if "strides" not in tree:
            return ()
        if not self._keep_layout:
            raise WireError("frame: expected C order, got strides.")
        strides = tuple(_integer(step, low, _MAX_NUMBER) for step in _list(tree["strides"]))
        if len(strides) != len(shape):
            raise WireError(f"frame: expected {len(shape)} strides, got {len(strides)}.")
        return strides

    def _take(self, tree: dict[str, Tree], nbytes: int) -> int:
        """Return where the next buffer starts, sure that it is there and was not used before."""
        start = _integer(tree["at"], self._end, len(self._payload))
        if start % ALIGNMENT or start + nbytes > len(self._payload):
            raise WireError(
                f"frame: expected {nbytes} aligned bytes at {start}, got {len(self._payload)} "
                "bytes in all."
            )
        self._end = start + nbytes
        return start

    def _check_bool(self, is_bool: bool, start: int, size: int) -> None:  # noqa: FBT001 - private
        """Refuse bytes that are neither 0 nor 1: torch compares such bools as it likes."""
        if is_bool and np.frombuffer(self._payload, np.uint8, size, start).max() > 1:
            raise WireError("frame: expected bools of 0 and 1, got another byte.")

    # what each tag stands for

    _READERS: ClassVar[dict[str, Callable[[_Unpacker, dict[str, Tree], int], Any]]] = {
        "float": _float,
        "complex": _complex,
        "tuple": _tuple,
        "dict": _dict,
        "dtype": _dtype,
        "generator": _generator,
        "handle": _opaque,
        "tensor": _tensor,
        "array": _array,
        "scalar": _scalar,
    }


def _integer(value: Tree, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise WireError(f"frame: expected an integer from {low} to {high}, got {_shown(value)}.")
    return value


def _list(value: Tree) -> list[Tree]:
    if type(value) is not list:
        raise WireError(f"frame: expected a list, got {_shown(value)}.")
    return value


def _text(value: Tree) -> str:
    if type(value) is not str:
        raise WireError(f"frame: expected a string, got {_shown(value)}.")
    return value


def _member(table: dict[str, _T], key: Tree) -> _T:
    return table[_text(key)]


def _shape(value: Tree) -> tuple[list[int], int]:
    """Return a checked shape and its number of elements."""
    shape = [_integer(size, 0, _MAX_NUMBER) for size in _list(value)]
    numel = math.prod(shape)
    if len(shape) > _MAX_DIMS or numel > _MAX_NUMBER:
        raise WireError(f"frame: expected a shape, got {_shown(shape)}.")
    return shape, numel


def _bits(tree: dict[str, Tree], size: int) -> bytes:
    bits = bytes.fromhex(_text(tree["bits"])[: 4 * size])
    if len(bits) != size:
        raise WireError(f"frame: expected {size} bytes in hexadecimal, got {len(bits)}.")
    return bits


def _shown(value: object) -> str:
    """Write a hostile value, shortly."""
    kind = type(value)
    if kind is int or kind is list or kind is dict:
        return f"a {kind.__name__}"
    return printable(repr(value), _MAX_NAME)


# --- what a checked tree says --------------------------------------------------------------------


def devices(tree: Tree) -> list[str]:
    """Return the device tag of every tensor in a tree that `unpack` accepted, in order."""
    return [leaf["device"] for leaf in _tensors(tree)]


def requires_grad(tree: Tree) -> bool:
    """Return whether any tensor in a tree that `unpack` accepted was part of a graph."""
    return any(leaf.get("requires_grad") is True for leaf in _tensors(tree))


def _tensors(tree: Tree) -> Iterator[dict[str, Tree]]:
    if type(tree) is list:
        for item in tree:
            yield from _tensors(item)
    elif type(tree) is dict:
        if tree["!"] == "tensor":
            yield tree
        elif tree["!"] in ("tuple", "dict"):  # what else may stand in a leaf, nobody has looked at
            yield from _tensors(tree["items"])


# --- frames --------------------------------------------------------------------------------------


def send(
    sock: socket.socket,
    header: dict[str, Tree],
    buffers: Sequence[Buffer] = (),
    *,
    wait: Wait | None = None,
    limits: WireLimits = DEFAULT_LIMITS,
) -> None:
    """Send one frame.

    Args:
        sock: a stream socket.
        header: anything that JSON can say.
        buffers: the payload, in pieces.
        wait: blocks until the socket can be written, or raises; None blocks in the kernel.
        limits: how much one frame may hold; nothing is sent if the frame is larger.

    Raises:
        WireError: the frame is too large, or its header is no JSON.
        EOFError: the peer is gone.
    """
    try:
        head = _ENCODER.encode(header).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"frame: expected a JSON header, got {error}.") from None
    size = sum(map(len, buffers))
    if len(head) > limits.header_bytes or size > limits.payload_bytes:
        raise WireError(
            f"frame: expected at most {show_bytes(limits.header_bytes)} and "
            f"{show_bytes(limits.payload_bytes)}, got {show_bytes(len(head))} and "
            f"{show_bytes(size)}."
        )
    pieces = [_PREFIX.pack(MAGIC, len(head), size) + head, *buffers]
    if size <= _JOIN_BELOW:
        pieces = [b"".join(pieces)]
    _send_all(sock, [memoryview(piece) for piece in pieces], wait)


def _send_all(sock: socket.socket, pieces: list[memoryview], wait: Wait | None) -> None:
    flags = 0 if wait is None else socket.MSG_DONTWAIT
    first = 0
    while first < len(pieces):
        try:
            sent = sock.sendmsg(pieces[first : first + _MAX_PIECES], (), flags)
        except BlockingIOError:
            if wait is None:
                raise
            wait(sock, True)  # noqa: FBT003 - (sock, writing) is the signature of `Wait`
            continue
        except ConnectionError:
            raise EOFError("frame: expected a peer that reads, got a closed socket.") from None
        while first < len(pieces) and sent >= len(pieces[first]):
            sent -= len(pieces[first])
            first += 1
        if sent:
            pieces[first] = pieces[first][sent:]


def receive(
    sock: socket.socket,
    *,
    limits: WireLimits = DEFAULT_LIMITS,
    wait: Wait | None = None,
) -> tuple[dict[str, Tree], bytearray]:
    """Receive one frame and return its header and payload.

    A frame of n bytes takes at most 64 n bytes of memory, unpacked too: tests/fuzz measures it.

    Args:
        sock: a stream socket.
        limits: how much one frame may hold; checked before memory is taken.
        wait: blocks until the socket can be read, or raises; None blocks in the kernel.

    Raises:
        WireError: what came is no frame.
        EOFError: the peer is gone.
    """
    prefix = _read_exactly(sock, _PREFIX.size, wait)
    magic, header_size, payload_size = _PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise WireError("frame: expected its magic word, got other bytes.")
    if header_size > limits.header_bytes or payload_size > limits.payload_bytes:
        raise WireError(
            f"frame: expected at most {show_bytes(limits.header_bytes)} and "
            f"{show_bytes(limits.payload_bytes)}, got {show_bytes(header_size)} and "
            f"{show_bytes(payload_size)}."
        )
    header = _decode(_read_exactly(sock, header_size, wait))
    return header, _read_exactly(sock, payload_size, wait)


def _decode(data: bytearray) -> dict[str, Tree]:
    try:
        header = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"frame: expected a JSON header, got {type(error).__name__}.") from None
    if type(header) is not dict:
        raise WireError(f"frame: expected a JSON object, got {_shown(header)}.")
    return header


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name}: expected JSON, got a constant of JavaScript.")


def _read_exactly(sock: socket.socket, size: int, wait: Wait | None) -> bytearray:
    flags = 0 if wait is None else socket.MSG_DONTWAIT
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        try:
            got = sock.recv_into(rest, 0, flags)
        except BlockingIOError:
            if wait is None:
                raise
            wait(sock, False)  # noqa: FBT003 - (sock, writing) is the signature of `Wait`
            continue
        except ConnectionError:
            got = 0
        if not got:
            raise EOFError("frame: expected more bytes, got the end of the stream.")
        rest = rest[got:]
    return data


_ENCODER = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"))
