"""What grader.check("maxpool2d_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "maxpool2d_backward"
points = 3

tests = PublicTests("convolution", "maxpool2d_backward")
public_tests = test_case(name="public tests")(tests)
