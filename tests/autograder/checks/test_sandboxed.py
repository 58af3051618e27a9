"""Student code in a sandboxed worker: what a death costs, and what it does not."""

import contextlib
import dataclasses
import json
import re
import signal
from datetime import UTC, datetime

import pytest
import torch

from autograder.checks.sandboxed import SandboxedStage
from autograder.checks.student import CaseEndedError, Student
from autograder.errors import SandboxError, SubmissionError
from autograder.models import (
    ExerciseOutcome,
    Grade,
    Limits,
    Reason,
    RunStatus,
    Status,
    Submission,
)
from autograder.report.json import dump, feedback_document
from autograder.sandbox.client import Sandbox
from tests.autograder.checks import toys

LIMITS = Limits(
    call_cpu_s=0.4,
    exercise_cpu_s=3.0,
    submission_cpu_s=20.0,
    import_cpu_s=1.0,
    wall_factor=2.0,
    wall_min_s=3.0,
    memory_bytes=256 << 20,
    output_bytes=4096,
    reply_bytes=1 << 20,
)
X = torch.arange(3, dtype=torch.float64)
STUB = """
import torch


def double(x):
    raise NotImplementedError("double: write this function")


def grow(x):
    raise NotImplementedError("grow: write this function")
"""
RIGHT = """
import os, sys, time
import torch


def double(x):
    return 2 * x


def grow(x):
    return torch.exp(x)
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox.start(jobs=1, limits=LIMITS) as started:
        yield started


@pytest.fixture
def spawn(sandbox):
    """Return what starts workers and remembers them."""
    workers = []

    def start():
        workers.append(sandbox.client(0).spawn())
        return workers[-1]

    start.workers = workers
    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
def stage(spawn):
    """Return a function that puts a file on stage, read but not loaded."""
    made = []

    def put(text, *, limits=LIMITS, forbidden=(), spawn=spawn, name="toy.py"):
        spec = {
            "exercises": [
                {"id": one, "topic": "toy", "forbidden": list(forbidden)}
                for one in ("double", "grow")
            ],
            "stubs": {"toy": STUB},
            "support": {},
            "names": ["toy.py"],
            "modules": [],
        }
        sets = {"double": list(forbidden)}
        made.append(SandboxedStage(spawn, [(name, text.encode())], spec, limits, sets))
        made[-1].read()
        made[-1].choose([0])
        made[-1].renew()
        return made[-1]

    yield put
    for one in made:
        one.close()


def ended(call):
    with pytest.raises(CaseEndedError) as raised:
        call()
    return raised.value


def double(body, more=""):
    """Return a file in which only `double` is odd."""
    return RIGHT.replace("return 2 * x", body.replace("\n", "\n    ")) + more


# --- one call ----------------------------------------------------------------------------------


def test_values_come_back_as_on_any_stage(stage, spawn):
    on = stage(RIGHT)
    on.begin("double", "toy", 0)
    assert torch.equal(Student(on).double(X), 2 * X)
    assert len(spawn.workers) == 1
    assert on.end is None


DEATHS = {
    "exits": ("os._exit(0)", Reason.EXITED, "ended the Python interpreter instead of returning"),
    "loops": ("while True: pass", Reason.CPU_TIME, "was stopped after 0.4 s of computing. Does a"),
    "sleeps": ("time.sleep(60)", Reason.WALL_TIME, "was stopped after 3 s. Does it wait for"),
    "crashes": ("import ctypes; ctypes.string_at(0)", Reason.CRASHED, "crashed the Python interpr"),
    "writes nonsense": (
        "for fd in range(3, 64):\n    try: os.write(fd, bytes(64))\n    except OSError: pass",
        Reason.BAD_REPLY,
        "sent a reply that cannot be read",
    ),
}


@pytest.mark.parametrize(("body", "reason", "message"), DEATHS.values(), ids=DEATHS)
def test_a_death_has_a_reason_and_a_sentence_and_the_next_call_a_new_worker(
    stage, spawn, body, reason, message
):
    on = stage(double(body))
    on.begin("double", "toy", 0)
    end = ended(lambda: Student(on).double(X))
    assert end.reason is reason
    assert end.message.startswith(f"double {message}")
    assert end.feedback == end.message
    assert on.deaths == 1
    assert on.end is None
    assert torch.equal(Student(on).grow(X), X.exp())
    assert len(spawn.workers) == 2


@pytest.mark.parametrize(
    "body",
    [
        "return torch.zeros(1 << 40)",
        "held = []\nwhile True: held.append(bytearray(1 << 24))",
        "return bytearray(1 << 40)",
    ],
    ids=["a huge tensor", "more and more", "a huge array of bytes"],
)
def test_running_out_of_memory_has_a_reason_of_its_own(stage, body):
    patient = dataclasses.replace(LIMITS, call_cpu_s=3.0)  # fresh pages are slow on some machines
    on = stage(double(body), limits=patient)
    on.begin("double", "toy", 0)
    end = ended(lambda: Student(on).double(X))
    assert end.reason is Reason.MEMORY
    assert end.feedback.endswith("ran out of memory")
    assert torch.equal(Student(on).grow(X), X.exp())


def test_a_result_that_is_too_large_cannot_be_compared(stage):
    on = stage(double("return torch.zeros(1 << 20, dtype=torch.float64)"))
    on.begin("double", "toy", 0)
    end = ended(lambda: Student(on).double(X))
    assert end.reason is Reason.TYPE
    assert end.message == "the result of double: expected at most 1 MiB, got 8 MiB. Use less."
    assert on.deaths == 0


def test_a_flood_of_prints_is_counted_and_dropped(stage):
    on = stage(double('for _ in range(3000): print("x" * 1000)\nreturn 2 * x'))
    on.begin("double", "toy", 0)
    assert torch.equal(Student(on).double(X), 2 * X)
    assert on.deaths == 0
    on.close()
    kept, _, rest = on.prints.partition("\n[")
    assert len(kept) == LIMITS.output_bytes
    assert int(rest.split()[0]) == 3000 * 1001 - LIMITS.output_bytes


def test_prints_are_there_while_the_worker_lives_and_of_all_workers(stage):
    text = double('print("from the call", flush=True)\nos._exit(0)', '\nprint("from the file")\n')
    on = stage(text)
    on.begin("double", "toy", 0)
    ended(lambda: Student(on).double(X))
    Student(on).grow(X)
    assert on.prints.count("from the call") == 1
    assert on.prints.count("from the file") == 2
    assert on.prints == on.prints


def test_the_second_death_ends_the_exercise_and_only_that(stage):
    on = stage(double("os._exit(0)"))
    on.begin("double", "toy", 0)
    first, second = [ended(lambda: Student(on).double(X)) for _ in range(2)]
    assert first.reason is second.reason is Reason.EXITED
    assert on.end is second
    on.renew()
    assert on.end is None
    on.begin("grow", "toy", 0)
    assert torch.equal(Student(on).grow(X), X.exp())


# --- budgets -----------------------------------------------------------------------------------

BURN = "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nreturn 2 * x"


def test_the_calls_of_an_exercise_share_a_budget(stage):
    on = stage(double(BURN), limits=dataclasses.replace(LIMITS, exercise_cpu_s=0.5))
    on.begin("double", "toy", 0)
    student = Student(on)
    for _ in range(2):
        student.double(X)
    end = ended(lambda: student.double(X))
    assert end.reason is Reason.CPU_TIME
    assert re.match(r"double was stopped after 0\.[01] s of computing", end.message)
    assert end.feedback == "double used up the time that was left"  # how much, it has chosen
    end = ended(lambda: student.double(X))
    assert end.reason is Reason.CPU_TIME
    assert end.message == end.feedback == "the time for this exercise is used up"
    assert on.end.message == "the time for this exercise is used up"
    on.renew()
    on.begin("grow", "toy", 0)
    assert torch.equal(Student(on).grow(X), X.exp())


def test_all_exercises_share_a_budget_too(stage):
    on = stage(double(BURN), limits=dataclasses.replace(LIMITS, submission_cpu_s=0.6))
    for _ in range(9):
        on.renew()
        if on.end is not None:
            break
        on.begin("double", "toy", 0)
        with contextlib.suppress(CaseEndedError):
            Student(on).double(X)
    assert on.end.message == on.end.feedback == "the time for this file is used up"
    assert ended(lambda: Student(on).double(X)).message == "the time for this file is used up"


def test_loading_again_is_not_the_exercises_to_pay(stage):
    slow = "\n_end = time.process_time() + 0.4\nwhile time.process_time() < _end: pass\n"
    text = double("os._exit(0)", slow)
    on = stage(text, limits=dataclasses.replace(LIMITS, exercise_cpu_s=0.35))
    on.begin("double", "toy", 0)
    ended(lambda: Student(on).double(X))
    assert torch.equal(Student(on).grow(X), X.exp())
    assert 0.1 < on.exercise_left_s <= 0.35


# --- before the first call ---------------------------------------------------------------------


def test_a_file_that_ends_its_worker_is_told_so_once(stage, spawn):
    on = stage(RIGHT + "\nos._exit(0)\n")
    on.load()
    said = "running the file ended the Python interpreter instead of returning"
    assert on.load_end.reason is Reason.EXITED
    assert on.load_end.message == on.load_end.feedback == said
    assert on.end is on.load_end
    on.begin("double", "toy", 0)
    assert ended(lambda: Student(on).double(X)) is on.load_end
    assert len(spawn.workers) == 1


def test_a_loop_in_the_file_itself_is_a_remark_and_the_rest_is_read(stage):
    on = stage(RIGHT.replace("def double", "while True: pass\n\n\ndef double"))
    on.load()
    assert on.load_end is None
    assert any("toy.py" in remark for remark in on.remarks)
    on.begin("double", "toy", 0)
    assert torch.equal(Student(on).double(X), 2 * X)


def test_what_a_later_worker_remarks_is_not_told(spawn, stage):
    text = RIGHT.replace("return 2 * x", "os._exit(0)")
    on = stage(f"{text}\nraise ValueError(time.time_ns())\n")
    on.load()
    first = on.remarks
    assert len(first) == 1
    on.begin("double", "toy", 0)
    assert ended(lambda: Student(on).double(X)).reason is Reason.EXITED
    assert torch.equal(Student(on).grow(X), torch.exp(X))  # by a worker that loaded it again
    assert len(spawn.workers) == 2
    assert on.remarks == first  # else it could tell what the first one was given


def test_a_file_that_cannot_be_read_twice_costs_its_student_alone(stage, monkeypatch):
    on = stage(RIGHT.replace("return 2 * x", "os._exit(0)"))
    on.load()
    on.begin("double", "toy", 0)
    assert ended(lambda: Student(on).double(X)).reason is Reason.EXITED

    def slow():
        raise SubmissionError("reading the files was stopped after 20 s of computing.")

    monkeypatch.setattr(on, "read", slow)
    end = ended(lambda: Student(on).grow(X))
    assert (end.reason, on.load_end) == (Reason.CPU_TIME, end)
    assert "reading the files" in end.message


def test_a_worker_that_dies_while_reading_makes_the_files_unreadable(sandbox, stage):
    def killed():
        worker = sandbox.client(0).spawn()
        signal.pidfd_send_signal(worker._pidfd, signal.SIGKILL)
        return worker

    with pytest.raises(
        SubmissionError,
        match="reading the files ran out of memory. Hand in the plain module or notebook.",
    ):
        stage(RIGHT, spawn=killed)


def test_a_jail_that_cannot_be_had_is_nobodys_file(stage):
    def refused():
        raise SandboxError("sandbox: expected a new worker, got none. Use fewer jobs.")

    with pytest.raises(SandboxError, match="expected a new worker"):
        stage(RIGHT, spawn=refused)


TAKEN_OVER = """
ours = sys.modules["autograder.worker.session"].Session
wire = sys.modules["autograder.sandbox.wire"]
"""
ANSWERS = "ours.handle = lambda self, header, payload: ({**%s, 'seq': header['seq']}, [])\n"
SENDS = "ours._send = lambda self, sock, reply, _: wire.send(sock, {**%s, 'seq': reply['seq']})\n"


AUTOGRAD = ({"name": "autograd", "autograd": True, "names": [], "operators": []},)


@pytest.mark.parametrize("text", ["\\ud800 and more", "\\x00\\x1b[31m", "\\u202e"])
def test_what_a_worker_says_of_itself_is_escaped(stage, text):
    forged = f"{{'ok': True, 'value': None, 'suspicious': [{{'what': '{text}'}}]}}"
    on = stage(RIGHT + TAKEN_OVER + ANSWERS % forged, forbidden=AUTOGRAD)
    on.load()
    on.begin("double", "toy", 0)
    Student(on).double(X)
    assert on.suspicion.isprintable()


def test_where_nothing_is_forbidden_nothing_is_suspicious(stage):
    forged = "{'ok': True, 'value': None, 'suspicious': [{'what': 'all'}]}"
    on = stage(RIGHT + TAKEN_OVER + ANSWERS % forged)
    on.load()
    on.begin("double", "toy", 0)
    Student(on).double(X)
    assert on.suspicion is None


@pytest.mark.parametrize(
    "reply",
    ["{}", "{'ok': True}", "{'ok': False}", "{'ok': True, 'value': {'!': 'x'}}", "{'ok': [1]}"],
)
def test_a_worker_that_was_taken_over_answers_for_its_own_file_only(stage, reply):
    on = stage(RIGHT + TAKEN_OVER + ANSWERS % reply)
    on.begin("double", "toy", 0)
    if reply == "{'ok': True}":
        assert Student(on).double(X) is None
    else:
        assert ended(lambda: Student(on).double(X)).reason is Reason.BAD_REPLY


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("{'ok': False, 'error': {'message': 'not mine'}}", "running the file failed: not mine"),
        ("{'ok': False, 'error': 3}", "running the file failed: no reason given"),
        ("{'ok': False, 'error': {}}", "running the file failed: no reason given"),
        (
            "{'ok': False, 'error': {'message': '', 'type': 'MemoryError'}}",
            "running the file failed: MemoryError",
        ),
        ("{}", "running the file failed: no reason given"),
        ("{'ok': True, 'value': {'!': 'x'}}", "running the file sent a reply that cannot be"),
    ],
)
def test_a_load_that_is_refused_is_the_end_of_that_file(stage, reply, message):
    on = stage(RIGHT + TAKEN_OVER + SENDS % reply)
    on.load()
    assert on.load_end.message.startswith(message)
    assert "not mine" not in on.load_end.feedback
    on.begin("double", "toy", 0)
    assert ended(lambda: Student(on).double(X)) is on.load_end


@pytest.mark.parametrize("value", ["3", "[1]", "{'!': 'dict', 'items': [['remarks', 3]]}", "None"])
def test_a_load_that_claims_nonsense_is_believed_nothing(stage, value):
    on = stage(RIGHT + TAKEN_OVER + SENDS % f"{{'ok': True, 'value': {value}}}")
    on.load()
    assert on.load_end is None
    assert (on.remarks, on.missing) == ((), {})


# --- a whole attempt ---------------------------------------------------------------------------

SUITE = '''
import pytest
import torch

X = torch.arange(4, dtype=torch.float64)


@pytest.mark.exercise("double")
class TestDouble:
    """Doubling"""

    @pytest.mark.parametrize("k", [1, 2, 3, 4])
    def test_it(self, student, expect, k):
        """some numbers"""
        expect(student.double(k * X), 2 * k * X)


@pytest.mark.exercise("grow")
class TestGrow:
    """Growing"""

    @pytest.mark.parametrize("k", [1, 2])
    def test_it(self, student, expect, draw, k):
        """some numbers"""
        x = draw.normal(3)
        expect(student.grow(x), x.exp())
'''
SOLUTION = '''
# %%
import torch


# %%
def double(x):
    """Return twice `x`."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


