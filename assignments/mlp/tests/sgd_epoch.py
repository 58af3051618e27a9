"""What grader.check("sgd_epoch") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "sgd_epoch"
points = 2

tests = PublicTests("mlp", "sgd_epoch")
public_tests = test_case(name="public tests")(tests)
