"""What grader.check("flow_log_prob") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "flow_log_prob"
points = 4

tests = PublicTests("flows", "flow_log_prob")
public_tests = test_case(name="public tests")(tests)
