"""What grader.check("lipschitz_upper") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "lipschitz_upper"
points = 1

tests = PublicTests("robustness", "lipschitz_upper")
public_tests = test_case(name="public tests")(tests)
