"""What grader.check("bce_with_logits") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "bce_with_logits"
points = 2

tests = PublicTests("losses", "bce_with_logits")
public_tests = test_case(name="public tests")(tests)