# %%
def grow(x):
    """Return e to the `x`."""
    # BEGIN SOLUTION
    return torch.exp(x)
    # END SOLUTION
'''
EXP = """
forbidden:
  exp: {names: [torch.exp], operators: ["aten::exp"]}
"""


def course(folder, **changes):
    exercises = {"double": "{points: 2}", "grow": "{points: 1}"}
    given = {"hidden": SUITE, "solution": SOLUTION, "exercises": exercises, **changes}
    made = toys.write(folder, **given)
    assignment = dataclasses.replace(made.assignments["toy"], limits=LIMITS)
    return dataclasses.replace(made, assignments={"toy": assignment})


@pytest.fixture
def examine(tmp_path, spawn):
    """Return a function that examines a file, and what became of its exercises."""

    def examined(text, *, of=None, **files):
        attempt = toys.attempt(tmp_path / "in", **(files or {"toy__py": text}))
        return toys.examined(
            of or course(tmp_path), lambda examiner: examiner.examine(attempt, spawn, "sha")
        )

    return examined


def outcomes(record):
    return {one.exercise.id: one.outcome.value for one in record.exercises}


def cases(record, name):
    (result,) = [one for one in record.exercises if one.exercise.id == name]
    return result.cases


def test_a_right_file_needs_one_worker(examine, spawn):
    record = examine(RIGHT)
    assert record.status is RunStatus.GRADED
    assert outcomes(record) == {"double": "passed", "grow": "passed"}
    assert len(spawn.workers) == 1


@pytest.mark.parametrize("how", ["exits", "loops"])
def test_an_exercise_that_dies_twice_is_over_and_the_others_are_not(examine, spawn, how):
    body, reason, message = DEATHS[how]
    record = examine(double(body))
    assert outcomes(record) == {"double": "failed", "grow": "passed"}
    found = cases(record, "double")
    assert [case.outcome.value for case in found] == ["failed", "failed", "not_run", "not_run"]
    assert {case.reason for case in found} == {reason}
    assert all(case.message.startswith(f"double {message}") for case in found)
    assert {case.feedback for case in found} == {found[0].message}
    # Two for each death, together and alone, and one for what follows.
    assert len(spawn.workers) == 5


def test_one_death_costs_its_case_only(examine):
    record = examine(double("if x[1] == 2: os._exit(0)\nreturn 2 * x"))
    found = cases(record, "double")
    assert [case.outcome.value for case in found] == ["passed", "failed", "passed", "passed"]


def test_when_the_time_is_used_up_the_rest_is_not_run_and_says_so(tmp_path, examine):
    made = course(tmp_path)
    limits = dataclasses.replace(LIMITS, exercise_cpu_s=0.3)
    assignment = dataclasses.replace(made.assignments["toy"], limits=limits)
    made = dataclasses.replace(made, assignments={"toy": assignment})
    first_raises = 'if x[1] == 1: raise ValueError("the first")\n'
    record = examine(double(first_raises + BURN.replace("0.2", "0.25")), of=made)
    found = cases(record, "double")
    assert [case.outcome.value for case in found] == ["failed", "passed", "failed", "not_run"]
    assert [case.reason for case in found[2:]] == [Reason.CPU_TIME, Reason.CPU_TIME]
    assert found[3].message == found[3].feedback == "the time for this exercise is used up"


def test_what_one_exercise_does_to_torch_costs_no_other_its_points(examine, spawn):
    record = examine(double("torch.exp = lambda x: x\nreturn 2 * x"))
    assert outcomes(record) == {"double": "passed", "grow": "passed"}
    assert len(spawn.workers) == 2


def test_state_that_would_help_an_exercise_does_not_reach_its_result(examine, spawn):
    text = double("global FACTOR\nFACTOR = 1\nreturn 2 * x").replace(
        "return torch.exp(x)", "return FACTOR * torch.exp(x + HIDDEN)"
    )
    record = examine(text)
    assert outcomes(record) == {"double": "passed", "grow": "failed"}
    assert {case.reason for case in cases(record, "grow")} == {Reason.EXCEPTION}
    assert "FACTOR" in cases(record, "grow")[0].message
    assert len(spawn.workers) == 2


def test_settings_do_not_outlive_their_exercise(examine, spawn):
    body = "torch.set_default_dtype(torch.float16)\ntorch.set_grad_enabled(False)\nreturn 2 * x"
    text = double(body).replace(
        "return torch.exp(x)",
        "assert_ = torch.is_grad_enabled() and torch.ones(1).dtype == torch.float32\n"
        "    return torch.exp(x) * assert_",
    )
    assert outcomes(examine(text)) == {"double": "passed", "grow": "passed"}
    assert len(spawn.workers) == 1


def test_a_file_that_ends_its_worker_earns_nothing(examine, spawn):
    record = examine(RIGHT + "\nos._exit(0)\n")
    assert record.status is RunStatus.GRADED
    assert outcomes(record) == {"double": "error", "grow": "error"}
    found = cases(record, "grow")
    assert {(case.outcome.value, case.reason) for case in found} == {("not_run", Reason.EXITED)}
    assert len(spawn.workers) == 1


def test_a_worker_that_dies_while_loading_again_costs_the_other_exercises_nothing(tmp_path, spawn):
    def unlucky():
        worker = spawn()
        if len(spawn.workers) == 2:
            honest = worker.request

            def request(header, *rest, **limits):
                if header["op"] == "load":
                    signal.pidfd_send_signal(worker._pidfd, signal.SIGSEGV)
                return honest(header, *rest, **limits)

            worker.request = request
        return worker

    attempt = toys.attempt(tmp_path / "in", toy__py=double("os._exit(0)"))
    record = toys.examined(
        course(tmp_path), lambda examiner: examiner.examine(attempt, unlucky, "sha")
    )
    assert outcomes(record) == {"double": "failed", "grow": "passed"}
    assert {case.reason for case in cases(record, "double")} == {Reason.EXITED}


CACHED = '''
import pytest
import torch

