"""What grader.check("gpt_param_count") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "gpt_param_count"
points = 1

tests = PublicTests("attention", "gpt_param_count")
public_tests = test_case(name="public tests")(tests)
