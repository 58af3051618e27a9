"""What grader.check("pixelcnn_mask") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "pixelcnn_mask"
points = 1

tests = PublicTests("vae", "pixelcnn_mask")
public_tests = test_case(name="public tests")(tests)
