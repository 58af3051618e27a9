"""What grader.check("batchnorm2d_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "batchnorm2d_backward"
points = 2

tests = PublicTests("normalization", "batchnorm2d_backward")
public_tests = test_case(name="public tests")(tests)
