"""What grader.check("dropout_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "dropout_backward"
points = 1

tests = PublicTests("normalization", "dropout_backward")
public_tests = test_case(name="public tests")(tests)
