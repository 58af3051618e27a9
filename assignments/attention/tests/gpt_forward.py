"""What grader.check("gpt_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gpt_forward"
points = 3

tests = PublicTests("attention", "gpt_forward")
public_tests = test_case(name="public tests")(tests)
