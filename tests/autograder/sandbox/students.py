"""Play submissions in a sandbox: hand in, call, attack, and see what a worker can really read.

As a script it plays every attack of `evil` in one tier, as whoever runs it:

    python tests/autograder/sandbox/students.py A
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from autograder.models import Limits
from autograder.sandbox import wire
from autograder.sandbox.client import Client, Sandbox, Worker, WorkerDied
from tests.autograder import arcs

ROOT = Path(__file__).parents[3]
EVIL = Path(__file__).with_name("evil.py").read_text(encoding="utf-8")
TOPIC = "attacks"
QUICK = Limits(
    submission_cpu_s=20,
    memory_bytes=256 << 20,
    output_bytes=4096,
    reply_bytes=1 << 20,
)
_AT_ONCE = 5000  # paths in one call


def hand_in(worker: Worker, source: str = EVIL, exercise: str = "attack") -> None:
    """Have a worker read and run a submission of one module."""
    spec = {
        "exercises": [{"id": exercise, "topic": TOPIC, "forbidden": []}],
        "stubs": {TOPIC: f"def {exercise}(*args):\n    raise NotImplementedError\n"},
        "support": {},
        "names": [f"{TOPIC}.py"],
        "modules": [],
    }
    data = source.encode()
    files = [{"name": f"{TOPIC}.py", "offset": 0, "size": len(data)}]
    steps = (
        ({"op": "read", "files": files, "spec": spec}, [data]),
        ({"op": "load", "candidates": [0], "cpu_s": 5.0}, []),
        ({"op": "begin", "exercise": exercise, "seed": 0, "forbidden": []}, []),
    )
    for header, buffers in steps:
        reply, _ = worker.request(header, buffers, cpu_s=20.0)
        assert reply["ok"], reply


def call(
    worker: Worker, function: str, *args: object, cpu_s: float = 10.0, wall_s: float = 60.0
) -> object:
    """Call a student's function; an exception in it comes back as text."""
    (positional, named), buffers = wire.pack([list(args), {}], keep_layout=True)
    header = {"op": "call", "target": function, "args": positional, "kwargs": named, "audit": False}
    reply, payload = worker.request(header, buffers, cpu_s=cpu_s, wall_s=wall_s)
    if not reply["ok"]:
        return f"{reply['error']['type']}: {reply['error']['message']}"
    return wire.unpack(reply["value"], payload)


def attack(client: Client, name: str, *args: object, **limits: float) -> object:
    """Play one attack in a fresh worker; a death comes back as its reason."""
    with client.spawn() as worker:
        hand_in(worker)
        try:
            return call(worker, "attack", name, *args, **limits)
        except WorkerDied as death:
            return str(death.reason)


def readable_files(client: Client, roots: Iterable[Path]) -> set[str]:
    """Return every file that a worker can open: on its own walk, and of those below `roots`.

    Each is really opened. Needs limits that allow a minute of CPU time.
    """
    readable: set[str] = set()
    paths = [path for root in roots for path in _files(root)]
    with client.spawn() as worker:
        hand_in(worker)
        readable.update(call(worker, "attack", "walked", cpu_s=60.0))
        for first in range(0, len(paths), _AT_ONCE):
            some = paths[first : first + _AT_ONCE]
            readable.update(call(worker, "attack", "openable", some, cpu_s=60.0))
    return readable


def _files(root: Path) -> Iterator[str]:
    for above, _, names in os.walk(root):
        yield from (f"{above}/{name}" for name in names)


def play_all(client: Client, own: str) -> dict[str, object]:
    """Play every attack and return the outcomes; `own` is an empty file of the grader."""
    grader = os.getpid()
    secrets = [__file__, str(ROOT / "pyproject.toml"), own, "/etc/passwd", "/etc/hostname"]
    secrets += [f"/proc/{grader}/{name}" for name in ("environ", "mem", "cmdline")]
    folders = ["/", "/tmp", "/var/tmp", "/dev/shm", "/run", str(Path.cwd()), str(ROOT)]
    plays = {
        "open": ("openable", secrets),
        "open by descriptor": ("climb", __file__),
        "look into the grader": ("look_at", grader),
        "look into memory": ("secrets_in_memory",),
        "see processes": ("processes",),
        "start a process": ("new_process",),
        "make a socket": ("new_socket",),
        "make system calls": ("system_calls",),
        "kill the grader": ("kill", [grader]),
        "kill by descriptor": ("signal_by_descriptor", [grader]),
        "die as if killed": ("die_as_if_killed",),
        "outlive the grader": ("outlive",),
        "raise limits": ("raise_limits", [grader]),
        "change files": ("change", [own, _torch_file()]),
        "write": ("write", folders),
        "fill the disk": ("fill_disk",),
        "start threads": ("threads",),
        "leave": ("leave", 0),
        "segfault": ("segfault",),
        "abort": ("abort",),
        "recurse": ("recurse",),
        "allocate bytes": ("allocate_bytes",),
        "allocate a tensor": ("allocate_tensor",),
        "babble": ("babble",),
        "forge a reply": ("forge",),
    }
    busy = {"loop": "loop", "loop in threads": "loop_in_threads", "flood": "flood_for_ever"}
    idle = {"sleep": "sleep", "hang up": "hang_up"}
    outcomes = {name: attack(client, *play) for name, play in plays.items()}
    outcomes |= {name: attack(client, play, cpu_s=0.3) for name, play in busy.items()}
    outcomes |= {name: attack(client, play, wall_s=0.3) for name, play in idle.items()}
    outcomes["be honest after all that"] = attack(client, "openable", [])
    return outcomes


def _torch_file() -> str:
    """Return a file that workers may read, and that the grader's user may own."""
    found = (Path(path, "torch/version.py") for path in sys.path)
    return str(next(path for path in found if path.exists()))


def main(tier: str) -> None:
    """Write the outcomes of all attacks in `tier` as JSON."""
    os.environ["SECRET"] = "SECRET"
    with (
        arcs.planted(),
        tempfile.NamedTemporaryFile() as own,
        Sandbox.start(jobs=1, limits=QUICK, tier=tier) as sandbox,
    ):
        outcomes = play_all(sandbox.client(0), own.name)
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main(sys.argv[1])
