"""What grader.check("discriminator_loss_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "discriminator_loss_backward"
points = 2

tests = PublicTests("gan", "discriminator_loss_backward")
public_tests = test_case(name="public tests")(tests)
