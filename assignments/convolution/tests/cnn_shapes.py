"""What grader.check("cnn_shapes") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "cnn_shapes"
points = 2

tests = PublicTests("convolution", "cnn_shapes")
public_tests = test_case(name="public tests")(tests)
