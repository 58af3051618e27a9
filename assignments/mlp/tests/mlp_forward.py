"""What grader.check("mlp_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "mlp_forward"
points = 2

tests = PublicTests("mlp", "mlp_forward")
public_tests = test_case(name="public tests")(tests)
