"""What grader.check("p_sample_step") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "p_sample_step"
points = 2

tests = PublicTests("diffusion", "p_sample_step")
public_tests = test_case(name="public tests")(tests)
