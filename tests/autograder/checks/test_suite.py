"""A suite is collected once and played again and again, by either of two paths, with one result."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autograder.checks import bank
from autograder.checks.local import LocalStage
from autograder.checks.play import Play
from autograder.checks.suite import Suite, open_suite
from autograder.errors import GraderError, SandboxError, SuiteError
from autograder.models import CaseOutcome, ExerciseOutcome, Reason, Tolerance, Visibility
from autograder.sandbox import wire
from autograder.worker.session import Session
from tests.autograder.checks import toys

ROOT = Path(__file__).parents[3]
TOLERANCES = {"float64": Tolerance(rtol=1e-7, atol=1e-9)}


def opened(folder, text="", *, name="test_toy.py", body=None):
    """Open one file as a suite; return the suite, or what `body` makes of it."""
    path = folder / name
    if text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = []
    open_suite([path], lambda suite: found.append(body(suite) if body else suite), root=folder)
    return found[0]


def ids(suite):
    return [case.id.partition("::")[2] for case in suite.cases]


def student(suite_or_play, **functions):
    return LocalStage(Session.from_namespace(functions))


def played_by(functions, *, topic="toy", **options):
    return Play(
        LocalStage(Session.from_namespace(functions)),
        run_seed="7",
        assignment=topic,
        tolerances=TOLERANCES,
        references={topic: functions},
        known={},
        **options,
    )


def by_protocol(cases):
    """Return the cases without their shortcut: pytest sets each of them up."""
    return [dataclasses.replace(case, fixtures=None) for case in cases]


def shown(played):
    """Return all that a play found, without its times."""
    return [
        (
            one.case.id,
            one.observations,
            one.fault,
            one.skipped,
            one.calls,
            one.remarks,
            one.ended and (one.ended.reason, one.ended.message, one.ended.feedback),
        )
        for one in played
    ]


# --- collecting --------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SuiteError, match=r"test_toy.py: expected a test file, got none. Write it."):
        opened(tmp_path)


def test_a_file_without_tests_is_named(tmp_path):
    with pytest.raises(SuiteError, match=r"test_toy.py: expected tests, got none. Write some."):
        opened(tmp_path, "x = 1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def test_x(:\n    pass\n", "SyntaxError: invalid syntax"),
        ("import torch_of_tomorrow\n", "No module named 'torch_of_tomorrow'"),
        ("raise ValueError('at import')\n", "ValueError: at import"),
        ("import sys\nsys.exit('enough')\n", "enough"),
        ("import pytest\npytest.fail('not today')\n", "not today"),
        ("import pytest\npytest.exit('not today')\n", "not today"),
        ("import pytest\npytest.skip('whole file', allow_module_level=True)\n", "expected tests"),
        ("import pytest\npytest.skip('whole file')\n", "allow_module_level"),
        ("def test_x(nobody_makes_it):\n    pass\n", ""),
        ("pytest_plugins = ['no_such_plugin']\n", "no_such_plugin"),
    ],
)
def test_what_cannot_be_collected_is_one_line(tmp_path, text, message):
    if not message:
        assert opened(tmp_path, text).cases == ()  # not a case: nobody marked it
        return
    with pytest.raises(SuiteError) as raised:
        opened(tmp_path, text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_each_faulty_file_has_its_line(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text("1/0\n")
    with pytest.raises(SuiteError) as raised:
        open_suite(sorted(tmp_path.glob("*.py")), lambda _: None, root=tmp_path)
    lines = str(raised.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["test_one.py", "test_two.py"]


@pytest.mark.parametrize("fault", [SandboxError("no jail"), SuiteError("odd")])
def test_a_fault_that_has_a_name_comes_out_of_the_body_as_it_is(tmp_path, fault):
    def body(_):
        raise fault

    with pytest.raises(GraderError) as raised:
        opened(tmp_path, toys.DOUBLE, body=body)
    assert raised.value is fault


def test_another_fault_of_the_body_is_one_line(tmp_path):
    def body(_):
        raise ZeroDivisionError("by zero")

    with pytest.raises(SuiteError, match=r"ZeroDivisionError: by zero. Mend the suite.$"):
        opened(tmp_path, toys.DOUBLE, body=body)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_whoever_stops_the_grader_stops_it(tmp_path, stop):
    def body(_):
        raise stop

    with pytest.raises(stop):
        opened(tmp_path, toys.DOUBLE, body=body)


@pytest.mark.parametrize("above", [False, True], ids=["in the folder", "above it"])
def test_foreign_conftests_and_settings_are_ignored(tmp_path, above):
    folder = tmp_path / "course"
    folder.mkdir()
    where = tmp_path if above else folder
    (where / "conftest.py").write_text("raise RuntimeError('a foreign conftest')\n")
    (where / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (where / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts='-k nothing'\n")
    assert len(opened(folder, toys.DOUBLE).cases) == 2


def test_a_conftest_changes_no_verdict(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n    items.clear()\n"
    )
    assert len(opened(tmp_path, toys.DOUBLE).cases) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTEST_ADDOPTS", "-k nothing"),
        ("PYTEST_ADDOPTS", "--no-such-option"),
        ("PYTEST_PLUGINS", "no_such_plugin"),
        ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "0"),
    ],
)
def test_settings_in_the_environment_are_ignored_and_kept(tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert len(opened(tmp_path, toys.DOUBLE).cases) == 2
    assert os.environ[name] == value


def test_the_environment_is_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    before = dict(os.environ)
    opened(tmp_path, toys.DOUBLE)
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}


def test_a_suite_is_read_anew_each_time(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        text = toys.DOUBLE.replace("test_random", f"test_{name}")
        assert ids(opened(tmp_path / name, text))[0] == f"TestDouble::test_{name}[(3,)]"


def test_cases_of_an_exercise_come_public_ones_first_and_in_file_order(tmp_path):
    course = toys.write(tmp_path, public=toys.DOUBLE)
    cases = toys.examined(course, lambda examiner: examiner.cases["toy.double"])
    assert [case.id for case in cases] == [
        f"{visibility}/test_toy.py::TestDouble::test_random[{shape}]"
        for visibility in ("public", "hidden")
        for shape in ("(3,)", "(2, 3)")
    ]
    assert [case.visibility for case in cases] == [Visibility.PUBLIC] * 2 + [Visibility.HIDDEN] * 2
    assert cases[0].title == "random numbers ((3,))"
    assert cases[0].exercise_title == "Doubling"


# --- one case ----------------------------------------------------------------------------------

HEAD = """
import pytest
import torch

