"""What grader.check("coupling_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "coupling_forward"
points = 4

tests = PublicTests("flows", "coupling_forward")
public_tests = test_case(name="public tests")(tests)
