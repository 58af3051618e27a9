"""What grader.check("mlp_backward_relu_L") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "mlp_backward_relu_L"
points = 3

tests = PublicTests("mlp", "mlp_backward_relu_L")
public_tests = test_case(name="public tests")(tests)
