"""What grader.check("fuse_conv_batchnorm") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "fuse_conv_batchnorm"
points = 1

tests = PublicTests("normalization", "fuse_conv_batchnorm")
public_tests = test_case(name="public tests")(tests)
