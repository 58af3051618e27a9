"""What grader.check("error_decomposition") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "error_decomposition"
points = 1

tests = PublicTests("robustness", "error_decomposition")
public_tests = test_case(name="public tests")(tests)
