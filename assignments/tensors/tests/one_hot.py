"""What grader.check("one_hot") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "one_hot"
points = 1

tests = PublicTests("tensors", "one_hot")
public_tests = test_case(name="public tests")(tests)
