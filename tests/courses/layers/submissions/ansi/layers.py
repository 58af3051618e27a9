"""Tries to paint the instructor's terminal."""

import numpy as np

PAINT = "\x1b[31m[bold]red[/bold]\x1b[0m \u202egnp.exe\u202c \x1b]0;title\x07 [/nothing]"

print(PAINT)  # noqa: T201 -- students print


def affine_forward(x, w, b):
    print(PAINT)  # noqa: T201 -- students print
    return x @ w + b, (x, w)


def affine_backward(dout, cache):
    raise ValueError(PAINT)


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return PAINT
