"""What grader.check("clip_grad_norm") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "clip_grad_norm"
points = 2

tests = PublicTests("optimizers", "clip_grad_norm")
public_tests = test_case(name="public tests")(tests)
