"""What grader.check("cross_entropy") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "cross_entropy"
points = 2

tests = PublicTests("losses", "cross_entropy")
public_tests = test_case(name="public tests")(tests)
