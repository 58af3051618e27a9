"""What grader.check("fuse_linear_batchnorm") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "fuse_linear_batchnorm"
points = 1

tests = PublicTests("normalization", "fuse_linear_batchnorm")
public_tests = test_case(name="public tests")(tests)
