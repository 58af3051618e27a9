"""Files that are almost right: bytes changed, cut out, doubled, or put in."""

from hypothesis import strategies as st

_PIECES = (b'"', b",", b";", b"\n", b"\r", b"\0", b"\xff", b"- ", b"[", b"{", b"&a ", b"*a ", b"? ")


@st.composite
def mutants(draw, original: bytes) -> bytes:
    """Return `original` with up to five accidents."""
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 5))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(1, 30))
        kind = draw(st.sampled_from(("cut", "double", "put")))
        if kind == "cut":
            del data[at : at + length]
        else:
            more = data[at : at + length] if kind == "double" else draw(st.sampled_from(_PIECES))
            data[at:at] = more
    return bytes(data)
