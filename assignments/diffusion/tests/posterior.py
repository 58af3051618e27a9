"""What grader.check("posterior") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "posterior"
points = 3

tests = PublicTests("diffusion", "posterior")
public_tests = test_case(name="public tests")(tests)
