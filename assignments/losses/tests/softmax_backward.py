"""What grader.check("softmax_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "softmax_backward"
points = 3

tests = PublicTests("losses", "softmax_backward")
public_tests = test_case(name="public tests")(tests)
