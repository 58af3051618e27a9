"""What grader.check("attention_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "attention_backward"
points = 3

tests = PublicTests("attention", "attention_backward")
public_tests = test_case(name="public tests")(tests)
