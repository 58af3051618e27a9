"""What grader.check("rmsprop_step") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "rmsprop_step"
points = 1

tests = PublicTests("optimizers", "rmsprop_step")
public_tests = test_case(name="public tests")(tests)
