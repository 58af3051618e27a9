"""Dodging the rule that an exercise is written by hand: no softmax of torch's, no autograd."""

import textwrap

from tests.attacks.record import FORBIDDEN, Attack, End, honest, python

REVIEWED = honest(review=True)


def _softmax(name: str, how: str, text: str, end: End = FORBIDDEN) -> Attack:
    body = "import torch\nimport torch.nn.functional as F\n" + textwrap.dedent(text)
    return Attack(
        name=f"softmax-{name}",
        tries=f"reaches torch's softmax {how}",
        files=python(body),
        ends={"softmax": end},
        undefended="by hand",
    )


def _autograd(name: str, how: str, text: str, end: End = FORBIDDEN, before: str = "") -> Attack:
    """`text` sets grad from x, a leaf, and y = tanh(x), and the upstream gradient g."""
    body = (
        f"import torch\n\n{textwrap.dedent(before)}\n"
        "def tanh_backward(grad_y, y):\n"
        "    x = torch.atanh(y.double()).detach().requires_grad_()\n"
        "    g = grad_y.double()\n"
        "    with torch.enable_grad():\n"
        "        loss = (torch.tanh(x) * g).sum()\n"
        + textwrap.indent(textwrap.dedent(text).strip("\n"), " " * 8)
        + "\n    return grad.detach().to(grad_y.dtype)\n"
    )
    return Attack(
        name=f"autograd-{name}",
        tries=f"differentiates {how}",
        files=python(body),
        ends={"tanh_backward": end},
        undefended="by hand",
    )


