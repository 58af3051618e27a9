"""What grader.check("greedy_policy") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "greedy_policy"
points = 1

tests = PublicTests("reinforcement", "greedy_policy")
public_tests = test_case(name="public tests")(tests)
