"""What grader.check("adagrad_step") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "adagrad_step"
points = 1

tests = PublicTests("optimizers", "adagrad_step")
public_tests = test_case(name="public tests")(tests)
