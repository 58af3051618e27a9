"""What grader.check("sample_words") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "sample_words"
points = 2

tests = PublicTests("language_models", "sample_words")
public_tests = test_case(name="public tests")(tests)
