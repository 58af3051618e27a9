"""What grader.check("embedding_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "embedding_backward"
points = 1

tests = PublicTests("mlp", "embedding_backward")
public_tests = test_case(name="public tests")(tests)
