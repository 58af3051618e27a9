"""What grader.check("central_difference") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "central_difference"
points = 2

tests = PublicTests("autodiff", "central_difference")
public_tests = test_case(name="public tests")(tests)
