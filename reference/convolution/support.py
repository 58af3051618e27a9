"""Networks that the tests train with your `train_cnn`."""

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

Network = Callable[[torch.Tensor, Sequence[torch.Tensor]], torch.Tensor]


def small_cnn() -> Network:
    """Return a network in the style of LeNet: (conv, ReLU, pool) twice, then a linear layer.

    Its parameters are w1 (F1, C, 3, 3), b1 (F1,), w2 (F2, F1, 3, 3), b2 (F2,), w3 (classes, n) and
    b3 (classes,), where n is F2 times the number of pixels that are left after pooling twice.
    """

    def network(x: torch.Tensor, params: Sequence[torch.Tensor]) -> torch.Tensor:
        w1, b1, w2, b2, w3, b3 = params
        h = functional.max_pool2d(functional.relu(functional.conv2d(x, w1, b1, padding=1)), 2)
        h = functional.max_pool2d(functional.relu(functional.conv2d(h, w2, b2, padding=1)), 2)
        return functional.linear(h.flatten(1), w3, b3)

    return network


def scaled_pixels() -> Network:
    """Return a network with one parameter, a number, whose logits are that number times the pixels.

    It has as many classes as an image has pixels.
    """

    def network(x: torch.Tensor, params: Sequence[torch.Tensor]) -> torch.Tensor:
        (theta,) = params
        return theta * x.flatten(1)

    return network
