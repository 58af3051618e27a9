"""What grader.check("train_flow") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "train_flow"
points = 3

tests = PublicTests("flows", "train_flow")
public_tests = test_case(name="public tests")(tests)
