"""What grader.check("conv2d_cols_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "conv2d_cols_backward"
points = 3

tests = PublicTests("convolution", "conv2d_cols_backward")
public_tests = test_case(name="public tests")(tests)
