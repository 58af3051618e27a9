"""What grader.check("autoregressive_log_prob") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "autoregressive_log_prob"
points = 2

tests = PublicTests("vae", "autoregressive_log_prob")
public_tests = test_case(name="public tests")(tests)