X = torch.ones(2, dtype=torch.float64)


@pytest.mark.exercise("double")
class TestDouble:
"""


def suite_of(*tests):
    """Return a suite with the given bodies of tests, each a fast case."""
    lines = []
    for number, body in enumerate(tests):
        lines.append(f"    def test_{number}(self, student, draw, expect, oracle):")
        lines += [f"        {line}" for line in body.splitlines()]
    return HEAD + "\n".join(lines) + "\n"


@pytest.fixture(params=["directly", "by pytest's protocol"])
def once(request, tmp_path):
    """Return a function that plays one test with one student, by either path."""

    def play_one(body, functions):
        def inside(suite):
            assert suite.cases[0].fixtures is not None
            cases = suite.cases if request.param == "directly" else by_protocol(suite.cases)
            return suite.play(cases, played_by(functions))[0]

        return opened(tmp_path, suite_of(body), body=inside)

    return play_one


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("student.double(object())", "WireError: expected data or a handle, got object"),
        ("expect(X, X)", "SuiteError: expect: expected a value that the student returned"),
        ("draw.layout(X, 'round')", "SuiteError: draw.layout: expected one of"),
        ("assert False", "AssertionError: "),
        ("pytest.fail('odd')", "Failed: odd"),
    ],
)
def test_what_a_suite_raises_before_any_value_is_its_own_fault(once, body, fault):
    played = once(body, {"double": lambda x: 2 * x})
    assert played.fault.startswith(fault)
    assert played.ended is None


@pytest.mark.parametrize(
    ("returned", "body", "message"),
    [
        (None, "student.double(X).shape", "AttributeError: 'NoneType' object has no attribute"),
        ((1, 2), "a, b, c = student.double(X)", "ValueError: not enough values to unpack"),
        ("text", "student.double(X) + 1", "TypeError: can only concatenate str"),
        ([1], "student.double(X)[3]", "IndexError: list index out of range"),
        (torch.ones(3), "student.double(X) @ X", "RuntimeError: "),
        (2.0, "assert student.double(X) == 3.0", "AssertionError: "),
        ({1, 2}, "float(student.double(X))", "TypeError: handle: expected to compare plain data"),
        (set(), "expect(student.double(X), student.double(X))", "got Handle"),
        (torch.float64, "expect(student.double(X), student.double(X))", "got dtype"),
        ([], "expect.any_of(X, student.double(X))", "expected some right answers, got none"),
        (10**400, "expect(student.double(X), 1.0)", "OverflowError: "),
        (2**70, "expect(student.double(X), 1)", ""),
    ],
    ids=str,
)
def test_an_odd_value_is_never_a_fault_of_the_suite(once, returned, body, message):
    played = once(body, {"double": lambda x: returned})
    assert played.fault == ""
    if message:
        assert played.ended.reason is Reason.TYPE
        assert played.ended.message.startswith("what came back cannot be used as expected: ")
        assert message in played.ended.message
        assert played.ended.feedback == "what came back cannot be used as expected"


SUPPORTED = '''
import pytest
import torch


@pytest.mark.exercise("double", parts={"y": 1})
class TestDouble:
    """Doubling"""

    def test_it(self, student, expect, support):
        """what support.py makes is handed on"""
        made = support.make("numbers")
        made.shape
        expect(student.double(made), torch.tensor(2.0))

    def test_kept(self, student, expect, support):
        """what support.py made once is used again"""
        made = student.cached("numbers", lambda: support.make("numbers"))
        made.shape
        expect(student.double(made), torch.tensor(2.0))
'''


@pytest.mark.parametrize("depth", [0, 15])
def test_a_forged_answer_for_support_is_never_a_fault_of_the_suite(tmp_path, depth):
    made = toys.write(
        tmp_path,
        hidden=SUPPORTED.replace("made.shape", "made.shape" if depth == 0 else "pass"),
        support="import torch\n\n\ndef numbers():\n    return torch.ones(())\n",
    )
    forged = None
    for _ in range(depth):
        forged = [forged]

    class Forging(LocalStage):
        def request(self, header, buffers):
            if header["op"] == "support":
                tree, _ = wire.pack(forged)
                return {"ok": True, "value": tree}, bytearray()
            return super().request(header, buffers)

    def body(examiner):
        key = toys.exercise(examiner).key
        session = Session.from_namespace({"double": lambda x: 2 * x})
        return examiner.suite.play(examiner.cases[key], examiner.play(Forging(session)))

    for played in toys.examined(made, body):
        assert played.fault == ""
        assert played.ended.reason is Reason.TYPE
        assert not played.observations


def test_a_jail_that_fails_is_never_the_students_fault(tmp_path):
    class Broken(LocalStage):
        def request(self, header, buffers):
            if header.get("target") == "second":
                raise SandboxError("sandbox: expected a new worker, got none.")
            return super().request(header, buffers)

    def inside(suite):
        stage = Broken(Session.from_namespace({"double": lambda x: 2 * x}))
        play = Play(stage, run_seed="7", assignment="toy", tolerances=TOLERANCES,
                    references=None, known={})  # fmt: skip
        return suite.play(suite.cases, play)[0]

    body = "expect(student.double(X), 2 * X)\nstudent.second(X)"
    played = opened(tmp_path, suite_of(body), body=inside)
    assert played.fault == "SandboxError: sandbox: expected a new worker, got none."


def test_a_suite_that_branches_around_its_comparison_is_no_fault_of_the_suite(once):
    body = "y = student.double(X)\nif isinstance(y, torch.Tensor):\n    expect(y, 2 * X)"
    played = once(body, {"double": lambda x: None})
    assert (played.fault, played.ended, played.observations) == ("", None, [])


def test_an_exception_of_the_student_ends_the_case(once):
    def double(x):
        raise ValueError("no")

    played = once("expect(student.double(X), X)", {"double": double})
    assert played.fault == ""
    assert played.ended.reason is Reason.EXCEPTION
    assert "double raised ValueError: no" in played.ended.message


def test_what_was_compared_before_an_exception_is_kept(once):
    body = "expect(student.double(X), 2 * X)\nexpect(student.double(X), 3 * X)\nstudent.triple(X)"
    played = once(body, {"double": lambda x: 2 * x})
    assert [one.verdict.ok for one in played.observations] == [True, False]
    assert [one.ordinal for one in played.observations] == [1, 2]
    assert played.ended is not None


def test_a_case_may_skip_itself(once):
    played = once("pytest.skip('not on this machine')", {})
    assert played.skipped
    assert played.fault == ""


def test_remarks_and_calls_are_kept(once):
    def double(x):
        x *= 2
        return x.requires_grad_()

    played = once("expect(student.double(X), 2 * X)", {"double": double})
    assert played.calls == 1
    assert len(played.remarks) == 2
    assert [one.verdict.ok for one in played.observations] == [True]
    assert played.observations[0].sizes == (2,)


def test_the_rest_is_left_out_once_somebody_says_stop(tmp_path):
    seen = []

    def inside(suite):
        play = played_by({"double": lambda x: 2 * x})
        return suite.play(suite.cases, play, stop=lambda: len(seen) == 1 or seen.append(1))

    body = "expect(student.double(X), 2 * X)"
    assert len(opened(tmp_path, suite_of(body, body, body), body=inside)) == 1


# --- nothing survives --------------------------------------------------------------------------

# Whatever a fixture remembers reaches the student's arguments, so that a leak changes results.
EVERYTHING = '''
"""Scaling, with all that pytest has to offer"""

import pytest
import torch


@pytest.fixture(scope="session")
def session_log():
    yield []


@pytest.fixture(scope="module")
def module_log():
    return []


@pytest.fixture(scope="class")
def class_log(request):
    log = []
    yield log
    log.clear()


@pytest.fixture
def factor(request):
    return 10.0 * request.param


def compare(student, expect, x, k):
    expect(student.scale(x, float(k)), x * k, name="y")


@pytest.mark.exercise("scale", parts={"y": 2, "z": 1})
class TestScale:
    """Scaling"""

    @pytest.fixture(autouse=True)
    def counted(self, session_log):
        session_log.append("autouse")
        yield
        session_log.append("torn down")

    def setup_method(self):
        self.seen = getattr(self, "seen", 0) + 1

    def test_session(self, student, draw, expect, session_log):
        """a session's fixture"""
        compare(student, expect, draw.normal(3), len(session_log))
        session_log.append("test")

    def test_module(self, student, draw, expect, module_log, session_log):
        """a module's fixture"""
        module_log.append(1)
        compare(student, expect, draw.normal(2, 3), len(module_log) + len(session_log))

    def test_module_again(self, student, draw, expect, module_log):
        """a module's fixture again"""
        module_log.append(1)
        compare(student, expect, draw.normal(2, 3), len(module_log))

    @pytest.mark.parametrize("k", [1, 2])
    def test_class(self, student, draw, expect, class_log, k):
        """a class's fixture"""
        class_log.append(k)
        compare(student, expect, draw.normal(4), len(class_log) + k)

    @pytest.mark.parametrize("factor", [1, 2], indirect=True)
    def test_indirect(self, student, draw, expect, factor):
        """an indirect parameter"""
        compare(student, expect, draw.normal(2), factor)

    def test_own_instance(self, student, draw, expect):
        """an instance of its own"""
        compare(student, expect, draw.normal(2), self.seen)
        self.seen += 5

    @pytest.mark.skip(reason="never")
    def test_skipped(self, student):
        """skipped"""

    @pytest.mark.skipif(True, reason="not here")
    @pytest.mark.part("z")
    def test_skipped_here(self, student):
        """skipped here"""

    @pytest.mark.part("z")
    def test_skips_itself(self, student):
        """skips itself"""
        pytest.skip("not here")

    @pytest.mark.part("z")
    @pytest.mark.usefixtures("class_log")
    def test_used(self, student, draw, expect):
        """a fixture that is only used"""
        expect(student.scale(draw.normal(3), 2.0), 2.0 * draw.normal(0), name="z")
