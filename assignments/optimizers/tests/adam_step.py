"""What grader.check("adam_step") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "adam_step"
points = 3

tests = PublicTests("optimizers", "adam_step")
public_tests = test_case(name="public tests")(tests)
