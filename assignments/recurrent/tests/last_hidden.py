"""What grader.check("last_hidden") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "last_hidden"
points = 1

tests = PublicTests("recurrent", "last_hidden")
public_tests = test_case(name="public tests")(tests)
