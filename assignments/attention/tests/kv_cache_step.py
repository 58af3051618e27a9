"""What grader.check("kv_cache_step") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "kv_cache_step"
points = 2

tests = PublicTests("attention", "kv_cache_step")
public_tests = test_case(name="public tests")(tests)
