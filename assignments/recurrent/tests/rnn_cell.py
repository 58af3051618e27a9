"""What grader.check("rnn_cell") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "rnn_cell"
points = 1

tests = PublicTests("recurrent", "rnn_cell")
public_tests = test_case(name="public tests")(tests)
