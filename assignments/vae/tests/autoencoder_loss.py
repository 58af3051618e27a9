"""What grader.check("autoencoder_loss") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "autoencoder_loss"
points = 1

tests = PublicTests("vae", "autoencoder_loss")
public_tests = test_case(name="public tests")(tests)
