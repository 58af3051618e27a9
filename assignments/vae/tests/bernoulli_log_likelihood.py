"""What grader.check("bernoulli_log_likelihood") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "bernoulli_log_likelihood"
points = 2

tests = PublicTests("vae", "bernoulli_log_likelihood")
public_tests = test_case(name="public tests")(tests)
