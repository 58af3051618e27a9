"""What grader.check("conv_params") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "conv_params"
points = 1

tests = PublicTests("convolution", "conv_params")
public_tests = test_case(name="public tests")(tests)
