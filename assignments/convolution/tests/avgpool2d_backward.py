"""What grader.check("avgpool2d_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "avgpool2d_backward"
points = 2

tests = PublicTests("convolution", "avgpool2d_backward")
public_tests = test_case(name="public tests")(tests)
