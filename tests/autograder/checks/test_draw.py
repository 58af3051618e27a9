import pytest
import torch

from autograder.checks.draw import Draw
from autograder.errors import SuiteError


def test_the_stream_is_the_same_on_every_machine_for_ever():
    drawn = Draw("public|public/test_losses.py::TestSoftmax::test_rows").normal(2, 2)
    expected = [[1.47382087, 0.98343313], [0.21648801, 0.57265873]]
    assert torch.allclose(drawn, torch.tensor(expected, dtype=torch.float64), atol=1e-8), drawn


def test_another_seed_gives_other_values():
    assert not torch.equal(Draw("a").normal(3), Draw("b").normal(3))


def test_values_are_drawn_in_float64_and_then_cast():
    exact, cast = Draw("a").normal(5), Draw("a", dtype=torch.float32).normal(5)
    assert cast.dtype == torch.float32
    assert torch.equal(exact.float(), cast)
    assert Draw("a").normal(5, dtype=torch.float16).dtype == torch.float16


def test_probabilities_have_rows_that_sum_to_one():
    p = Draw("a").probabilities(4, 3)
    assert torch.allclose(p.sum(-1), torch.ones(4, dtype=torch.float64))
    assert bool((p > 0).all())


def test_one_hot_uniform_integers_and_permutation_are_what_they_say():
    draw = Draw("a")
    assert torch.equal(draw.one_hot(5, 3).sum(-1), torch.ones(5, dtype=torch.float64))
    u = draw.uniform(100, low=2, high=3)
    assert bool(((u >= 2) & (u < 3)).all())
    k = draw.integers(50, low=1, high=4)
    assert k.dtype == torch.int64
    assert set(k.tolist()) == {1, 2, 3}
    assert sorted(draw.permutation(6).tolist()) == list(range(6))


def test_generators_are_seeded():
    one, other = Draw("a").generator(), Draw("a").generator()
    assert torch.equal(torch.rand(3, generator=one), torch.rand(3, generator=other))


def test_an_advanced_generator_shares_the_seed_alone():
    draw = Draw("a")
    generator = draw.generator()
    before = generator.get_state()
    later = draw.advanced(generator)
    assert later.initial_seed() == generator.initial_seed()
    assert torch.equal(generator.get_state(), before)
    assert torch.equal(torch.rand(8, generator=generator)[5:], torch.rand(3, generator=later))


@pytest.mark.parametrize("kind", ["transposed", "strided", "offset"])
def test_a_layout_keeps_the_values(kind):
    x = Draw("a").normal(3, 4)
    laid_out = Draw("b").layout(x, kind)
    assert torch.equal(laid_out, x)
    assert not (laid_out.is_contiguous() and laid_out.storage_offset() == 0)


def test_expanded_repeats_the_first_row_without_memory():
    x = Draw("a").normal(3, 4)
    expanded = Draw("b").layout(x, "expanded")
    assert expanded.stride() == (0, 1)
    assert torch.equal(expanded, x[:1].repeat(3, 1))


def test_an_unknown_layout_is_named():
    with pytest.raises(SuiteError, match="draw.layout: expected one of .* got 'diagonal'"):
        Draw("a").layout(torch.ones(2), "diagonal")
