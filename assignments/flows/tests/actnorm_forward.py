"""What grader.check("actnorm_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "actnorm_forward"
points = 1

tests = PublicTests("flows", "actnorm_forward")
public_tests = test_case(name="public tests")(tests)
