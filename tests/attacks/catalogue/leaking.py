"""Telling a student what a hidden case's input was."""

from tests.attacks.catalogue.peers import PEER
from tests.attacks.record import FORBIDDEN, TIME, Attack, failed, honest, python

_RAISES = {"scale": failed("exception")}


def _forged(error: str) -> dict[str, str | bytes]:
    return python(
        f"""
        from peer import *

        def scale(x, factor):
            secret = str(factor)
            error = {error}
            if factor < 1000:
                return x * factor
            say(frame({{"seq": seq(), "ok": False, "error": error}}))
            time.sleep(0.2)
        """,
        peer=PEER,
    )


ATTACKS = (
    Attack(
        name="tell-by-message",
        tries="raises its input as a message",
        files=python("""
            def scale(x, factor): raise ValueError(f"{x} {factor}")
        """),
        ends=_RAISES,
        undefended="told",
    ),
    Attack(
        name="tell-by-print",
        tries="prints its input, and warns of it",
        files=python("""
            import sys
            import warnings

            def scale(x, factor):
                print("said by an attacker", factor)
                print(factor, file=sys.stderr)
                warnings.warn(str(factor))
                return x
        """),
        ends={"scale": failed("value")},
        undefended="told",
    ),
    Attack(
        name="tell-by-type",
        tries="raises an exception that is named after its input",
        files=python("""
            def scale(x, factor):
                raise type(f"Error{factor}".replace(".", "_"), (Exception,), {})
        """),
        ends=_RAISES,
        undefended="told",
    ),
    Attack(
        name="tell-by-builtin-name",
        tries="raises an exception that says it is a builtin of another name",
        files=python("""
            def scale(x, factor):
                kind = type("ValueError", (Exception,), {"__module__": "builtins"})
                kind.__qualname__ = f"ValueError{factor}"
                raise kind(factor) from KeyError(factor)
        """),
        ends=_RAISES,
        undefended="told",
    ),
    Attack(
        name="tell-when-asked",
        tries="writes its message only when it is shown",
        files=python("""
            class Later(Exception):
                def __str__(self): return str(self.args[0] * 1)
                __repr__ = __str__

            def scale(x, factor): raise Later(factor)
        """),
        ends=_RAISES,
        undefended="told",
    ),
    Attack(
        name="tell-by-value",
        tries="returns its input as text, as a key and as another type",
        files=python("""
            def scale(x, factor): return {str(factor): factor}
            def describe(x): return str(x[0].item()), x[0].item(), str(x[0].item())
        """),
        ends={"scale": failed("type"), "describe": failed("type", "value")},
        undefended="told",
    ),
    Attack(
        name="tell-by-shape",
        tries="returns a tensor of as many rows as its input says",
        files=python("""
            import torch

            def scale(x, factor): return torch.zeros(int(factor), 0)
            def describe(x): return [None] * 3
        """),
        ends={"scale": failed("shape"), "describe": failed("type")},
        undefended="told",
    ),
    Attack(
        name="tell-by-ratio",
        tries="is wrong by just the factor that it was given, for whoever names constants",
        files=python("""
            def scale(x, factor): return x * factor * factor
        """),
        ends={"scale": failed("value")},
    ),
    Attack(
        name="tell-by-error",
        tries="is wrong by just its input, for whoever says how wrong it is",
        files=python("""
            def scale(x, factor): return x * factor + factor
        """),
        ends={"scale": failed("value")},
        undefended="told",
    ),
    Attack(
        name="tell-by-warning-as-error",
        tries="turns warnings into errors that carry its input",
        files=python("""
            import warnings

            def scale(x, factor):
                warnings.simplefilter("error")
                warnings.warn_explicit(f"{factor}", UserWarning, f"{factor}.py", int(factor))
        """),
        ends=_RAISES,
        undefended="told",
    ),
    Attack(
        name="tell-by-line",
        tries="raises at a line whose number is its input",
        files=python("""
            def scale(x, factor):
                exec(compile("\\n" * (int(factor) // 10) + "1 / 0", "small.py", "exec"))
        """),
        ends=_RAISES,
    ),
    Attack(
        name="tell-by-forbidden-line",
        tries="uses a forbidden operation at a line whose number is its input",
        files=python("""
            import torch

            def tanh_backward(grad_y, y):
                if grad_y.max() < 1000:
                    return grad_y * (1 - y * y)
                code = "\\n" * (int(grad_y.max()) // 10 - 1) + "x.sum().backward()"
                x = torch.ones(1, requires_grad=True)
                exec(compile(code, "small.py", "exec"), {"x": x})
                return grad_y * (1 - y * y)
        """),
        ends={"tanh_backward": FORBIDDEN},
    ),
    Attack(
        name="tell-by-forged-frame",
        tries="forges an error whose every field is its input",
        files=_forged(
            "{k: secret for k in ('kind', 'type', 'message', 'traceback', 'origin', 'file')}"
        ),
        ends=_RAISES,
    ),
    Attack(
        name="tell-by-forged-operation",
        tries="forges a forbidden use whose name, set and line are its input",
        files=_forged(
            "{'kind': 'forbidden', 'name': secret, 'set': secret, 'line': int(factor) // 10,"
            " 'message': secret}"
        ),
        ends={"scale": FORBIDDEN},
    ),
    Attack(
        name="tell-by-missing-name",
        tries="uses a name that is missing and spells its input",
        files=python("""
            def scale(x, factor): raise NameError(f"name {factor} is not defined", name=str(factor))
        """),
        ends=_RAISES,
        undefended="told",
    ),
    Attack(
        name="tell-by-review",
        tries="has a person asked to look at a text that is its input",
        files=python("""
            import sys

            witness = sys.modules.get("autograder.worker.witness")

            def tanh_backward(grad_y, y):
                frame = sys._getframe()
                while frame is not None:
                    for value in frame.f_locals.values():
                        if type(value).__name__ == "Witness":
                            value.suspicious.append(
                                {"what": str(grad_y.max().item()), "line": 1, "where": "x"})
                    frame = frame.f_back
                return grad_y * (1 - y * y)
        """),
        ends={"tanh_backward": honest(review=True)},
    ),
    Attack(
        name="tell-by-budget",
        tries="burns as much of its time as its input says, for whoever says how much was left",
        files=python("""
            import time

            def scale(x, factor):
                if factor > 1000:
                    while True: pass
                until = time.process_time() + 0.13 * factor
                while time.process_time() < until: pass
                return x * factor
        """),
        ends={"scale": failed(*TIME)},
        never=("after 0.1", "after 0.2", "after 0.3", "after 0.4"),
    ),
    Attack(
        name="tell-later",
        tries="is right, remembers its inputs, and tells them in the public tests of the next",
        files=python("""
            import builtins
            builtins.seen = []

            def scale(x, factor):
                builtins.seen.append(factor)
                return x * factor
            def softmax(z): raise ValueError(builtins.seen)
            def describe(x):
                builtins.seen.append(x.tolist())
                raise ValueError(builtins.seen)
        """),
        ends={
            "scale": honest(),
            "softmax": failed("exception"),
            "describe": failed("exception"),
        },
    ),
)
