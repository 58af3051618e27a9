"""What grader.check("early_stopping") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "early_stopping"
points = 2

tests = PublicTests("robustness", "early_stopping")
public_tests = test_case(name="public tests")(tests)
