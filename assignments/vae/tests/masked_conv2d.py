"""What grader.check("masked_conv2d") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "masked_conv2d"
points = 1

tests = PublicTests("vae", "masked_conv2d")
public_tests = test_case(name="public tests")(tests)
