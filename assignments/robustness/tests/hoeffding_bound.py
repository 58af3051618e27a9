"""What grader.check("hoeffding_bound") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "hoeffding_bound"
points = 1

tests = PublicTests("robustness", "hoeffding_bound")
public_tests = test_case(name="public tests")(tests)
