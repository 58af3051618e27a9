"""What grader.check("gram_matrix") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gram_matrix"
points = 1

tests = PublicTests("tensors", "gram_matrix")
public_tests = test_case(name="public tests")(tests)
