"""What crosses the wire arrives bit for bit; what should not cross is refused in one sentence."""

import collections
import json
import math
import random
import select
import socket
import struct
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.sandbox import wire
from autograder.sandbox.wire import WireError, WireLimits

PROPERTY = settings(derandomize=True, database=None, deadline=None, max_examples=150)
SMALL = WireLimits(header_bytes=4096, payload_bytes=4096, depth=4, items=20)


def joined(buffers):
    return bytearray(b"".join(bytes(buffer) for buffer in buffers))


def cross(value, *, keep_layout=False, **kwargs):
    """Pack, pass the tree through JSON as a socket would, and unpack."""
    tree, buffers = wire.pack(value, keep_layout=keep_layout, **kwargs)
    tree = json.loads(json.dumps(tree, allow_nan=False))
    return wire.unpack(tree, joined(buffers), keep_layout=keep_layout)


def bits(tensor):
    """The bytes of all elements in C order."""
    plain = tensor.resolve_conj().resolve_neg().contiguous().reshape(-1)
    return plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b""


# --- plain data ------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(), max_size=20)
    | st.just("\ud800")
)
keys = st.none() | st.booleans() | st.integers(-(2**59), 2**59) | st.floats() | st.text(max_size=5)
data = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)


def exact(value):
    """Write a value so that two are written alike only if they are the same, sign and NaN too."""
    if isinstance(value, float):
        return "float", struct.pack("<d", value)
    if isinstance(value, complex):
        return "complex", struct.pack("<dd", value.real, value.imag)
    if isinstance(value, list | tuple):
        return type(value).__name__, [exact(item) for item in value]
    if isinstance(value, dict):
        return "dict", [(exact(key), exact(item)) for key, item in value.items()]
    return type(value).__name__, value


@given(data)
@PROPERTY
def test_plain_data_comes_back_exactly(value):
    assert exact(cross(value)) == exact(value)


def test_a_nan_keeps_its_payload():
    (odd,) = struct.unpack("<d", bytes.fromhex("efbeadde0000f87f"))
    assert struct.pack("<d", cross(odd)) == struct.pack("<d", odd)


@pytest.mark.parametrize("code", "?bBhHiIlLqQefdFD")
def test_numpy_scalars_keep_their_kind(code):
    value = np.dtype(code).type(1)
    back = cross(value)
    assert type(back).__name__ == np.dtype(code).name.replace("bool", type(np.True_).__name__)
    assert back == value


def test_shapes_and_named_tuples_arrive_as_tuples():
    pair = collections.namedtuple("pair", "left right")  # noqa: PYI024 - what students write
    assert cross(torch.Size([2, 3])) == (2, 3)
    assert type(cross(pair(1, 2))) is tuple
    values, indices = cross(torch.tensor([[1.0, 3.0]]).max(dim=1))
    assert (values.item(), indices.item()) == (3.0, 1)


def test_the_dicts_of_collections_arrive_as_dicts():
    counts = collections.Counter("abracadabra")
    assert exact(cross(counts)) == exact(dict(counts))
    assert type(cross(collections.defaultdict(int, a=1))) is dict


def test_dtypes_cross():
    assert cross(torch.bfloat16) is torch.bfloat16


def test_a_generator_crosses_with_its_state():
    generator = torch.Generator().manual_seed(3)
    torch.rand(5, generator=generator)
    copy = cross(generator)
    expected = torch.rand(7, generator=generator)
    assert torch.equal(torch.rand(7, generator=copy), expected)


# --- tensors and arrays ------------------------------------------------------------------------


def random_tensor(dtype, shape, seed):
    count = math.prod(shape)
    raw = np.random.default_rng(seed).bytes(max(count, 1) * dtype.itemsize)
    if dtype is torch.bool:
        return torch.from_numpy(np.frombuffer(raw, np.uint8)[:count] % 2 == 1).reshape(shape)
    return torch.frombuffer(bytearray(raw), dtype=dtype, count=count or -1)[:count].reshape(shape)


