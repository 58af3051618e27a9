"""What grader.check("elbo") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "elbo"
points = 3

tests = PublicTests("vae", "elbo")
public_tests = test_case(name="public tests")(tests)
