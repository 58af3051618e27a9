"""What grader.check("gaussian_nll") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gaussian_nll"
points = 1

tests = PublicTests("losses", "gaussian_nll")
public_tests = test_case(name="public tests")(tests)
