"""`gradlab check --watch`: a check after each save, whatever the student's code does."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.watch import stamp_of
from tests.autograder.layers import COMMAND, COURSE, ENVIRONMENT

RIGHT = (COURSE / "submissions" / "tuple-cache" / "layers.py").read_text()
PATIENCE_S = 60  # for one line; a busy machine is slow


class Watched:
    """A watch that runs, and what it has printed since it was last asked."""

    def __init__(self, home: Path, *options: str, terminal: bool = False) -> None:
        self.home = home
        ours, theirs = pty.openpty() if terminal else os.pipe()
        self._stream, self._text, self._ended = ours, "", False
        self._changed = threading.Condition()
        self.running = subprocess.Popen(
            [*COMMAND, "check", str(home), "--watch", *options],
            stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL,
            env={**ENVIRONMENT, "TERM": "xterm"}, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._stream, 4096)
            except OSError:  # a terminal whose other side is closed
                data = b""
            with self._changed:
                self._text += data.decode(errors="replace")
                self._ended = not data
                self._changed.notify_all()
            if not data:
                return

    def said(self, text: str) -> str:
        """Wait until some text is printed; return all that came since the last time."""
        with self._changed:
            found = self._changed.wait_for(lambda: text in self._text, PATIENCE_S)
            assert found, f"expected {text!r} in {self._text!r}"
            came, self._text = self._text, ""
        return came

    def save(self, text: str, name: str = "layers.py") -> None:
        (self.home / name).write_text(text)

    def end(self, how: signal.Signals) -> str:
        """Send a signal to the watch and return what it still says."""
        self.running.send_signal(how)
        assert self.running.wait(PATIENCE_S) == 0
        with self._changed:
            assert self._changed.wait_for(lambda: self._ended, PATIENCE_S)
            return self._text


@pytest.fixture
def watched():
    started = []

    def start(*args, **given) -> Watched:
        started.append(Watched(*args, **given))
        return started[-1]

    yield start
    for one in started:
        if one.running.poll() is None:
            os.killpg(one.running.pid, signal.SIGKILL)
            one.running.wait()


def test_what_is_saved_made_or_removed_changes_the_stamp(tmp_path):
    stamps = [stamp_of(tmp_path)]
    for name, text in (("a.py", "1"), ("a.py", "22"), ("b.ipynb", "{}")):
        (tmp_path / name).write_text(text)
        stamps.append(stamp_of(tmp_path))
    (tmp_path / "a.py").unlink()
    stamps.append(stamp_of(tmp_path))
    assert len(set(stamps)) == len(stamps)


def test_what_is_no_module_or_notebook_does_not(tmp_path):
    before = stamp_of(tmp_path)
    for name in ("notes.txt", ".hidden.py", "a.py.swp", "layers.json"):
        (tmp_path / name).write_text("x")
    assert stamp_of(tmp_path) == before == ()
    assert stamp_of(tmp_path / "gone") == ()


def test_a_path_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["check", str(tmp_path / "gone"), "--watch"]) == 2
    assert "gone: expected your file or its folder, got no such path." in capsys.readouterr().err


@pytest.mark.prove
def test_each_save_is_checked_whatever_the_code_does(home, watched):
    watch = watched(home, "-k", "affine_forward")
    first = watch.said("0 of 1 exercise")
    assert first.startswith(f"Watching {home}; save to check again, Ctrl-C to end.\n")
    assert "\x1b" not in first
    assert "not written yet" in first

    watch.save("def affine_forward(x, w, b)\n")  # half written
    watch.said("layers.py, line 1: expected Python 3")

    watch.save("def affine_forward(x, w, b):\n    while True:\n        pass\n")
    watch.said("Watching ")
    time.sleep(4)  # it runs now, and would for ever
    watch.save("import os\n\ndef affine_forward(x, w, b):\n    os._exit(3)\n")
    watch.said("layers.py: expected the checks to end, got an interpreter that the file ended")
    (home / "layers.py").unlink()
    watch.said("expected layers.py or layers.ipynb, got neither")

    watch.save(RIGHT)
    assert "layers.py: 1 of 1 exercise passes its public tests" in watch.said("1 of 1 exercise")
    assert watch.end(signal.SIGINT) == ""


@pytest.mark.prove
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_leaves_no_check_behind(home, watched, how):
    mark = home / "pid.txt"
    text = f"import os\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\nwhile True:\n    pass\n"
    (home / "layers.py").write_text(RIGHT + text)
    watch = watched(home)
    watch.said("Watching ")
    for _ in range(PATIENCE_S * 10):
        if mark.exists() and mark.read_text():
            break
        time.sleep(0.1)
    watch.end(how)
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


@pytest.mark.prove
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_is_cleared_and_coloured_unless_it_asks_not_to_be(home, watched, monkeypatch):
    watch = watched(home, "-k", "affine_forward", terminal=True)
    first = watch.said("0 of 1 exercise")
    assert first.startswith("\x1b[2J")
    assert "\x1b[2mnot written yet" in first
    watch.end(signal.SIGINT)
    monkeypatch.setitem(ENVIRONMENT, "NO_COLOR", "1")
    plain = watched(home, "-k", "affine_forward", terminal=True)
    assert "\x1b[3" not in plain.said("0 of 1 exercise").removeprefix("\x1b[2J\x1b[1;1H")
    plain.end(signal.SIGINT)
