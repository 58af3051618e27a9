"""What grader.check("epsilon_greedy") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "epsilon_greedy"
points = 2

tests = PublicTests("reinforcement", "epsilon_greedy")
public_tests = test_case(name="public tests")(tests)
