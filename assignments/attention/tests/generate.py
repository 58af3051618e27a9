"""What grader.check("generate") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "generate"
points = 2

tests = PublicTests("attention", "generate")
public_tests = test_case(name="public tests")(tests)
