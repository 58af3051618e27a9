"""What grader.check("maxpool2d_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "maxpool2d_forward"
points = 2

tests = PublicTests("convolution", "maxpool2d_forward")
public_tests = test_case(name="public tests")(tests)
