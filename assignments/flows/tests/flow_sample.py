"""What grader.check("flow_sample") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "flow_sample"
points = 2

tests = PublicTests("flows", "flow_sample")
public_tests = test_case(name="public tests")(tests)
