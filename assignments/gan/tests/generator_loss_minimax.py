"""What grader.check("generator_loss_minimax") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "generator_loss_minimax"
points = 1

tests = PublicTests("gan", "generator_loss_minimax")
public_tests = test_case(name="public tests")(tests)
