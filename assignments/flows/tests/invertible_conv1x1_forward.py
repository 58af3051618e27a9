"""What grader.check("invertible_conv1x1_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "invertible_conv1x1_forward"
points = 2

tests = PublicTests("flows", "invertible_conv1x1_forward")
public_tests = test_case(name="public tests")(tests)
