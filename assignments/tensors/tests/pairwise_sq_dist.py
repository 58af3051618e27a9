"""What grader.check("pairwise_sq_dist") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "pairwise_sq_dist"
points = 2

tests = PublicTests("tensors", "pairwise_sq_dist")
public_tests = test_case(name="public tests")(tests)
