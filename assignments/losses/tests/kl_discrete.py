"""What grader.check("kl_discrete") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "kl_discrete"
points = 1

tests = PublicTests("losses", "kl_discrete")
public_tests = test_case(name="public tests")(tests)
