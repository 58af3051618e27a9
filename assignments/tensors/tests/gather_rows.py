"""What grader.check("gather_rows") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gather_rows"
points = 1

tests = PublicTests("tensors", "gather_rows")
public_tests = test_case(name="public tests")(tests)
