"""What grader.check("sinusoidal_positions") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "sinusoidal_positions"
points = 1

tests = PublicTests("attention", "sinusoidal_positions")
public_tests = test_case(name="public tests")(tests)
