"""What grader.check("pgd") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "pgd"
points = 2

tests = PublicTests("robustness", "pgd")
public_tests = test_case(name="public tests")(tests)
