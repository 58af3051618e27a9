"""What grader.check("topological_sort") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "topological_sort"
points = 2

tests = PublicTests("autodiff", "topological_sort")
public_tests = test_case(name="public tests")(tests)
