"""What grader.check("conv_out_size") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "conv_out_size"
points = 1

tests = PublicTests("convolution", "conv_out_size")
public_tests = test_case(name="public tests")(tests)
