"""What grader.check("ddpm_loss") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "ddpm_loss"
points = 2

tests = PublicTests("diffusion", "ddpm_loss")
public_tests = test_case(name="public tests")(tests)
