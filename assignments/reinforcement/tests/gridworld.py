"""What grader.check("gridworld") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gridworld"
points = 2

tests = PublicTests("reinforcement", "gridworld")
public_tests = test_case(name="public tests")(tests)
