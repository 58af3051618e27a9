"""What grader.check("additive_attention") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "additive_attention"
points = 1

tests = PublicTests("attention", "additive_attention")
public_tests = test_case(name="public tests")(tests)
