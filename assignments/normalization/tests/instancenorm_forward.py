"""What grader.check("instancenorm_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "instancenorm_forward"
points = 1

tests = PublicTests("normalization", "instancenorm_forward")
public_tests = test_case(name="public tests")(tests)
