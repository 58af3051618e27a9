"""What grader.check("change_of_variables_1d") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "change_of_variables_1d"
points = 1

tests = PublicTests("flows", "change_of_variables_1d")
public_tests = test_case(name="public tests")(tests)