LAYOUTS = {
    "plain": lambda x: x,
    "transposed": lambda x: x.transpose(0, -1) if x.dim() else x,
    "strided": lambda x: x[..., ::2] if x.dim() else x,
    "offset": lambda x: x[1:] if x.dim() and len(x) else x,
    "expanded": lambda x: x.unsqueeze(0).expand(3, *x.shape),
    "expanded inside": lambda x: x[:1].expand_as(x) if x.dim() and len(x) else x,
    "windows": lambda x: x.unfold(0, 2, 1) if x.dim() and len(x) > 1 else x,
    "channels last": lambda x: (
        x[None, None].contiguous(memory_format=torch.channels_last) if x.dim() == 2 else x
    ),
    "flipped to conj": lambda x: x.conj() if x.is_complex() else x,
    "negated": lambda x: x.conj().imag if x.is_complex() else x,
    "real part": lambda x: x.real if x.is_complex() else x,
}
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@given(
    st.sampled_from(sorted(wire.TENSOR_DTYPES)),
    shapes,
    st.sampled_from(sorted(LAYOUTS)),
    st.integers(0, 99),
)
@PROPERTY
def test_tensors_arrive_bit_for_bit_in_their_layout(dtype, shape, layout, seed):
    tensor = LAYOUTS[layout](random_tensor(wire.TENSOR_DTYPES[dtype], shape, seed))
    inside, outside = cross(tensor, keep_layout=True), cross(tensor)
    for back in (inside, outside):
        assert (type(back), back.dtype, back.shape) == (torch.Tensor, tensor.dtype, tensor.shape)
        assert bits(back) == bits(tensor)
    assert outside.is_contiguous()
    if not (tensor.is_conj() or tensor.is_neg()):  # those are copied, as every reader does
        assert inside.stride() == tensor.stride()
        assert inside.storage_offset() == tensor.storage_offset()


ARRAY_LAYOUTS = {
    "plain": lambda x: x,
    "transposed": lambda x: x.T,
    "backwards": lambda x: x[::-1] if x.ndim else x,
    "backwards twice, strided": lambda x: x[::-1, ::-2] if x.ndim > 1 else x,
    "broadcast": lambda x: np.broadcast_to(x, (3, *x.shape)),
    "windows": lambda x: (
        np.lib.stride_tricks.sliding_window_view(x, 1, axis=0) if x.ndim and len(x) else x
    ),
    "fortran": np.asfortranarray,
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}


@given(
    st.sampled_from(sorted(wire.ARRAY_DTYPES)),
    shapes,
    st.sampled_from(sorted(ARRAY_LAYOUTS)),
    st.integers(0, 99),
)
@PROPERTY
def test_arrays_arrive_bit_for_bit_in_their_layout(dtype, shape, layout, seed):
    raw = np.random.default_rng(seed).bytes(math.prod(shape) * np.dtype(dtype).itemsize)
    plain = np.frombuffer(bytearray(raw), np.uint8 if dtype == "bool" else dtype).reshape(shape)
    plain = np.asarray(plain % 2 == 1) if dtype == "bool" else plain
    array = ARRAY_LAYOUTS[layout](plain)
    inside, outside = cross(array, keep_layout=True), cross(array)
    for back in (inside, outside):
        assert (type(back), back.dtype, back.shape) == (np.ndarray, array.dtype, array.shape)
        assert back.tobytes() == array.tobytes()
    assert outside.flags.c_contiguous
    assert inside.flags.writeable == array.flags.writeable
    if array.size:
        assert inside.strides == array.strides


def test_big_endian_arrays_arrive_in_native_order():
    back = cross(np.arange(3, dtype=">f8"), keep_layout=True)
    assert back.dtype.isnative
    assert back.tolist() == [0.0, 1.0, 2.0]


def test_memory_between_the_elements_of_a_view_stays_at_home():
    secret = torch.full((4, 6), 7.0)
    secret[:, :2] = 1.0
    for view in (secret[:, :2], secret.numpy()[::2, :2], secret.t()[:2]):
        _, buffers = wire.pack(view, keep_layout=True)
        assert struct.pack("<f", 7.0) not in bytes(joined(buffers))


