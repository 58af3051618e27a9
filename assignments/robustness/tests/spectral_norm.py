"""What grader.check("spectral_norm") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "spectral_norm"
points = 3

tests = PublicTests("robustness", "spectral_norm")
public_tests = test_case(name="public tests")(tests)
