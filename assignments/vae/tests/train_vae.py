"""What grader.check("train_vae") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "train_vae"
points = 3

tests = PublicTests("vae", "train_vae")
public_tests = test_case(name="public tests")(tests)
