"""What grader.check("chain_vjp") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "chain_vjp"
points = 2

tests = PublicTests("autodiff", "chain_vjp")
public_tests = test_case(name="public tests")(tests)