def test_an_expanded_tensor_costs_its_storage_only():
    huge = torch.ones(1, 3).expand(10**9, 3)
    tree, buffers = wire.pack(huge, keep_layout=True)
    assert len(joined(buffers)) == wire.ALIGNMENT
    back = wire.unpack(tree, joined(buffers), keep_layout=True)
    assert (back.shape, back.stride()) == (huge.shape, (0, 1))


def test_parameters_arrive_as_detached_tensors():
    parameter = torch.nn.Parameter(torch.ones(2))
    tree, buffers = wire.pack([parameter * 2, torch.ones(1)])
    back, _ = wire.unpack(tree, joined(buffers))
    assert (type(back), back.requires_grad) == (torch.Tensor, False)
    assert wire.requires_grad(tree)
    assert not wire.requires_grad(tree[1])
    inputs, _ = wire.pack(parameter, keep_layout=True)
    assert not wire.requires_grad(inputs)


def test_device_tags_are_read_without_the_device():
    tree, buffers = wire.pack({"a": torch.ones(2), "b": (1, torch.ones(1))}, device="cuda:1")
    assert wire.devices(tree) == ["cuda:1", "cuda:1"]
    assert wire.unpack(tree, joined(buffers))["a"].device.type == "cpu"


def test_tensors_are_views_of_the_payload_so_nothing_is_copied_twice():
    tree, buffers = wire.pack(torch.zeros(2))
    payload = joined(buffers)
    back = wire.unpack(tree, payload)
    back[0] = 1.0
    assert payload[:4] == struct.pack("<f", 1.0)


# --- what does not cross -----------------------------------------------------------------------


