"""What grader.check("logsumexp") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "logsumexp"
points = 1

tests = PublicTests("losses", "logsumexp")
public_tests = test_case(name="public tests")(tests)
