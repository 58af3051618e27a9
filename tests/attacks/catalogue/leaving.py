"""Leaving: exits, signals, crashes, and whatever wants to live on afterwards."""

from tests.attacks.record import Attack, failed, python, stopped

ATTACKS = (
    Attack(
        name="exit-zero-at-import",
        tries="ends the process with success before anything is tested",
        files=python("""
            import os

            os._exit(0)

            def scale(x, factor): return x
        """),
        ends={"scale": stopped("exited")},
        undefended="exit code",
    ),
    Attack(
        name="exit-zero-in-a-call",
        tries="ends the process with success as soon as it is called",
        files=python("""
            import os

            def scale(x, factor): os._exit(0)
        """),
        ends={"scale": failed("exited")},
        undefended="exit code",
    ),
    Attack(
        name="sys-exit",
        tries="raises SystemExit, which many graders take for the end of a good run",
        files=python("""
            import sys

            def scale(x, factor): sys.exit(0)
            def describe(x): raise SystemExit("20 passed")
        """),
        ends={"scale": failed("exception"), "describe": failed("exception")},
        undefended="exit code",
    ),
    Attack(
        name="fake-report",
        tries="prints the last lines of a perfect run and leaves",
        files=python("""
            import os
            import sys

            def scale(x, factor):
                print("======= 20 passed in 0.42s =======")
                print("score: 4/4")
                sys.stdout.flush()
                os._exit(0)
        """),
        ends={"scale": failed("exited")},
        undefended="printed",
    ),
    Attack(
        name="at-exit",
        tries="rewrites the results when the interpreter ends",
        files=python("""
            import atexit

            def write():
                with open("results.json", "w") as file:
                    file.write('{"score": 4}')

            atexit.register(write)

            def scale(x, factor): return x
        """),
        ends={"scale": failed("value")},
        undefended="results file",
    ),
    Attack(
        name="late-thread",
        tries="leaves a thread that rewrites the results a little later",
        files=python("""
            import threading
            import time

            def write():
                time.sleep(0.3)
                with open("results.json", "w") as file:
                    file.write('{"score": 4}')

            def scale(x, factor):
                threading.Thread(target=write).start()
                return x
        """),
        ends={"scale": failed("value")},
        undefended="results file",
    ),
    Attack(
        name="fork",
        tries="leaves a child process behind",
        files=python("""
            import os
            import time

            def scale(x, factor):
                if os.fork() == 0:
                    time.sleep(20)
                    os._exit(0)
                return x * factor
        """),
        ends={"scale": failed("exception")},
        undefended="outlives",
    ),
    Attack(
        name="daemon",
        tries="becomes a daemon: two forks, a session of its own, all descriptors closed",
        files=python("""
            import os
            import time

            def scale(x, factor):
                if os.fork() == 0:
                    if os.fork() == 0:
                        os.closerange(0, 256)
                        time.sleep(20)
                    os._exit(0)
                return x * factor
        """),
        ends={"scale": failed("exception")},
        undefended="outlives",
    ),
    Attack(
        name="exec-true",
        tries="replaces the grader by a program that always succeeds",
        files=python("""
            import os

            def scale(x, factor): os.execv("/bin/true", ["true"])
        """),
        ends={"scale": failed("exception")},
        undefended="exit code",
    ),
    Attack(
        name="subprocess",
        tries="starts a shell, by each of the ways that Python has",
        files=python("""
            import os
            import subprocess

            def scale(x, factor):
                if os.system("true") == 0:
                    raise RuntimeError("a shell ran")
                subprocess.Popen(["sleep", "20"])
                return x * factor
        """),
        ends={"scale": failed("exception")},
        undefended="achieved",
    ),
    Attack(
        name="crash",
        tries="reads address 8",
        files=python("""
            import ctypes

            def scale(x, factor): ctypes.string_at(8)
        """),
        ends={"scale": failed("crashed")},
        undefended="stops",
    ),
    Attack(
        name="crash-at-import",
        tries="aborts while it is imported",
        files=python("""
            import os

            os.abort()

            def scale(x, factor): return x * factor
        """),
        ends={"scale": stopped("crashed")},
        undefended="stops",
    ),
    Attack(
        name="recursion",
        tries="lifts the recursion limit and overflows the stack of C",
        files=python("""
            import sys

            sys.setrecursionlimit(1 << 30)

            class Deep:
                def __repr__(self): return repr(self)

            def scale(x, factor): return repr(Deep())
        """),
        ends={"scale": failed("crashed", "memory", "cpu_time")},
        undefended="stops",
    ),
    Attack(
        name="kill-itself",
        tries="kills its own process as if somebody else had done it, and then as it can",
        files=python("""
            import os
            import signal

            def scale(x, factor):
                try:
                    os.kill(os.getpid(), signal.SIGKILL)
                except PermissionError:
                    os.kill(os.getpid(), signal.SIGTERM)
                os.abort()
        """),
        ends={"scale": failed("crashed")},
        undefended="stops",
    ),
    Attack(
        name="alarm",
        tries="sets an alarm that goes off in somebody else's test",
        files=python("""
            import signal

            def scale(x, factor):
                signal.setitimer(signal.ITIMER_REAL, 0.05)
                return x * (factor + 1)
        """),
        ends={"scale": failed("value", "crashed", "exception")},
        undefended="stops",
    ),
    Attack(
        name="keyboard-interrupt",
        tries="raises what ends a whole batch: Ctrl-C, GeneratorExit, a bare BaseException",
        files=python("""
            def scale(x, factor): raise KeyboardInterrupt
            def softmax(z): raise GeneratorExit
            def describe(x): raise BaseException("no Exception")
        """),
        ends={
            "scale": failed("exception"),
            "softmax": failed("exception"),
            "describe": failed("exception"),
        },
        undefended="stops",
    ),
    Attack(
        name="interrupt-at-import",
        tries="raises Ctrl-C while it is imported",
        files=python("""
            def scale(x, factor): return x * (factor + 1)

            raise KeyboardInterrupt
        """),
        ends={"scale": stopped("exception")},
        undefended="stops",
    ),
    Attack(
        name="close-everything",
        tries="closes every descriptor, those of the grader too",
        files=python("""
            import os

            def scale(x, factor):
                os.closerange(0, 256)
                return x * factor
        """),
        ends={"scale": failed("bad_reply", "exited")},
        undefended="stops",
    ),
)
