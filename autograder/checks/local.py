"""Student code in this very process: the doors `gradlab check` and plain `pytest`.

The worker's own session is called directly, with the same bytes that a socket would carry, so that
arguments are copied, results detached and types checked exactly as when grading. Known mistakes and
the reference are played the same way, by the grader.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.checks import judge
from autograder.checks.compare import describe, dtype_name
from autograder.checks.diagnose import Transcript
from autograder.checks.oracle import Key
from autograder.checks.play import Case, Play
from autograder.checks.student import BlockedError, CaseEndedError, LocalTransport
from autograder.errors import SubmissionError, SuiteError
from autograder.models import Exercise, ExerciseResult, Reason, Tolerance
from autograder.sandbox import wire
from autograder.worker.session import Session

PUBLIC_SEED = "public"
SCHEMA = "gradlab/public/v1"


class LocalStage(LocalTransport):
    """A session in this process, reset between exercises.

    Args:
        session: Holds the functions.
        forbidden: The forbidden sets of each exercise, as plain data; empty where nobody watches.
        uses: For each exercise, the first forbidden use that its text shows.
    """

    deaths = 0

    def __init__(
        self,
        session: Session,
        *,
        forbidden: Mapping[str, list[dict[str, Any]]] | None = None,
        uses: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(session)
        self._forbidden = forbidden or {}
        self._uses = uses or {}

    def begin(self, exercise: str, topic: str, seed: int) -> None:
        """Reset the session; stop at once if the exercise's text already breaks its rule."""
        del topic
        header = {"op": "begin", "exercise": exercise, "seed": seed, "seq": 0,
                  "forbidden": self._forbidden.get(exercise, [])}  # fmt: skip
        self.request(header, ())
        if exercise in self._uses:
            raise CaseEndedError(Reason.FORBIDDEN, self._uses[exercise])


def forbidden_message(exercise: str, use: Mapping[str, Any]) -> str:
    """Say which forbidden operation an exercise uses, and where."""
    return f"{exercise} uses {use['name']} ({use['where']}), which is forbidden here"


def reading_remarks(facts: Mapping[str, Any], candidates: Sequence[int]) -> tuple[str, ...]:
    """Return what the reader remarked: on the submission, then on the files that are graded."""
    chosen = (one for one in facts["candidates"] if one["index"] in candidates)
    return (*facts["problems"], *(remark for one in chosen for remark in one["remarks"]))


def unchanged(
    exercise: Exercise, cases: Sequence[Case], truth: judge.Truth, lost: Mapping[str, str]
) -> ExerciseResult:
    """Return the result of an exercise without readable work: not written, or lost in its cell.

    Args:
        exercise: As the assignment asks for it.
        cases: All of its cases.
        truth: What each case compares.
        lost: Why the cell that seems to define an exercise cannot be read, by exercise.
    """
    why = lost.get(exercise.id)
    if why is None:
        return judge.not_implemented(exercise, cases, truth)
    return judge.judge(
        exercise, cases, (), truth=truth, ended=BlockedError(Reason.EXCEPTION, why, feedback=why)
    )


