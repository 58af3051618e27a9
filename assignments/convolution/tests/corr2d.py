"""What grader.check("corr2d") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "corr2d"
points = 2

tests = PublicTests("convolution", "corr2d")
public_tests = test_case(name="public tests")(tests)
