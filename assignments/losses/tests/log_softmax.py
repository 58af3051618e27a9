"""What grader.check("log_softmax") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "log_softmax"
points = 1

tests = PublicTests("losses", "log_softmax")
public_tests = test_case(name="public tests")(tests)
