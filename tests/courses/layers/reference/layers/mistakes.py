"""Wrong layers that students wrote."""

import numpy as np

from autograder.checks.bank import mistake


@mistake(
    "affine_backward",
    source="seen in 7 of 121 public solution sets",
    hints=(
        "db does not have the shape of b.",
        "The other two gradients are right; look at db.",
        "Which shape must a gradient always have?",
    ),
)
def db_keeps_an_axis(dout, cache):
    """Keep the batch axis in db."""
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0, keepdims=True)


@mistake(
    "affine_backward",
    source="rasbt/stat453-deep-learning-ss21#5",
    hints=(
        "db shrinks when the batch grows.",
        "It shows as soon as there is more than one sample.",
        "How many samples share one bias, and do their gradients add up?",
    ),
)
def db_is_a_mean(dout, cache):
    """Average db over the batch."""
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.mean(axis=0)


@mistake(
    "relu_backward",
    source="textbook",
    hints=(
        "The gradient also flows where the layer was closed.",
        "Look at negative inputs.",
        "What does the output do when a negative input moves a little?",
    ),
)
def ignores_the_gate(dout, cache):
    """Pass everything through."""
    return dout * np.ones_like(cache)
