"""What grader.check("backward_pass_example") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "backward_pass_example"
points = 1

tests = PublicTests("autodiff", "backward_pass_example")
public_tests = test_case(name="public tests")(tests)
