"""What grader.check("ngram_mlp_backward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "ngram_mlp_backward"
points = 3

tests = PublicTests("language_models", "ngram_mlp_backward")
public_tests = test_case(name="public tests")(tests)
