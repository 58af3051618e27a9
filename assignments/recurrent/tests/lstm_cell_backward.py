"""What grader.check("lstm_cell_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "lstm_cell_backward"
points = 3

tests = PublicTests("recurrent", "lstm_cell_backward")
public_tests = test_case(name="public tests")(tests)
