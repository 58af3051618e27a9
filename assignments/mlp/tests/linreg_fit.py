"""What grader.check("linreg_fit") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "linreg_fit"
points = 1

tests = PublicTests("mlp", "linreg_fit")
public_tests = test_case(name="public tests")(tests)