X = torch.arange(4, dtype=torch.float64)


def cache(student, k):
    return student.cached(f"forward of {k}", lambda: student.forward(k * X))


@pytest.mark.exercise("backward")
class TestBackward:
    """Backward"""

    @pytest.mark.parametrize("k", [1, 2, 0, 3, 1])
    def test_it(self, student, expect, k):
        """some numbers"""
        expect(student.backward(X, cache(student, k)), X * k * X)
'''
CACHED_SOLUTION = '''
# %%
def forward(x):
    """Return a cache."""
    # BEGIN SOLUTION
    return {"x": x}
    # END SOLUTION


# %%
def backward(grad, cache):
    """Return the gradient."""
    # BEGIN SOLUTION
    return grad * cache["x"]
    # END SOLUTION
'''


def test_a_cache_that_died_with_its_worker_is_made_again(examine, tmp_path):
    made = course(
        tmp_path,
        hidden=CACHED,
        solution=CACHED_SOLUTION,
        exercises={"backward": "{points: 1}"},
    )
    record = examine(
        """
        import os

        class Cache:
            def __init__(self, x):
                self.x = x

        def forward(x):
            return Cache(x)

        def backward(grad, cache):
            if not cache.x.any():
                os._exit(0)
            return grad * cache.x
        """,
        of=made,
    )
    found = [case.outcome.value for case in cases(record, "backward")]
    assert found == ["passed", "passed", "failed", "passed", "passed"]


def test_prints_and_traces_are_kept_for_the_instructor(examine):
    record = examine(double('print("from the call")\nreturn 1 / 0', '\nprint("from the file")\n'))
    assert "from the file" in record.private["prints"]
    assert "from the call" in record.private["prints"]
    assert "ZeroDivisionError" in record.private["traces"]["toy.double"][0]
    right = examine(RIGHT.replace("return 2", 'print("all is well")\n    return 2'))
    assert "all is well" in right.private["prints"]


# --- what a student may read -------------------------------------------------------------------

# A hostile worker: it knows the hidden inputs, and answers in place of our session.
LIES = {
    "an exception of any name": {"kind": "exception", "type": "{x}", "origin": "builtins"},
    "an exception of a known name": {"kind": "exception", "type": "KeyError", "line": "{n}"},
    "a forbidden operation": {"kind": "forbidden", "name": "{x}", "set": "{x}", "line": "{n}"},
    "a known operation": {"kind": "forbidden", "name": "torch.exp", "where": "{x}"},
    "a line that a file might have": {"kind": "forbidden", "name": "torch.exp", "line": 86753},
    "something missing": {"kind": "missing", "name": "{x}"},
    "something unsupported": {"kind": "unsupported"},
    "no memory": {"kind": "exception", "type": "MemoryError", "memory": True},
    "nothing known": {"kind": "{x}", "type": ["{x}"], "line": "{n}"},
}
LIAR = """
import json

SEEN = []
ours = sys.modules["autograder.worker.session"].Session
honest = ours.handle


def handle(self, header, payload):
    reply, buffers = honest(self, header, payload)
    if header["op"] != "call" or reply["ok"]:
        return reply, buffers
    number = 10**40 + int(abs(SEEN[-1]) * 10**15)
    text = json.dumps({lie})
    lie = json.loads(text.replace("{{x}}", f"SECRET {{SEEN}}").replace('"{{n}}"', str(number)))
    lie |= {{"message": f"SECRET {{SEEN}}", "traceback": f"SECRET {{SEEN}}"}}
    return {{"seq": header["seq"], "ok": False, "error": lie, "suspicious": f"SECRET {{SEEN}}"}}, []


ours.handle = handle


def grow(x):
    SEEN.extend(x.tolist())
    raise ValueError("SECRET")
"""


def feedback(record, attempt):
    """Return the bytes that a student gets."""
    submission = Submission(student_id="ana", assignment="toy", attempts=(attempt,))
    grade = Grade(
        student_id="ana", assignment="toy", status=Status.GRADED, score=None, best_attempt=0
    )
    records = {attempt.sha256: record}
    return dump(feedback_document(submission, grade, records, datetime.now(tz=UTC))).decode()


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_whoever_takes_the_worker_over_cannot_send_hidden_inputs_out(tmp_path, spawn, lie):
    made = course(
        tmp_path,
        more=EXP,
        exercises={"double": "{points: 2}", "grow": "{points: 1, forbid: [exp]}"},
        solution=SOLUTION.replace("torch.exp(x)", "2.718281828459045**x"),
    )
    text = RIGHT + LIAR.format(lie=repr(lie))
    attempt = toys.attempt(tmp_path / "in", toy__py=text)
    record = toys.examined(made, lambda examiner: examiner.examine(attempt, spawn, "sha"))
    assert record.status is RunStatus.GRADED
    found = cases(record, "grow")
    assert "SECRET [" in str(record)  # the instructor is told
    seen = feedback(record, attempt)
    assert "SECRET" not in seen
    assert "00000000" not in seen  # no line of 40 digits
    assert "86753" not in seen  # nor any other that a worker names
    assert "[" not in "".join(case.feedback for case in found)


NASTY = {
    "a class of its own": "class SECRET(Exception): pass\nraise SECRET('SECRET')",
    "a class that lies about its home": (
        "raise type('SECRET', (Exception,), {'__module__': 'builtins'})('SECRET')"
    ),
    "a builtin exception": "raise KeyError('SECRET')",
    "a note": "e = ValueError('SECRET'); e.add_note('SECRET'); raise e",
    "leaving": "raise SystemExit('SECRET')",
    "no memory": "raise MemoryError('SECRET')",
    "not implemented": "raise NotImplementedError('SECRET')",
    "text": "return 'SECRET'",
    "a dict": "return {'SECRET': 'SECRET'}",
    "a tuple": "return ('SECRET', ['SECRET'])",
    "an object": "class SECRET: pass\nreturn SECRET()",
    "a function": "def SECRET(): pass\nreturn SECRET",
    "an exception as a value": "return KeyError('SECRET')",
    "a tensor of its own class": "return x.as_subclass(type('SECRET', (torch.Tensor,), {}))",
    "names of axes": "return torch.zeros(3, names=('SECRET',))",
    "text in an array": "import numpy\nreturn numpy.array(['SECRET'])",
    "a structured array": "import numpy\nreturn numpy.zeros(3, dtype=[('SECRET', float)])",
    "prints": "print('SECRET'); print('SECRET', file=sys.stderr)\nreturn x",
    "a warning": "import warnings\nwarnings.warn('SECRET')\nreturn x",
    "a metaclass": (
        "class Meta(type):\n    __name__ = 'SECRET'\n    __qualname__ = 'SECRET'\n"
        "class E(Exception, metaclass=Meta): pass\nraise E('SECRET')"
    ),
    "a message that is computed": (
        "class E(ValueError):\n    def __str__(self): return 'SECRET'\nraise E"
    ),
    "a chain": "try: 1 / 0\nexcept ZeroDivisionError as e: raise ValueError('SECRET') from e",
    "a group": "raise ExceptionGroup('SECRET', [ValueError('SECRET')])",
}


def test_feedback_never_holds_what_a_student_wrote(tmp_path, spawn):
    made = course(tmp_path)

    def examined(examiner):
        for name, body in NASTY.items():
            text = RIGHT.replace("return torch.exp(x)", body.replace("\n", "\n    "))
            attempt = toys.attempt(tmp_path / "in", toy__py=text)
            record = examiner.examine(attempt, spawn, "sha")
            assert record.status is RunStatus.GRADED, name
            assert outcomes(record)["double"] == "passed", name
            assert outcomes(record)["grow"] in ("failed", "not_implemented"), name
            assert "SECRET" not in feedback(record, attempt), name

    toys.examined(made, examined)


def test_two_versions_are_both_examined_and_the_better_counts(examine):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = json.dumps(
        {"cells": [{**cell, "source": RIGHT}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    )
    record = examine("", toy__py=double("return x"), toy__ipynb=notebook)
    assert record.graded_file == "toy.ipynb"
    assert outcomes(record) == {"double": "passed", "grow": "passed"}
    assert ExerciseOutcome.PASSED in {one.outcome for one in record.exercises}
