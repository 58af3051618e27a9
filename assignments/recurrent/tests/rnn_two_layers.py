"""What grader.check("rnn_two_layers") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "rnn_two_layers"
points = 2

tests = PublicTests("recurrent", "rnn_two_layers")
public_tests = test_case(name="public tests")(tests)
