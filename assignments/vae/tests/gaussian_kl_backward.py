"""What grader.check("gaussian_kl_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gaussian_kl_backward"
points = 2

tests = PublicTests("vae", "gaussian_kl_backward")
public_tests = test_case(name="public tests")(tests)
