"""How far it is: a bar on a terminal, plain lines in a log."""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from autograder.cli.progress import Progress
from autograder.errors import ConfigError
from autograder.models import Isolation, RunRecord, RunStatus
from tests.autograder import layers

RECORD = RunRecord(attempt_sha256="a", run_sha256="r", status=RunStatus.GRADED)
TIER = Isolation(tier="A", missing=("rain",))


class Terminal:
    """A terminal of 80 columns, and all that was written to it."""

    def __init__(self):
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.stream = os.fdopen(os.dup(self._slave), "w", encoding="utf-8")

    def run(self, command, folder) -> int:
        """Run a command on it."""
        environment = {key: value for key, value in layers.ENVIRONMENT.items() if key != "COLUMNS"}
        running = subprocess.Popen(
            command, stdin=self._slave, stdout=self._slave, stderr=self._slave, cwd=folder,
            env=environment | {"TERM": "xterm"}, start_new_session=True,
        )  # fmt: skip
        os.close(self._slave)
        self.stream.close()
        self.text = self._read()
        return running.wait()

    def read(self) -> str:
        """Hang up and return what was written."""
        self.stream.close()
        os.close(self._slave)
        return self._read()

    def _read(self) -> str:
        data = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while chunk := os.read(self._master, 1 << 16):
                data += chunk
        os.close(self._master)
        return data.decode()


def plain(text: str) -> list[str]:
    """Return the lines that stay on a terminal, without colour."""
    text = re.sub(r"\x1b\[\?25[lh]", "", text)
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).rstrip() for line in lines]


@pytest.fixture
def terminal(monkeypatch):
    made = Terminal()
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return made


def work(stream, total: int, known: int = 0) -> None:
    with contextlib.redirect_stderr(stream), Progress() as progress:
        progress.begin(TIER, total, known)
        for number in range(total):
            progress.examined(f"student-{number}", RECORD)


def test_a_terminal_shows_count_rate_and_time_left(terminal):
    work(terminal.stream, 25)
    text = terminal.read()
    assert "25/25" in text
    assert "12/25" in text
    assert re.search(r"\d+\.\d/s", text)
    assert "0:00:00 left" in re.sub(r"\x1b\[[0-9;]*m", "", text)
    last = plain(text)[-2]
    assert last.startswith("examined student-24 ")
    assert len(last) <= 80


def test_a_terminal_keeps_what_was_said_above_the_bar(terminal):
    work(terminal.stream, 2, known=7)
    lines = plain(terminal.read())
    assert lines[0].startswith("isolation: tier A (")
    assert lines[1:3] == ["  it cannot promise", "  - rain"]
    assert lines[3] == "attempts to examine: 2; 7 not changed, so not examined again"


def test_there_is_no_bar_where_there_is_nothing_to_do(terminal):
    work(terminal.stream, 0, known=7)
    assert "0/0" not in plain(terminal.read())[-2]


def test_an_error_at_the_start_leaves_no_bar_behind(terminal):
    stream = contextlib.redirect_stderr(terminal.stream)
    with stream, pytest.raises(ConfigError, match="no"), Progress():
        raise ConfigError("no")
    assert not any("starting" in line for line in plain(terminal.read()))


def test_a_log_gets_a_line_for_every_tenth_attempt():
    log = io.StringIO()
    work(log, 25)
    assert log.getvalue().splitlines() == [
        "isolation: tier A (student code has its own files, processes, users and network)",
        "  it cannot promise",
        "  - rain",
        "attempts to examine: 25",
        "10 of 25 attempts",
        "20 of 25 attempts",
        "25 of 25 attempts",
    ]


@pytest.mark.prove
def test_grading_on_a_terminal_shows_the_bar_then_the_table_and_no_students_paint(tmp_path):
    desk = layers.desk(tmp_path, "ansi", "tuple-cache", "einsum")
    terminal = Terminal()
    assert terminal.run([*layers.COMMAND, *desk.grading()], tmp_path) == 0
    lines = plain(terminal.text)
    assert any(re.match(r"examined \S+ +━+ 3/3 +[\d.]+/s 0:00:00 left", line) for line in lines)
    assert "tuple-cache   4.00  graded  ++++" in lines
    assert max(map(len, lines)) <= 80
    assert "\x1b[31m[bold]" not in terminal.text
    assert "\u202e" not in terminal.text
