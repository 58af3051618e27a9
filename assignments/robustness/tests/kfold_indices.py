"""What grader.check("kfold_indices") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "kfold_indices"
points = 2

tests = PublicTests("robustness", "kfold_indices")
public_tests = test_case(name="public tests")(tests)
