"""What grader.check("moving_average") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "moving_average"
points = 1

tests = PublicTests("tensors", "moving_average")
public_tests = test_case(name="public tests")(tests)
