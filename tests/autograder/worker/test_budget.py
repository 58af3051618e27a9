"""Time for running a file's own statements."""

import signal
import threading

import pytest

from autograder.worker.budget import Budget, OutOfTime


def run(budget, text, share_s=0.1):
    names = {}
    budget.run(compile(text, "a.py", "exec"), names, share_s)
    return names


def test_a_statement_that_ends_in_time_is_left_alone():
    with Budget(1.0) as budget:
        assert run(budget, "x = 1")["x"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "while True: pass",
        "import time\ntime.sleep(60)",
        "while True:\n    try: 1 / 0\n    except Exception: pass",
        "def f():\n    while True: pass\nf()",
    ],
)
def test_a_statement_that_does_not_end_is_stopped(text):
    with Budget(1.0) as budget, pytest.raises(OutOfTime):
        run(budget, text)


def test_a_handler_that_catches_everything_is_hit_again():
    text = (
        "caught = 0\nwhile True:\n    try:\n        while True: pass\n"
        "    except BaseException:\n        caught += 1\n        if caught == 3: raise\n"
    )
    with Budget(5.0) as budget, pytest.raises(OutOfTime):
        run(budget, text)


def test_each_statement_may_take_half_of_what_is_left():
    with Budget(1.0) as budget:
        first = budget.share(is_definition=False)
        with pytest.raises(OutOfTime):
            run(budget, "while True: pass")
        assert 0.0 < budget.share(is_definition=False) < first <= 0.5


def test_when_all_is_spent_only_definitions_get_time():
    with Budget(0.0) as budget:
        assert budget.share(is_definition=False) == 0.0
        assert budget.share(is_definition=True) > 0.0


def test_an_outer_statement_gets_the_time_of_an_inner_one_back():
    with Budget(5.0) as budget:

        def inner():
            with pytest.raises(OutOfTime):
                run(budget, "while True: pass", share_s=0.2)

        budget.run(compile("inner()\nx = 1", "a.py", "exec"), {"inner": inner}, 0.15)


def test_the_timer_and_the_handler_of_before_come_back():
    def mine(*_):
        pass

    before = signal.signal(signal.SIGALRM, mine)
    try:
        with Budget(1.0) as budget:
            assert signal.getitimer(signal.ITIMER_REAL)[1] > 0
            run(budget, "x = 1")
        assert signal.getsignal(signal.SIGALRM) is mine
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_on_another_thread_statements_run_without_a_timer():
    seen = []

    def work():
        with Budget(1.0) as budget:
            seen.append(run(budget, "x = 1")["x"])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [1]
