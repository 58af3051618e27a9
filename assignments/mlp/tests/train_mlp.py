"""What grader.check("train_mlp") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "train_mlp"
points = 2

tests = PublicTests("mlp", "train_mlp")
public_tests = test_case(name="public tests")(tests)
