"""What grader.check("fgsm") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "fgsm"
points = 2

tests = PublicTests("robustness", "fgsm")
public_tests = test_case(name="public tests")(tests)
