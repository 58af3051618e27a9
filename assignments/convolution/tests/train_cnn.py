"""What grader.check("train_cnn") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "train_cnn"
points = 3

tests = PublicTests("convolution", "train_cnn")
public_tests = test_case(name="public tests")(tests)
