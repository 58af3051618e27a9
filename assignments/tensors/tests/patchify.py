"""What grader.check("patchify") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "patchify"
points = 2

tests = PublicTests("tensors", "patchify")
public_tests = test_case(name="public tests")(tests)
