"""What grader.check("sigmoid_block") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "sigmoid_block"
points = 2

tests = PublicTests("autodiff", "sigmoid_block")
public_tests = test_case(name="public tests")(tests)
