"""Feed a reader mutants in a process of its own, which the kernel ends if it takes too much.

    python -m tests.fuzz.campaign READER COUNT SEED FILE

A mutant that reaches new lines joins those that are mutated. The mutant at hand lies in FILE, so
that it is known if the process dies. What a reader may raise is in `readers`; anything else is
a fault: out of memory, out of CPU time and a message of another form too.
"""

from __future__ import annotations

import json
import mmap
import random
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.fuzz.readers import READERS, Reader

ROOT = Path(__file__).parents[2]
ROOM = 32 << 20  # bytes of the file with the mutant at hand
CASE_CPU_S = 20.0  # an honest case takes milliseconds
OF_CORPUS = 400  # mutants that are mutated further


class Feedback:
    """Tells whether a call runs lines of some files that none has run before."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = tuple(str(ROOT / file) for file in files)
        self._unseen: dict[CodeType, set[int]] = {}
        self._has_news = False

    def call(self, function: Callable[[], Any]) -> bool:
        """Call, and return whether there were new lines, however it ended."""
        self._has_news = False
        sys.settrace(self._enter)
        try:
            function()
        finally:
            sys.settrace(None)
        return self._has_news

    @property
    def has_news(self) -> bool:
        return self._has_news

    def _enter(self, frame: FrameType, *_: Any) -> Any:
        code = frame.f_code
        if code not in self._unseen:
            ours = code.co_filename.startswith(self._files)
            lines = {line for *_, line in code.co_lines() if line} if ours else set()
            self._unseen[code] = lines - {code.co_firstlineno}
        return self._step if self._unseen[code] else None

    def _step(self, frame: FrameType, event: str, _: Any) -> Any:
        unseen = self._unseen[frame.f_code]
        if event == "line" and frame.f_lineno in unseen:
            unseen.discard(frame.f_lineno)
            self._has_news = True
        return self._step


def play(reader: Reader, count: int, seed: int, hold: Callable[[bytes], None]) -> Counter[str]:
    """Return how many mutants were read, and how many were refused, by kind of refusal.

    Raises:
        AssertionError: At the first fault.
    """
    rng, corpus, outcomes = random.Random(seed), list(reader.seeds), Counter()
    kept = len(corpus)
    feedback = Feedback(reader.files)
    for number in range(-kept, count):
        data = corpus[number] if number < 0 else reader.mutate(rng.choice(corpus), rng, corpus)
        hold(data)
        signal.setitimer(signal.ITIMER_VIRTUAL, CASE_CPU_S)  # the signal is deadly
        try:
            feedback.call(lambda data=data: reader.read(data))
        except reader.refusals as refusal:
            outcomes[type(refusal).__name__] += 1
            reader.check(str(refusal))
        else:
            outcomes["read"] += 1
        if feedback.has_news and len(corpus) < kept + OF_CORPUS:
            corpus.append(data)
    outcomes["corpus"] = len(corpus) - kept
    return outcomes


def run(name: str, count: int, seed: int) -> Counter[str]:
    """Play in a child process and return its outcomes.

    Raises:
        AssertionError: If it dies, or a reader has a fault; says how, and of which mutant.
    """
    with tempfile.NamedTemporaryFile() as held:
        held.truncate(ROOM)
        command = [sys.executable, "-m", "tests.fuzz.campaign", name, str(count), str(seed)]
        done = subprocess.run(
            [*command, held.name], cwd=ROOT, capture_output=True, text=True, check=False
        )
        size, _, rest = Path(held.name).read_bytes().partition(b"\n")
        mutant = rest[: int(size)] if size.isdigit() else b""
        shown = f"{mutant[:300]!r} ({len(mutant)} bytes)"
        assert done.returncode == 0, (
            f"exit code {done.returncode} by {shown}\n{done.stderr[-3000:]}"
        )
    return Counter(json.loads(done.stdout))


def main(name: str, count: str, seed: str, file: str) -> None:
    reader = READERS[name]()
    with open(file, "r+b") as opened, mmap.mmap(opened.fileno(), ROOM) as memory:

        def hold(data: bytes) -> None:
            head = b"%d\n" % len(data)
            memory[: len(head) + len(data)] = head + data

        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
        for seed_ in reader.seeds[:1]:  # everything is imported before memory is counted
            with suppress(*reader.refusals):
                reader.read(seed_)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        allowed = pages * mmap.PAGESIZE + reader.memory
        resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
        print(json.dumps(play(reader, int(count), int(seed), hold)))


if __name__ == "__main__":
    main(*sys.argv[1:])
