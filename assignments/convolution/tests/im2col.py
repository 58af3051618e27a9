"""What grader.check("im2col") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "im2col"
points = 2

tests = PublicTests("convolution", "im2col")
public_tests = test_case(name="public tests")(tests)
