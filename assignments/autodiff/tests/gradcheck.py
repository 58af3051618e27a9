"""What grader.check("gradcheck") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gradcheck"
points = 3

tests = PublicTests("autodiff", "gradcheck")
public_tests = test_case(name="public tests")(tests)
