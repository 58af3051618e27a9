"""What grader.check("linear_vjp") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "linear_vjp"
points = 3

tests = PublicTests("autodiff", "linear_vjp")
public_tests = test_case(name="public tests")(tests)
