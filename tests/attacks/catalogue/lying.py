"""Objects that lie: subclasses, operators that always agree, tensors that are none."""

from tests.attacks.record import BLANK, TIME, Attack, failed, honest, python

ATTACKS = (
    Attack(
        name="equals-everything",
        tries="returns an object that is equal to whatever it is compared with",
        files=python("""
            class Anything:
                def __eq__(self, other): return True
                def __ne__(self, other): return False
                def __hash__(self): return 0
                def __bool__(self): return True
                def __iter__(self): return iter((self, self, self))

            def describe(x): return Anything()
        """),
        ends={"describe": failed("type")},
        undefended="equality",
    ),
    Attack(
        name="array-that-agrees",
        tries="returns an array subclass whose comparisons are all true",
        files=python("""
            import numpy as np

            class Agrees(np.ndarray):
                def __array_function__(self, function, types, args, kwargs):
                    return np.ones(self.shape, dtype=bool)
                def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
                    return np.full(self.shape, not ufunc.__name__.startswith("is"))

            def scale(x, factor): return np.zeros(x.shape).view(Agrees)
        """),
        ends={"scale": failed("type")},
        undefended="assertion",
    ),
    Attack(
        name="tensor-that-agrees",
        tries="returns a tensor subclass that answers every function of torch with yes",
        files=python("""
            import torch

            class Agrees(torch.Tensor):
                @classmethod
                def __torch_function__(cls, function, types, args=(), kwargs=None):
                    return True

            def scale(x, factor): return torch.zeros(x.shape).as_subclass(Agrees)
        """),
        ends={"scale": failed("type")},
        undefended="allclose",
    ),
    Attack(
        name="numbers-that-agree",
        tries="returns subclasses of int, float and str that are equal to everything",
        files=python("""
            def liar(kind):
                return type(kind.__name__, (kind,), {
                    "__eq__": lambda *_: True, "__ne__": lambda *_: False, "__hash__": None,
                    "__sub__": lambda *_: 0.0, "__rsub__": lambda *_: 0.0})

            def describe(x): return liar(int)(0), liar(float)(0.0), liar(str)("")
        """),
        ends={"describe": failed("type", "value")},
        undefended="equality",
    ),
    Attack(
        name="tuple-that-agrees",
        tries="returns a tuple whose comparison is always true",
        files=python("""
            class Agrees(tuple):
                def __eq__(self, other): return True
                def __len__(self): return 3
                def __iter__(self): return iter((0, 0.0, ""))

            def describe(x): return Agrees()
        """),
        ends={"describe": failed("type")},
        undefended="equality",
    ),
    Attack(
        name="repr-that-agrees",
        tries="returns an object that prints as the answer of the public test",
        files=python("""
            class Printed:
                def __repr__(self): return "(3, 3.0, 'up')"

            def describe(x): return Printed()
        """),
        ends={"describe": failed("type")},
        undefended="doctest",
    ),
    Attack(
        name="says-it-is-a-tensor",
        tries="returns an object whose `__class__` claims to be a tensor",
        files=python("""
            import torch

            class Claims:
                __class__ = torch.Tensor
                def __array__(self, *_, **__): raise RuntimeError("nobody looks")
                def __eq__(self, other): return True
                def __sub__(self, other): return torch.zeros(1)
                __rsub__ = __sub__
                def all(self): return True

            def scale(x, factor): return Claims()
        """),
        ends={"scale": failed("type")},
        undefended="tolerance",
    ),
    Attack(
        name="not-a-number",
        tries="returns NaN, for which no error is larger than a tolerance",
        files=python("""
            def scale(x, factor): return x * float("nan")
            def describe(x): return len(x), float("nan"), "up"
        """),
        ends={"scale": failed("nan"), "describe": failed("nan", points=0.5)},
        undefended="tolerance",
    ),
    Attack(
        name="empty",
        tries="returns an empty tensor, of which all elements are right",
        files=python("""
            import torch

            def scale(x, factor): return torch.empty(0, 1, 1)
        """),
        ends={"scale": failed("shape")},
        undefended="all",
    ),
    Attack(
        name="input-zeroed",
        tries="zeroes its input and returns zeros, for graders that compute the truth afterwards",
        files=python("""
            def scale(x, factor):
                x.zero_()
                return x
        """),
        ends={"scale": failed("value")},
        undefended="afterwards",
    ),
    Attack(
        name="pickle",
        tries="returns an object that runs code wherever it is unpickled",
        files=python("""
            class Loaded:
                def __reduce__(self): return eval, ("'run by the ' + 'grader'",)

            def scale(x, factor): return Loaded()
            def softmax(z): return z.exp().__class__, Loaded
        """),
        ends={"scale": failed("type"), "softmax": failed("type")},
        undefended="pickle",
    ),
    Attack(
        name="meta-tensor",
        tries="returns a tensor without any values",
        files=python("""
            import torch

            def scale(x, factor): return torch.empty(x.shape, device="meta", dtype=x.dtype)
        """),
        ends={"scale": failed("type")},
    ),
    Attack(
        name="odd-tensors",
        tries="returns sparse, quantized and nested tensors, which comparisons may not know",
        files=python("""
            import torch

            def scale(x, factor): return (x * factor).to_sparse()
            def softmax(z): return torch.nested.nested_tensor([z, z[:1]])
            def tanh_backward(grad_y, y):
                return torch.quantize_per_tensor(grad_y.float(), 0.1, 0, torch.qint8)
        """),
        ends={
            "scale": failed("type"),
            "softmax": failed("type"),
            "tanh_backward": failed("type"),
        },
    ),
    Attack(
        name="odd-dtypes",
        tries="returns dtypes that comparisons may choke on: complex half, 8-bit floats, objects",
        files=python("""
            import numpy as np
            import torch

            def scale(x, factor): return (x * factor).to(torch.complex32)
            def tanh_backward(grad_y, y): return grad_y.float().to(torch.float8_e4m3fn)
            def softmax(z): return np.array([[object()]])
            def describe(x): return np.datetime64("2026-02-09"), np.array("x"), np.array(b"up")
        """),
        ends={
            "scale": failed("type"),
            "tanh_backward": failed("type"),
            "softmax": failed("type"),
            "describe": failed("type"),
        },
    ),
    Attack(
        name="endless-strides",
        tries="returns a view with 2 to the 40 elements of one number",
        files=python("""
            import torch

            def scale(x, factor): return torch.zeros(1).expand(1 << 40)
        """),
        ends={"scale": failed("type")},
    ),
    Attack(
        name="changes-after-return",
        tries="goes on to change the tensor in a thread after returning it",
        files=python("""
            import threading
            import torch

            def scale(x, factor):
                y = torch.zeros_like(x)
                def work():
                    for _ in range(2000):
                        y.copy_(x * (factor + 1))
                threading.Thread(target=work, daemon=True).start()
                return y
        """),
        ends={"scale": failed("value", *TIME)},
    ),
    Attack(
        name="contains-itself",
        tries="returns a list that contains itself",
        files=python("""
            def scale(x, factor):
                loop = []
                loop.append(loop)
                return loop
            def describe(x):
                loop = {}
                loop["x"] = (loop, loop)
                return loop, loop, loop
        """),
        ends={"scale": failed("type"), "describe": failed("type")},
    ),
    Attack(
        name="answers-of-before",
        tries="keeps every answer and gives it again, to the next call or exercise",
        files=python("""
            import builtins
            builtins.kept = [None]

            def scale(x, factor):
                builtins.kept.append(x * factor)
                return builtins.kept[-2]
            def softmax(z): return builtins.kept[-1]
        """),
        ends={
            "scale": failed("type", "shape", "value"),
            "softmax": failed("type", "shape", "value"),
        },
    ),
    Attack(
        name="metaclass",
        tries="returns objects whose class lies about its own name and hash, and raises when asked",
        files=python("""
            class Lies(type):
                __name__ = property(lambda self: 1 / 0)
                def __repr__(self): raise RuntimeError
                def __instancecheck__(self, other): return True

            class Thing(metaclass=Lies):
                def __getattribute__(self, name): raise SystemExit(0)

            def scale(x, factor): return Thing()
            def describe(x): return Thing(), [Thing()], {Thing: 1}
        """),
        ends={"scale": failed("type"), "describe": failed("type")},
    ),
    Attack(
        name="other-words-for-a-number",
        tries="is honest, with other kinds of numbers, which must not cost a point",
        files=python("""
            import numpy as np
            import torch

            def describe(x):
                return torch.tensor(len(x)), np.float64(x.mean()), "up" if x[-1] > x[0] else "down"
        """),
        ends={"describe": honest()},
    ),
    Attack(
        name="nothing",
        tries="hands in what was handed out",
        files={
            "small.py": """
def scale(x, factor):
    raise NotImplementedError
"""
        },
        ends={"scale": BLANK},
    ),
)
