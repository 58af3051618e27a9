"""Everything that reads what others wrote: one entry in `READERS` each, and it is fuzzed.

A reader may refuse its input in the documented way, with a message of the documented form, line by
line. It may do nothing else: raise anything else, use more memory or more time.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import io
import json
import re
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.fuzz.mutation import Mutator, mutate

_UNSHOWN = {"Cc", "Cs", "Zl", "Zp"}  # what ends a line, moves the cursor or cannot be encoded
ROOT = Path(__file__).parents[2]
HANDED_IN = ROOT / "tests" / "submissions"


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What reads, what it is given, and what it may answer."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]
    files: tuple[str, ...]  # a mutant that reaches new lines of these is worth keeping
    refusals: tuple[type[Exception], ...] = ()
    form: str = ""  # of each line of a refusal; nothing if they are a worker's own words
    mutate: Mutator = mutate
    memory: int = 256 << 20  # bytes beyond what the process maps when everything is imported

    def check(self, message: str) -> None:
        """Fail unless a refusal has its documented form and can be shown."""
        if not self.form:
            return
        message.encode()
        for line in message.split("\n"):
            assert re.fullmatch(self.form, line), line
            assert not any(unicodedata.category(char) in _UNSHOWN for char in line), repr(line)


@functools.cache
def scratch() -> Path:
    """Return a folder of this process."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # thousands of files, each synced
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def file_reader(
    function: str,
    name: str,
    form: str,
    seeds: Sequence[bytes],
    *tokens: bytes,
    refusal: str = "autograder.errors:ConfigError",
    files: tuple[str, ...] = (),
) -> Reader:
    """Return the reader that calls `function` ("module:name") with the path of a file `name`."""
    module = function.partition(":")[0]
    call, refused = _named(function), _named(refusal)

    def read(data: bytes) -> object:
        path = scratch() / name
        path.write_bytes(data)
        return call(path)

    return Reader(
        read=read,
        seeds=seeds,
        files=files or (module.replace(".", "/"),),
        refusals=(refused,),
        form=form,
        mutate=partial(mutate, tokens=tokens),
    )


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _handed_in(*endings: str) -> list[bytes]:
    paths = sorted(path for path in HANDED_IN.rglob("*.*") if path.name.endswith(endings))
    return [path.read_bytes() for path in paths if path.stat().st_size < 3000]


# --- submissions: read in the worker, where whatever is handed in must become facts ---------------

_CELL = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": []}
_MAGICS = "%%time\nx = %time f(1)\n!ls\nif x:\n    %cd y\n"
_SOURCE = b"""# -*- coding: latin-1 -*-
import torch.nn.functional as F
from torch import *
H = F
def softmax(z, dim=-1, *, k=lambda v: v):
    global best
    with z as (a, *b):
        best = getattr(H, 'softmax')(z)[..., :1]
    try:
        match z:
            case [x, *rest] if (y := x): return f"{x!r:>{y}}" % 3
    except* ValueError as error:
        raise NotImplementedError from error
class Value:
    def backward(self): return [i async for i in self if i]
Value.go = softmax
"""


def _submission(name: str, seeds: Sequence[bytes], changes: Mutator) -> Reader:
    from autograder.sandbox import wire
    from autograder.worker.session import Session

    forbidden = {"name": "s", "names": ["torch.softmax"], "operators": [], "autograd": True}
    exercises = [
        {"id": one, "topic": "losses", "forbidden": [forbidden]}
        for one in ("softmax", "mse", "Value.backward")
    ]
    stub = "def softmax(z):\n    raise NotImplementedError\n"
    spec = {"exercises": exercises, "stubs": {"losses": stub}, "names": [name], "modules": []}

    def read(data: bytes) -> object:
        files = [{"name": name, "offset": 0, "size": len(data)}]
        header = {"op": "read", "seq": 1, "files": files, "spec": spec}
        reply, buffers = Session().handle(header, bytearray(data))
        if not reply["ok"] and reply["error"]["type"] == "MemoryError":
            raise MemoryError  # the limit holds, and the files are unreadable
        assert reply["ok"], reply["error"]["traceback"]
        facts = wire.unpack(json.loads(json.dumps(reply["value"])), bytearray(b"".join(buffers)))
        for sentence in facts["problems"]:
            sentence.encode()
        return facts

    files = ("autograder/worker/",)
    return Reader(
        read=read,
        seeds=seeds,
        files=files,
        refusals=(MemoryError,),
        mutate=changes,
        memory=512 << 20,
    )


