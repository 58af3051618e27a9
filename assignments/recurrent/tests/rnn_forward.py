"""What grader.check("rnn_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "rnn_forward"
points = 2

tests = PublicTests("recurrent", "rnn_forward")
public_tests = test_case(name="public tests")(tests)
