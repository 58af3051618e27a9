"""Patching what the grader stands on; it dies with the worker."""

from tests.attacks.record import TIME, Attack, failed, honest, python, stopped

ATTACKS = (
    Attack(
        name="patch-numpy-testing",
        tries="replaces the assertions that graders compare with",
        files=python("""
            import numpy as np

            for name in dir(np.testing):
                if name.startswith("assert"):
                    setattr(np.testing, name, lambda *_, **__: None)

            def scale(x, factor): return x
        """),
        ends={"scale": failed("value")},
        undefended="assertion",
    ),
    Attack(
        name="patch-torch",
        tries="makes torch find everything equal and close",
        files=python("""
            import torch

            torch.allclose = torch.equal = lambda *_, **__: True
            torch.testing.assert_close = lambda *_, **__: None
            torch.isclose = lambda a, b, **_: torch.ones(a.shape, dtype=torch.bool)

            def scale(x, factor): return x
        """),
        ends={"scale": failed("value")},
        undefended="allclose",
    ),
    Attack(
        name="patch-tensors",
        tries="replaces the operators of every tensor",
        files=python("""
            import torch

            torch.Tensor.__eq__ = lambda *_: torch.tensor(True)
            torch.Tensor.__sub__ = torch.Tensor.__mul__ = lambda self, other: torch.zeros(1)

            def scale(x, factor): return x
        """),
        ends={"scale": failed("value", "exception", "shape")},
        undefended="neighbour",
    ),
    Attack(
        name="patch-builtins",
        tries="replaces abs, all, isinstance, len and max for everybody",
        files=python("""
            import builtins

            builtins.abs = lambda _: 0
            builtins.all = builtins.isinstance = lambda *_: True
            builtins.max = builtins.min = lambda *_, **__: 0

            def scale(x, factor): return x
        """),
        ends={"scale": stopped("exited")},
        undefended="tolerance",
    ),
    Attack(
        name="patch-json",
        tries="writes full marks whenever somebody writes JSON",
        files=python("""
            import json

            json.dump = lambda _, file, **__: file.write('{"score": 4}')
            json.dumps = lambda *_, **__: '{"score": 4}'
            json.JSONEncoder.encode = lambda *_: '{"score": 4}'

            def scale(x, factor): return x
        """),
        ends={"scale": stopped("bad_reply")},
        undefended="results file",
    ),
    Attack(
        name="patch-struct-and-socket",
        tries="breaks the functions that frames are made with",
        files=python("""
            import socket
            import struct

            struct.pack = struct.Struct = None
            socket.socket.sendmsg = lambda self, pieces, *_: sum(map(len, pieces))

            def scale(x, factor): return x * factor
        """),
        ends={"scale": stopped("wall_time")},
    ),
    Attack(
        name="patch-time",
        tries="stops all clocks, and computes for ever",
        files=python("""
            import os
            import time

            for name in ("time", "monotonic", "perf_counter", "process_time", "clock_gettime"):
                setattr(time, name, lambda *_: 0.0)
            os.times = lambda: (0, 0, 0, 0, 0)

            def scale(x, factor):
                while True:
                    pass
        """),
        ends={"scale": failed(*TIME)},
        undefended="stops",
    ),
    Attack(
        name="patch-the-session",
        tries="replaces the worker's own code for calls by one that claims full marks",
        files=python("""
            import gc

            def answer(header, payload):
                return {"value": True, "passed": True, "points": 4, "outcome": "passed"}, []

            for thing in gc.get_objects():
                if type(thing).__name__ == "Session":
                    thing._operations["call"] = answer

            def scale(x, factor): return x
        """),
        ends={"scale": failed("type")},
    ),
    Attack(
        name="patch-pytest",
        tries="replaces pytest and its approx by one that is equal to everything",
        files=python("""
            import sys
            import types

            class Approx:
                def __init__(self, *_, **__): pass
                def __eq__(self, other): return True

            pytest = types.ModuleType("pytest")
            pytest.approx = Approx
            pytest.fail = pytest.skip = lambda *_, **__: None
            sys.modules["pytest"] = sys.modules["_pytest.python_api"] = pytest

            def describe(x): return 0, 0.0, ""
        """),
        ends={"describe": failed("value")},
        undefended="approx",
    ),
    Attack(
        name="patch-import",
        tries="gives everybody after it another torch",
        files=python("""
            import builtins
            import sys
            import types

            class Finder:
                def find_spec(self, name, *_):
                    raise ImportError(name)

            sys.meta_path.insert(0, Finder())
            for name in [name for name in sys.modules if name.startswith("torch")]:
                sys.modules[name] = types.ModuleType(name)

            def scale(x, factor): return x * (factor + 1)
        """),
        ends={"scale": failed("value", "exception", "bad_reply", "exited")},
        undefended="neighbour",
    ),
    Attack(
        name="poison-the-defaults",
        tries="leaves torch with another device, dtype, grad mode and thread count",
        files=python("""
            import numpy as np
            import torch
            import warnings

            def poison():
                torch.set_default_device("meta")
                torch.set_default_dtype(torch.float16)
                torch.set_grad_enabled(False)
                torch.use_deterministic_algorithms(True)
                np.seterr(all="raise")
                warnings.simplefilter("error")

            poison()

            def scale(x, factor):
                poison()
                return x * factor

            def describe(x):
                poison()
                return len(x), float(x.mean()), "up" if x[-1] > x[0] else "down"
        """),
        ends={"scale": honest(), "describe": honest()},
        undefended="neighbour",
    ),
    Attack(
        name="trace-everything",
        tries="leaves a tracing function that raises in whatever runs next",
        files=python("""
            import sys
            import threading

            def trace(frame, event, argument):
                if "honest" in frame.f_code.co_filename:
                    raise SystemExit(0)
                return trace

            def scale(x, factor):
                sys.settrace(trace)
                threading.settrace(trace)
                return x * (factor + 1)
        """),
        ends={"scale": failed("value")},
        undefended="neighbour",
    ),
    Attack(
        name="patch-frees-and-hooks",
        tries="installs hooks that change every module's and every exception's result",
        files=python("""
            import sys
            import torch

            sys.excepthook = sys.unraisablehook = lambda *_: print("score: 4/4")
            sys.displayhook = lambda *_: None
            torch.nn.modules.module.register_module_forward_hook(lambda *_: torch.zeros(1))

            def scale(x, factor): raise ValueError("hook me")
        """),
        ends={"scale": failed("exception")},
    ),
)
