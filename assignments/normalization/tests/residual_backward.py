"""What grader.check("residual_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "residual_backward"
points = 2

tests = PublicTests("normalization", "residual_backward")
public_tests = test_case(name="public tests")(tests)