def review_message(found: Mapping[str, Any]) -> str:
    """Say what a person should look at, and where."""
    return f"{found['what']} ({found['where']})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicData:
    """What a student's machine knows of a topic besides its public tests: no code, no solution."""

    topic: str
    exercises: tuple[dict[str, Any], ...]  # id, points, starred, what varies, forbidden sets
    stub: str
    tolerances: Mapping[str, Tolerance]
    oracles: MutableMapping[Key, Any]
    transcripts: Mapping[str, tuple[Transcript, ...]]
    truth: Mapping[str, tuple[str, ...]]  # case id -> the part of each comparison

    @classmethod
    def load(cls, path: Path) -> PublicData:
        """Read `<topic>.json`.

        Raises:
            SuiteError: If it is missing or damaged.
        """
        try:
            return cls._from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise SuiteError(
                f"{path.name}: expected it next to the test file, got no such file."
                " Download the assignment again."
            ) from None
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as fault:
            raise SuiteError(
                f"{path.name}: expected {SCHEMA}, got something else ({fault})."
                " Download the assignment again."
            ) from None

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> PublicData:
        if data["schema"] != SCHEMA:
            raise ValueError(data["schema"])
        return cls(
            topic=data["topic"],
            exercises=tuple(data["exercises"]),
            stub=data["stub"],
            tolerances={name: Tolerance(**pair) for name, pair in data["tolerances"].items()},
            oracles={
                (case, dtype, count): _from_plain(value)
                for case, dtype, count, value in data["oracles"]
            },
            truth={case: tuple(parts) for case, parts in data["truth"].items()},
            transcripts={
                exercise: tuple(Transcript.from_json(one) for one in found)
                for exercise, found in data["mistakes"].items()
            },
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain data, the same bytes for the same content."""
        return {
            "schema": SCHEMA,
            "topic": self.topic,
            "exercises": list(self.exercises),
            "stub": self.stub,
            "tolerances": {
                name: {"rtol": pair.rtol, "atol": pair.atol}
                for name, pair in sorted(self.tolerances.items())
            },
            "truth": {case: list(parts) for case, parts in sorted(self.truth.items())},
            "oracles": [[*key, _to_plain(self.oracles[key])] for key in sorted(self.oracles)],
            "mistakes": {
                exercise: [one.as_json() for one in found]
                for exercise, found in sorted(self.transcripts.items())
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An assignment as it was handed out: its folder, and its public data."""

    folder: Path
    data: PublicData


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A student's file, read and loaded in this process."""

    play: Play
    file: str
    changed: frozenset[str]  # exercises that differ from the stub
    defined: frozenset[str]
    remarks: tuple[str, ...]
    lost: Mapping[str, str]  # exercise -> why the cell that seems to define it cannot be read
    uses: Mapping[str, str]
    review: Mapping[str, str]


def open_file(path: Path, data: PublicData) -> Opened:
    """Read and load one module or notebook as the grader's worker would.

    Raises:
        SubmissionError: If it cannot be read; the message says why and where.
    """
    session = Session()
    files = [(path.name, path.read_bytes()), *_siblings(path.parent, data, path.name)]
    facts = _ask(session, {"op": "read", "spec": _spec(data, path.name, path.parent)}, files)
    variants = facts["variants"]
    if not variants:
        problems = "; ".join(facts["problems"]) or (
            f"{path.name}: expected a definition of one of"
            f" {', '.join(exercise['id'] for exercise in data.exercises)}, got none."
        )
        raise SubmissionError(problems)
    chosen = variants[0]
    loaded = _ask(session, {"op": "load", "candidates": chosen["candidates"], "cpu_s": 60.0}, ())
    remarks = (*reading_remarks(facts, chosen["candidates"]), *loaded["remarks"])
    return _opened(session, facts, chosen, data, remarks)


def read_files(
    files: Sequence[tuple[str, bytes]], homes: Sequence[Home], names: Sequence[str]
) -> tuple[Session, dict[str, Any]]:
    """Read what is about to be handed in, as the grader's worker would; nothing of it runs.

    Args:
        files: Names and contents.
        homes: The assignments that it belongs to.
        names: The expected file names, most expected first.

    Returns:
        The session that has read them, and what it found.
    """
    session = Session()
    spec: dict[str, Any] = {"exercises": [], "stubs": {}, "support": {}, "modules": []}
    for home in homes:
        own = _spec(home.data, "", home.folder)
        spec["exercises"] += own["exercises"]
        spec["stubs"] |= own["stubs"]
        spec["support"] |= own["support"]
    facts = _ask(session, {"op": "read", "spec": spec | {"names": list(names)}}, files)
    return session, facts


def open_read(
    session: Session, facts: Mapping[str, Any], number: int, homes: Sequence[Home]
) -> list[Opened]:
    """Load one of the variants that `read_files` found; return it for each assignment."""
    chosen = facts["variants"][number]
    loaded = _ask(session, {"op": "load", "candidates": chosen["candidates"], "cpu_s": 60.0}, ())
    remarks = tuple(loaded["remarks"])
    return [_opened(session, facts, chosen, home.data, remarks) for home in homes]


def open_kernel(
    namespace: Mapping[str, Any], cells: Sequence[str], data: PublicData, folder: Path
) -> Opened:
    """Look at what a notebook's kernel has defined; nothing of it runs again.

    Args:
        namespace: The kernel's names, with the functions to call.
        cells: What it ran, in order; only read, to see what differs from the stub and what is
            forbidden. Jupyter's number of a cell is its index here.
        data: Of the assignment.
        folder: Where the assignment lies.
    """
    name = f"{data.topic}.ipynb"
    session = Session.from_namespace(namespace)
    files = [(name, _as_notebook(cells)), *_siblings(folder, data, name)]
    facts = _ask(session, {"op": "read", "spec": _spec(data, name, folder)}, files)
    chosen = next(
        (one for one in facts["variants"] if one["kind"] == "notebook"),
        {"graded_file": name, "candidates": [], "changed": []},
    )
    return _opened(session, facts, chosen, data, ())


def _opened(
    session: Session,
    facts: Mapping[str, Any],
    chosen: Mapping[str, Any],
    data: PublicData,
    remarks: tuple[str, ...],
) -> Opened:
    uses, review = _by_hand(facts, chosen["candidates"])
    forbidden = {exercise["id"]: exercise["forbidden"] for exercise in data.exercises}
    play = Play(
        LocalStage(session, forbidden=forbidden, uses=uses),
        run_seed=PUBLIC_SEED,
        assignment=data.topic,
        tolerances=data.tolerances,
        references=None,
        known=data.oracles,
    )
    defined = {name for one in facts["candidates"] for name in one["defines"]}
    return Opened(
        play=play,
        file=chosen["graded_file"],
        changed=frozenset(chosen["changed"]),
        defined=frozenset(defined),
        remarks=remarks,
        lost=facts["lost"],
        uses=uses,
        review=review,
    )


def _siblings(folder: Path, data: PublicData, name: str) -> list[tuple[str, bytes]]:
    """Return the other modules of a folder, which may be imported; not the tests, nor the twin."""
    others = {name, f"test_{data.topic}.py", f"{data.topic}.py"}
    paths = sorted(folder.glob("*.py"))
    return [(path.name, path.read_bytes()) for path in paths if path.name not in others]


_MOST_CELLS = 400 << 10  # characters; the reader takes 512 KiB, and helper modules need some


def _as_notebook(cells: Sequence[str]) -> bytes:
    """Return cells as a notebook; of a cell that ran several times the last run counts.

    What is left out becomes a `pass`, so that each cell keeps its number.
    """
    last = {text: number for number, text in enumerate(cells)}
    sources, left = ["pass"] * len(cells), _MOST_CELLS
    for text, number in sorted(last.items(), key=lambda one: -one[1]):
        left -= len(text)
        if text.strip() and left > 0:
            sources[number] = text
    counted = [{"cell_type": "code", "source": source} for source in sources[1:]]
    return json.dumps({"cells": counted}).encode()


def open_play(test_file: Path) -> Play:
    """Return the play for a public test file: the module or notebook next to it.

    Raises:
        SubmissionError: If there is none, or it cannot be read.
    """
    topic = test_file.stem.removeprefix("test_")
    data = PublicData.load(test_file.with_name(f"{topic}.json"))
    return open_file(find_file(test_file.parent, topic), data).play


def find_file(folder: Path, topic: str) -> Path:
    """Return the student's file in `folder`: of a module and a notebook, the one saved last."""
    found = [folder / f"{topic}{suffix}" for suffix in (".py", ".ipynb")]
    found = [path for path in found if path.is_file()]
    if not found:
        raise SubmissionError(
            f"{folder}: expected {topic}.py or {topic}.ipynb, got neither."
            f" Start with `gradlab start {topic}`."
        )
    return max(found, key=lambda path: path.stat().st_mtime)


def choose_file(folder: Path, data: PublicData) -> tuple[Path, tuple[str, ...]]:
    """Return the file to check in `folder`, and the names of others that hold work.

    It is the one that `find_file` finds; where that is untouched or missing, the one that a grader
    would take of those that differ from what was handed out.

    Raises:
        SubmissionError: If there is none.
    """
    given = {f"test_{data.topic}.py", "conftest.py", "support.py"}
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in (".py", ".ipynb")]
    files = [
        (path.name, path.read_bytes())
        for path in paths
        if path.is_file() and path.name not in given and not path.name.startswith(".")
    ]
    names = [f"{data.topic}.py", f"{data.topic}.ipynb"]
    if not files:
        return find_file(folder, data.topic), ()
    _, facts = read_files(files, [Home(folder=folder, data=data)], names)
    worked = [one["name"] for one in facts["candidates"] if one["changed"]]
    untouched = {
        one["name"] for one in facts["candidates"] if not (one["changed"] or one["remarks"])
    }
    if worked and untouched.issuperset(name for name, _ in files if name in names):
        name = facts["variants"][0]["graded_file"]
    else:
        name = find_file(folder, data.topic).name
    return folder / name, tuple(one for one in worked if one != name)


