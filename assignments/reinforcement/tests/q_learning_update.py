"""What grader.check("q_learning_update") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "q_learning_update"
points = 2

tests = PublicTests("reinforcement", "q_learning_update")
public_tests = test_case(name="public tests")(tests)
