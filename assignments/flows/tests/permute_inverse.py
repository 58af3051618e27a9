"""What grader.check("permute_inverse") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "permute_inverse"
points = 1

tests = PublicTests("flows", "permute_inverse")
public_tests = test_case(name="public tests")(tests)
