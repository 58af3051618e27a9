"""What grader.check("discounted_returns") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "discounted_returns"
points = 1

tests = PublicTests("reinforcement", "discounted_returns")
public_tests = test_case(name="public tests")(tests)
