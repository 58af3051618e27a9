"""The solutions on attention, against oracles that their hidden suite does not use."""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "attention")
F = torch.nn.functional


def solution(name):
    return TOPIC.solution[name]


@pytest.fixture
def normal():
    """Seeded float64 normal values."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw


def weights(normal, D, E):
    return (*(normal(E, D) for _ in range(3)), normal(D, E))


def block_parameters(normal, D, E, width):
    params = dict(zip(("W_q", "W_k", "W_v", "W_o"), weights(normal, D, E), strict=True))
    params |= {"W_1": normal(width, D), "b_1": normal(width)}
    params |= {"W_2": normal(D, width), "b_2": normal(D)}
    return params | {f"{name}_{i}": normal(D) for name in ("gamma", "beta") for i in (1, 2)}


def gpt_parameters(normal, V, C, D, layers):
    params = {"tok": normal(V, D), "pos": normal(C, D), "gamma": normal(D), "beta": normal(D)}
    blocks = [block_parameters(normal, D, D, 2 * D) for _ in range(layers)]
    return params | {"blocks": blocks, "head": normal(V, D)}


# --- attention --------------------------------------------------------------------------------


def test_additive_attention_term_by_term(normal):
    s, h, W_s, W_h, v = normal(2, 3), normal(2, 4, 5), normal(6, 3), normal(6, 5), normal(6)
    context, a = solution("additive_attention")(s, h, W_s, W_h, v)
    for n in range(2):
        scores = [
            sum(
                float(v[k]) * math.tanh(float(W_s[k] @ s[n]) + float(W_h[k] @ h[n, i]))
                for k in range(6)
            )
            for i in range(4)
        ]
        total = sum(map(math.exp, scores))
        right = torch.tensor([math.exp(score) / total for score in scores], dtype=torch.float64)
        torch.testing.assert_close(a[n], right)
        torch.testing.assert_close(context[n], right @ h[n])


def test_additive_attention_does_not_see_the_order(normal):
    s, h, *params = normal(2, 3), normal(2, 4, 5), normal(6, 3), normal(6, 5), normal(6)
    order = torch.tensor([2, 0, 3, 1])
    attend = solution("additive_attention")
    torch.testing.assert_close(attend(s, h[:, order], *params)[0], attend(s, h, *params)[0])


@pytest.mark.parametrize("T", [1, 2, 5])
def test_causal_mask_by_its_rows(T):
    mask = solution("causal_mask")(T)
    assert mask.dtype == torch.bool
    assert mask.sum(1).tolist() == list(range(1, T + 1))
    assert mask.int().diff(dim=1).le(0).all()


def test_ratios_of_weights_are_exponentials_of_score_differences(normal):
    """log a_i - log a_j is the difference of the scores."""
    q, k, v = normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 6)
    y, a = solution("scaled_dot_product_attention")(q, k, v)
    for i, j in itertools.combinations(range(5), 2):
        difference = (q * (k[:, i] - k[:, j]).unsqueeze(1)).sum(-1) / 2
        torch.testing.assert_close((a[..., i] / a[..., j]).log(), difference)
    torch.testing.assert_close(a.sum(-1), torch.ones(2, 3, dtype=torch.float64))
    assert (y <= v.amax(1, keepdim=True)).all()
    assert (y >= v.amin(1, keepdim=True)).all()


def test_a_mask_is_the_same_as_leaving_keys_out(normal):
    q, k, v = normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 6)
    mask = torch.tensor([True, False, True, True, False])
    attend = solution("scaled_dot_product_attention")
    y, a = attend(q, k, v, mask)
    short_y, short_a = attend(q, k[:, mask], v[:, mask])
    torch.testing.assert_close(y, short_y)
    torch.testing.assert_close(a[..., mask], short_a)
    assert not a[..., ~mask].any()


@pytest.mark.parametrize("scale", [1, 1e3, 1e6])
def test_causality_is_exact_to_the_last_bit(normal, scale):
    """Whatever comes later, nothing before it moves, not even in its last digit."""
    q, k, v = (scale * normal(2, 3, 6, 4) for _ in range(3))
    mask = solution("causal_mask")(6)
    attend = solution("scaled_dot_product_attention")
    y, a = attend(q, k, v, mask)
    for t in range(5):
        changed = [one.clone() for one in (q, k, v)]
        for one in changed:
            one[..., t + 1 :, :] = scale * 100 * normal(2, 3, 5 - t, 4)
        other_y, other_a = attend(*changed, mask)
        assert torch.equal(y[..., : t + 1, :], other_y[..., : t + 1, :])
        assert torch.equal(a[..., : t + 1, :], other_a[..., : t + 1, :])
        assert not torch.equal(y[..., t + 1 :, :], other_y[..., t + 1 :, :])


def test_rows_without_keys_are_exactly_zero(normal):
    q, k, v = normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 6)
    mask = torch.ones(2, 3, 5, dtype=torch.bool)
    mask[0, 1] = mask[1, 2] = False
    y, a = solution("scaled_dot_product_attention")(1e3 * q, k, v, mask)
    for one in (y, a):
        assert not one[0, 1].any()
        assert not one[1, 2].any()
        assert one[1, 1].any()
    y, a = solution("scaled_dot_product_attention")(q, k, v, torch.zeros(5, dtype=torch.bool))
    assert not y.any()
    assert not a.any()


@pytest.mark.parametrize("masked", [False, True])
def test_attention_backward_by_central_differences(normal, masked):
    q, k, v, grad_y = normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 6), normal(2, 3, 6)
    mask = torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    attend, mask = solution("scaled_dot_product_attention"), mask if masked else None
    grads = solution("attention_backward")(grad_y, attend(q, k, v, mask)[1], q, k, v)
    for index, grad in enumerate(grads):
        for _ in range(5):
            args, step = [q, k, v], normal(*grad.shape)

            def loss(t, args=args, step=step, index=index):
                moved = [*args]
                moved[index] = moved[index] + t * step
                return float((attend(*moved, mask)[0] * grad_y).sum())

            numerical = (loss(1e-5) - loss(-1e-5)) / 2e-5
            assert float((grad * step).sum()) == pytest.approx(numerical, rel=1e-6, abs=1e-8)


def test_attention_backward_by_functional_vjp(normal):
    q, k, v, grad_y = normal(2, 2, 3, 4), normal(2, 2, 5, 4), normal(2, 2, 5, 6), normal(2, 2, 3, 6)
    attend = solution("scaled_dot_product_attention")
    _, pull = torch.func.vjp(lambda *args: attend(*args)[0], q, k, v)
    found = solution("attention_backward")(grad_y, attend(q, k, v)[1], q, k, v)
    torch.testing.assert_close(found, pull(grad_y))


def test_attention_backward_ignores_a_shift_of_all_values(normal):
    a = torch.softmax(normal(3, 5), dim=-1)
    q, k, v, grad_y = normal(3, 4), normal(5, 4), normal(5, 6), normal(3, 6)
    backward = solution("attention_backward")
    torch.testing.assert_close(
        backward(grad_y, a, q, k, v)[:2], backward(grad_y, a, q, k, v + normal(6))[:2]
    )


# --- heads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_heads", [1, 2, 3, 6])
def test_split_and_merge_entry_by_entry(normal, num_heads):
    x = normal(2, 4, 6)
    heads, d = solution("split_heads")(x, num_heads), 6 // num_heads
    for n, t, j in itertools.product(range(2), range(4), range(6)):
        assert heads[n, j // d, t, j % d] == x[n, t, j]
    assert torch.equal(solution("merge_heads")(heads), x)


@pytest.mark.parametrize("num_heads", [1, 2, 4, 8])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention_is_torchs_own(normal, num_heads, masked):
    x, (W_q, W_k, W_v, W_o) = normal(3, 5, 8), weights(normal, 8, 8)
    mask = solution("causal_mask")(5) if masked else None
    layer = torch.nn.MultiheadAttention(
        8, num_heads, bias=False, batch_first=True, dtype=torch.float64
    )
    state = {"in_proj_weight": torch.cat([W_q, W_k, W_v]), "out_proj.weight": W_o}
    layer.load_state_dict(state)
    hidden = None if mask is None else ~mask  # torch's layer marks what is hidden
    right, _ = layer(x, x, x, attn_mask=hidden)
    y = solution("multi_head_attention")(x, W_q, W_k, W_v, W_o, num_heads, mask)
    torch.testing.assert_close(y, right)


def test_one_head_is_attention(normal):
    x, (W_q, W_k, W_v, W_o) = normal(2, 4, 5), weights(normal, 5, 6)
    y, _ = solution("scaled_dot_product_attention")(x @ W_q.T, x @ W_k.T, x @ W_v.T)
    found = solution("multi_head_attention")(x, W_q, W_k, W_v, W_o, 1)
    torch.testing.assert_close(found, y @ W_o.T)


def test_a_cache_gives_what_the_mask_gives(normal):
    x, params = normal(2, 6, 5), weights(normal, 5, 6)
    right = solution("multi_head_attention")(x, *params, 3, solution("causal_mask")(6))
    caches = (normal(2, 3, 0, 2), normal(2, 3, 0, 2))
    for t in range(6):
        kept = [one.clone() for one in caches]
        y, *grown = solution("kv_cache_step")(x[:, t : t + 1], *caches, *params, 3)
        torch.testing.assert_close(y, right[:, t : t + 1])
        assert all(torch.equal(one, two) for one, two in zip(caches, kept, strict=True))
        caches = tuple(grown)
    assert caches[0].shape == (2, 3, 6, 2)


# --- positions and blocks ---------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 6, 8])
def test_moving_on_is_a_rotation(normal, d):
    """Vaswani and others, 3.5: the vector of t + s is a linear function of that of t."""
    t = 50 * normal(7).abs()
    here, there = (solution("sinusoidal_positions")(t + s, d) for s in (0, 3))
    for i in range(d // 2):
        angle = 3 / 10000 ** (2 * i / d)
        turn = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        pair = here[:, 2 * i : 2 * i + 2] @ torch.tensor(turn, dtype=torch.float64).T
        torch.testing.assert_close(there[:, 2 * i : 2 * i + 2], pair)


@pytest.mark.parametrize("d", [1, 4, 5])
def test_positions_number_by_number(d):
    found = solution("sinusoidal_positions")(torch.arange(9, dtype=torch.float64), d)
    for t, j in itertools.product(range(9), range(d)):
        wave = math.cos if j % 2 else math.sin
        right = wave(t * math.exp(-(j // 2 * 2) / d * math.log(10000)))
        assert float(found[t, j]) == pytest.approx(right, abs=1e-12)


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_transformer_block_is_torchs_own(normal, norm, num_heads):
    x, p = normal(3, 5, 8), block_parameters(normal, 8, 8, 11)
    layer = torch.nn.TransformerEncoderLayer(
        8, num_heads, 11, 0.0, batch_first=True, norm_first=norm == "pre", dtype=torch.float64
    )
    state = {
        "self_attn.in_proj_weight": torch.cat([p["W_q"], p["W_k"], p["W_v"]]),
        "self_attn.in_proj_bias": torch.zeros(24, dtype=torch.float64),
        "self_attn.out_proj.weight": p["W_o"],
        "self_attn.out_proj.bias": torch.zeros(8, dtype=torch.float64),
        "linear1.weight": p["W_1"], "linear1.bias": p["b_1"],
        "linear2.weight": p["W_2"], "linear2.bias": p["b_2"],
        "norm1.weight": p["gamma_1"], "norm1.bias": p["beta_1"],
        "norm2.weight": p["gamma_2"], "norm2.bias": p["beta_2"],
    }  # fmt: skip
    layer.load_state_dict(state)
    mask = solution("causal_mask")(5)
    y = solution("transformer_block")(x, p, num_heads, mask, norm=norm)
    torch.testing.assert_close(y, layer(x, src_mask=~mask))


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_without_positions_a_block_sees_a_set(normal, norm):
    x, p, order = normal(2, 5, 4), block_parameters(normal, 4, 6, 7), torch.tensor([3, 0, 4, 1, 2])
    block = solution("transformer_block")
    torch.testing.assert_close(
        block(x[:, order], p, 2, norm=norm), block(x, p, 2, norm=norm)[:, order]
    )


def test_a_block_without_attention_treats_each_token_alone(normal):
    x, p = normal(2, 5, 4), block_parameters(normal, 4, 6, 7)
    alone = solution("transformer_block")(x, p, 2, torch.eye(5, dtype=torch.bool), "pre")
    one_by_one = [
        solution("transformer_block")(x[:, t : t + 1], p, 2, norm="pre") for t in range(5)
    ]
    torch.testing.assert_close(alone, torch.cat(one_by_one, dim=1))


# --- GPT --------------------------------------------------------------------------------------


def test_gpt_causality_is_exact_to_the_last_bit(normal):
    params, idx = (
        gpt_parameters(normal, 7, 6, 4, 2),
        torch.tensor([[0, 3, 3, 6, 1], [5, 2, 0, 4, 2]]),
    )
    logits = solution("gpt_forward")(idx, params, 2)
    for t in range(1, 5):
        other = idx.clone()
        other[:, t:] = (idx[:, t:] + 1) % 7
        changed = solution("gpt_forward")(other, params, 2)
        assert torch.equal(changed[:, :t], logits[:, :t])
        assert not torch.equal(changed[:, t], logits[:, t])


def test_gpt_is_made_of_torchs_own_layers(normal):
    params, idx = gpt_parameters(normal, 7, 6, 8, 0), torch.tensor([[0, 3, 3, 6, 1]])
    h = F.embedding(idx, params["tok"]) + params["pos"][:5]
    right = F.linear(F.layer_norm(h, (8,), params["gamma"], params["beta"]), params["head"])
    torch.testing.assert_close(solution("gpt_forward")(idx, params, 2), right)


@pytest.mark.parametrize(("V", "C", "D", "layers"), [(7, 6, 4, 2), (5, 3, 6, 0), (3, 9, 2, 3)])
def test_param_count_counts_what_is_there(normal, V, C, D, layers):
    params = gpt_parameters(normal, V, C, D, layers)
    found = [one for block in params.pop("blocks") for one in block.values()]
    total = sum(one.numel() for one in [*found, *params.values()])
    assert solution("gpt_param_count")(V, C, D, 2 * D, layers, 2) == total


def test_next_token_loss_question_by_question(normal):
    logits, idx = normal(3, 5, 4), torch.tensor([[0, 3, 1, 1, 2], [2, 2, 0, 3, 1], [1, 0, 0, 2, 3]])
    questions = [
        math.log(sum(math.exp(float(z)) for z in logits[n, t])) - float(logits[n, t, idx[n, t + 1]])
        for n in range(3)
        for t in range(4)
    ]
    loss = float(solution("next_token_loss")(logits, idx))
    assert loss == pytest.approx(sum(questions) / len(questions))
    repeats = torch.full_like(logits[:1], -50.0).scatter(2, idx[:1, :, None], 50.0)
    assert float(solution("next_token_loss")(repeats, idx[:1])) > 10  # parrots do not predict


def test_a_small_gpt_learns_a_text_by_heart():
    """Forward, loss and generate: the loss starts at ln V and falls, and the text comes out."""
    generator = torch.Generator().manual_seed(0)

    def small(*shape):
        return 0.1 * torch.randn(*shape, generator=generator)

    text = torch.tensor([[0, 1, 2, 0, 3, 4, 1, 3, 2, 4, 0, 2]])
    params = gpt_parameters(small, 5, 12, 16, 1)
    for holder in (params, *params["blocks"]):
        for name in holder:
            if name.startswith("gamma"):
                holder[name] = torch.ones_like(holder[name])
    learnt = [*params["blocks"][0].values()]
    learnt += [one for one in params.values() if isinstance(one, torch.Tensor)]
    optimizer = torch.optim.Adam([one.requires_grad_() for one in learnt], lr=0.02)
    losses = []
    for _ in range(60):
        loss = solution("next_token_loss")(solution("gpt_forward")(text, params, 2), text)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(math.log(5), abs=0.3)
    assert losses[-1] < 0.05
    with torch.no_grad():
        written = solution("generate")(
            lambda idx: solution("gpt_forward")(idx, params, 2),
            text[:, :1],
            11,
            12,
            1.0,
            1,
            generator,
        )
    assert torch.equal(written, text)


# --- writing ----------------------------------------------------------------------------------


def window_model(*args):
    return TOPIC.support["window_model"](*args)


def test_generate_draws_each_token_as_often_as_its_probability(normal):
    """Two tokens in a row: chi-square of the pairs, below its 99.9th percentile."""
    table = normal(3, 3)
    start = torch.zeros(20000, 1, dtype=torch.int64)
    generator = torch.Generator().manual_seed(1)
    text = solution("generate")(window_model(table, 4), start, 2, 4, 0.7, None, generator)
    first = torch.softmax(table[0] / 0.7, 0)
    right = first[:, None] * torch.softmax(table / 0.7, 1)
    seen = torch.bincount(3 * text[:, 1] + text[:, 2], minlength=9).reshape(3, 3)
    expected = 20000 * right
    assert float(((seen - expected) ** 2 / expected).sum()) < 26.1  # 8 degrees of freedom


def test_generate_never_shows_more_than_the_context(normal):
    shown = []

    def model(idx):
        shown.append(idx.clone())
        return normal(*idx.shape, 5)

    start, generator = torch.tensor([[1, 2, 3, 4]]), torch.Generator().manual_seed(0)
    text = solution("generate")(model, start, 4, 3, 1.0, 2, generator)
    assert [one.shape[1] for one in shown] == [3, 3, 3, 3]
    for t, one in enumerate(shown):
        assert torch.equal(one, text[:, t + 1 : t + 4])


def test_the_window_model_sees_what_it_says(normal):
    table, idx = normal(4, 4), torch.tensor([[0, 3, 1], [2, 2, 0]])
    logits = window_model(table, 3, 0.5)(idx)
    torch.testing.assert_close(logits[:, 0], table[idx[:, 0]])
    older = table[idx[:, 2]] + 0.5 * table[idx[:, 1]] + 0.25 * table[idx[:, 0]]
    torch.testing.assert_close(logits[:, 2], older)
    with pytest.raises(ValueError, match="T from 1 to 2"):
        window_model(table, 2)(idx)
