"""What grader.check("linreg_fit_multivariate") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "linreg_fit_multivariate"
points = 1

tests = PublicTests("mlp", "linreg_fit_multivariate")
public_tests = test_case(name="public tests")(tests)
