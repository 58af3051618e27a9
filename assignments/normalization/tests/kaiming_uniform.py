"""What grader.check("kaiming_uniform") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "kaiming_uniform"
points = 1

tests = PublicTests("normalization", "kaiming_uniform")
public_tests = test_case(name="public tests")(tests)
