"""What grader.check("softmax") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "softmax"
points = 2

tests = PublicTests("losses", "softmax")
public_tests = test_case(name="public tests")(tests)