ATTACKS = (
    _softmax("plain", "by its name", "def softmax(z): return F.softmax(z, -1)"),
    _softmax(
        "alias",
        "by an alias, a partial and a default argument",
        """
        from functools import partial
        work = partial(getattr(F, "softmax"), dim=-1)
        def softmax(z, work=work): return work(z)
        """,
    ),
    _softmax(
        "computed",
        "by a name that is put together",
        'def softmax(z): return getattr(torch, "soft" + "max")(z, -1)',
    ),
    _softmax(
        "vars",
        "through the dictionary of its module",
        'def softmax(z): return vars(F)["".join(["soft", "max"])](z, -1)',
    ),
    _softmax(
        "method-caller",
        "by a method that is only a text",
        """
        import operator
        def softmax(z): return operator.methodcaller("softmax", -1)(z)
        """,
    ),
    _softmax(
        "eval",
        "in a text that is evaluated",
        """
        def softmax(z): return eval("torch.soft" + "max(z, -1)")
        """,
    ),
    _softmax(
        "import",
        "by importing its module anew",
        """
        import importlib, sys
        def softmax(z):
            return importlib.import_module("torch.nn.functional").softmax(z, -1)
        """,
    ),
    _softmax("module", "as a layer", "def softmax(z): return torch.nn.Softmax(-1)(z)"),
    _softmax(
        "logarithm",
        "as the exponential of its logarithm",
        "def softmax(z): return F.log_softmax(z, -1).exp()",
    ),
    _softmax(
        "attention",
        "inside of attention",
        """
        def softmax(z):
            n = z.shape[-1]
            eye = torch.eye(n, dtype=z.dtype).expand(z.shape[0], n, n)
            return F.scaled_dot_product_attention(z[:, None, :] * n**0.5, eye, eye)[:, 0]
        """,
    ),
    _softmax(
        "operators",
        "as an operator of the dispatcher",
        "def softmax(z): return torch.ops.aten._softmax.default(z, -1, False)",
    ),
    _softmax(
        "bindings",
        "in the bindings of C",
        "def softmax(z): return torch._C._VariableFunctions.softmax(z, -1)",
    ),
    _softmax(
        "thread",
        "in another thread",
        """
        from concurrent.futures import ThreadPoolExecutor
        def softmax(z):
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(getattr(torch, "softmax"), z, -1).result()
        """,
    ),
    _softmax(
        "modes",
        "with all dispatch modes off",
        """
        from torch.utils._python_dispatch import _disable_current_modes
        def softmax(z):
            with _disable_current_modes(), torch.inference_mode():
                return z.softmax(-1)
        """,
    ),
    _softmax(
        "script",
        "in TorchScript",
        """
        @torch.jit.script
        def work(z: torch.Tensor): return torch.softmax(z, -1)
        def softmax(z): return work(z)
        """,
    ),
    _softmax(
        "vmap",
        "row by row in functorch",
        "def softmax(z): return torch.func.vmap(lambda row: row.softmax(-1))(z)",
    ),
    _softmax(
        "subclass",
        "through a tensor subclass and `__torch_function__`",
        """
        class Mine(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                with torch._C.DisableTorchFunctionSubclass():
                    return torch.Tensor.softmax(args[0].as_subclass(torch.Tensor), -1)
        def softmax(z): return z.as_subclass(Mine) + 1
        """,
    ),
    _softmax(
        "swallowed",
        "and swallows what is raised at it",
        """
        def softmax(z):
            try:
                F.softmax(z, -1)
            except BaseException:
                pass
            e = torch.exp(z - z.max(-1, keepdim=True).values)
            return e / e.sum(-1, keepdim=True)
        """,
    ),
    _softmax(
        "meanwhile",
        "once, while it is imported, and keeps a table",
        """
        def softmax(z):
            e = torch.exp(z - z.max(-1, keepdim=True).values)
            return e / e.sum(-1, keepdim=True)
        TABLE = torch.softmax(torch.ones(3, 4), -1)
        """,
        honest(),
    ),
    _softmax(
        "kept-kernel",
        "by a handle on the operator that was taken while it was imported",
        """
        kept = torch._C._jit_get_operation("aten::_softmax")[0]
        def softmax(z): return kept(z, -1, False)
        """,
    ),
    _softmax(
        "without-the-witness",
        "after replacing the witness by one that sees nothing",
        """
        import importlib
        import operator
        seen = importlib.import_module("autograder.worker.witness")
        seen.Witness.__enter__ = lambda self: self
        seen.Witness.__exit__ = lambda self, *_: None
        def softmax(z): return operator.methodcaller("soft" + "max", -1)(z)
        """,
        REVIEWED,
    ),
    _softmax(
        "without-the-session",
        "after replacing the session's watch, found among all modules",
        """
        import sys
        import operator
        ours = sys.modules.get("autograder.worker.session")
        if ours:
            ours.Session._watched = lambda self, call, name, audit: (call(), [])
        def softmax(z): return operator.methodcaller("soft" + "max", -1)(z)
        """,
        REVIEWED,
    ),
    _softmax(
        "without-any-watch",
        "after switching the watch off in the body of a class, with what memory holds",
        """
        import gc
        import operator
        def blind():
            for thing in gc.get_objects():
                if type(thing).__name__ == "Session":
                    type(thing)._watched = lambda self, call, name, audit: (call(), [])
        class Watch:
            blind()
        def softmax(z): return operator.methodcaller("soft" + "max", -1)(z)
        """,
        REVIEWED,
    ),
    _autograd("backward", "by `backward`", "loss.backward()\ngrad = x.grad"),
    _autograd("grad", "by `torch.autograd.grad`", "grad, = torch.autograd.grad(loss, x)"),
    _autograd(
        "functional",
        "by a Jacobian",
        "f = lambda v: (torch.tanh(v) * g).sum()\n"
        "grad = torch.autograd.functional.jacobian(f, x.detach())",
    ),
    _autograd(
        "vjp",
        "by functorch",
        "grad = torch.func.vjp(torch.tanh, x.detach())[1](g)[0]",
    ),
    _autograd(
        "forward-mode",
        "forwards",
        "grad = torch.func.jvp(torch.tanh, (x.detach(),), (g,))[1]",
    ),
    _autograd(
        "computed",
        "by a name that is put together",
        'getattr(loss, "back" + "ward")()\ngrad = getattr(x, "gr" + "ad")',
    ),
    _autograd(
        "optimizer",
        "in an optimizer's closure",
        """
        import operator
        step = torch.optim.SGD([x], lr=1.0)
        before = x.detach().clone()
        step.step(lambda: operator.methodcaller("backward")(loss))
        grad = before - x.detach()
        """,
    ),
    _autograd(
        "another-engine",
        "by an engine of its own making",
        """
        engine = torch._C._ImperativeEngine()
        engine.run_backward((loss,), (torch.ones_like(loss),), False, False, (x,), True,
                            accumulate_grad=True)
        grad = x.grad
        """,
    ),
    _autograd(
        "graph",
        "by calling the nodes of the graph",
        """
        node = loss.grad_fn(torch.ones_like(loss))
        node = loss.grad_fn.next_functions[0][0](node)[0]
        grad = loss.grad_fn.next_functions[0][0].next_functions[0][0](node)
        """,
    ),
    _autograd(
        "thread",
        "in another thread",
        """
        import threading
        thread = threading.Thread(target=lambda: getattr(loss, "back" + "ward")())
        thread.start(); thread.join()
        grad = x.grad
        """,
    ),
    _autograd(
        "script",
        "in TorchScript",
        "grad = work(x, g)",
        before="""
        @torch.jit.script
        def work(x: torch.Tensor, g: torch.Tensor):
            found = torch.autograd.grad([(torch.tanh(x) * g).sum()], [x])[0]
            return found if found is not None else x
        """,
    ),
)