def _ask(
    session: Session, header: dict[str, Any], contents: Sequence[tuple[str, bytes]]
) -> dict[str, Any]:
    listing, offset = [], 0
    for name, content in contents:
        listing.append({"name": name, "offset": offset, "size": len(content)})
        offset += len(content)
    header = {**header, "seq": 0, **({"files": listing} if contents else {})}
    reply, buffers = session.handle(header, bytearray(b"".join(content for _, content in contents)))
    payload = bytearray(b"".join(bytes(buffer) for buffer in buffers))
    if reply.get("ok") is not True:
        raise SubmissionError(str(reply.get("error", {}).get("message")))
    value: dict[str, Any] = wire.unpack(reply["value"], payload)
    return value


def _spec(data: PublicData, name: str, folder: Path) -> dict[str, Any]:
    support = folder / "support.py"
    return {
        "exercises": [
            {"id": one["id"], "topic": data.topic, "forbidden": one["forbidden"]}
            for one in data.exercises
        ],
        "stubs": {data.topic: data.stub},
        "support": {data.topic: support.read_text(encoding="utf-8")} if support.exists() else {},
        "names": [name],
        "modules": [],
    }


def _by_hand(
    facts: Mapping[str, Any], candidates: list[int]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the first forbidden use and the first suspicious thing of each exercise."""
    uses: dict[str, str] = {}
    review: dict[str, str] = {}
    for index in reversed(
        candidates
    ):  # the first that changed an exercise is the one that gives it
        for exercise, found in facts["by_hand"].get(str(index), {}).items():
            uses.pop(exercise, None)
            review.pop(exercise, None)
            if found["uses"]:
                uses[exercise] = forbidden_message(exercise, found["uses"][0])
            if found["suspicious"]:
                review[exercise] = review_message(found["suspicious"][0])
    return uses, review


# --- expected values as JSON: digits that can be read and compared, not bytes ------------------


def _to_plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor | np.ndarray | np.generic) and not _is_complex(value):
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        numbers = [_number(x) for x in value.reshape(-1).tolist()]
        return {kind: dtype_name(value), "shape": list(value.shape), "values": numbers}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_to_plain(item) for item in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": _number(value)}
    raise SuiteError(
        f"public suite: expected a tensor, an array, real numbers or text as the truth, got"
        f" {describe(value)}. Keep such a case in the hidden suite."
    )


def _is_complex(value: Any) -> bool:
    return dtype_name(value).startswith("complex")


def _from_plain(data: Mapping[str, Any]) -> Any:
    if "value" in data:
        return _from_number(data["value"])
    if "tuple" in data:
        return tuple(_from_plain(item) for item in data["tuple"])
    if "list" in data:
        return [_from_plain(item) for item in data["list"]]
    numbers = [_from_number(x) for x in data["values"]]
    if "array" in data:
        return np.array(numbers, dtype=data["array"]).reshape(data["shape"])
    return torch.tensor(numbers, dtype=getattr(torch, data["tensor"])).reshape(data["shape"])


def _number(x: Any) -> Any:
    """JSON has no word for infinity or NaN."""
    return {"float": str(x)} if isinstance(x, float) and not math.isfinite(x) else x


def _from_number(x: Any) -> Any:
    return float(x["float"]) if isinstance(x, dict) else x
