"""Attention and transformers: the checks that students run too."""

import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def flags(draw, values):
    return torch.tensor(values, dtype=torch.bool, device=draw.device)


@pytest.mark.exercise("additive_attention", parts={"context": 1, "a": 1, "stability": 1})
class TestAdditiveAttention:
    """Attention by a small network"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        s, h = numbers(draw, [[1.0]]), numbers(draw, [[[-1.0, 4.0], [0.0, 8.0]]])
        W_s, W_h = numbers(draw, [[math.log(2)]]), numbers(draw, [[math.log(2), 0.0]])
        v = numbers(draw, [5 / 3 * math.log(3)])
        context, a = student.additive_attention(s, h, W_s, W_h, v)
        expect(context, numbers(draw, [[-0.25, 7.0]]), name="context")
        expect(a, numbers(draw, [[0.25, 0.75]]), name="a")

    def test_random(self, student, draw, expect, oracle):
        """three random states of a decoder, five of an encoder each"""
        args = (draw.normal(3, 2), draw.normal(3, 5, 4), draw.normal(6, 2), draw.normal(6, 4))
        v = draw.normal(6)
        context, a = student.additive_attention(*args, v)
        expected = oracle.additive_attention(*args, v)
        expect(context, expected[0], name="context")
        expect(a, expected[1], name="a")

    @pytest.mark.part("stability")
    def test_large_scores(self, student, draw, expect, oracle):
        """scores of several thousand"""
        args = (draw.normal(3, 2), draw.normal(3, 5, 4), draw.normal(6, 2), draw.normal(6, 4))
        v = 4096 * numbers(draw, [1.0, 1.0, -1.0, 2.0, 1.0, -2.0])
        _, a = student.additive_attention(*args, v)
        expected = oracle.additive_attention(*args, v)[1]
        # Scores of thousands lose digits; what counts here is that nothing overflows.
        expect(a, expected, name="stability", rtol=1e-2, atol=1e-2)


@pytest.mark.exercise("causal_mask", parts={"mask": 1})
class TestCausalMask:
    """Who may look at whom"""

    def test_worked_number(self, student, draw, expect):
        """the mask of three tokens"""
        rows = [[True, False, False], [True, True, False], [True, True, True]]
        expect(student.causal_mask(3), flags(draw, rows))

    def test_five_tokens(self, student, expect, oracle):
        """five tokens"""
        expect(student.causal_mask(5), oracle.causal_mask(5))


SDPA = {"y": 2, "a": 2, "stability": 1, "empty_rows": 1}


def one_query(draw):
    """Return the query, keys and values of the handout's worked number."""
    q = numbers(draw, [[2 * math.log(3), 0.0, 0.0, 0.0]])
    k = numbers(draw, [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    return q, k, numbers(draw, [[4.0, 0.0], [0.0, 8.0]])


@pytest.mark.exercise("scaled_dot_product_attention", parts=SDPA)
class TestScaledDotProductAttention:
    """Scaled dot-product attention"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, without and with a mask"""
        q, k, v = one_query(draw)
        y, a = student.scaled_dot_product_attention(q, k, v)
        expect(y, numbers(draw, [[3.0, 2.0]]), name="y")
        expect(a, numbers(draw, [[0.75, 0.25]]), name="a")
        y, a = student.scaled_dot_product_attention(q, k, v, flags(draw, [[False, True]]))
        expect(y, numbers(draw, [[0.0, 8.0]]), name="y")
        expect(a, numbers(draw, [[0.0, 1.0]]), name="a")

    @pytest.mark.parametrize("masked", [False, True], ids="mask={}".format)
    def test_random(self, student, draw, expect, oracle, masked):
        """two sequences of three queries and five keys"""
        q, k, v = draw.normal(2, 3, 4), draw.normal(2, 5, 4), draw.normal(2, 5, 6)
        mask = draw.uniform(2, 3, 5) < 0.5
        mask[..., 2] = True
        args = (q, k, v, mask) if masked else (q, k, v)
        y, a = student.scaled_dot_product_attention(*args)
        expected = oracle.scaled_dot_product_attention(*args)
        expect(y, expected[0], name="y")
        expect(a, expected[1], name="a")

    @pytest.mark.part("stability")
    def test_large_scores(self, student, draw, expect, oracle):
        """scores of several thousand"""
        q = 32.0 * draw.integers(3, 16, low=-3, high=4).to(draw.dtype)
        k, v = 32.0 * draw.integers(5, 16, low=-3, high=4).to(draw.dtype), draw.normal(5, 2)
        y, a = student.scaled_dot_product_attention(q, k, v)
        expected = oracle.scaled_dot_product_attention(q, k, v)
        # Scores of thousands lose digits; what counts here is that nothing overflows.
        expect(y, expected[0], name="stability", rtol=3e-3, atol=3e-3)
        expect(a, expected[1], name="stability", rtol=3e-3, atol=3e-3)

    @pytest.mark.part("empty_rows")
    def test_nothing_to_attend_to(self, student, draw, expect):
        """a query that may attend to nothing, among others that may"""
        q, k, v = one_query(draw)
        mask = flags(draw, [[True, True], [False, False], [True, False]])
        y, a = student.scaled_dot_product_attention(q.expand(3, 4), k, v, mask)
        expect(y, numbers(draw, [[3.0, 2.0], [0.0, 0.0], [4.0, 0.0]]), name="empty_rows")
        expect(a, numbers(draw, [[0.75, 0.25], [0.0, 0.0], [1.0, 0.0]]), name="empty_rows")


GRADIENTS = {"grad_q": 2, "grad_k": 2, "grad_v": 1}


@pytest.mark.exercise("attention_backward", parts=GRADIENTS)
class TestAttentionBackward:
    """Backward pass of attention"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        a, grad_y = numbers(draw, [[0.75, 0.25]]), numbers(draw, [[1.0, 0.0]])
        grad_q, grad_k, grad_v = student.attention_backward(grad_y, a, *one_query(draw))
        expect(grad_q, numbers(draw, [[0.375, 0.0, 0.0, 0.0]]), name="grad_q")
        row = [0.75 * math.log(3), 0.0, 0.0, 0.0]
        expect(grad_k, numbers(draw, [row, [-value for value in row]]), name="grad_k")
        expect(grad_v, numbers(draw, [[0.75, 0.0], [0.25, 0.0]]), name="grad_v")

    def test_random(self, student, draw, expect, oracle):
        """two sequences of three queries and five keys"""
        args = (draw.normal(2, 3, 6), draw.probabilities(2, 3, 5))
        args = (*args, draw.normal(2, 3, 4), draw.normal(2, 5, 4), draw.normal(2, 5, 6))
        grads = student.attention_backward(*args)
        expected = oracle.attention_backward(*args)
        for name, grad, right in zip(GRADIENTS, grads, expected, strict=True):
            expect(grad, right, name=name)


TOKENS = [[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]
BY_HEAD = [[[[1.0, 2.0], [5.0, 6.0]], [[3.0, 4.0], [7.0, 8.0]]]]


@pytest.mark.exercise("split_heads", parts={"heads": 1})
class TestSplitHeads:
    """Dealing features out to heads"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        expect(student.split_heads(numbers(draw, TOKENS), 2), numbers(draw, BY_HEAD))

    def test_three_heads(self, student, draw, expect, oracle):
        """two sequences of four tokens, three heads"""
        x = draw.normal(2, 4, 6)
        expect(student.split_heads(x, 3), oracle.split_heads(x, 3))


@pytest.mark.exercise("merge_heads", parts={"tokens": 1})
class TestMergeHeads:
    """Putting heads side by side"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        expect(student.merge_heads(numbers(draw, BY_HEAD)), numbers(draw, TOKENS))

    def test_three_heads(self, student, draw, expect, oracle):
        """two sequences of four tokens, three heads"""
        x = draw.normal(2, 3, 4, 2)
        expect(student.merge_heads(x), oracle.merge_heads(x))


def two_heads(draw):
    """Return the four weights of the handout's worked number."""
    return (
        numbers(draw, [[math.log(3), 0.0], [0.0, 0.0]]),
        numbers(draw, [[1.0, 0.0], [0.0, 1.0]]),
        numbers(draw, [[8.0, 0.0], [0.0, 8.0]]),
        numbers(draw, [[1.0, 1.0], [1.0, -1.0]]),
    )


@pytest.mark.exercise("multi_head_attention", parts={"y": 1})
class TestMultiHeadAttention:
    """Multi-head self-attention"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[[1.0, 0.0], [0.0, 1.0]]])
        y = student.multi_head_attention(x, *two_heads(draw), 2)
        expect(y, numbers(draw, [[[10.0, 2.0], [8.0, 0.0]]]))

    @pytest.mark.parametrize("masked", [False, True], ids="mask={}".format)
    def test_random(self, student, draw, expect, oracle, masked):
        """two sequences of four tokens, three heads"""
        x, W_o = draw.normal(2, 4, 5), draw.normal(5, 6, std=0.5)
        weights = [draw.normal(6, 5, std=0.7) for _ in range(3)]
        mask = torch.ones(4, 4, dtype=torch.bool, device=draw.device).tril()
        args = (x, *weights, W_o, 3, mask) if masked else (x, *weights, W_o, 3)
        expect(student.multi_head_attention(*args), oracle.multi_head_attention(*args))


@pytest.mark.exercise("kv_cache_step", parts={"y": 2, "cache_k": 1, "cache_v": 1})
class TestKvCacheStep:
    """One token at a time"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[[0.0, 1.0]]])
        caches = (numbers(draw, [[[[1.0]], [[0.0]]]]), numbers(draw, [[[[8.0]], [[0.0]]]]))
        y, cache_k, cache_v = student.kv_cache_step(x, *caches, *two_heads(draw), 2)
        expect(y, numbers(draw, [[[8.0, 0.0]]]), name="y")
        expect(cache_k, numbers(draw, [[[[1.0], [0.0]], [[0.0], [1.0]]]]), name="cache_k")
        expect(cache_v, numbers(draw, [[[[8.0], [0.0]], [[0.0], [8.0]]]]), name="cache_v")

    @pytest.mark.parametrize("before", [0, 3], ids="S={}".format)
    def test_random(self, student, draw, expect, oracle, before):
        """two sequences, three heads, S tokens in the cache"""
        caches = (draw.normal(2, 3, before, 2), draw.normal(2, 3, before, 2))
        args = (draw.normal(2, 1, 5), *caches, *(draw.normal(6, 5) for _ in range(3)))
        W_o = draw.normal(5, 6)
        found = student.kv_cache_step(*args, W_o, 3)
        expected = oracle.kv_cache_step(*args, W_o, 3)
        for name, one, right in zip(("y", "cache_k", "cache_v"), found, expected, strict=True):
            expect(one, right, name=name)


@pytest.mark.exercise("sinusoidal_positions", parts={"positions": 1})
class TestSinusoidalPositions:
    """A vector for each position"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        second = [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)]
        found = student.sinusoidal_positions(numbers(draw, [0.0, 1.0]), 4)
        expect(found, numbers(draw, [[0.0, 1.0, 0.0, 1.0], second]))

    @pytest.mark.parametrize("d", [5, 6], ids="d={}".format)
    def test_some_positions(self, student, draw, expect, oracle, d):
        """some positions, not in order"""
        positions = numbers(draw, [3.0, 0.0, 7.0])
        expect(
            student.sinusoidal_positions(positions, d), oracle.sinusoidal_positions(positions, d)
        )


def block(draw, D, E, F):
    """Return the random parameters of a transformer block."""
    params = {name: draw.normal(E, D, std=0.7) for name in ("W_q", "W_k", "W_v")}
    params |= {"W_o": draw.normal(D, E, std=0.5)}
    params |= {"W_1": draw.normal(F, D, std=0.7), "b_1": draw.normal(F, std=0.5)}
    params |= {"W_2": draw.normal(D, F, std=0.5), "b_2": draw.normal(D, std=0.5)}
    for i in (1, 2):
        params |= {f"gamma_{i}": draw.normal(D, mean=1.0, std=0.4)}
        params |= {f"beta_{i}": draw.normal(D, std=0.5)}
    return params


@pytest.mark.exercise("transformer_block", parts={"post": 1, "pre": 1})
class TestTransformerBlock:
    """The transformer block"""

    def one_token(self, draw):
        eye, ones, zeros = [[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], [0.0, 0.0]
        params = {"W_q": eye, "W_k": eye, "W_v": eye, "W_o": eye, "gamma_1": ones, "beta_1": zeros}
        params |= {"W_1": eye, "b_1": zeros, "W_2": [[0.0, 4.0], zeros], "b_2": zeros}
        params |= {"gamma_2": ones, "beta_2": zeros}
        return numbers(draw, [[[1.0, 3.0]]]), {k: numbers(draw, v) for k, v in params.items()}

    @pytest.mark.part("post")
    def test_worked_number_post(self, student, draw, expect):
        """the worked number of the handout, with the 0.00001: post"""
        h = 2 / math.sqrt(4 + 1e-5)
        last = h / math.sqrt(h * h + 1e-5)
        y = student.transformer_block(*self.one_token(draw), 1, None, "post")
        expect(y, numbers(draw, [[[last, -last]]]), name="post")

    @pytest.mark.part("pre")
    def test_worked_number_pre(self, student, draw, expect):
        """the worked number of the handout, with the 0.00001: pre"""
        first = 1 / math.sqrt(1 + 1e-5)
        h = (1 - first, 3 + first)
        half = (h[1] - h[0]) / 2
        y = student.transformer_block(*self.one_token(draw), 1, None, "pre")
        added = 4 * half / math.sqrt(half * half + 1e-5)
        expect(y, numbers(draw, [[[h[0] + added, h[1]]]]), name="pre")

    @pytest.mark.part("post")
    def test_random_post(self, student, draw, expect, oracle):
        """two sequences of four tokens, causal mask: post"""
        args = (draw.normal(2, 4, 5), block(draw, 5, 6, 7), 3)
        mask = torch.ones(4, 4, dtype=torch.bool, device=draw.device).tril()
        y = student.transformer_block(*args, mask, "post")
        expect(y, oracle.transformer_block(*args, mask, "post"), name="post")

    @pytest.mark.part("pre")
    def test_random_pre(self, student, draw, expect, oracle):
        """two sequences of four tokens, causal mask: pre"""
        args = (draw.normal(2, 4, 5), block(draw, 5, 6, 7), 3)
        mask = torch.ones(4, 4, dtype=torch.bool, device=draw.device).tril()
        y = student.transformer_block(*args, mask, "pre")
        expect(y, oracle.transformer_block(*args, mask, "pre"), name="pre")


@pytest.mark.exercise("gpt_param_count", parts={"count": 1})
class TestGptParamCount:
    """How many numbers it learns"""

    def test_worked_number(self, student, expect):
        """the worked number of the handout"""
        expect(student.gpt_param_count(3, 4, 2, 8, 1, 1), 90)

    def test_three_layers(self, student, expect, oracle):
        """three layers, two heads"""
        args = (11, 5, 4, 6, 3, 2)
        expect(student.gpt_param_count(*args), oracle.gpt_param_count(*args))


def gpt(draw, V, C, D, F, layers):
    """Return the random parameters of a GPT."""
    params = {"tok": draw.normal(V, D), "pos": draw.normal(C, D)}
    params |= {"blocks": [block(draw, D, D, F) for _ in range(layers)]}
    params |= {"gamma": draw.normal(D, mean=1.0, std=0.4), "beta": draw.normal(D, std=0.5)}
    return params | {"head": draw.normal(V, D)}


@pytest.mark.exercise("gpt_forward", parts={"logits": 2, "causality": 1})
class TestGptForward:
    """A GPT from scratch"""

    @pytest.mark.part("logits")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, with the 0.00001"""
        params = {"tok": [[1.0, 3.0], [0.0, 0.0]], "pos": [[0.0, 0.0], [5.0, 1.0]]}
        params |= {"gamma": [1.0, 1.0], "beta": [0.0, 0.0], "head": [[1.0, 0.0], [0.0, 2.0]]}
        params = {name: numbers(draw, values) for name, values in params.items()}
        idx = torch.tensor([[0, 1]], device=draw.device)
        one, two = 1 / math.sqrt(1 + 1e-5), 2 / math.sqrt(4 + 1e-5)
        logits = student.gpt_forward(idx, params | {"blocks": []}, 1)
        expect(logits, numbers(draw, [[[-one, 2 * one], [two, -2 * two]]]), name="logits")

    @pytest.mark.part("logits")
    def test_two_blocks(self, student, draw, expect, oracle):
        """two sequences of four tokens, two blocks"""
        idx, params = draw.integers(2, 4, high=7), gpt(draw, 7, 5, 6, 8, 2)
        expect(student.gpt_forward(idx, params, 2), oracle.gpt_forward(idx, params, 2),
               name="logits")  # fmt: skip

    @pytest.mark.part("causality")
    def test_the_last_token_changes(self, student, draw, expect):
        """the last token changes: the scores before it do not, its own do"""
        idx, params = draw.integers(2, 4, high=7), gpt(draw, 7, 5, 6, 8, 1)
        other = idx.clone()
        other[:, -1] = (idx[:, -1] + 1) % 7
        before, after = student.gpt_forward(idx, params, 2), student.gpt_forward(other, params, 2)
        change = (before - after).abs().amax((0, 2))
        facts = [list(before.shape), bool((change[:-1] < 1e-5).all()), bool(change[-1] > 1e-5)]
        expect(facts, [[2, 4, 7], True, True], name="causality")


@pytest.mark.exercise("next_token_loss", parts={"loss": 2, "stability": 1})
class TestNextTokenLoss:
    """The loss of a language model"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        logits = numbers(draw, [[[math.log(3), 0.0], [0.0, 0.0], [7.0, 5.0]]])
        idx = torch.tensor([[1, 0, 1]], device=draw.device)
        right = numbers(draw, (math.log(4 / 3) + math.log(2)) / 2)
        expect(student.next_token_loss(logits, idx), right, name="loss")

    def test_random(self, student, draw, expect, oracle):
        """three sequences of five tokens"""
        logits, idx = draw.normal(3, 5, 4), draw.integers(3, 5, high=4)
        right = oracle.next_token_loss(logits, idx)
        expect(student.next_token_loss(logits, idx), right, name="loss")

    @pytest.mark.part("stability")
    def test_large_logits(self, student, draw, expect, oracle):
        """logits of several thousand, close together"""
        logits = 4096 + draw.integers(3, 5, 4, high=8).to(draw.dtype)
        idx = draw.integers(3, 5, high=4)
        right = oracle.next_token_loss(logits, idx)
        expect(student.next_token_loss(logits, idx), right, name="stability")


def circle(draw, V):
    """Return the table of a model that gives the token after the last one the largest score."""
    return 5 * torch.eye(V, dtype=draw.dtype, device=draw.device).roll(1, 1)


@pytest.mark.exercise("generate", parts={"greedy": 1, "context": 1, "sampling": 2, "generator": 1})
class TestGenerate:
    """Writing"""

    @pytest.mark.part("greedy")
    def test_worked_number(self, student, support, draw, expect):
        """the worked number of the handout"""
        model = support.make("window_model", circle(draw, 5), 8)
        idx = torch.tensor([[0]], device=draw.device)
        found = student.generate(model, idx, 3, 8, 1.0, 1, draw.generator())
        expect(found, torch.tensor([[0, 1, 2, 3]], device=draw.device), name="greedy")

    @pytest.mark.part("context")
    def test_longer_than_the_context(self, student, support, draw, expect):
        """a text that grows longer than the context"""
        model = support.make("window_model", circle(draw, 5), 3, 0.5)
        idx = torch.tensor([[4, 0], [2, 3]], device=draw.device)
        found = student.generate(model, idx, 5, 3, 1.0, 1, draw.generator())
        right = [[4, 0, 1, 2, 3, 4, 0], [2, 3, 4, 0, 1, 2, 3]]
        expect(found, torch.tensor(right, device=draw.device), name="context")

    @pytest.mark.part("sampling")
    @pytest.mark.parametrize("temperature", [1.0, 2.0], ids="temperature={}".format)
    def test_shares(self, student, support, draw, expect, temperature):
        """how often each token is drawn"""
        row = numbers(draw, [1.0, -1.0, 2.0, 0.0])
        model = support.make("window_model", row.repeat(4, 1), 8)
        idx = torch.zeros(2500, 1, dtype=torch.int64, device=draw.device)
        found = student.generate(model, idx, 1, 8, temperature, None, draw.generator())
        shares = torch.bincount(found[:, -1], minlength=4).to(draw.dtype) / 2500
        # Five standard deviations of a share are at most 0.05.
        expect(shares, torch.softmax(row / temperature, 0), name="sampling", rtol=0, atol=0.05)

    @pytest.mark.part("generator")
    def test_generator(self, student, support, draw, expect):
        """the same state gives the same text, another one another text"""
        model = support.make("window_model", torch.zeros_like(circle(draw, 6)), 8)
        idx = torch.tensor([[1, 2], [3, 4]], device=draw.device)
        source, other = draw.generator(), draw.generator()
        first, again, different = (
            student.generate(model, idx, 12, 8, 1.0, None, one) for one in (source, source, other)
        )
        facts = [list(first.shape), torch.equal(first[:, :2], idx), torch.equal(first, again)]
        expect([*facts, torch.equal(first, different)], [[2, 14], True, True, False],
               name="generator")  # fmt: skip
