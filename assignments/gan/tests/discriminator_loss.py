"""What grader.check("discriminator_loss") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "discriminator_loss"
points = 2

tests = PublicTests("gan", "discriminator_loss")
public_tests = test_case(name="public tests")(tests)
