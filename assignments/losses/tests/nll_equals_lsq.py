"""What grader.check("nll_equals_lsq") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "nll_equals_lsq"
points = 2

tests = PublicTests("losses", "nll_equals_lsq")
public_tests = test_case(name="public tests")(tests)
