"""Wrong versions of the small exercises."""

import torch

from autograder.checks.bank import mistake


@mistake(
    "softmax",
    source="textbook",
    hints=(
        "Large scores overflow.",
        "Look at scores around 1000.",
        "What may be subtracted from every score of a row without changing the result?",
    ),
)
def without_the_shift(z):
    """Exponentiate the scores as they come."""
    e = torch.exp(z)
    return e / e.sum(dim=-1, keepdim=True)
