import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

# Graders fork, which needs a process with one thread; pytest's may have more.


def run(body):
    head = "import os, signal, sys\nfrom autograder.graders import Graders\n"
    command = [sys.executable, "-c", head + textwrap.dedent(body)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_job_is_answered_once():
    out = run("""
        answers = dict(Graders(lambda g, j: b"%d" % (j * j), jobs=20, graders=3))
        print(answers == {j: b"%d" % (j * j) for j in range(20)})
    """)
    assert out == "True"


def test_no_job_needs_no_grader():
    assert run("print(list(Graders(lambda g, j: b'', jobs=0, graders=2)))") == "[]"


def test_large_answers_arrive_whole():
    out = run("""
        answers = dict(Graders(lambda g, j: bytes([j]) * 5_000_000, jobs=4, graders=2))
        print(all(answers[j] == bytes([j]) * 5_000_000 for j in range(4)))
    """)
    assert out == "True"


def test_a_grader_that_dies_loses_no_job_and_a_job_that_kills_is_given_up_after_three_tries():
    out = run("""
        def work(grader, job):
            if job == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return b"%d" % job
        answers = dict(Graders(work, jobs=5, graders=2, spares=8))
        print(answers == {0: b"0", 1: b"1", 2: None, 3: b"3", 4: b"4"})
    """)
    assert out == "True"


def test_an_exception_in_a_grader_is_our_fault_and_tried_again(tmp_path):
    marker = tmp_path / "tried"
    out = run(f"""
        def work(grader, job):
            if not os.path.exists({str(marker)!r}):
                open({str(marker)!r}, "w").close()
                raise RuntimeError("a fault of ours")
            return b"done"
        print(dict(Graders(work, jobs=1, graders=1, spares=2)))
    """)
    assert out == "{0: b'done'}"


def test_an_answer_that_asks_for_another_try_gets_two_more():
    out = run("""
        graders = Graders(lambda g, j: b"fault", jobs=1, graders=1, retry=lambda a: a == b"fault")
        print(list(graders), graders._tries)
    """)
    assert out == "[(0, b'fault')] [3]"


def test_dying_graders_are_not_replaced_for_ever():
    out = run("""
        from autograder.errors import SandboxError
        try:
            list(Graders(lambda g, j: os._exit(1), jobs=50, graders=2, spares=3))
        except SandboxError as error:
            print(error)
    """)
    assert out.startswith("graders: expected them to live, got 5 that died.")


def test_threads_before_a_fork_are_refused():
    out = run("""
        import threading
        from autograder.errors import SandboxError
        threading.Thread(target=lambda: __import__("time").sleep(5), daemon=True).start()
        try:
            list(Graders(lambda g, j: b"", jobs=1, graders=1))
        except SandboxError as error:
            print(error)
    """)
    assert out.startswith("graders: expected one thread before forking, got 2.")


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs /proc")
def test_no_grader_outlives_its_parent():
    script = textwrap.dedent("""
        import os, sys, time
        from autograder.graders import Graders
        def work(grader, job):
            os.write(1, b"%d\\n" % os.getpid())  # whole lines, from two at once
            time.sleep(0.2)
            return b""
        list(Graders(work, jobs=1000, graders=2))
    """)
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pids = {int(parent.stdout.readline()) for _ in range(4)}
        os.kill(parent.pid, signal.SIGKILL)
        parent.stdout.read()  # ends when the last grader has closed its end
    deadline = time.monotonic() + 10  # closing a pipe comes a moment before the end
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [pid for pid in pids if _alive(pid)]


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_jail_that_is_lost_ends_everything_at_once():
    out = run("""
        from autograder.errors import JailError
        def work(grader, job):
            if job == 1:
                raise JailError("isolation: gone")
            return b"done"
        answers = []
        try:
            answers.extend(Graders(work, jobs=50, graders=1, spares=8))
        except JailError as error:
            print(error, len(answers))
    """)
    assert out == "isolation: gone 1"  # nobody tried again
