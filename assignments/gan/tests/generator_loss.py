"""What grader.check("generator_loss") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "generator_loss"
points = 1

tests = PublicTests("gan", "generator_loss")
public_tests = test_case(name="public tests")(tests)
