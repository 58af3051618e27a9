"""What grader.check("scaled_dot_product_attention") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "scaled_dot_product_attention"
points = 4

tests = PublicTests("attention", "scaled_dot_product_attention")
public_tests = test_case(name="public tests")(tests)
