"""What grader.check("gan_step") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gan_step"
points = 4

tests = PublicTests("gan", "gan_step")
public_tests = test_case(name="public tests")(tests)
