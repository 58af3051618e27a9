"""A suite, collected once and played again and again.

pytest collects the items; our own run loop then sets up, runs and tears down an exercise's items
for each student in turn. Nothing survives from one to the next: every fixture, session-scoped ones
included, is torn down after each exercise, so that grading A, B, A gives A the same bytes twice.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from autograder.checks import plugin
from autograder.checks.compare import describe
from autograder.checks.play import Case, Play, Played
from autograder.checks.student import CaseEndedError, Student
from autograder.errors import GraderError, SandboxError, SubmissionError, SuiteError
from autograder.models import Reason

_OFF = ("cacheprovider", "doctest", "faulthandler", "junitxml", "logging", "pastebin", "stepwise",
        "terminal", "unittest", "unraisableexception", "threadexception", "warnings")  # fmt: skip


class Suite:
    """The cases of some test files, ready to be played."""

    def __init__(self, cases: Sequence[Case], config: pytest.Config, recorder: _Recorder) -> None:
        self.cases = tuple(cases)
        self._config = config
        self._recorder = recorder

    def of(self, topic: str, exercise: str) -> tuple[Case, ...]:
        """Return the cases of one exercise, public ones first, in file order."""
        chosen = [case for case in self.cases if (case.topic, case.exercise) == (topic, exercise)]
        return tuple(sorted(chosen, key=lambda case: case.visibility.value == "hidden"))

    def play(
        self, cases: Sequence[Case], play: Play, *, stop: Callable[[], bool] = lambda: False
    ) -> list[Played]:
        """Play the cases of one exercise.

        Args:
            cases: In order.
            play: Who is on stage.
            stop: Asked before each case; the rest is left out once it says yes.
        """
        self._config.stash[plugin.PLAY] = play
        play.reset()
        played = []
        try:
            for index, case in enumerate(cases):
                if stop():
                    break
                rest = (one.item for one in cases[index + 1 :] if one.fixtures is None)
                following = next(rest, None)
                played.append(self._play_one(case, following, play))
        finally:
            # A suite's own teardown; each case has its verdict.
            with contextlib.suppress(Exception, pytest.fail.Exception, pytest.skip.Exception):
                self._recorder.session._setupstate.teardown_exact(None)  # noqa: SLF001 -- as pytest-xdist does
            del self._config.stash[plugin.PLAY]
        return played

    def _play_one(self, case: Case, following: pytest.Item | None, play: Play) -> Played:
        self._recorder.forget()
        play.leave()
        start = time.perf_counter()
        if case.fixtures is not None:
            self._recorder.note(_call(case, play))
        else:
            _make_new(case.item)
            runtestprotocol(case.item, log=False, nextitem=following)
        played = Played(case=case, duration_s=time.perf_counter() - start)
        played.skipped = self._recorder.skipped
        if play.expect is not None and play.student is not None:
            played.observations = play.expect.observations
            played.remarks = play.student.remarks
            played.calls = play.student.calls
        _settle(played, self._recorder.fault, play.student)
        return played


def _make_new(item: Any) -> None:
    """Let an item forget its fixtures, as pytest-rerunfailures does, and its class's instance."""
    item._initrequest()  # noqa: SLF001
    vars(item).pop("_instance", None)
    vars(item).pop("_obj", None)  # the method, bound to that instance


def _call(case: Case, play: Play) -> BaseException | None:
    """Run a case that needs nothing of pytest but its parameters; return what it raised.

    Most cases are such, and pytest's own protocol would take several times as long as they do.
    """
    item = case.item
    function = item.function if item.cls is None else getattr(item.cls(), item.originalname)
    callspec = getattr(item, "callspec", None)
    try:
        play.enter(case)
        given = {name: plugin.FIXTURES[name](play, case) for name in case.fixtures or ()}
        function(**given, **(callspec.params if callspec is not None else {}))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as fault:  # noqa: BLE001 -- what a test raises is its result
        return fault
    return None


