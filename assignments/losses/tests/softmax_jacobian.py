"""What grader.check("softmax_jacobian") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "softmax_jacobian"
points = 2

tests = PublicTests("losses", "softmax_jacobian")
public_tests = test_case(name="public tests")(tests)
