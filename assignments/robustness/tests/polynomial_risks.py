"""What grader.check("polynomial_risks") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "polynomial_risks"
points = 2

tests = PublicTests("robustness", "polynomial_risks")
public_tests = test_case(name="public tests")(tests)
