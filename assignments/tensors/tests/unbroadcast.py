"""What grader.check("unbroadcast") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "unbroadcast"
points = 2

tests = PublicTests("tensors", "unbroadcast")
public_tests = test_case(name="public tests")(tests)
