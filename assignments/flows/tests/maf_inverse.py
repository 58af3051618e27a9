"""What grader.check("maf_inverse") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "maf_inverse"
points = 2

tests = PublicTests("flows", "maf_inverse")
public_tests = test_case(name="public tests")(tests)
