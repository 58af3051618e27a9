"""What grader.check("alpha_bars") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "alpha_bars"
points = 1

tests = PublicTests("diffusion", "alpha_bars")
public_tests = test_case(name="public tests")(tests)
