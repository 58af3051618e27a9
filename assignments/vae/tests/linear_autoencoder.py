"""What grader.check("linear_autoencoder") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "linear_autoencoder"
points = 2

tests = PublicTests("vae", "linear_autoencoder")
public_tests = test_case(name="public tests")(tests)
