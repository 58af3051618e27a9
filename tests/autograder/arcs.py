"""Branch coverage of processes that cannot save any: fork servers, workers, children in jails.

They end by `os._exit` or a signal, and may open no file. So each arc, the first time that it is
taken, is written at once to a descriptor that was opened before: one line `worker/jail.py 12 14`.
A fork inherits what is known, so that only news is written. `make coverage` adds the lines to what
coverage itself has measured. Without coverage nothing here does anything.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.sandbox.image import Image
from autograder.sandbox.launch import Zygote

_NOTE = re.compile(rb"^((?:worker|sandbox)/\w+\.py) (-?\d+) (-?\d+)$", re.MULTILINE)
PACKAGE = Path(__file__).parents[2] / "autograder"
FILE = "GRADLAB_TEST_ARCS"  # names the file to children that start sandboxes of their own

# As coverage's own tracer in Python: a generator that goes on is no call, and a yield no return.
BOOT = """
def _boot(descriptor):
    import contextlib, dis, os, sys, threading
    yields, resume = dis.opmap["YIELD_VALUE"], dis.opmap["RESUME"]
    names, codes, seen = {}, {}, set()

    def name_of(file):
        _, found, rest = file.rpartition("/autograder/")
        return rest if found and rest.startswith(("worker/", "sandbox/")) else None

    def note(name, start, end):
        arc = name, start, end
        if arc not in seen:
            seen.add(arc)
            with contextlib.suppress(OSError):  # it closed all that it has
                os.write(descriptor, f"\\n{name} {start} {end}\\n".encode())

    def trace(frame, event, _):
        code = frame.f_code
        if code.co_filename not in names:
            names[code.co_filename] = name_of(code.co_filename)
        name = names[code.co_filename]
        if name is None:
            return None
        if code not in codes:
            codes[code] = code.co_code
        steps, outside = codes[code], -code.co_firstlineno
        last = outside if steps[frame.f_lasti + 1] == 0 else frame.f_lineno

        def within(frame, event, _):
            nonlocal last
            if event == "line":
                note(name, last, frame.f_lineno)
                last = frame.f_lineno
            elif event == "return":
                here = frame.f_lasti
                goes_on = yields == steps[here] or steps[here + 2 : here + 3] == bytes([resume])
                if not goes_on:
                    note(name, last, outside)
            return within

        return within

    threading.settrace(trace)
    sys.settrace(trace)


_boot({descriptor})
"""


def _boot(descriptor: int) -> str:
    return BOOT.replace("{descriptor}", str(descriptor))


def boot() -> str:
    """Return what makes a script, run by `python -c`, note its arcs; nothing without coverage."""
    if FILE not in os.environ:
        return ""
    opened = f"__import__('os').open({os.environ[FILE]!r}, {os.O_WRONLY | os.O_APPEND})"
    return BOOT.replace("{descriptor}", opened)


@contextmanager
def measured() -> Iterator[None]:
    """Have every process that is started meanwhile note its arcs, if coverage measures this one."""
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if coverage else None
    if current is None:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "arcs")
        file.touch()
        file.chmod(0o666)  # the processes may be other users'
        file.parent.chmod(0o711)
        os.environ[FILE] = str(file)
        with planted():
            yield
        del os.environ[FILE]
        found = coverage.CoverageData(current.config.data_file, suffix=f"children.{os.getpid()}")
        found.add_arcs(_arcs(file))
        found.write()


@contextmanager
def planted() -> Iterator[None]:
    """Have the fork servers that are started meanwhile, and their workers, note their arcs."""
    start = Zygote.__init__

    def begin(self: Zygote, tier: str, image: Image, *args: object, **kwargs: object) -> None:
        file = os.environ[FILE]
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
        image.descriptors[Path(file)] = descriptor  # workers keep these
        packages = image.prefix / Path(image.packages).relative_to(image.home)
        (packages / "autograder" / "__init__.py").write_text(_boot(descriptor))
        start(self, tier, image, *args, **kwargs)

    if FILE not in os.environ:
        yield
        return
    Zygote.__init__ = begin
    try:
        yield
    finally:
        Zygote.__init__ = start


def _arcs(file: Path) -> dict[str, set[tuple[int, int]]]:
    arcs = defaultdict(set)
    for name, start, end in _NOTE.findall(file.read_bytes()):  # attackers write there too
        arcs[str(PACKAGE / name.decode())].add((int(start), int(end)))
    return arcs
