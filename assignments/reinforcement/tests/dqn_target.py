"""What grader.check("dqn_target") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "dqn_target"
points = 2

tests = PublicTests("reinforcement", "dqn_target")
public_tests = test_case(name="public tests")(tests)
