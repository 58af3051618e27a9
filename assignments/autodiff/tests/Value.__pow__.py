"""What grader.check("Value.__pow__") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "Value.__pow__"
points = 1

tests = PublicTests("autodiff", "Value.__pow__")
public_tests = test_case(name="public tests")(tests)
