"""What grader.check("conditional_batchnorm_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "conditional_batchnorm_backward"
points = 3

tests = PublicTests("gan", "conditional_batchnorm_backward")
public_tests = test_case(name="public tests")(tests)
