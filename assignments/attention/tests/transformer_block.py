"""What grader.check("transformer_block") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "transformer_block"
points = 3

tests = PublicTests("attention", "transformer_block")
public_tests = test_case(name="public tests")(tests)
