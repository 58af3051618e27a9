"""What grader.check("greedy_decode") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "greedy_decode"
points = 2

tests = PublicTests("recurrent", "greedy_decode")
public_tests = test_case(name="public tests")(tests)
