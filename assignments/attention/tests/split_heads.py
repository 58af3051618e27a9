"""What grader.check("split_heads") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "split_heads"
points = 1

tests = PublicTests("attention", "split_heads")
public_tests = test_case(name="public tests")(tests)
