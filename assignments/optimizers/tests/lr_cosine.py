"""What grader.check("lr_cosine") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "lr_cosine"
points = 2

tests = PublicTests("optimizers", "lr_cosine")
public_tests = test_case(name="public tests")(tests)
