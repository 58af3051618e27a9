"""What grader.check("sgd_bound") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "sgd_bound"
points = 2

tests = PublicTests("optimizers", "sgd_bound")
public_tests = test_case(name="public tests")(tests)
