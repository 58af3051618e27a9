"""What grader.check("groupnorm_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "groupnorm_forward"
points = 2

tests = PublicTests("normalization", "groupnorm_forward")
public_tests = test_case(name="public tests")(tests)
