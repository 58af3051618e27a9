"""Other right ways to write the small exercises."""

from autograder.checks.bank import alternative


@alternative("scale")
def the_other_way_round(x, factor):
    """Multiply from the left."""
    return factor * x
