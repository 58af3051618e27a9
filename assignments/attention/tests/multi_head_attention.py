"""What grader.check("multi_head_attention") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "multi_head_attention"
points = 3

tests = PublicTests("attention", "multi_head_attention")
public_tests = test_case(name="public tests")(tests)
