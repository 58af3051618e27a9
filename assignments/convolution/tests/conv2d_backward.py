"""What grader.check("conv2d_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "conv2d_backward"
points = 5

tests = PublicTests("convolution", "conv2d_backward")
public_tests = test_case(name="public tests")(tests)
