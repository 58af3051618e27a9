"""What grader.check("layernorm_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "layernorm_forward"
points = 1

tests = PublicTests("normalization", "layernorm_forward")
public_tests = test_case(name="public tests")(tests)
