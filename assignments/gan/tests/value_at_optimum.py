"""What grader.check("value_at_optimum") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "value_at_optimum"
points = 2

tests = PublicTests("gan", "value_at_optimum")
public_tests = test_case(name="public tests")(tests)
