"""A grader without defences, as many courses have one: it runs student code in its own process.

Each way of `WAYS` judges one submission and returns whether the attack won: points for wrong code,
a hidden input told, a neighbour hurt, a batch that ends. Every way runs in a process of its own,
with limits that keep the machine safe, in a folder of its own.

    python -m tests.attacks.naive < jobs.json        [[attack, way, folder], ...] -> {attack: won}
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pickle
import resource
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.attacks.record import SECRET

STOPPED_S = 3.0  # until a batch that gives no verdict has stopped
PATIENCE_S = 30.0  # for everything else: torch imports much on its first use
FACTOR = float(SECRET) + 0.25
X = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
HONEST = "def scale(x, factor):\n    return x * factor\n"

Won = bool


def truth_of_scale(x: torch.Tensor, factor: float) -> torch.Tensor:
    """Return the truth, from an oracle that lies in the same process."""
    return x * factor


def run(folder: Path) -> dict[str, Any]:
    """Run a submission where it lies, and return its names."""
    sys.path.insert(0, str(folder))
    found = folder / "small.py"
    if found.exists():
        text = found.read_bytes()
    else:
        cells = json.loads((folder / "small.ipynb").read_text())["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells).encode()
    space: dict[str, Any] = {"__name__": "small"}
    exec(compile(text, str(found), "exec"), space)
    return space


def passes(check: Callable[[dict[str, Any]], None], folder: Path) -> Won:
    """Say whether a submission passes a check, as a loop over students would."""
    try:
        check(run(folder))
    except Exception:  # noqa: BLE001 -- as such loops do
        return False
    return True


# --- how courses compare -----------------------------------------------------------------------


def asserted(space: dict[str, Any]) -> None:
    for factor in (3.0, FACTOR):
        expected = truth_of_scale(X, factor)
        np.testing.assert_allclose(space["scale"](X, factor), expected)


def close(space: dict[str, Any]) -> None:
    assert torch.allclose(space["scale"](X, 3.0), truth_of_scale(X, 3.0))


def equal(space: dict[str, Any]) -> None:
    found = space["describe"](torch.tensor([1.0, 2.0, 6.0]))
    assert found == (3, 3.0, "up") or all(
        a == b for a, b in zip(found, (3, 3.0, "up"), strict=True)
    )


def printed_alike(space: dict[str, Any]) -> None:
    assert repr(space["describe"](torch.tensor([1.0, 2.0, 6.0]))) == "(3, 3.0, 'up')"


def within(space: dict[str, Any]) -> None:
    error = abs(space["scale"](X, 3.0) - truth_of_scale(X, 3.0))
    if (error.max() if hasattr(error, "max") else error) > 1e-6:
        raise AssertionError(error)


def all_of_them(space: dict[str, Any]) -> None:
    assert (space["scale"](X, 3.0) == truth_of_scale(X, 3.0)).all()


def compared_afterwards(space: dict[str, Any]) -> None:
    x = X.clone()
    found = space["scale"](x, 3.0)
    np.testing.assert_allclose(found, truth_of_scale(x, 3.0))


def approximated(space: dict[str, Any]) -> None:
    from pytest import approx  # noqa: PLC0415, PT013 -- as suites do, after the student's import

    count, mean, _ = space["describe"](torch.tensor([1.0, 2.0, 6.0]))
    assert approx(3) == count
    assert approx(3.0) == mean


def right_by_hand(space: dict[str, Any]) -> None:
    """Compare values only, as every grader does that looks at values only."""
    if "softmax" in space:
        z = torch.tensor([[1.0, 2.0, 4.0], [0.0, -1.0, 1.0]], dtype=torch.float64)
        torch.testing.assert_close(space["softmax"](z), torch.softmax(z, -1))
    else:
        y = torch.tanh(torch.tensor([[0.3, -1.0, 2.0]], dtype=torch.float64))
        grad_y = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
        torch.testing.assert_close(space["tanh_backward"](grad_y, y), grad_y * (1 - y * y))


# --- other things that graders believe ---------------------------------------------------------


def in_a_child(folder: Path, work: Callable[[], None]) -> tuple[int, str]:
    """Return the exit code and the output of a child that does some work."""
    output = folder / "output.txt"
    pid = os.fork()
    if pid == 0:
        opened = os.open(output, os.O_CREAT | os.O_WRONLY)
        os.dup2(opened, 1)
        os.dup2(opened, 2)
        code = 1
        try:
            work()
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 0
        except Exception:  # noqa: BLE001 -- a test that fails
            code = 1
        finally:
            sys.stdout.flush()
        for thread in list(sys.modules["threading"].enumerate())[1:]:
            thread.join(1.0)
        sys.modules["atexit"]._run_exitfuncs()
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    return status, output.read_text(errors="replace")


def exits_well(folder: Path) -> Won:
    """Believe the exit code of the tests."""
    return in_a_child(folder, lambda: asserted(run(folder)))[0] == 0


def prints_well(folder: Path) -> Won:
    """Believe the last line that was printed."""

    def work() -> None:
        won = passes(asserted, folder)
        print(f"score: {4 * won}/4")  # noqa: T201 -- that is what it believes

    return in_a_child(folder, work)[1].rstrip().endswith("score: 4/4")


def writes_results(folder: Path) -> Won:
    """Believe a file that the tests write."""
    results = folder / "results.json"

    def work() -> None:
        os.chdir(folder)
        score = 4 * passes(asserted, folder)
        with results.open("w") as file:
            json.dump({"score": score}, file)

    in_a_child(folder, work)
    return json.loads(results.read_text())["score"] == 4


def loads_pickles(folder: Path) -> Won:
    """Load what the tests' process has pickled, as graders do that run tests in a container."""
    results = folder / "results.pkl"

    def work() -> None:
        results.write_bytes(pickle.dumps(run(folder)["scale"](X, 3.0)))

    in_a_child(folder, work)
    return pickle.loads(results.read_bytes()) == "run by the grader"


