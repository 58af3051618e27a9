"""What grader.check("q_value_iteration") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "q_value_iteration"
points = 3

tests = PublicTests("reinforcement", "q_value_iteration")
public_tests = test_case(name="public tests")(tests)
