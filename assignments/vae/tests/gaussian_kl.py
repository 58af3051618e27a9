"""What grader.check("gaussian_kl") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gaussian_kl"
points = 3

tests = PublicTests("vae", "gaussian_kl")
public_tests = test_case(name="public tests")(tests)
