"""What grader.check("col2im") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "col2im"
points = 3

tests = PublicTests("convolution", "col2im")
public_tests = test_case(name="public tests")(tests)
