"""What grader.check("count_linear_regions_1d") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "count_linear_regions_1d"
points = 2

tests = PublicTests("mlp", "count_linear_regions_1d")
public_tests = test_case(name="public tests")(tests)
