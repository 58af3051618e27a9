"""What grader.check("iwae_bound") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "iwae_bound"
points = 2

tests = PublicTests("vae", "iwae_bound")
public_tests = test_case(name="public tests")(tests)
