"""What grader.check("kaiming_normal") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "kaiming_normal"
points = 1

tests = PublicTests("normalization", "kaiming_normal")
public_tests = test_case(name="public tests")(tests)
