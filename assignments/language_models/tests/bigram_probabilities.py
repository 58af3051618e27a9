"""What grader.check("bigram_probabilities") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "bigram_probabilities"
points = 1

tests = PublicTests("language_models", "bigram_probabilities")
public_tests = test_case(name="public tests")(tests)
