"""What grader.check("avgpool2d_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "avgpool2d_forward"
points = 1

tests = PublicTests("convolution", "avgpool2d_forward")
public_tests = test_case(name="public tests")(tests)
