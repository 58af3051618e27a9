"""What grader.check("masked_coupling_forward") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "masked_coupling_forward"
points = 2

tests = PublicTests("flows", "masked_coupling_forward")
public_tests = test_case(name="public tests")(tests)
