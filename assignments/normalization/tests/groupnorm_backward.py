"""What grader.check("groupnorm_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "groupnorm_backward"
points = 3

tests = PublicTests("normalization", "groupnorm_backward")
public_tests = test_case(name="public tests")(tests)
