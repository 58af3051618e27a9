"""What grader.check("adamw_step") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "adamw_step"
points = 2

tests = PublicTests("optimizers", "adamw_step")
public_tests = test_case(name="public tests")(tests)
