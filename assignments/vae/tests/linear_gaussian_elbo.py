"""What grader.check("linear_gaussian_elbo") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "linear_gaussian_elbo"
points = 2

tests = PublicTests("vae", "linear_gaussian_elbo")
public_tests = test_case(name="public tests")(tests)
