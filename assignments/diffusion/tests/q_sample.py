"""What grader.check("q_sample") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "q_sample"
points = 2

tests = PublicTests("diffusion", "q_sample")
public_tests = test_case(name="public tests")(tests)