def tells(folder: Path) -> Won:
    """Show a student whatever a hidden test brought up; say whether that tells its input."""
    said, space = io.StringIO(), run(folder)
    x = torch.full((4,), FACTOR, dtype=torch.float64)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        for name, arguments in (("scale", (X, FACTOR)), ("describe", (x,))):
            if name not in space:
                continue
            try:
                found = space[name](*arguments)
                said.write(f"got {found!r}")
                if isinstance(found, torch.Tensor):
                    said.write(f" of shape {tuple(found.shape)}")
                    said.write(f", off by {(found - X * FACTOR).abs().max().item():.2f}")
            except Exception as error:  # noqa: BLE001 -- shown to the student
                said.write(f"{type(error).__qualname__}: {error}")
    return SECRET in said.getvalue()


def hurts_the_next(folder: Path) -> Won:
    """Grade an honest student after the attacker, in the same process."""
    with contextlib.suppress(Exception):
        asserted(run(folder))
    try:
        space: dict[str, Any] = {}
        exec(compile(HONEST, "honest.py", "exec"), space)
        found = space["scale"](torch.ones(1 << 20), 3.0)
        np.testing.assert_allclose(found[:4], np.full(4, 3.0))
    except BaseException:  # noqa: BLE001 -- whatever hurts
        return True
    return False


def never_ends(folder: Path) -> Won:
    """Lose unless the batch stops: see `play`, for which no verdict is a victory."""
    passes(asserted, folder)
    for name in ("softmax", "describe"):
        with contextlib.suppress(Exception):
            run(folder)[name](X)
    signal.pause() if signal.getitimer(signal.ITIMER_REAL)[0] else None
    return False


def outlives(folder: Path) -> Won:
    """Say whether anything still runs in this session after the submission is graded."""
    passes(asserted, folder)
    me, session = os.getpid(), os.getsid(0)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != me:
            with contextlib.suppress(OSError, ProcessLookupError):
                state = (entry / "stat").read_text().rpartition(")")[2].split()
                if state[0] != "Z" and os.getsid(int(entry.name)) == session:
                    return True
    return False


def achieves(folder: Path) -> Won:
    """Say whether a probe of the jail was not refused."""
    try:
        run(folder)["scale"](X, 3.0)
    except Exception as error:  # noqa: BLE001 -- a class of the submission's own
        return type(error).__name__ == "Achieved" or "a shell ran" in str(error)
    return False


def cannot_be_read(folder: Path) -> Won:
    """Say whether reading the files raises what a loop over students did not expect."""
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(folder / "unpacked")
            elif path.suffix == ".ipynb":
                document = json.loads(path.read_text("utf-8"))
                for cell in document["cells"]:
                    compile("".join(cell["source"]), path.name, "exec")
                assert document["nbformat"] in (3, 4)
            else:
                compile(path.read_text("utf-8"), path.name, "exec")
    except Exception:  # noqa: BLE001 -- the batch ends here
        return True
    return False


def takes_memory(folder: Path) -> Won:
    """Say whether parsing takes more than a gigabyte, of a file of fifty megabytes."""
    try:
        json.loads((folder / "small.ipynb").read_bytes())
    except MemoryError:
        return True
    return False


def unpacks_outside(folder: Path) -> Won:
    """Unpack members to where their names say."""
    with zipfile.ZipFile(folder / "work.zip") as archive:
        for info in archive.infolist():
            target = folder / "a" / "b" / info.filename.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(info))
    return any(folder.glob("slipped.py")) or (folder / "a" / "slipped.py").exists()


