"""What grader.check("batchnorm_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "batchnorm_forward"
points = 2

tests = PublicTests("normalization", "batchnorm_forward")
public_tests = test_case(name="public tests")(tests)
