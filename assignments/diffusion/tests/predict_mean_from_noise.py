"""What grader.check("predict_mean_from_noise") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "predict_mean_from_noise"
points = 2

tests = PublicTests("diffusion", "predict_mean_from_noise")
public_tests = test_case(name="public tests")(tests)
