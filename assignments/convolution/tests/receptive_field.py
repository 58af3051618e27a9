"""What grader.check("receptive_field") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "receptive_field"
points = 1

tests = PublicTests("convolution", "receptive_field")
public_tests = test_case(name="public tests")(tests)
