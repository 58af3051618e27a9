"""What grader.check("xavier_uniform") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "xavier_uniform"
points = 1

tests = PublicTests("normalization", "xavier_uniform")
public_tests = test_case(name="public tests")(tests)
