"""What grader.check("gradient_norm_through_time") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gradient_norm_through_time"
points = 2

tests = PublicTests("recurrent", "gradient_norm_through_time")
public_tests = test_case(name="public tests")(tests)
