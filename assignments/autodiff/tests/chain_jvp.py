"""What grader.check("chain_jvp") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "chain_jvp"
points = 1

tests = PublicTests("autodiff", "chain_jvp")
public_tests = test_case(name="public tests")(tests)
