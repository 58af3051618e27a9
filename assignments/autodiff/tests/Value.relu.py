"""What grader.check("Value.relu") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "Value.relu"
points = 1

tests = PublicTests("autodiff", "Value.relu")
public_tests = test_case(name="public tests")(tests)