def _settle(played: Played, fault: BaseException | None, student: Student | None) -> None:
    """Decide whose fault an exception is."""
    if fault is None:
        return
    if isinstance(fault, CaseEndedError):
        played.ended = fault
    elif isinstance(fault, SandboxError | SubmissionError) or student is None or not student.heard:
        played.fault = f"{type(fault).__name__}: {fault}"
    else:
        # The reference passes this very case, so what came from the worker cannot be used: a
        # None without `.shape`, two values where four are unpacked. Not only of calls: where
        # student code runs, it may answer for `support.py` as well.
        played.ended = CaseEndedError(
            Reason.TYPE,
            f"what came back cannot be used as expected: it is {describe(student.returned)};"
            f" {type(fault).__name__}: {fault}",
            feedback="what came back cannot be used as expected",
        )
    if played.ended is not None and student is not None:
        played.called = student.last_call()


class _Recorder:
    """Replaces pytest's reports: nobody reads them here, and formatting one costs milliseconds."""

    def __init__(self, body: Callable[[Suite], None]) -> None:
        self._body = body
        self.fault: BaseException | None = None
        self.skipped = False
        self.problems: list[str] = []
        self.raised: BaseException | None = None
        self.session: Any = None

    def forget(self) -> None:
        """Get ready for the next item."""
        self.fault = None
        self.skipped = False

    def note(self, fault: BaseException | None) -> None:
        """Remember the first thing that an item raised."""
        if isinstance(fault, pytest.skip.Exception):
            self.skipped = True
        elif self.fault is None:
            self.fault = fault

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            last = str(report.longrepr).strip().splitlines()[-1:]
            self.problems.append(f"{report.nodeid}: {last[0] if last else 'cannot be collected'}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport:
        outcome: Any = "passed"
        if call.excinfo is not None:
            outcome = (
                "skipped" if isinstance(call.excinfo.value, pytest.skip.Exception) else "failed"
            )
            if call.when != "teardown":
                self.note(call.excinfo.value)
        when: Any = call.when
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, when)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.session = session
        cases = [item.stash[plugin.CASE] for item in session.items if plugin.CASE in item.stash]
        if self.problems:
            raise SuiteError("\n".join(self.problems))
        self._body(Suite(cases, session.config, self))
        return True

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.raised = excinfo.value  # or what `pytest.exit` raises

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        self.raised = excinfo.value
        return True


def open_suite(paths: Sequence[Path], body: Callable[[Suite], None], *, root: Path) -> None:
    """Collect test files in a pytest session of their own and run `body` inside it.

    Args:
        paths: Test files; nothing else is looked at, no conftest of elsewhere, no configuration.
        body: Gets the suite; may fork.
        root: What node ids are relative to.

    Raises:
        SuiteError: If a file is missing or cannot be collected.
    """
    for path in paths:
        if not path.is_file():
            raise SuiteError(f"{path}: expected a test file, got none. Write it.")
    recorder = _Recorder(body)
    arguments = [
        *(f"-pno:{name}" for name in _OFF),
        "-pautograder.checks.plugin",
        "--capture=no",
        "--assert=plain",
        "--import-mode=importlib",
        "--noconftest",
        f"--rootdir={root}",
        "-c",
        os.devnull,
        *(str(path) for path in paths),
    ]
    with _no_foreign_settings(), _no_modules_left(paths):
        code = pytest.main(arguments, plugins=[recorder])
    fault = recorder.raised
    if isinstance(fault, GraderError | KeyboardInterrupt):
        raise fault
    if isinstance(fault, SystemExit) and recorder.session is not None:  # not a suite's own
        raise fault
    if fault is not None:
        raise SuiteError(f"{root}: {type(fault).__name__}: {fault}. Mend the suite.") from fault
    if recorder.problems:
        raise SuiteError("\n".join(recorder.problems))
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise SuiteError(f"{paths[0]}: expected tests, got none. Write some.")


@contextlib.contextmanager
def _no_foreign_settings() -> Iterator[None]:
    """Keep foreign plugins and options out: autoload costs 0.3 s, both may change verdicts."""
    foreign = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    autoload = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    before = {name: os.environ.get(name) for name in (*foreign, autoload)}
    for name in foreign:
        os.environ.pop(name, None)
    os.environ[autoload] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _no_modules_left(paths: Sequence[Path]) -> Iterator[None]:
    """Forget the imported test files: the next suite may have others of the same names."""
    try:
        yield
    finally:
        files = {str(path) for path in paths}
        for name, module in list(sys.modules.items()):
            if getattr(module, "__dict__", {}).get("__file__") in files:  # without lazy loading
                del sys.modules[name]
