"""What grader.check("merge_heads") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "merge_heads"
points = 1

tests = PublicTests("attention", "merge_heads")
public_tests = test_case(name="public tests")(tests)
