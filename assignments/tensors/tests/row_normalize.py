"""What grader.check("row_normalize") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "row_normalize"
points = 1

tests = PublicTests("tensors", "row_normalize")
public_tests = test_case(name="public tests")(tests)
