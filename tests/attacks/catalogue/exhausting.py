"""Exhausting CPU, memory, disk, threads, output, and the reply itself."""

from tests.attacks.catalogue.reading import probing
from tests.attacks.record import TIME, Attack, failed, honest, python, stopped

ATTACKS = (
    Attack(
        name="loop",
        tries="loops for ever, deaf to SIGXCPU",
        files=python("""
            import signal

            def scale(x, factor):
                for number in range(1, 65):
                    try:
                        signal.signal(number, signal.SIG_IGN)
                    except (OSError, ValueError):
                        pass
                while True:
                    pass
        """),
        ends={"scale": failed(*TIME)},
        undefended="stops",
    ),
    Attack(
        name="loop-at-import",
        tries="loops for ever while it is imported, deaf to every signal",
        files=python("""
            import signal

            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            while True:
                pass

            def scale(x, factor): return x * (factor + 1)
        """),
        ends={"scale": stopped(*TIME)},
        undefended="stops",
    ),
    Attack(
        name="regular-expression",
        tries="matches a pattern that takes exponential time, holding the interpreter",
        files=python("""
            import re

            def scale(x, factor): return re.match("(a+)+$", "a" * 60 + "b")
        """),
        ends={"scale": failed(*TIME)},
        undefended="stops",
    ),
    Attack(
        name="loop-in-threads",
        tries="computes in many threads, so that the clock of one shows nothing",
        files=python("""
            import threading
            import time
            import torch

            def work():
                x = torch.ones(200, 200)
                while True:
                    x = torch.tanh(x @ x)

            def scale(x, factor):
                for _ in range(4):
                    threading.Thread(target=work, daemon=True).start()
                time.sleep(3600)
        """),
        ends={"scale": failed(*TIME)},
        undefended="stops",
    ),
    Attack(
        name="sleep",
        tries="sleeps, which costs no CPU time",
        files=python("""
            import time

            def scale(x, factor): time.sleep(3600)
        """),
        ends={"scale": failed("wall_time")},
        undefended="stops",
    ),
    Attack(
        name="hoard",
        tries="takes all memory and keeps it, swallowing MemoryError",
        files=python("""
            hoard = []

            def scale(x, factor):
                while True:
                    try:
                        hoard.append(bytearray(8 << 20))
                    except MemoryError:
                        break
                while True:
                    try:
                        hoard.append(bytearray(64 << 10))
                    except MemoryError:
                        return x * (factor + 1)
        """),
        ends={"scale": failed("memory", "value", "exception", *TIME, "crashed", "exited")},
        undefended="neighbour",
    ),
    Attack(
        name="one-huge-tensor",
        tries="allocates a tensor of 64 GiB",
        files=python("""
            import torch

            def scale(x, factor): return torch.ones(1 << 34).sum()
        """),
        ends={"scale": failed("memory")},
    ),
    Attack(
        name="memory-at-import",
        tries="takes all memory while it is imported",
        files=python("""
            hoard = []
            while True:
                hoard.append(b"x" * (16 << 20))

            def scale(x, factor): return x * (factor + 1)
        """),
        ends={"scale": failed("value", "memory")},
    ),
    Attack(
        name="flood",
        tries="prints 32 MiB, to fill logs and results",
        files=python("""
            import os

            def scale(x, factor):
                for _ in range(512):
                    os.write(1, b"said by an attacker\\n" * 3276)
                return x * (factor + 1)
        """),
        ends={"scale": failed("value", *TIME)},
    ),
    Attack(
        name="flood-for-ever",
        tries="never stops printing",
        files=python("""
            import os

            def scale(x, factor):
                while True:
                    os.write(2, b"x" * 65536)
        """),
        ends={"scale": failed(*TIME)},
        undefended="stops",
    ),
    Attack(
        name="fill-the-disk",
        tries="writes more than its private directory may hold, if it has one",
        files=probing("""
import os

def probe():
    written = 0
    try:
        for number in range(80):
            with open(os.path.join(os.environ.get("TMPDIR", "."), f"evil{number}"), "wb") as file:
                file.write(bytes(1 << 20))
            written += 1
    except OSError:
        pass
    return [written] if written > 64 else []
"""),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="many-files",
        tries="makes more files than its private directory may hold",
        files=probing("""
import os

def probe():
    made = 0
    try:
        for number in range(5000):
            os.close(os.open(f"evil{number}", os.O_CREAT | os.O_WRONLY))
            made += 1
    except OSError:
        pass
    return [made] if made >= 4500 else []
"""),
        ends={"scale": honest()},
        undefended="achieved",
    ),
    Attack(
        name="many-threads",
        tries="starts more threads than anybody needs",
        files=python("""
            import threading

            threading.stack_size(64 << 10)

            def scale(x, factor):
                release = threading.Event()
                while True:
                    threading.Thread(target=release.wait, daemon=True).start()
        """),
        ends={"scale": failed("exception", "memory", "wall_time", "cpu_time")},
    ),
    Attack(
        name="large-reply",
        tries="returns more than a reply may hold, in one tensor and in many numbers",
        files=python("""
            import torch

            def scale(x, factor): return torch.zeros(1 << 20, dtype=torch.float64)
            def describe(x): return list(range(300_000)), 0.0, "up"
        """),
        ends={"scale": failed("type"), "describe": failed("type")},
    ),
    Attack(
        name="deep-reply",
        tries="returns a list that is ten thousand levels deep",
        files=python("""
            def scale(x, factor):
                deep = []
                for _ in range(10_000):
                    deep = [deep]
                return deep
        """),
        ends={"scale": failed("type")},
    ),
    Attack(
        name="many-handles",
        tries="returns more objects than the worker can keep apart",
        files=python("""
            def scale(x, factor): return [object() for _ in range(150_000)]
        """),
        ends={"scale": failed("type", *TIME, "bad_reply")},
    ),
    Attack(
        name="long-text",
        tries="returns a text of a megabyte, to have it quoted in every result",
        files=python("""
            def describe(x): return len(x), float(x.mean()), "up" * 450_000
        """),
        ends={"describe": failed("value", points=0.5)},
        never=("up" * 1000,),
    ),
    Attack(
        name="long-message",
        tries="raises an exception whose message has a hundred million letters",
        files=python("""
            class Long(Exception):
                def __str__(self): return "x" * 100_000_000

            def scale(x, factor): raise Long
        """),
        ends={"scale": failed("exception", "memory")},
    ),
)
