"""What grader.check("log_softmax") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "log_softmax"
points = 1

public_tests = test_case(name="public tests")(PublicTests("losses", "log_softmax"))
