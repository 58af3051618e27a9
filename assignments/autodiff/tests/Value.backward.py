"""What grader.check("Value.backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "Value.backward"
points = 4

tests = PublicTests("autodiff", "Value.backward")
public_tests = test_case(name="public tests")(tests)
