"""A worker that talks back: silence, rubbish, and frames forged byte by byte."""

from tests.attacks.record import Attack, failed, python

PEER = """
import json
import os
import socket
import stat
import struct
import threading
import time


def channels():
    found = []
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                found.append(socket.socket(fileno=os.dup(number)))
        except OSError:
            pass
    return found


def frame(header, payload=b"", magic=b"GLAB", sizes=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    head, tail = sizes or (len(text), len(payload))
    return struct.pack("<4sIQ", magic, head, tail) + text + payload


def say(data):
    for channel in channels():
        channel.sendall(data)


def seq():
    # The number of the request, from the frames above this one.
    import sys
    frame = sys._getframe()
    while frame is not None:
        header = frame.f_locals.get("header")
        if isinstance(header, dict) and "seq" in header:
            return header["seq"]
        frame = frame.f_back


def tensor(**changes):
    return {"!": "tensor", "dtype": "float64", "shape": [2], "offset": 0, "device": "cpu",
            "requires_grad": False} | changes
"""


def _says(text: str) -> dict[str, str | bytes]:
    """Return a submission that sends something by itself, and then answers nothing."""
    lines = f"from peer import *\n\ndef scale(x, factor):\n    {text}\n    time.sleep(0.2)\n"
    return python(lines, peer=PEER)


_BAD = {"scale": failed("bad_reply")}

ATTACKS = (
    Attack(
        name="hang-up",
        tries="closes its end of the line, and lives on",
        files=python("""
            import os
            import time

            def scale(x, factor):
                os.closerange(3, 256)
                time.sleep(3600)
        """),
        ends={"scale": failed("wall_time", "bad_reply")},
    ),
    Attack(
        name="drip",
        tries="sends its reply byte by byte, each in time for a clock that is wound up anew",
        files=_says(
            "for byte in frame({'seq': seq(), 'ok': True, 'value': None}, bytes(4096)):\n"
            "        say(bytes([byte]))\n"
            "        time.sleep(0.2)"
        ),
        ends={"scale": failed("wall_time", "bad_reply")},
    ),
    Attack(
        name="rubbish",
        tries="writes rubbish where the reply belongs",
        files=_says("say(os.urandom(4096))"),
        ends=_BAD,
    ),
    Attack(
        name="claims-points",
        tries="answers with a verdict instead of a value",
        files=_says(
            "say(frame({'seq': seq(), 'ok': True, 'passed': True, 'points': 4, 'score': 4}))"
        ),
        ends={"scale": failed("bad_reply", "type")},
    ),
    Attack(
        name="answers-early",
        tries="answers requests that have not come yet",
        files=_says(
            "say(b''.join(frame({'seq': seq() + n, 'ok': True, 'value': 1.0}) for n in range(9)))"
        ),
        ends={"scale": failed("type", "bad_reply")},
    ),
    Attack(
        name="wrong-number",
        tries="answers what it was not asked",
        files=_says("say(frame({'seq': 999, 'ok': True, 'value': 20}))"),
        ends=_BAD,
    ),
    Attack(
        name="endless-frame",
        tries="announces 2 to the 62 bytes",
        files=_says("say(frame({'seq': 1}, sizes=(20, 1 << 62)))"),
        ends=_BAD,
    ),
    Attack(
        name="endless-header",
        tries="announces a header of four gigabytes",
        files=_says("say(frame({'seq': 1}, sizes=((1 << 32) - 1, 0)))"),
        ends=_BAD,
    ),
    Attack(
        name="half-a-frame",
        tries="sends half a frame and leaves",
        files=_says("say(frame({'seq': seq()}, bytes(100))[:60]); os._exit(0)"),
        ends={"scale": failed("exited", "bad_reply")},
    ),
    Attack(
        name="deep-header",
        tries="nests its JSON a hundred thousand levels deep",
        files=_says(
            "say(frame(b'{\"seq\": 1, \"ok\": ' + b'[' * 100_000 + b']' * 100_000 + b'}'))"
        ),
        ends=_BAD,
    ),
    Attack(
        name="nearly-too-deep",
        tries="nests an error's message just as deep as JSON can be read, for whoever prints it",
        files=_says(
            "deep = b'[' * 900 + b']' * 900\n"
            '    say(frame(b\'{"seq": %d, "ok": false, "error": {"message": \' % seq()'
            " + deep + b', \"type\": ' + deep + b', \"kind\": ' + deep + b'}}'))"
        ),
        ends={"scale": failed("exception", "bad_reply")},
    ),
    Attack(
        name="odd-json",
        tries="sends NaN, a huge number, duplicate keys and lone surrogates as JSON",
        files=_says(
            'say(frame(b\'{"seq": 1e999, "seq": %d, "ok": true, "value": %s}\''
            " % (seq(), b'9' * 5000)))"
        ),
        ends=_BAD,
    ),
    Attack(
        name="surrogates",
        tries="sends text that no encoding can carry, in every field that is kept",
        files=_says(
            "say(frame({'seq': seq(), 'ok': False, 'error': {key: '\\ud800\\x1b[31m\\u202e' for key"
            " in ('kind', 'type', 'message', 'traceback', 'name', 'set', 'file', 'line')}}))"
        ),
        ends={"scale": failed("exception", "bad_reply")},
    ),
    Attack(
        name="beyond-the-payload",
        tries="sends tensors that lie outside of what was sent: offsets, shapes and strides",
        files=_says(
            "say(frame({'seq': seq(), 'ok': True, 'value': tensor(offset=1 << 40)}, bytes(64)))"
        ),
        ends=_BAD,
    ),
    Attack(
        name="negative-shape",
        tries="sends a tensor of negative size",
        files=_says(
            "say(frame({'seq': seq(), 'ok': True, 'value': tensor(shape=[-1, -2])}, bytes(64)))"
        ),
        ends=_BAD,
    ),
    Attack(
        name="overflowing-shape",
        tries="sends a tensor whose size overflows 64 bits",
        files=_says(
            "say(frame({'seq': seq(), 'ok': True, 'value':"
            " tensor(shape=[1 << 40, 1 << 40])}, bytes(64)))"
        ),
        ends=_BAD,
    ),
    Attack(
        name="unknown-kinds",
        tries="sends a pickle, a class and a dtype that names an attribute of torch",
        files=_says(
            "say(frame({'seq': seq(), 'ok': True, 'value': {'!': 'pickle', 'data':"
            " 'cos\\nsystem\\n(S\"true\"\\ntR.', 'class': 'os.system'}}))"
        ),
        ends=_BAD,
    ),
    Attack(
        name="ready-again",
        tries="says that its jail is ready, again, and claims to be another worker",
        files=_says("say(frame({'ready': True, 'worker': 1, 'exited': 1, 'status': 0}) * 3)"),
        ends=_BAD,
    ),
    Attack(
        name="mutated-frames",
        tries="sends three hundred mutations of a good frame, one connection for all",
        files=_says(
            "import random; random.seed(5)\n"
            "    good = frame({'seq': seq(), 'ok': True, 'value': tensor()}, bytes(16))\n"
            "    for _ in range(300):\n"
            "        bad = bytearray(good)\n"
            "        for _ in range(3):\n"
            "            bad[random.randrange(len(bad))] = random.randrange(256)\n"
            "        say(bytes(bad))"
        ),
        ends={"scale": failed("bad_reply", "value", "dtype", "type", "wall_time", "exited")},
    ),
)
