"""What grader.check("momentum_unrolled") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "momentum_unrolled"
points = 1

tests = PublicTests("optimizers", "momentum_unrolled")
public_tests = test_case(name="public tests")(tests)
