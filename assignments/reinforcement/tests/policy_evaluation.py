"""What grader.check("policy_evaluation") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "policy_evaluation"
points = 2

tests = PublicTests("reinforcement", "policy_evaluation")
public_tests = test_case(name="public tests")(tests)
