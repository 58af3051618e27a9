"""Claiming to be the grader's own fault, which costs no points."""

from tests.attacks.catalogue.peers import PEER
from tests.attacks.record import Attack, failed, honest, python, stopped

ATTACKS = (
    Attack(
        name="our-own-errors",
        tries="raises classes named as the grader's own, and the grader's own where it finds them",
        files=python("""
            import sys

            def scale(x, factor):
                raise type("SandboxError", (Exception,), {"exit_code": 3})("internal_error")
            def softmax(z):
                raise sys.modules["autograder.sandbox.wire"].WireError("our fault")
            def tanh_backward(grad_y, y):
                raise type("SuiteError", (BaseException,), {})("the suite is wrong")
            def describe(x):
                class WorkerDied(EOFError): pass
                raise WorkerDied("ready")
        """),
        ends={
            "scale": failed("exception"),
            "softmax": failed("type", "exception"),
            "tanh_backward": failed("exception"),
            "describe": failed("exception"),
        },
    ),
    Attack(
        name="claims-an-internal-error",
        tries="sends error frames that call themselves ours",
        files=python(
            """
            from peer import *

            def scale(x, factor):
                say(frame({"seq": seq(), "ok": False, "status": "internal_error", "fault": True,
                           "error": {"kind": "internal_error", "type": "SandboxError",
                                     "message": "the grader failed", "origin": "autograder"}}))
                time.sleep(0.2)
            """,
            peer=PEER,
        ),
        ends={"scale": failed("exception", "bad_reply")},
    ),
    Attack(
        name="hangs-up-both-ways",
        tries="shuts its line down, so that the fork server kills it as the system might",
        files=python("""
            import os
            import socket
            import stat
            import time

            def scale(x, factor):
                for number in range(3, 256):
                    try:
                        if stat.S_ISSOCK(os.fstat(number).st_mode):
                            socket.socket(fileno=os.dup(number)).shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                time.sleep(3600)
        """),
        ends={"scale": failed("bad_reply")},
    ),
    Attack(
        name="suspects-itself-in-surrogates",
        tries="has a person asked to look at a text that no database can keep",
        files=python("""
            import sys

            wire = sys.modules["autograder.sandbox.wire"]
            send = wire.send

            def forged(sock, reply, buffers=(), **more):
                reply["suspicious"] = [{"what": "\\ud800\\x00\\x1b[31m"}]
                return send(sock, reply, buffers, **more)

            wire.send = forged

            def scale(x, factor): return x * factor
            def tanh_backward(grad_y, y): return grad_y * (1 - y * y)
        """),
        ends={"scale": honest(), "tanh_backward": honest(review=True)},
    ),
    Attack(
        name="prints-our-banner",
        tries="prints what the grader prints when it fails, and exits with its code",
        files=python("""
            import os
            import sys

            def scale(x, factor):
                print("sandbox: expected a worker that is ready, got EOFError. `gradlab doctor`.")
                print("Traceback (most recent call last): autograder.errors.SandboxError",
                      file=sys.stderr, flush=True)
                os._exit(97)
        """),
        ends={"scale": failed("exited")},
    ),
    Attack(
        name="exit-codes",
        tries="exits with the codes that mean something to the grader: 3, 97, 98",
        files=python("""
            import os

            def scale(x, factor): os._exit(98)
            def softmax(z): os._exit(3)
            def describe(x): os._exit(97)
        """),
        ends={
            "scale": failed("memory", "exited"),
            "softmax": failed("exited"),
            "describe": failed("exited"),
        },
    ),
    Attack(
        name="exit-97-at-import",
        tries="ends as a jail that could not be built, before the first call",
        files=python("""
            import os

            os._exit(97)

            def scale(x, factor): return x * factor
        """),
        ends={"scale": stopped("exited")},
    ),
    Attack(
        name="skips",
        tries="raises what makes pytest skip or xfail a test, and what says it is not written",
        files=python("""
            class Skipped(BaseException): pass

            def scale(x, factor): raise Skipped("could not import")
            def softmax(z): raise type("XFailed", (Exception,), {})()
            def describe(x):
                import unittest
                raise unittest.SkipTest("not today")
        """),
        ends={
            "scale": failed("exception"),
            "softmax": failed("exception"),
            "describe": failed("exception"),
        },
    ),
    Attack(
        name="numbers-beyond-float",
        tries="returns integers that overflow when they are compared",
        files=python("""
            def describe(x): return 10**1000, -(10**1000), "up"
            def scale(x, factor): return 10**400
        """),
        ends={"describe": failed("value", "nan", "type"), "scale": failed("type")},
    ),
    Attack(
        name="exception-that-fights",
        tries="raises an exception whose every method raises, loops or exits",
        files=python("""
            import os

            class Fights(Exception):
                def __str__(self): raise SystemExit(97)
                __repr__ = __str__
                __traceback__ = property(lambda self: os._exit(97))
                __cause__ = property(lambda self: self)
                __context__ = property(lambda self: self)
                def __getattribute__(self, name): raise Fights()

            def scale(x, factor): raise Fights
        """),
        ends={"scale": failed("exception", "exited", "crashed")},
    ),
    Attack(
        name="endless-causes",
        tries="raises an exception with a million causes, for whoever prints tracebacks",
        files=python("""
            def scale(x, factor):
                error = ValueError("0")
                for number in range(100_000):
                    next_one = ValueError(str(number))
                    next_one.__cause__ = error
                    error = next_one
                raise error
        """),
        ends={"scale": failed("exception", "cpu_time", "crashed", "memory")},
    ),
)