class Liar(torch.Tensor):
    """A subclass that would answer for itself if it crossed."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(func)


class Meta(type):
    @property
    def __name__(cls):  # what a metaclass may do
        raise AssertionError


class Odd(float, metaclass=Meta):
    pass


def nested(depth):
    return [nested(depth - 1)] if depth else 1


REFUSED = [
    (torch.ones(2).to_sparse(), "expected a dense tensor, got one of layout torch.sparse_coo"),
    (torch.ones(2, device="meta"), "expected a tensor with values, got one on the meta device"),
    (torch.zeros(2, dtype=torch.float8_e5m2), "expected a tensor of a common dtype, got float8"),
    (torch.zeros(1).expand(2**40), "expected at most 256 MiB, got 4.1e.03 GiB"),
    (torch.zeros((1,) * 40), "expected at most 32 dimensions, got 40"),
    (np.array([None]), "expected an array of numbers, got dtype object"),
    (np.longdouble(1), "expected a number, got a NumPy"),
    (np.datetime64("2026-02-09"), "expected a number, got a NumPy datetime64"),
    (2**5000, "expected integers of at most 4096 bits, got one of 5001"),
    (object(), "expected tensors, arrays or plain data, got type object"),
    ({(1, 2): 3}, "got a dict with other keys"),
    ({2**61 - 1: 3}, "got a dict with other keys"),
    (nested(17), "expected at most 16 levels of nesting"),
    ([0] * 200_001, "expected at most 200000 items"),
    ("x" * (5 << 20), "expected at most 4 MiB of text and numbers"),
    (torch.ones(2).as_subclass(Liar), "got type Liar"),
    (np.ones(1).view(np.recarray), "got type recarray"),
    (Odd(1), "got type Odd"),
    (bool, "got type type"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_cross_is_refused_by_name(value, message):
    with pytest.raises(WireError, match=f"^the result: .*{message}"):
        wire.pack(value, name="the result")


def test_a_list_that_holds_itself_is_refused():
    circle = []
    circle.append(circle)
    with pytest.raises(WireError, match="levels of nesting"):
        wire.pack(circle)


def test_a_tensor_of_a_running_transform_is_refused():
    def leak(x):
        with pytest.raises(WireError, match="expected an ordinary tensor"):
            wire.pack(x)
        return x

    torch.func.vmap(leak)(torch.ones(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a second device")
def test_a_generator_of_another_device_is_refused():
    with pytest.raises(WireError, match="expected a generator on the CPU, got one on cuda"):
        wire.pack(torch.Generator(device="cuda"))


def test_an_offset_or_a_span_beyond_the_limit_is_refused():
    far = torch.zeros(5000, dtype=torch.uint8)
    with pytest.raises(WireError, match="expected at most 4 KiB, got 4.94 KiB"):
        wire.pack(far[4997:], keep_layout=True, limits=SMALL)
    with pytest.raises(WireError, match="expected at most 4 KiB"):
        wire.pack(far.as_strided((100, 100), (1, 1)), keep_layout=True, limits=SMALL)


def test_other_objects_become_handles_and_come_back():
    objects = [object(), torch.ones(2).as_subclass(Liar), {(1, 2): 3}]
    tree, buffers = wire.pack([1, *objects], handle=lambda value: id(value) % 2**40)
    assert [leaf["type"] for leaf in tree[1:]] == ["object", "Liar", "dict"]
    known = {id(value) % 2**40: value for value in objects}
    back = wire.unpack(tree, joined(buffers), handle=lambda number, _: known[number])
    assert back[0] == 1
    assert all(a is b for a, b in zip(back[1:], objects, strict=True))


# --- text of strangers -------------------------------------------------------------------------


def test_control_and_invisible_characters_are_escaped():
    assert wire.printable("a\tb\n\x1b[31m\u202e\ud800é", 100) == "a\tb\n\\x1b[31m\\u202e\\ud800é"


def test_text_is_cut_before_and_after_it_is_escaped():
    class Text(str):
        def __getitem__(self, _):
            raise AssertionError

    assert wire.printable(Text("abc"), 2) == "ab"
    assert wire.printable("\x1b" * 10, 10) == "\\x1b\\x1b\\x"


def test_the_name_of_a_class_is_not_its_own_word():
    assert wire.type_name(Odd) == "Odd"
    assert wire.type_name(type("\x1b" * 200, (), {})) == ("\\x1b" * 20)


@pytest.mark.parametrize(
    ("count", "text"),
    [(12, "12 bytes"), (1 << 10, "1 KiB"), (64 << 20, "64 MiB"), (3 << 30, "3 GiB")],
)
def test_sizes_are_shown_as_people_write_them(count, text):
    assert wire.show_bytes(count) == text


@pytest.mark.parametrize("value", [2**4096 - 1, 1 - 2**4096, nested(16), [(nested(14),)]])
def test_the_largest_that_crosses_one_way_crosses_back(value):
    assert exact(cross(cross(value))) == exact(value)


@pytest.mark.parametrize("tree", [2**4096, -(2**4096), [nested(16)]])
def test_what_would_not_cross_back_is_refused(tree):
    with pytest.raises(WireError, match=r"^frame: expected (an integer|at most)"):
        wire.unpack(tree, bytearray())


# --- hostile trees -----------------------------------------------------------------------------


def tensor(**changes):
    tag = {"!": "tensor", "dtype": "float32", "shape": [2, 2], "device": "cpu", "at": 0}
    return tag | changes


def array(**changes):
    return {"!": "array", "dtype": "float32", "shape": [2, 2], "at": 0} | changes


HOSTILE = [
    ({"!": "module"}, "expected a known tag, got 'module'"),
    ({"!": ["tensor"]}, "expected a known tag, got a list"),
    ({}, "expected a known tag, got None"),
    ((1,), "expected a known tag"),
    (1 << 5000, "expected an integer"),
    (nested(17), "expected at most 200000 items in 16 levels"),
    ({"!": "tuple"}, "expected a value, got KeyError"),
    ({"!": "tuple", "items": "ab"}, "expected a list, got 'ab'"),
    ({"!": "dict", "items": [[1]]}, "expected a value, got ValueError"),
    ({"!": "dict", "items": [[[1], 2]]}, "expected a plain key, got a list"),
    ({"!": "dict", "items": [[1 << 61, 2]]}, "expected a plain key"),
    ({"!": "float", "bits": "00"}, "expected 8 bytes in hexadecimal, got 1"),
    ({"!": "float", "bits": "zz" * 8}, "expected a value, got ValueError"),
    ({"!": "complex", "bits": 5}, "expected a string, got a int"),
    ({"!": "dtype", "dtype": "nn"}, "expected a dtype of torch, got 'nn'"),
    ({"!": "handle", "id": 3, "type": "x"}, "expected data, got a handle"),
    ({"!": "generator", "at": 0, "size": 1 << 40}, "expected an integer from 1"),
    ({"!": "generator", "at": 0, "size": 64}, "expected a value, got RuntimeError"),
    ({"!": "scalar", "dtype": "object", "bits": ""}, "expected a value, got KeyError"),
    ({"!": "scalar", "dtype": "bool", "bits": "02"}, "expected a bool of 0 or 1"),
    (tensor(dtype="quint8"), "expected a value, got KeyError"),
    (tensor(dtype=["float32"]), "expected a string, got a list"),
    (tensor(shape=2), "expected a list, got a int"),
    (tensor(shape=[True, 2]), "expected an integer from 0 to [0-9]+, got True"),
    (tensor(shape=[2.0, 2]), "expected an integer"),
    (tensor(shape=[-1, 2]), "expected an integer"),
    (tensor(shape=[1 << 60, 0]), "expected an integer"),
    (tensor(shape=[1 << 40, 1 << 40]), "expected a shape"),
    (tensor(shape=[1] * 40), "expected a shape"),
    (tensor(shape=[1 << 20]), "expected 4194304 aligned bytes at 0, got 128 bytes in all"),
    (tensor(at=4), "aligned bytes at 4"),
    (tensor(at=-64), "expected an integer"),
    (tensor(at=128), "expected 16 aligned bytes at 128"),
    (tensor(at=1 << 30), "expected an integer from 0 to 128"),
    (tensor(device="disk"), "expected a device, got 'disk'"),
    (tensor(strides=[0, 0]), "expected C order, got strides"),
    ([tensor(), tensor()], "expected an integer from 16 to 128, got a int"),
    (tensor(dtype="bool", shape=[128]), "expected bools of 0 and 1, got another byte"),
    (array(strides=[0, 0]), "expected C order, got strides"),
    (array(dtype="bfloat16"), "expected a value, got KeyError"),
    (array(shape=[1 << 20]), "aligned bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "message"), HOSTILE, ids=[text for _, text in HOSTILE])
def test_a_hostile_tree_is_refused(tree, message):
    with pytest.raises(WireError, match=f"^frame: .*{message}"):
        wire.unpack(tree, bytearray(range(128)))


BAD_LAYOUTS = [
    (tensor(strides=[1]), "expected 2 strides, got 1"),
    (tensor(strides=[1, -1]), "expected an integer from 0"),
    (tensor(strides=[64, 1]), "expected 264 aligned bytes"),
    (tensor(strides=[1 << 47, 1]), "aligned bytes"),
    (tensor(strides=[2, 1], offset=-1), "expected an integer from 0"),
    (tensor(strides=[2, 1], offset=1 << 40), "expected an integer from 0"),
    (array(strides=[-8, 1 << 47]), "aligned bytes"),
    (array(strides=[128, 4]), "expected 136 aligned bytes"),
]


@pytest.mark.parametrize(("tree", "message"), BAD_LAYOUTS, ids=[text for _, text in BAD_LAYOUTS])
def test_a_hostile_layout_is_refused(tree, message):
    with pytest.raises(WireError, match=message):
        wire.unpack(tree, bytearray(128), keep_layout=True)


def test_a_device_that_is_not_here_is_refused():
    if torch.cuda.is_available():
        pytest.skip("it is here")
    for tree in (tensor(device="cuda"), tensor(device="cuda:7", shape=[0]), tensor(device="mps")):
        with pytest.raises(WireError, match="^frame: expected a value, got"):
            wire.unpack(tree, bytearray(128), keep_layout=True)


def test_too_many_items_are_refused():
    with pytest.raises(WireError, match="expected at most 20 items in 4 levels, got more"):
        wire.unpack([0] * 20, bytearray(), limits=SMALL)


@pytest.mark.parametrize("items", [{}, [{}], 5, nested(900), [{"!": "tensor"}]])
@pytest.mark.parametrize("leaf", [tensor(), array(), {"!": "float", "bits": "00" * 8}])
def test_what_a_leaf_holds_besides_is_never_looked_at(leaf, items):
    tree = [leaf | {"items": items}]
    wire.unpack(tree, bytearray(64))
    assert wire.devices(tree) == (["cpu"] if leaf["!"] == "tensor" else [])
    assert not wire.requires_grad(tree)


# --- frames ------------------------------------------------------------------------------------


@pytest.fixture
def pair():
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def frame(header=b"{}", payload=b"", magic=wire.MAGIC):
    return struct.pack("<4sIQ", magic, len(header), len(payload)) + header + payload


@pytest.mark.parametrize("size", [0, 10, 100_000, 5_000_000])
def test_a_frame_arrives_whole(pair, size):
    here, there = pair
    pieces = [bytes([number % 251]) * (size // 10) for number in range(10)]
    sender = threading.Thread(target=wire.send, args=(here, {"seq": 7}, pieces))
    sender.start()
    assert wire.receive(there) == ({"seq": 7}, bytearray(b"".join(pieces)))
    sender.join()


def test_more_pieces_than_the_kernel_takes_at_once_arrive(pair):
    here, there = pair
    pieces = [bytes([number % 251]) * 100 for number in range(3000)]
    sender = threading.Thread(target=wire.send, args=(here, {}, pieces))
    sender.start()
    assert wire.receive(there)[1] == b"".join(pieces)
    sender.join()


def test_a_small_frame_is_one_message():
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        tree, buffers = wire.pack([torch.ones(8, 8), torch.ones(3)])
        wire.send(here, {"value": tree}, buffers)
        assert len(there.recv(1 << 16)) > 300


def test_waiting_is_the_caller_s_business(pair):
    here, there = pair
    waits = []

    def wait(sock, writing):
        waits.append(writing)
        other = there if sock is here else here
        if writing:
            got.extend(other.recv(1 << 20))
        else:
            other.sendall(frame(b'{"a":1}', b"xyz"))
        select.select([], [sock], []) if writing else select.select([sock], [], [])

    got = bytearray()
    payload = bytes(2_000_000)
    wire.send(here, {}, [payload], wait=wait)
    while len(got) < len(frame(b"{}", payload)):
        got.extend(there.recv(1 << 20))
    assert got == frame(b"{}", payload)
    assert wire.receive(here, wait=wait) == ({"a": 1}, bytearray(b"xyz"))
    assert waits[0] is True
    assert waits[-1] is False


def test_what_waiting_raises_ends_it(pair):
    def wait(_sock, _writing):
        raise TimeoutError("too slow")

    with pytest.raises(TimeoutError, match="too slow"):
        wire.receive(pair[0], wait=wait)


def test_a_socket_that_does_not_block_needs_a_way_to_wait(pair):
    here, _ = pair
    here.setblocking(False)
    with pytest.raises(BlockingIOError):
        wire.receive(here)
    with pytest.raises(BlockingIOError):
        wire.send(here, {}, [bytes(5_000_000)])


def test_a_peer_that_is_gone_is_the_end_of_the_stream(pair):
    here, there = pair
    there.sendall(frame(b"{}", b"1234")[:-1])
    there.close()
    with pytest.raises(EOFError, match="expected more bytes, got the end"):
        wire.receive(here)
    with pytest.raises(EOFError, match="expected a peer that reads"):
        wire.send(here, {}, [bytes(100)])


def test_a_peer_that_resets_the_connection_is_gone():
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as here:
        there, _ = listener.accept()
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
        with pytest.raises(EOFError, match="got the end of the stream"):
            wire.receive(here)


BAD_FRAMES = [
    (frame(magic=b"HTTP"), "expected its magic word"),
    (struct.pack("<4sIQ", wire.MAGIC, 5 << 20, 0), "expected at most 4 MiB and 256 MiB, got 5 MiB"),
    (struct.pack("<4sIQ", wire.MAGIC, 2, 1 << 62), "and 4.29e.09 GiB"),
    (frame(b"[]"), "expected a JSON object, got a list"),
    (frame(b"{"), "expected a JSON header, got JSONDecodeError"),
    (frame(b"\xff{}"), "expected a JSON header, got UnicodeDecodeError"),
    (frame(b'{"a":NaN}'), "expected a JSON header, got ValueError"),
    (frame(b'{"a":' + b"9" * 5000 + b"}"), "expected a JSON header, got ValueError"),
    (frame(b"[" * 100_000), "expected a JSON header, got RecursionError"),
]


@pytest.mark.parametrize(("data", "message"), BAD_FRAMES, ids=[text for _, text in BAD_FRAMES])
def test_what_is_no_frame_is_refused(pair, data, message):
    here, there = pair
    here.sendall(data)
    here.close()
    with pytest.raises(WireError, match=message):
        wire.receive(there)


@pytest.mark.parametrize(
    ("header", "buffers", "message"),
    [
        ({"a": object()}, [], "expected a JSON header, got Object of type object"),
        ({"a": math.nan}, [], "expected a JSON header"),
        ({"a": "x" * 5000}, [], "expected at most 4 KiB and 4 KiB, got 4.89 KiB and 0 bytes"),
        ({}, [bytes(5000)], "got 2 bytes and 4.88 KiB"),
    ],
)
def test_a_frame_that_nobody_would_take_is_not_sent(pair, header, buffers, message):
    here, there = pair
    with pytest.raises(WireError, match=message):
        wire.send(here, header, buffers, limits=SMALL)
    here.close()
    assert there.recv(1) == b""


def test_a_circular_header_is_not_sent(pair):
    circle = {}
    circle["a"] = circle
    with pytest.raises(WireError, match="expected a JSON header"):
        wire.send(pair[0], circle)


# --- mutated frames; tests/fuzz has a hundred times as many --------------------------------------


def reply():
    value = [
        torch.randn(3, 4),
        (np.arange(5.0)[::2], {"a": math.nan, 2: torch.tensor([True, False])}),
        torch.Generator(),
        np.float32(2),
        1 - 2j,
        torch.float64,
        "text",
    ]
    tree, buffers = wire.pack(value)
    header = json.dumps({"seq": 3, "ok": True, "value": tree}).encode()
    return frame(header, bytes(joined(buffers)))


SPLICES = [
    *(b"[", b"]", b"{", b"}", b'"', b",", b"-1", b"0", b"1e999", b"true", b"null", b"NaN"),
    *(b"9" * 25, b'"!"', b'"tensor"', b'"handle"', b'"strides":[0],', b"\xff", b"\\ud800"),
]


def mutate(data, rng):
    """Change a frame a little: bits, bytes, pieces, and numbers that matter."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if rng.random() < 0.3 else rng.randrange(min(len(data), 900))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + rng.randint(0, 3)] = rng.choice(SPLICES)
        elif kind == 2:
            del data[at : at + rng.randint(1, 20)]
        elif kind == 3:
            start = rng.randrange(len(data))
            data[at:at] = data[start : start + rng.randint(1, 40)]
        else:
            data[at] = rng.randrange(256)
    if rng.random() < 0.8:  # mostly honest about lengths, so that the header gets looked at
        end = data.find(b"\0", 16)
        end = len(data) if end < 0 else max(end, 16)
        data[:16] = struct.pack("<4sIQ", wire.MAGIC, end - 16, len(data) - end)
    return bytes(data)


def read_as(data, *, keep_layout):
    here, there = socket.socketpair()
    with here, there:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        here.sendall(data)
        here.close()
        header, payload = wire.receive(there)
        value = wire.unpack(
            header.get("value"),
            payload,
            keep_layout=keep_layout,
            handle=lambda number, name: (number, name),
        )
        wire.devices(header.get("value"))
        wire.requires_grad(header.get("value"))
        repr(value)


def survive(count, seed):
    rng = random.Random(seed)
    original = reply()
    outcomes = collections.Counter()
    for _ in range(count):
        data = mutate(original, rng)
        try:
            read_as(data, keep_layout=rng.random() < 0.5)
        except (WireError, EOFError) as error:
            outcomes[type(error).__name__] += 1
        else:
            outcomes["valid"] += 1
    return outcomes


def test_mutated_frames_are_refused_or_valid():
    outcomes = survive(3000, seed=1)
    assert set(outcomes) == {"WireError", "EOFError", "valid"}
