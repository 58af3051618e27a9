"""What grader.check("certified_radius") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "certified_radius"
points = 2

tests = PublicTests("robustness", "certified_radius")
public_tests = test_case(name="public tests")(tests)
