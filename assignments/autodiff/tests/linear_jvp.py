"""What grader.check("linear_jvp") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "linear_jvp"
points = 1

tests = PublicTests("autodiff", "linear_jvp")
public_tests = test_case(name="public tests")(tests)
