"""What grader.check("Value.tanh") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "Value.tanh"
points = 1

tests = PublicTests("autodiff", "Value.tanh")
public_tests = test_case(name="public tests")(tests)
