"""What grader.check("bigram_counts") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "bigram_counts"
points = 1

tests = PublicTests("language_models", "bigram_counts")
public_tests = test_case(name="public tests")(tests)
