"""What grader.check("p_sample_loop") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "p_sample_loop"
points = 3

tests = PublicTests("diffusion", "p_sample_loop")
public_tests = test_case(name="public tests")(tests)
