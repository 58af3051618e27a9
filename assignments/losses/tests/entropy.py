"""What grader.check("entropy") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "entropy"
points = 1

tests = PublicTests("losses", "entropy")
public_tests = test_case(name="public tests")(tests)
