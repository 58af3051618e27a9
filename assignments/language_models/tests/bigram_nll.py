"""What grader.check("bigram_nll") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "bigram_nll"
points = 2

tests = PublicTests("language_models", "bigram_nll")
public_tests = test_case(name="public tests")(tests)
