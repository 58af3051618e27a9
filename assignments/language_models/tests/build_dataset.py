"""What grader.check("build_dataset") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "build_dataset"
points = 2

tests = PublicTests("language_models", "build_dataset")
public_tests = test_case(name="public tests")(tests)
