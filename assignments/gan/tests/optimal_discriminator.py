"""What grader.check("optimal_discriminator") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "optimal_discriminator"
points = 1

tests = PublicTests("gan", "optimal_discriminator")
public_tests = test_case(name="public tests")(tests)
