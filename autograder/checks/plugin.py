"""The pytest plugin: marks and fixtures that suites use, whoever is on stage.

A grader puts a `Play` into the configuration's stash and runs the collected items again and again
(`suite.Suite`). Under plain `pytest`, on a student's machine, the play is made from the module or
notebook that lies next to the test file (`local.open_play`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from typing import Any

import pytest

from autograder.checks.draw import Draw
from autograder.checks.expect import Expect
from autograder.checks.oracle import Oracle
from autograder.checks.play import Case, Play
from autograder.checks.student import CaseEndedError, Student
from autograder.errors import GraderError, SuiteError
from autograder.models import Visibility

PLAY: pytest.StashKey[Play] = pytest.StashKey()
CASE: pytest.StashKey[Case] = pytest.StashKey()
_LOCAL: pytest.StashKey[dict[Any, Play]] = pytest.StashKey()


class CaseFailedError(Exception):
    """A case whose comparisons found something wrong; its text is what the student reads."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, so that `--strict-markers` knows them."""
    config.addinivalue_line(
        "markers", "exercise(id, parts=None): the exercise of a case, and the weights of its parts"
    )
    config.addinivalue_line(
        "markers", "part(name): the one part of its exercise that a case decides"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each item of a suite its case."""
    marked = [item for item in items if item.get_closest_marker("exercise") is not None]
    weights: dict[tuple[str, str], dict[str, int]] = {}
    claimed: dict[tuple[str, str], set[str]] = {}
    for item in marked:
        key, parts = _exercise(item)
        if weights.setdefault(key, parts) != parts:
            raise SuiteError(
                f"{item.nodeid}: expected the parts {weights[key]} of {key[1]}, as elsewhere, got"
                f" {parts}. Give both suites the same parts."
            )
        part = item.get_closest_marker("part")
        if part is not None:
            claimed.setdefault(key, set()).add(_argument(item, part, "the name of a part"))
    for item in marked:
        key, parts = _exercise(item)
        item.stash[CASE] = _case(item, key, parts, claimed.get(key, set()))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Turn recorded comparisons into a failure, where pytest itself reports."""
    result = yield
    if CASE in pyfuncitem.stash and PLAY not in pyfuncitem.config.stash:
        play = _play(pyfuncitem)
        observations = play.expect.observations if play.expect is not None else []
        broken = [one.verdict.message for one in observations if not one.verdict.ok]
        if broken:
            raise CaseFailedError("\n".join(broken))
        if not observations:
            raise SuiteError(f"{pyfuncitem.nodeid}: expected a comparison, got none. Add one.")
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failed case as its sentence, not as a traceback through the grader."""
    report = yield
    fault = call.excinfo.value if call.excinfo is not None else None
    if isinstance(fault, CaseFailedError | CaseEndedError | GraderError):
        trace = fault.trace if isinstance(fault, CaseEndedError) else ""
        report.longrepr = f"{fault}\n\n{trace}" if trace else str(fault)
    return report


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Student:
    """Return the student's functions, callable by name."""
    case = _case_of(request)
    return _play(request.node).enter(case)


@pytest.fixture
def support(request: pytest.FixtureRequest, student: Student) -> Support:
    """Return a maker of `support.py` objects, which live where the student's code runs."""
    return Support(student, _case_of(request).topic)


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Draw:
    """Return a generator of inputs, the same for every student of a run."""
    case = _case_of(request)
    return _play(request.node).draw(case)


@pytest.fixture
def oracle(request: pytest.FixtureRequest) -> Oracle:
    """Return the source of expected values."""
    case = _case_of(request)
    return _play(request.node).oracle(case)


@pytest.fixture
def expect(request: pytest.FixtureRequest, student: Student) -> Expect:
    """Return the recorder of comparisons."""
    del student  # the case must have entered first
    return _entered(_play(request.node))[1]


def _entered(play: Play) -> tuple[Student, Expect]:
    assert play.student is not None
    assert play.expect is not None
    return play.student, play.expect


# The same, for cases that need nothing else of pytest (see `suite`).
FIXTURES: Mapping[str, Callable[[Play, Case], Any]] = {
    "student": lambda play, _: _entered(play)[0],
    "support": lambda play, case: Support(_entered(play)[0], case.topic),
    "draw": lambda play, case: play.draw(case),
    "oracle": lambda play, case: play.oracle(case),
    "expect": lambda play, _: _entered(play)[1],
}
_NEEDS_PYTEST = ("skip", "skipif", "xfail", "usefixtures")


class Support:
    """Makes instructor objects in the worker: `support.make("affine_net", weight, bias)`."""

    def __init__(self, student: Student, topic: str) -> None:
        self._student = student
        self._topic = topic

    def make(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a handle of `support.<name>(*args, **kwargs)`."""
        return self._student.make(self._topic, name, args, kwargs)


def _play(item: pytest.Item) -> Play:
    if PLAY in item.config.stash:
        return item.config.stash[PLAY]
    from autograder.checks import local  # noqa: PLC0415 -- only where pytest itself is the door

    plays = item.config.stash.setdefault(_LOCAL, {})
    path = item.path
    if path not in plays:
        plays[path] = local.open_play(path)
    return plays[path]


def _case_of(request: pytest.FixtureRequest) -> Case:
    case: Case | None = request.node.stash.get(CASE, None)
    if case is None:
        raise SuiteError(
            f"{request.node.nodeid}: expected @pytest.mark.exercise on a test that uses the"
            " student, got none. Mark the class."
        )
    return case


def _exercise(item: pytest.Item) -> tuple[tuple[str, str], dict[str, int]]:
    mark = item.get_closest_marker("exercise")
    assert mark is not None
    exercise = _argument(item, mark, "the id of an exercise")
    parts: Any = mark.kwargs.get("parts") or {exercise: 1}
    weights = parts.values() if isinstance(parts, dict) else (None,)
    if not all(type(weight) is int and weight > 0 for weight in weights):
        raise SuiteError(
            f"{item.nodeid}: expected whole positive weights of the parts of {exercise}, got"
            f" {parts}. Correct the mark."
        )
    return (item.path.stem.removeprefix("test_"), exercise), dict(parts)


def _argument(item: pytest.Item, mark: pytest.Mark, wanted: str) -> str:
    if not mark.args:
        raise SuiteError(
            f"{item.nodeid}: expected {wanted} in the mark {mark.name!r}, got none. Write it there."
        )
    return str(mark.args[0])


def _case(
    item: pytest.Item, key: tuple[str, str], weights: Mapping[str, int], claimed: set[str]
) -> Case:
    topic, exercise = key
    mark = item.get_closest_marker("part")
    covered = tuple(part for part in weights if part not in claimed) or tuple(weights)
    if mark is not None:
        covered = (_argument(item, mark, "the name of a part"),)
    if not set(covered) <= set(weights):
        raise SuiteError(
            f"{item.nodeid}: expected one of the parts {list(weights)}, got {covered[0]!r}."
            " Correct the mark."
        )
    hidden = item.path.parts[-3:-1] == ("tests", "hidden")
    visibility = Visibility.HIDDEN if hidden else Visibility.PUBLIC
    _, _, inside = item.nodeid.partition("::")
    cls = getattr(item, "cls", None)
    return Case(
        id=f"{visibility.value}/{item.path.name}::{inside}",
        title=_title(item),
        topic=topic,
        exercise=exercise,
        exercise_title=_first_line(cls) or exercise,
        visibility=visibility,
        parts=covered,
        weights=weights,
        item=item,
        fixtures=_own_fixtures(item),
    )


def _own_fixtures(item: pytest.Item) -> tuple[str, ...] | None:
    """Return the fixtures that an item asks for, or None if some of them are not ours."""
    if any(item.get_closest_marker(name) is not None for name in _NEEDS_PYTEST):
        return None
    params = item.callspec.params if hasattr(item, "callspec") else {}
    info = item._fixtureinfo  # type: ignore[attr-defined]  # noqa: SLF001 -- no public way
    asked = tuple(name for name in info.initialnames if name not in params)  # autouse ones too
    made_by = {name: found[-1].func for name, found in info.name2fixturedefs.items()}
    ours = all(getattr(made_by.get(name), "__module__", "") == __name__ for name in asked)
    # A parameter that a fixture of the suite's own makes is "indirect".
    direct = all(
        made_by[name].__name__ == "get_direct_param_fixture_func"
        for name in params
        if name in made_by
    )
    return asked if ours and direct else None


def _title(item: pytest.Item) -> str:
    title = _first_line(getattr(item, "function", None)) or item.name.partition("[")[0]
    callspec = getattr(item, "callspec", None)
    return f"{title} ({callspec.id})" if callspec is not None else title


def _first_line(thing: object) -> str:
    doc = inspect.getdoc(thing) if thing is not None else None
    return doc.strip().splitlines()[0].rstrip(".") if doc else ""