def _notebook_seeds() -> list[bytes]:
    sources: list[Any] = [_MAGICS, _SOURCE.decode().splitlines(keepends=True)]
    cells = [{**_CELL, "source": source} for source in sources]
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": sources[1]}]}], "nbformat": 3}
    made = [{"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, old]
    return [*(json.dumps(one).encode() for one in made), *_handed_in(".ipynb")]


def _archive(*members: tuple[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as made:
        for name, data in members:
            made.writestr(name, data)
    return stream.getvalue()


def _archive_seeds() -> list[bytes]:
    module, notebook = ("a/losses.py", _SOURCE), ("b.ipynb", _notebook_seeds()[0])
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    plain = [_archive(module, notebook, ("data.csv", b"1,2\n" * 50), kind=kind) for kind in kinds]
    inner = _archive(("in.zip", plain[1]), ("deep/../x.py", b"x = 1"), ("__MACOSX/._x", b"\0"))
    return [*plain, inner, _archive(("out.zip", inner)), _archive(), *_handed_in(".zip")]


def _change_archive(data, rng, corpus):
    """Change bytes, or pack changed members under changed names, so that they are looked at."""
    if rng.random() < 0.5:
        return mutate(data, rng, corpus)
    members = []
    for _ in range(rng.randint(1, 4)):
        content = rng.choice((_SOURCE, *_archive_seeds()[:2], b"x" * rng.choice((9, 2 << 20))))
        stem = mutate(rng.choice((b"a/b", b"../x", b"losses")), rng, [b"/", b"C:", b"."])[:3000]
        ending = rng.choice((".py", ".ipynb", ".zip", ".csv", ".rar", "", "/"))
        if rng.random() < 0.5:
            content = mutate(content[:20_000], rng, corpus)
        members.append(
            (stem.decode("utf-8", "replace").lstrip("\0")[:2000] + ending or "x", content)
        )
    kind = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    packed = _archive(*members, kind=kind)
    return mutate(packed, rng, corpus) if rng.random() < 0.2 else packed


# --- the teacher's files -------------------------------------------------------------------------

_CONFIG = b"""title: Deep learning
timezone: Europe/Paris
device: cpu
score: {scale: 4, core: 2, starred: 2, policy: gate, class_cap: 1, grace: 5 min, rounding: 0.01}
limits: {call_cpu_s: 5, memory_bytes: 2 GiB, wall_factor: 3}
tolerances: {float32: {rtol: 1e-4, atol: 1e-5}}
forbidden:
  softmax:
    names: [torch.softmax]
    operators: [aten::_softmax]
    autograd: true
topics:
  losses:
    title: "Losses"
    forbid: [softmax]
    exercises:
      softmax: {points: 1/3}
      mse: {points: 2, starred: true, forbid: []}
assignments:
  tp1:
    exercises: [losses.softmax, {id: losses.mse, points: 3}]
    class_end: 2026-02-09 18:30
    due: 2026-02-16 23:59
    closes: 2026-03-02 23:59+01:00
    sections:
      evening: {due: 2026-02-17 23:59}
    score: {late_penalty: {points: 1, per: 1 day, at_most: 2}}
    files: [tp1.py, tp1.ipynb]
"""
_CONFIG_TOKENS = (
    *(
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!python/object:os.system ",
        b"!x ",
        b"? ",
        b"- ",
        b"|\n",
        b">",
    ),
    *(b"%YAML 1.1\n---\n", b"---\n", b"...\n", b"!!int ", b"!!binary ", b"!!timestamp ", b"2026-"),
    *(
        b"2100-02-29 25:61",
        b"9999 weeks ",
        b"1e99",
        b"0.30000000000000004",
        b"-1/3",
        b'"\\U00110000"',
    ),
    *(
        b'"\\ud800"',
        b'"\\x0"',
        b'"a\\nb": 1\n',
        b"~",
        b"yes",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"exercises:",
    ),
    *(b"assignments:\n", b"a: &a [*a, *a]\n", b"{a: [", b"  ", b"# x\n", b"2026-03-29 02:30"),
)
_BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b", ".join([b"*%c" % (name - 1)] * 9)) for name in b"bcdefghi"
)


def _config() -> Reader:
    from autograder.config import load
    from autograder.errors import ConfigError

    def read(data: bytes) -> object:
        (scratch() / "grading_config.yml").write_bytes(data)
        return load(scratch())

    small = (ROOT / "tests/courses/layers/grading_config.yml").read_bytes()
    return Reader(
        read=read,
        seeds=(_CONFIG, small, _BOMB + small, b"a: " + b"[" * 300, b"- " * 1500),
        files=("autograder/config/",),
        refusals=(ConfigError,),
        form=r"grading_config\.yml:\d+:\d+: .+",
        mutate=partial(mutate, tokens=_CONFIG_TOKENS, longest=3000),  # YAML is read slowly
    )


_ENTRIES = b"""\
{"kind": "override", "student_id": "ana", "assignment": "tp1", "by": "t", "at": "2026-02-16T23:59:00+01:00", "why": "w", "value": "3.5", "exercise": "mse"}
{"kind": "extension", "student_id": "bo", "assignment": "tp1", "by": "t", "at": "2026-02-16T23:59:00Z", "why": "w", "value": "2026-02-20T23:59:00+01:00"}
{"kind": "excuse", "student_id": "bo", "assignment": "tp1", "by": "t", "at": "2026-02-16T23:59:00Z", "why": "w"}
"""  # noqa: E501
_DATES = (
    b"9999-12-31T23:59:59-23:59",
    b"0001-01-01T00:00:00+23:59",
    b"2026-W01-1T00Z",
    b"withdrawn",
)


def _times() -> Reader:
    from autograder.collect import find_submissions
    from autograder.errors import ConfigError
    from autograder.models import SubmittedFile
    from tests.autograder.collect.test_search import ASSIGNMENT

    handed_in = scratch() / "handed-in"
    for student in ("ana", "bo", "cy"):
        for number in (1, 2):
            path = handed_in / student / f"attempt-{number}" / "losses.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def keep(name: str, chunks: Any) -> SubmittedFile:
        size = sum(map(len, chunks))
        return SubmittedFile(name=name, sha256="a" * 64, size=size, blob=Path(name))

    def read(data: bytes) -> object:
        (handed_in / "submissions.csv").write_bytes(data)
        found = find_submissions(
            handed_in, assignment=ASSIGNMENT, keep=keep, timezone="Europe/Paris"
        )
        for note in found.notes:
            assert not any(unicodedata.category(char) in _UNSHOWN for char in note), repr(note)
        return found

    seeds = (
        b"student_id,path,submitted_at\nana,ana/attempt-1,2026-02-09T18:15\nbo,,2026-02-10 10:00\n",
        b"student_id;submitted_at\r\ncy;2026-02-09T18:15+01:00\r\n",
    )
    return Reader(
        read=read,
        seeds=seeds,
        files=("autograder/collect/",),
        refusals=(ConfigError,),
        form=r"submissions\.csv(:\d+)?: .+|\S*/handed-in: .+",
        mutate=partial(mutate, tokens=(b",", b";", b"../", b"/", *_DATES)),
    )


# --- what grading left behind --------------------------------------------------------------------


def _documents() -> dict[str, bytes]:
    from autograder.report import json as documents
    from autograder.report.store import PRIVATE, RUN, SUBMISSION
    from tests.autograder.report import test_json as made

    handed_in, grade, records = made.EVERY_STATUS["graded"]
    result = documents.result_document(handed_in, grade, records, made.ENVIRONMENT, made.NOW)
    feedback = documents.feedback_document(handed_in, grade, records, made.NOW)
    found = {
        "records/tp1/ana/a": documents.record_document(made.record()),
        "submissions/tp1/ana": {"schema": SUBMISSION, **documents.to_json(handed_in)},
        "results/tp1/ana": result,
        "feedback/tp1/ana": feedback,
        "private/tp1/ana": {"schema": PRIVATE, "attempts": {"a": {"prints": "x"}}},
        "run": {"schema": RUN, "seed": 7},
    }
    return {name: documents.dump(document) for name, document in found.items()}


def _store(name: str) -> Reader:
    """Return the reader of one file of OUT beside the others: a damaged one counts as absent."""
    from autograder.report.store import Store

    out = scratch() / f"out-{name.replace('/', '-')}"
    documents = _documents()
    for each, data in documents.items():
        (out / f"{each}.json").parent.mkdir(parents=True, exist_ok=True)
        (out / f"{each}.json").write_bytes(data)

    def read(data: bytes) -> object:
        (out / f"{name}.json").write_bytes(data)
        store = Store(out)
        store.record("tp1", "ana", "a", "d" * 64)
        store.result("tp1", "ana")
        store.feedback("tp1", "ana")
        store.private("tp1", "ana", "a")
        with store.lock():
            store.run_seed()
            known = store.submissions("tp1")
            store.write_grades()
            store.record_attempts(known)
        for note in store.notes:
            assert not any(unicodedata.category(char) in _UNSHOWN for char in note), repr(note)
        return store

    tokens = (b'"1e999999999"', b'"\\u0000"', b'"../../x"', b'{"a":', b"[[", b'"x" * 300')
    return Reader(
        read=read,
        seeds=(documents[name],),
        files=("autograder/report/",),
        mutate=partial(mutate, tokens=tokens),
    )


# --- all of them ---------------------------------------------------------------------------------


def _wire(*, from_worker: bool) -> Reader:
    from tests.fuzz import frames

    return frames.reader(from_worker=from_worker)


def _replies() -> Reader:
    from tests.fuzz import frames

    return frames.replies()


_ROSTER = (b"student_id,name,section,moodle\nana,Ana,1,a1\nbo,Bo,,b1\n", b"name;student_id\nX;x\n")

READERS: dict[str, Callable[[], Reader]] = {
    "frames from a worker": partial(_wire, from_worker=True),
    "frames for a worker": partial(_wire, from_worker=False),
    "replies of a worker": _replies,
    "a notebook": lambda: _submission("tp1.ipynb", _notebook_seeds(), mutate),
    "a module": lambda: _submission("tp1.py", [_SOURCE, *_handed_in(".py")], mutate),
    "an archive": lambda: _submission("work.zip", _archive_seeds(), _change_archive),
    "grading_config.yml": _config,
    "submissions.csv": _times,
    "the roster": lambda: file_reader(
        "autograder.collect.tables:read_roster", "roster.csv", r"roster\.csv:\d+: .+", _ROSTER
    ),
    "the ledger": lambda: file_reader(
        "autograder.ledger:read", "ledger.jsonl", r"\S*ledger\.jsonl:\d+: .+", [_ENTRIES], *_DATES
    ),
    **{
        f"OUT/{name}.json": partial(_store, name)
        for name in (
            *("records/tp1/ana/a", "submissions/tp1/ana", "results/tp1/ana"),
            *("feedback/tp1/ana", "private/tp1/ana", "run"),
        )
    },
}
