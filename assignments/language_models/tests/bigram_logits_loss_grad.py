"""What grader.check("bigram_logits_loss_grad") runs: the public tests, on what the notebook defines."""

from otter.test_files import test_case

from autograder.notebook import PublicTests

OK_FORMAT = False
name = "bigram_logits_loss_grad"
points = 3

tests = PublicTests("language_models", "bigram_logits_loss_grad")
public_tests = test_case(name="public tests")(tests)
