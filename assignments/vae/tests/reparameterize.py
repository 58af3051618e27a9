"""What grader.check("reparameterize") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "reparameterize"
points = 2

tests = PublicTests("vae", "reparameterize")
public_tests = test_case(name="public tests")(tests)