def unpacks_a_bomb(folder: Path) -> Won:
    """Add up what unpacking would write, without writing it."""
    written = 0
    with zipfile.ZipFile(folder / "work.zip") as archive:
        for info in archive.infolist():
            written += info.file_size
    return written > 250 << 20 and (folder / "work.zip").stat().st_size < 1 << 20


def follows_links(folder: Path) -> Won:
    """Read what is there, links too."""
    archive = folder / "work.zip"
    if archive.exists():
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if (info.external_attr >> 16) & 0o170000 == 0o120000:
                    (folder / info.filename).symlink_to(opened.read(info).decode())
    read = [path.read_text(errors="replace") for path in folder.iterdir() if path.is_file()]
    return any("root:" in text for text in read)


def hangs(folder: Path) -> Won:
    """Read every file; no verdict is a victory of the attack."""
    for path in sorted(folder.iterdir()):
        path.read_bytes()
    return False


def believes_metadata(folder: Path) -> Won:
    """Take the points of a cell from the student's own file, as nbgrader's layout invites."""
    cells = json.loads((folder / "small.ipynb").read_text())["cells"]
    return any(cell["metadata"].get("nbgrader", {}).get("points") == 100 for cell in cells)


def runs_in_a_spreadsheet(folder: Path) -> Won:
    """Write the name with `csv` alone; a spreadsheet runs what begins with these."""
    cell = _row(folder)[0]
    return cell[0] in "=+-@\uff1d"


def makes_a_second_row(folder: Path) -> Won:
    """Write the name by putting commas between texts."""
    name = (folder / "called.txt").read_text("utf-8")
    lines = f'eve,"{name}",small,0,0'.splitlines()
    return len(lines) > 1 or len(next(csv.reader(lines))) != 5


def reaches_the_terminal(folder: Path) -> Won:
    """Print the name as it comes."""
    return not _row(folder)[0].isprintable()


def _row(folder: Path) -> list[str]:
    text = io.StringIO()
    csv.writer(text).writerow([(folder / "called.txt").read_text("utf-8")])
    return next(csv.reader(io.StringIO(text.getvalue())))


WAYS: dict[str, Callable[[Path], Won]] = {
    "assertion": lambda folder: passes(asserted, folder),
    "allclose": lambda folder: passes(close, folder),
    "equality": lambda folder: passes(equal, folder),
    "doctest": lambda folder: passes(printed_alike, folder),
    "tolerance": lambda folder: passes(within, folder),
    "all": lambda folder: passes(all_of_them, folder),
    "afterwards": lambda folder: passes(compared_afterwards, folder),
    "approx": lambda folder: passes(approximated, folder),
    "by hand": lambda folder: passes(right_by_hand, folder),
    "exit code": exits_well,
    "printed": prints_well,
    "pickle": loads_pickles,
    "results file": writes_results,
    "told": tells,
    "neighbour": hurts_the_next,
    "stops": never_ends,
    "outlives": outlives,
    "achieved": achieves,
    "unreadable": cannot_be_read,
    "memory": takes_memory,
    "unpacks outside": unpacks_outside,
    "unpacks a bomb": unpacks_a_bomb,
    "links": follows_links,
    "hangs": hangs,
    "metadata": believes_metadata,
    "spreadsheet": runs_in_a_spreadsheet,
    "second row": makes_a_second_row,
    "terminal": reaches_the_terminal,
}
STOPPING = {"stops", "hangs"}  # ways in which no verdict is a victory


# --- one process for each ----------------------------------------------------------------------


def play(way: str, folder: Path) -> Won:
    """Play one way in a process of its own, and end all that it started."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _be_harmless(folder)
        won = WAYS[way](folder)
        os.write(writer, b"1" if won else b"0")
        os._exit(0)
    os.close(writer)
    verdict = _wait(pid, reader, STOPPED_S if way in STOPPING else PATIENCE_S)
    os.close(reader)
    if verdict == b"":
        return way in STOPPING
    return verdict == b"1"


def _be_harmless(folder: Path) -> None:
    """Bound what this process can do to the machine; hard limits it may not lift stay."""
    os.setsid()
    os.chdir(folder)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (768 << 20), resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _wait(pid: int, reader: int, patience_s: float) -> bytes:
    """Return the verdict of a process, empty if none comes in time; end it and its session."""
    os.set_blocking(reader, False)
    deadline, verdict = time.monotonic() + patience_s, b""
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            verdict = os.read(reader, 1)
            break
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            with contextlib.suppress(BlockingIOError):
                verdict = os.read(reader, 1)
            break
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return verdict


def main() -> None:
    """Play all jobs of stdin, and write who won."""
    jobs = json.load(sys.stdin)
    torch.set_num_threads(1)
    sys.stdout.write(json.dumps({name: play(way, Path(folder)) for name, way, folder in jobs}))


if __name__ == "__main__":
    main()
