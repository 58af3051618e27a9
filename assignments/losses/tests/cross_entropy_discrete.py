"""What grader.check("cross_entropy_discrete") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "cross_entropy_discrete"
points = 1

tests = PublicTests("losses", "cross_entropy_discrete")
public_tests = test_case(name="public tests")(tests)