'''
PLAIN = '''

@pytest.mark.exercise("shift")
class TestShift:
    """Shifting"""

    @pytest.mark.parametrize("k", [1.0, 2.0])
    @pytest.mark.parametrize("shape", [(3,), (2, 3)], ids=str)
    def test_random(self, student, draw, expect, oracle, shape, k):
        """random numbers"""
        x = draw.normal(*shape)
        expect(student.shift(x, k), oracle(torch.add, x, k))

    def test_again(self, student, draw, expect, oracle):
        """the reference itself"""
        x = draw.normal(2)
        expect(student.shift(x, 1.0), oracle.shift(x, 1.0))
'''
EVERYTHING_SOLUTION = '''
# %%
def scale(x, k):
    """Return `x` times `k`."""
    # BEGIN SOLUTION
    return x * k
    # END SOLUTION


# %%
def shift(x, k):
    """Return `x` plus `k`."""
    # BEGIN SOLUTION
    return x + k
    # END SOLUTION
'''
STUDENTS = """
def right():
    return {"scale": lambda x, k: x * k, "shift": lambda x, k: x + k}


def wrong():
    def scale(x, k):
        if k == 2:
            raise ValueError("two")
        return x * k + (k > 3)

    return {"scale": scale, "shift": lambda x, k: x + 1}
"""
SCRIPT = """
import sys
from pathlib import Path
from autograder import config
from tests.autograder.checks import toys

namespace = {}
exec(sys.argv[2], namespace)
course = config.load(Path(sys.argv[1]))
students = [namespace[name]() for name in sys.argv[3:]]
for name in ("scale", "shift"):
    for result in toys.grade(course, *students, name=name):
        sys.stdout.buffer.write(toys.document(result))
"""


@pytest.fixture
def everything(tmp_path):
    text = EVERYTHING.replace("2.0 * draw.normal(0)", "2.0 * x").replace(
        "student.scale(draw.normal(3), 2.0)", "student.scale(x := draw.normal(3), 2.0)"
    )
    exercises = {"scale": "{points: 3}", "shift": "{points: 1}"}
    return toys.write(
        tmp_path, hidden=text + PLAIN, solution=EVERYTHING_SOLUTION, exercises=exercises
    )


def students():
    namespace = {}
    exec(STUDENTS, namespace)
    return namespace["right"](), namespace["wrong"]()


@pytest.mark.parametrize("name", ["scale", "shift"])
def test_grading_a_b_a_gives_a_the_same_bytes_twice(everything, name):
    right, wrong = students()
    first, other, again, last = toys.grade(everything, right, wrong, right, wrong, name=name)
    assert first.outcome is ExerciseOutcome.PASSED
    assert other.outcome is ExerciseOutcome.FAILED
    assert toys.document(first) == toys.document(again)
    assert toys.document(other) == toys.document(last)


def test_cases_that_need_pytest_are_set_up_by_pytest_and_plain_ones_are_not(everything):
    def fixtures(examiner):
        return {case.id.partition("::")[2]: case.fixtures for case in examiner.suite.cases}

    found = toys.examined(everything, fixtures)
    assert {id_ for id_, asked in found.items() if asked is not None} == {
        id_ for id_ in found if id_.startswith("TestShift")
    }
    assert found["TestShift::test_again"] == ("student", "draw", "expect", "oracle")


def test_both_paths_give_the_same_results(everything):
    def inside(examiner):
        cases = examiner.cases["toy.shift"]
        for functions in students():
            stage = LocalStage(Session.from_namespace(functions))
            directly = examiner.suite.play(cases, examiner.play(stage))
            protocol = examiner.suite.play(by_protocol(cases), examiner.play(stage))
            assert shown(directly) == shown(protocol)

    toys.examined(everything, inside)


def test_paths_may_take_turns(everything):
    def inside(examiner):
        right, _ = students()
        cases = [*examiner.cases["toy.scale"], *examiner.cases["toy.shift"]]
        mixed = [*cases[::2], *cases[1::2]]
        assert mixed[0].fixtures is None
        stage = LocalStage(Session.from_namespace(right))
        return examiner.suite.play(mixed, examiner.play(stage))

    assert not any(one.fault or one.ended for one in toys.examined(everything, inside))


@pytest.mark.prove
def test_grading_a_b_a_gives_the_bytes_of_three_fresh_processes(everything):
    def run(*names):
        command = [sys.executable, "-c", SCRIPT, str(everything.course_dir), STUDENTS, *names]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        return done.stdout.splitlines()

    together = run("right", "wrong", "right")
    alone = {name: run(name) for name in ("right", "wrong")}
    assert len(together) == 6
    for exercise in (0, 1):
        assert together[3 * exercise : 3 * exercise + 3] == [
            alone[name][exercise] for name in ("right", "wrong", "right")
        ]


BROKEN = """
@pytest.fixture(scope='module', autouse=True)
def broken():
    yield
    pytest.fail('in the teardown')


@pytest.mark.exercise"""


def test_a_teardown_that_fails_changes_no_verdict_and_no_later_play(tmp_path):
    text = toys.DOUBLE.replace("@pytest.mark.exercise", BROKEN)
    right = {"double": lambda x: 2 * x}
    results = toys.grade(toys.write(tmp_path, hidden=text), right, {}, right)
    outcomes = [result.outcome.value for result in results]
    assert outcomes == ["passed", "failed", "passed"]


def test_a_teardown_that_fails_after_a_stop_ends_nothing_else(tmp_path):
    def inside(suite):
        play = played_by({"double": lambda x: 2 * x})
        stops = iter([False, True, False, False])
        return [suite.play(suite.cases, play, stop=lambda: next(stops)) for _ in range(2)]

    text = toys.DOUBLE.replace("@pytest.mark.exercise", BROKEN)
    first, second = opened(tmp_path, text, body=inside)
    assert (len(first), len(second)) == (1, 2)
    assert not any(one.fault for one in (*first, *second))


def agreements(topic, every):
    """Play each `every`th known mistake of a topic by both paths; return how many cases agree."""
    known = bank.load(ROOT, topic)
    agreed = []

    def inside(suite: Suite):
        exercises = dict.fromkeys(case.exercise for case in suite.cases)
        versions = [(exercise, None) for exercise in exercises]
        versions += [(one.exercise, one) for one in known.mistakes[::every]]
        oracles = {}
        for exercise, version in versions:
            cases = suite.of(topic, exercise)
            assert all(case.fixtures is not None for case in cases)
            play = Play(
                LocalStage(Session.from_namespace(known.namespace(version))),
                run_seed="7",
                assignment=topic,
                tolerances=TOLERANCES,
                references={topic: known.solution},
                known=oracles,
            )
            directly = suite.play(cases, play)
            assert shown(directly) == shown(suite.play(by_protocol(cases), play))
            agreed.extend(directly)

    open_suite([ROOT / "tests" / "public" / f"test_{topic}.py"], inside, root=ROOT)
    return len(agreed)


@pytest.mark.parametrize("topic", ["losses", "mlp"])
def test_both_paths_agree_on_the_public_suites(topic):
    assert agreements(topic, every=12) > 60


@pytest.mark.prove
@pytest.mark.parametrize("topic", ["losses", "mlp"])
def test_both_paths_agree_on_the_public_suites_for_all_that_is_known(topic):
    assert agreements(topic, every=1) > 400


# --- what is drawn -----------------------------------------------------------------------------


def test_public_inputs_are_the_same_in_every_run_and_hidden_ones_are_not(tmp_path):
    course = toys.write(tmp_path, public=toys.DOUBLE)
    inputs = {}
    for seed in ("7", "8"):

        def inside(examiner, seed=seed):
            inputs[seed] = []
            toys.play(examiner, {"double": lambda x: inputs[seed].append(x.tolist()) or 2 * x})

        toys.examined(course, inside, seed=seed)
    assert inputs["7"][:2] == inputs["8"][:2]
    assert inputs["7"][2] != inputs["8"][2]
    assert inputs["7"][3] != inputs["8"][3]
    assert inputs["7"][0] != inputs["7"][2]


def test_a_hidden_case_is_one_in_the_folder_of_hidden_tests(tmp_path):
    assert opened(tmp_path / "hidden", toys.DOUBLE).cases[0].visibility is Visibility.PUBLIC


def test_a_case_that_the_reference_skips_counts_for_nobody(everything):
    right, _ = students()
    (result,) = toys.grade(everything, right, name="scale")
    titles = {case.title for case in result.cases}
    assert not titles & {"skipped", "skipped here", "skips itself"}
    assert {case.outcome for case in result.cases} == {CaseOutcome.PASSED}
