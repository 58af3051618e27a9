"""Text that hurts whoever reads it: Python, JSON, encodings."""

from tests.attacks.record import BANNER, FORBIDDEN, Attack, Files, failed, honest, python, stopped

RIGHT = f'print("{BANNER}")\ndef scale(x, factor): return x * factor\n'
NOTHING_READ = "expected"  # "name: expected ..., got ..."


def _and(text: str) -> Files:
    return {"small.py": RIGHT + text}


def _deep_json() -> Files:
    return {"small.ipynb": b'{"cells": ' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}"}


def _large_json() -> Files:
    return {"small.ipynb": b'{"cells": [' + b"[[],[]]," * 6_500_000 + b"[]]}"}


def _large_source() -> Files:
    return {"small.py": RIGHT + "x = (1,\n" + "(),{},[],\n" * 60_000 + ")\n"}


def _dense_source() -> Files:
    return {"small.py": RIGHT + "def unused():\n" + " a.b[c](d)\n" * 45_000}


ATTACKS = (
    Attack(
        name="f-string-nesting",
        tries="nests f-strings and parentheses as deep as the parser goes, and deeper",
        files=_and('y = f"{' + "(" * 150 + "1" + ")" * 150 + '}"\nz = ' + "f'{" * 200 + "\n"),
        status="unreadable",
        problem="small.py",
        undefended="unreadable",
    ),
    Attack(
        name="huge-literal",
        tries="writes integers with more digits than Python will convert",
        files=_and("x = " + "9" * 50_000 + "\n"),
        status="unreadable",
        problem="small.py",
        undefended="unreadable",
    ),
    Attack(
        name="long-sum",
        tries="adds nine thousand terms, whose tree is nine thousand levels deep",
        files=_and("y = " + " + ".join(["1"] * 9000) + "\n"),
        status="unreadable",
        problem="small.py",
        undefended="unreadable",
    ),
    Attack(
        name="long-sum-in-the-exercise",
        tries="hides an operation below nine hundred terms, where analysis gives up",
        files={
            "small.py": "import torch\n\n\ndef softmax(z):\n    return torch.softmax(z, -1)"
            + " + 0.0" * 900
            + "\n"
        },
        status="unreadable",
        problem="nested too deeply",
    ),
    Attack(
        name="many-minuses",
        tries="negates a number a hundred thousand times",
        files=_and("y = " + "-" * 100_000 + "1\n"),
        status="unreadable",
        problem="small.py",
        undefended="unreadable",
    ),
    Attack(
        name="nested-blocks",
        tries="nests a hundred and fifty loops and functions in each other",
        files=_and("\n".join(" " * i + f"def f{i}():" for i in range(90)) + "\n" + " " * 90 + "0"),
        ends={"scale": honest()},
    ),
    Attack(
        name="cookie",
        tries="names an encoding in which a comment is code, so that readers and Python differ",
        files={
            "small.py": b"# coding: unicode_escape\ndef scale(x, factor): return x * factor\n"
            b"# \\u000aimport os; os._exit(0)\n"
        },
        ends={"scale": honest()},
        undefended="exit code",
    ),
    Attack(
        name="cookie-utf-7",
        tries="hides code in UTF-7",
        files={
            "small.py": b"# coding: utf-7\ndef scale(x, factor): return x * factor\n"
            b"#+AAo-import os; os._exit(0)\n"
        },
        ends={"scale": stopped("exited")},
        undefended="exit code",
    ),
    Attack(
        name="carriage-returns",
        tries="hides code behind a lone carriage return in a comment",
        files={
            "small.py": b"def softmax(z): return z.exp() #\r"
            b"def softmax(z): return __import__('torch').softmax(z, -1) #\n"
        },
        ends={"softmax": FORBIDDEN},
    ),
    Attack(
        name="nul-bytes",
        tries="cuts the text with a NUL byte, where some readers stop",
        files={"small.py": RIGHT.encode() + b"\0\nimport os\n"},
        status="unreadable",
        problem="NUL bytes",
        undefended="unreadable",
    ),
    Attack(
        name="byte-order-marks",
        tries="begins with three marks, and writes UTF-16 without one",
        files={
            "small.py": b"\xef\xbb\xbf\xef\xbb\xbf" + RIGHT.encode(),
            "other.py": RIGHT.encode("utf-16-le"),
        },
        ends={"scale": honest()},
        problem="other.py",
        undefended="unreadable",
    ),
    Attack(
        name="surrogate-in-a-text",
        tries="returns, prints and raises text that UTF-8 cannot carry",
        files=python(r"""
            import sys

            def describe(x): return len(x), float(x.mean()), "\ud800up"
            def scale(x, factor):
                sys.stdout.buffer.write(b"\xff\xfe\x00\x1b[31m")
                raise ValueError("\ud800\udfff\x00\x1b[2J\u202e")
        """),
        ends={"describe": failed("type", "value", points=0.5), "scale": failed("exception")},
    ),
    Attack(
        name="surrogate-in-the-source",
        tries="hands in bytes of lone surrogates as UTF-8",
        files={"small.py": RIGHT.encode() + b'x = "\xed\xa0\x80"\n'},
        ends={"scale": honest()},
        undefended="unreadable",
    ),
    Attack(
        name="compatibility-letters",
        tries="writes a forbidden name in letters that Python reads as ASCII",
        files=python("""
            import torch

            def softmax(z): return torch.\uff53\uff4f\uff46\uff54\uff4d\uff41\uff58(z, -1)
        """),
        ends={"softmax": FORBIDDEN},
        undefended="by hand",
    ),
    Attack(
        name="large-source",
        tries="hands in more code than anybody writes, which takes half a minute to parse",
        files=_large_source,
        status="unreadable",
        problem="small.py",
    ),
    Attack(
        name="dense-source",
        tries="hands in as much code as is read, as dense as it gets",
        files=_dense_source,
        ends={"scale": honest()},
    ),
    Attack(
        name="large-json",
        tries="hands in 50 MiB of JSON that takes a gigabyte to read",
        files=_large_json,
        status="unreadable",
        undefended="memory",
    ),
    Attack(
        name="deep-json",
        tries="nests a notebook's JSON two million levels deep",
        files=_deep_json,
        status="unreadable",
        problem="small.ipynb",
        undefended="unreadable",
    ),
    Attack(
        name="odd-json-values",
        tries="is JSON, but no notebook: NaN, numbers, text",
        files={"small.ipynb": b'[NaN, 1e999, -0, "\\ud800"]'},
        status="unreadable",
        problem="other JSON",
    ),
    Attack(
        name="decorated",
        tries="stacks ten thousand decorators on an exercise",
        files={"small.py": "@id\n" * 10_000 + RIGHT.partition("\n")[2]},
        ends={"scale": failed("type", "exception")},
    ),
)
