"""What grader.check("l2_penalty_grad") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "l2_penalty_grad"
points = 1

tests = PublicTests("robustness", "l2_penalty_grad")
public_tests = test_case(name="public tests")(tests)
