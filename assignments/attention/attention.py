# %% [markdown]
# # Attention and transformers
#
# A sequence of tokens, each of which may look at the others and take from them what it needs: that
# is all there is to attention. In this notebook you build it from one matrix product to a small
# GPT that writes, every layer by hand, and the backward pass of the layer in its middle.
#
# **Words.** `N` sequences, `T` tokens in each, `D` features per token: `x` is `(N, T, D)`. `L`
# queries look at `S` keys, each of which has a value. `H` heads. A weight has the shape `(out,
# in)`, so a linear map is $x W^\top$, as in torch. A *mask* is boolean, and True means *may
# attend*. Tokens and positions count from 0. A gradient is called `grad_<primal>` and has the
# shape of its primal. `...` stands for any number of leading axes, also none.
#
# **By hand.** Each exercise says what it does not allow:
#
# * *attention*: `F.scaled_dot_product_attention`, `nn.MultiheadAttention`, `nn.Transformer` with
#   its layers, everything below `torch.nn.attention`, and the operators underneath;
# * *softmax*: `torch.softmax`, `torch.log_softmax`, `torch.logsumexp`, `F.cross_entropy`,
#   `F.nll_loss`, under any of their names. Only exercise 3 excludes it: there the softmax is half
#   of the point. Everywhere else `torch.softmax` is welcome;
# * *layer norm*: `F.layer_norm`, `nn.LayerNorm`, `torch.layer_norm`;
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`).
#
# Matrix products, `torch.einsum`, `F.linear`, `F.relu`, reshapes and loops are yours (the tests
# are small enough for loops). You may call the functions that you have already written; a mistake
# in them then costs twice.
#
# **What is always tested.** Your results have the shapes stated, the dtype and device of the
# floating inputs (float64 first, float32 too), and do not depend on how an input lies in memory
# (transposed, strided, repeated by `expand`). Several points of an exercise are *parts* of their
# own, usually one for each tensor that you return.
#
# **Sources.** The notes of the course; where they have a slip, the exercise says so and gives the
# right formula. Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by
# Antoine Groudiev, chapter 6 (the *class notes* below; one function has two names there,
# $f_\text{att}$ and $f_\text{acc}$). *Deep learning: Unpacking Transformers, LLMs and image
# generation*, session 4, practical "GPT from scratch". Dzmitry Bahdanau, Kyunghyun Cho and Yoshua
# Bengio, *Neural machine translation by jointly learning to align and translate*, 2015. Ashish
# Vaswani and others, *Attention is all you need*, 2017.

# %%
"""Attention and transformers, by hand."""

import math
from collections.abc import Callable

import torch

# %% [markdown]
# ## 1. `additive_attention`
#
# **Goal.** Where attention comes from. A decoder in the state $s$ is about to write its next word;
# an encoder has left one state $h_i$ for each word that it read. A small network scores how well
# $s$ and $h_i$ fit, softmax turns the scores into weights, and the weighted sum of the encoder's
# states is the *context* that the decoder gets.
#
# $$e_{ni} = \big\langle v, \tanh(W_s s_n + W_h h_{ni}) \big\rangle, \qquad
# a_{n} = \text{softmax}(e_n), \qquad c_n = \sum_i a_{ni} h_{ni}$$
#
# with $s\ (N, d_s)$, $h\ (N, S, d_h)$, $W_s\ (k, d_s)$, $W_h\ (k, d_h)$, $v\ (k,)$, $a\ (N, S)$,
# $c\ (N, d_h)$. tanh acts on each entry.
#
# **Source.** Class notes, 6.1.2, with the network $f_\text{att}$ of Bahdanau and others, 2015,
# appendix A.1.2.
#
# **Worked number.** $s = (1)$, $h_1 = (-1, 4)$, $h_2 = (0, 8)$, $W_s = (\ln 2)$, $W_h = (\ln 2,
# 0)$, $v = (\frac{5}{3} \ln 3)$. In front of tanh stand $0$ and $\ln 2$, behind it $0$ and $0.6$:
# the scores are $0$ and $\ln 3$, so $a = (1/4, 3/4)$ and $c = (-1/4, 7)$.
#
# **Not allowed.** attention.
#
# **Parts.** `context`; `a`; `stability` (scores of several thousand). **Hidden tests vary** all
# sizes (also 1, also equal), dtype and memory layout.


# %%
def additive_attention(
    s: torch.Tensor, h: torch.Tensor, W_s: torch.Tensor, W_h: torch.Tensor, v: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a decoder reads from the states of an encoder, and how it looked at them.

    Args:
        s: States of the decoder, one per sequence, shape (N, ds), floating dtype.
        h: States of the encoder, shape (N, S, dh).
        W_s: Weight of the decoder's state, shape (k, ds).
        W_h: Weight of the encoder's states, shape (k, dh).
        v: Weight of the score, shape (k,).

    Returns:
        (context, a): the weighted sums of encoder states, shape (N, dh), and the weights, shape
        (N, S), each row of which sums to 1; same dtype as `s`.
    """
    raise NotImplementedError("additive_attention: write this function")


# %% [markdown]
# ## 2. `causal_mask`
#
# **Goal.** Who may look at whom, when a text is written from left to right: each token at what came
# before it, and at itself.
#
# $$M_{ij} = \text{True if } j \leq i, \text{ else False} \qquad M\ (T, T)$$
#
# Row $i$ belongs to the query, column $j$ to the key.
#
# **Source.** Class notes, 6.5.3 "Masked Self-Attention Layer".
#
# **Worked number.** $T = 3$: the rows are (True, False, False), (True, True, False), (True, True,
# True).
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** $T$ (also 1).


# %%
def causal_mask(T: int) -> torch.Tensor:
    """Return the mask that lets a token attend to itself and to earlier ones.

    Args:
        T: Number of tokens, at least 1.

    Returns:
        Boolean, shape (T, T); entry (i, j) is True if query i may attend to key j.
    """
    raise NotImplementedError("causal_mask: write this function")


# %% [markdown]
# ## 3. `scaled_dot_product_attention`
#
# **Goal.** The layer in the middle of it all. The small network of exercise 1 becomes a scalar
# product, and all queries ask at the same time.
#
# $$E = \frac{Q K^\top}{\sqrt d}\ (\dots, L, S), \qquad
# A_{l} = \text{softmax}(E_{l}) \text{ over the keys } l \text{ may attend to}, \qquad
# Y = A V\ (\dots, L, d_v)$$
#
# with $Q\ (\dots, L, d)$, $K\ (\dots, S, d)$, $V\ (\dots, S, d_v)$, all with the same leading axes,
# and `mask` boolean, of any shape that broadcasts to $(\dots, L, S)$; None means that all is
# allowed. A key that is not allowed gets the weight 0, exactly, whatever its score. A query that
# may attend to nothing gets nothing: its row is 0 in $A$ and in $Y$.
#
# Write the softmax yourself. Scores can be large; what you know from `softmax` holds here too.
#
# **Source.** Class notes, 6.4.2 to 6.4.4; Vaswani and others, equation (1). The notes say in 6.4.3
# that the softmax runs "over the $D_Q$ dimension of $E$": $E$ has no such axis, its shape is $N_Q
# \times N_X$, and softmax runs over the *keys*, its last axis, as the formula below that sentence
# has it. In 6.4.4 the similarities are printed as $Q K^\top$; the factor $1 / \sqrt{D_Q}$ of 6.4.2
# is still there.
#
# **Worked number.** One query $q = (2 \ln 3, 0, 0, 0)$, the keys $(1, 0, 0, 0)$ and $(0, 0, 0, 0)$,
# the values $(4, 0)$ and $(0, 8)$. The scores are $\ln 3$ and $0$, so $a = (3/4, 1/4)$ and $y = (3,
# 2)$. With the mask (False, True) $a = (0, 1)$ and $y = (0, 8)$; with (False, False) both are 0.
#
# **Not allowed.** attention, softmax.
#
# **Parts.** `y`; `a`; `stability` (scores of ten thousand and more, of either sign, also where the
# mask hides them); `empty_rows` (queries that may attend to nothing). **Hidden tests vary** all
# sizes (also 1, also equal), the leading axes (0 to 2), masks of several shapes, the size of the
# scores, dtype and memory layout.


# %%
def scaled_dot_product_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the values, averaged for each query by how well their keys fit it.

    Args:
        q: Queries, shape (..., L, d), floating dtype.
        k: Keys, shape (..., S, d), same leading axes.
        v: Values, shape (..., S, dv), same leading axes.
        mask: Boolean, broadcastable to (..., L, S), True where a query may attend to a key; None
            if all may.

    Returns:
        (y, a): the averages, shape (..., L, dv), and the weights, shape (..., L, S). A row of `a`
        sums to 1; where a query may attend to nothing, its rows of `y` and `a` are 0. Same dtype
        as `q`.
    """
    raise NotImplementedError("scaled_dot_product_attention: write this function")


# %% [markdown]
# ## 4. (*) `attention_backward`
#
# **Goal.** The gradients of exercise 3, from what its forward pass kept. Two matrix products and a
# softmax, backwards:
#
# $$\nabla_V = A^\top \nabla_Y \qquad \nabla_A = \nabla_Y V^\top \qquad
# \nabla_E = A \odot \Big(\nabla_A - \textstyle\sum_s (\nabla_A \odot A)_{\cdot s}\Big)$$
#
# $$\nabla_Q = \frac{\nabla_E K}{\sqrt d} \qquad \nabla_K = \frac{\nabla_E^\top Q}{\sqrt d}$$
#
# Shapes as in exercise 3; the transposes are of the last two axes. Derive the third one from the
# derivative of softmax, row by row. There is no mask among the arguments: it has left its traces in
# $A$. What does a weight of 0 let through?
#
# **Source.** Class notes, 6.4, with the derivative of softmax of the topic `losses`.
#
# **Worked number.** The numbers of exercise 3 and $\nabla_Y = (1, 0)$: $\nabla_A = (4, 0)$ and
# $\nabla_E = (3/4, -3/4)$. So $\nabla_q = (3/8, 0, 0, 0)$; $\nabla_K$ has the rows $(\frac{3}{4}
# \ln 3, 0, 0, 0)$ and $(-\frac{3}{4} \ln 3, 0, 0, 0)$; $\nabla_V$ has the rows $(3/4, 0)$ and
# $(1/4, 0)$.
#
# **Not allowed.** autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** all sizes (also 1, also equal), the
# leading axes (0 to 2), masks, empty rows, weights that are exactly 0 or 1, dtype and memory
# layout.


# %%
def attention_backward(
    grad_y: torch.Tensor, a: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of scaled dot-product attention.

    Args:
        grad_y: Gradient with respect to the output, shape (..., L, dv), floating dtype.
        a: The attention weights, shape (..., L, S).
        q: Queries, shape (..., L, d).
        k: Keys, shape (..., S, d).
        v: Values, shape (..., S, dv).

    Returns:
        (grad_q, grad_k, grad_v), of the shapes of `q`, `k` and `v`; same dtype.
    """
    raise NotImplementedError("attention_backward: write this function")


# %% [markdown]
# ## 5. `split_heads`
#
# **Goal.** Several heads look at the same tokens with different eyes: the features of each token
# are dealt out to `H` heads, the first $D / H$ features to head 0, the next to head 1, and so on.
#
# $$\text{out}_{nhtj} = x_{n,\, t,\, h \frac{D}{H} + j}
# \qquad x\ (N, T, D) \to (N, H, T, D / H)$$
#
# `num_heads` divides $D$.
#
# **Source.** Class notes, 6.5.4 "Multi-Head Self-Attention Layer".
#
# **Worked number.** One sequence of two tokens, $(1, 2, 3, 4)$ and $(5, 6, 7, 8)$, two heads: head
# 0 sees $(1, 2)$ and $(5, 6)$, head 1 sees $(3, 4)$ and $(7, 8)$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the sizes (also 1, also equal), the number of heads (from 1 to $D$), dtype
# and memory layout.


# %%
def split_heads(x: torch.Tensor, num_heads: int) -> torch.Tensor:
    """Deal out the features of each token to several heads.

    Args:
        x: Tokens, shape (N, T, D), floating dtype.
        num_heads: Number of heads H, a divisor of D.

    Returns:
        Shape (N, H, T, D // H), same dtype; head 0 has the first features.
    """
    raise NotImplementedError("split_heads: write this function")


# %% [markdown]
# ## 6. `merge_heads`
#
# **Goal.** The way back: what the heads found for a token stands side by side again, head 0 first.
#
# $$\text{out}_{n,\, t,\, h d + j} = x_{nhtj} \qquad x\ (N, H, T, d) \to (N, T, H d)$$
#
# `merge_heads(split_heads(x, H))` is `x` again.
#
# **Source.** Class notes, 6.5.4: "concatenated to produce the output vectors".
#
# **Worked number.** Two heads, two tokens: head 0 holds $(1, 2)$ and $(5, 6)$, head 1 holds $(3,
# 4)$ and $(7, 8)$. The tokens are $(1, 2, 3, 4)$ and $(5, 6, 7, 8)$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the sizes (also 1, also equal), dtype and memory layout.


# %%
def merge_heads(x: torch.Tensor) -> torch.Tensor:
    """Put the features that several heads have for a token side by side.

    Args:
        x: Features by head, shape (N, H, T, d), floating dtype.

    Returns:
        Shape (N, T, H * d), same dtype; the features of head 0 come first.
    """
    raise NotImplementedError("merge_heads: write this function")


# %% [markdown]
# ## 7. `multi_head_attention`
#
# **Goal.** Self-attention as transformers use it. Queries, keys and values are three linear maps of
# the same tokens; `H` heads attend independently; one more linear map mixes what they found.
#
# $$Q = x W_Q^\top, \quad K = x W_K^\top, \quad V = x W_V^\top\ (N, T, E) \qquad
# y = \text{merge}\big(\text{attention}(\text{split } Q, \text{split } K, \text{split } V)\big)\,
# W_O^\top$$
#
# $x\ (N, T, D)$; $W_Q, W_K, W_V\ (E, D)$; $W_O\ (D, E)$; $y\ (N, T, D)$. $H$ divides $E$, and each
# head has $d = E / H$ features. There are no biases. `mask` is that of exercise 3, broadcastable to
# $(N, H, T, T)$; here each token may attend to one token at least.
#
# **Source.** Class notes, 6.5.1 and 6.5.4; Vaswani and others, 3.2.2. The notes cut the *input*
# into chunks and have nothing behind the heads. In the paper, and here, each head sees all features
# of the input: $Q$, $K$ and $V$ are cut, *after* their projections, and $W_O$ comes last.
#
# **Worked number.** Two tokens $(1, 0)$ and $(0, 1)$, two heads, $W_Q = \begin{pmatrix} \ln 3 & 0
# \\ 0 & 0 \end{pmatrix}$, $W_K = I$, $W_V = 8 I$, $W_O = \begin{pmatrix} 1 & 1 \\ 1 & -1
# \end{pmatrix}$, no mask. In head 0 token 0 attends with the weights $(3/4, 1/4)$ to the values $8$
# and $0$; all other weights are $1/2$. The heads found $(6, 4)$ for token 0 and $(4, 4)$ for token
# 1, so $y$ is $(10, 2)$ and $(8, 0)$.
#
# **Not allowed.** attention.
#
# **Hidden tests vary** all sizes (also 1, also equal), $E$ smaller and larger than $D$, the number
# of heads (from 1 to $E$), masks of several shapes, scores down to -500, dtype and memory layout.


# %%
def multi_head_attention(
    x: torch.Tensor,
    W_q: torch.Tensor,
    W_k: torch.Tensor,
    W_v: torch.Tensor,
    W_o: torch.Tensor,
    num_heads: int,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what several heads of self-attention make of each token.

    Args:
        x: Tokens, shape (N, T, D), floating dtype.
        W_q: Weight of the queries, shape (E, D).
        W_k: Weight of the keys, shape (E, D).
        W_v: Weight of the values, shape (E, D).
        W_o: Weight of the output, shape (D, E).
        num_heads: Number of heads H, a divisor of E.
        mask: Boolean, broadcastable to (N, H, T, T), True where a token may attend to another;
            None if all may. Each token may attend to at least one.

    Returns:
        Shape (N, T, D), same dtype.
    """
    raise NotImplementedError("multi_head_attention: write this function")


# %% [markdown]
# ## 8. (*) `kv_cache_step`
#
# **Goal.** Why chatbots answer quickly. While a text grows, the keys and values of its old tokens
# never change (nobody looks ahead), so they are kept. Only the newest token is new: compute its
# query, key and value, append the last two to what is kept, and let it attend to all.
#
# $$K' = [K; k], \quad V' = [V; v]\ (N, H, S + 1, d) \qquad
# y = \text{merge}\big(\text{attention}(q, K', V')\big)\, W_O^\top\ (N, 1, D)$$
#
# `x` holds the new token of each sequence, $(N, 1, D)$; the caches hold the keys and values of the
# $S \geq 0$ tokens before it, by head; the weights are those of exercise 7. Step by step this gives
# what exercise 7 with a causal mask gives at once. Return new tensors; the caches that came in keep
# their values.
#
# **Source.** Class notes, 6.5.3; session 4, practical "GPT from scratch".
#
# **Worked number.** Exercise 7 again: token 0 is in the caches, in head 0 with the key 1 and the
# value 8, in head 1 with 0 and 0. Token 1 arrives, $x = (0, 1)$: $y = (8, 0)$; head 0 now holds the
# keys $1, 0$ and the values $8, 0$, head 1 the keys $0, 1$ and the values $0, 8$.
#
# **Not allowed.** attention.
#
# **Parts.** `y`; `cache_k`; `cache_v`. **Hidden tests vary** all sizes (also 1, also equal), an
# empty cache, whole sequences step by step, dtype and memory layout.


# %%
def kv_cache_step(
    x: torch.Tensor,
    cache_k: torch.Tensor,
    cache_v: torch.Tensor,
    W_q: torch.Tensor,
    W_k: torch.Tensor,
    W_v: torch.Tensor,
    W_o: torch.Tensor,
    num_heads: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return multi-head causal self-attention of one new token, and the caches with it.

    Args:
        x: The new token of each sequence, shape (N, 1, D), floating dtype.
        cache_k: Keys of the S tokens before it, shape (N, H, S, d); S may be 0. Not changed.
        cache_v: Values of these tokens, same shape. Not changed.
        W_q: Weight of the queries, shape (H * d, D).
        W_k: Weight of the keys, shape (H * d, D).
        W_v: Weight of the values, shape (H * d, D).
        W_o: Weight of the output, shape (D, H * d).
        num_heads: Number of heads H.

    Returns:
        (y, cache_k, cache_v): the output for the new token, shape (N, 1, D), and the keys and
        values of all tokens so far, oldest first, shape (N, H, S + 1, d); same dtype as `x`.
    """
    raise NotImplementedError("kv_cache_step: write this function")


# %% [markdown]
# ## 9. `sinusoidal_positions`
#
# **Goal.** Shuffle the tokens, and attention gives the same outputs, shuffled. To let order count,
# each position gets a vector of its own, made of waves that are slower and slower.
#
# $$P_{t, 2i} = \sin\left(\frac{t}{10000^{2i / d}}\right) \qquad
# P_{t, 2i + 1} = \cos\left(\frac{t}{10000^{2i / d}}\right) \qquad P\ (T, d)$$
#
# `positions` holds the values of $t$, as floating numbers in any order (usually $0, 1, 2, \dots$,
# but one who continues a text starts later). If $d$ is odd, the last column is a sine.
#
# **Source.** Vaswani and others, 3.5. Class notes, 6.5.2, where the vector is *appended* to the
# input; in the paper, and in exercise 12, it is *added*, and so needs as many features as a token.
#
# **Worked number.** $t = 0, 1$ and $d = 4$: the rows are $(0, 1, 0, 1)$ and $(\sin 1, \cos 1, \sin
# 0.01, \cos 0.01) = (0.8415, 0.5403, 0.0100, 1.0000)$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the number of positions, their order and size, $d$ (odd, even, 1, 2), dtype
# and memory layout.


# %%
def sinusoidal_positions(positions: torch.Tensor, d: int) -> torch.Tensor:
    """Return a vector of sines and cosines for each position.

    Args:
        positions: Positions, shape (T,), floating dtype, not negative.
        d: Number of features, at least 1.

    Returns:
        Shape (T, d), same dtype: sines in the even columns, cosines in the odd ones.
    """
    raise NotImplementedError("sinusoidal_positions: write this function")


# %% [markdown]
# ## 10. `transformer_block`
#
# **Goal.** The block that is stacked to build every transformer: attention lets tokens talk to each
# other, then a small network thinks about each token by itself; both only *add* to what is there,
# and layer normalisation keeps the size of the numbers in check. Where it stands is a matter of
# taste, or of generation:
#
# $$\text{post:}\quad h = \text{LN}_1\big(x + \text{SA}(x)\big), \quad
# y = \text{LN}_2\big(h + \text{MLP}(h)\big)$$
#
# $$\text{pre:}\quad h = x + \text{SA}\big(\text{LN}_1(x)\big), \quad
# y = h + \text{MLP}\big(\text{LN}_2(h)\big)$$
#
# SA is exercise 7, $\text{MLP}(h) = \text{ReLU}(h W_1^\top + b_1)\, W_2^\top + b_2$ for each token,
# and layer normalisation acts on the $D$ features $z$ of one token:
#
# $$\text{LN}_i(z) = \gamma_i \odot \frac{z - \mu}{\sqrt{\sigma^2 + 10^{-5}}} + \beta_i, \qquad
# \mu = \frac{1}{D} \sum_j z_j, \qquad \sigma^2 = \frac{1}{D} \sum_j (z_j - \mu)^2$$
#
# `params` is a dict: `"W_q"`, `"W_k"`, `"W_v"` of shape $(E, D)$, `"W_o"` $(D, E)$, `"W_1"` $(F,
# D)$, `"b_1"` $(F,)$, `"W_2"` $(D, F)$, `"b_2"` $(D,)$, `"gamma_1"`, `"beta_1"`, `"gamma_2"`,
# `"beta_2"` $(D,)$. `norm` is `"post"` or `"pre"`.
#
# **Source.** Class notes, 6.6.2 "The Transformer block" (this is `"post"`, as in Vaswani and
# others, 3.1); GPT-2 and nearly everything since is `"pre"`.
#
# **Worked number.** A single token $x = (1, 3)$ attends to itself alone: with $W_V = W_O = I$,
# $\text{SA}(x) = x$. Let $W_1 = I$, $W_2 = \begin{pmatrix} 0 & 4 \\ 0 & 0 \end{pmatrix}$, no
# biases, $\gamma = 1$, $\beta = 0$, and forget $10^{-5}$ for a moment. Post: $h = \text{LN}(2, 6) =
# (-1, 1)$, the MLP adds $(4, 0)$, and $y = \text{LN}(3, 1) = (1, -1)$. Pre: $h = (1, 3) + (-1, 1) =
# (0, 4)$, and $y = (0, 4) + (4, 0) = (4, 4)$.
#
# **Not allowed.** attention, layer norm.
#
# **Parts.** `post`; `pre`. **Hidden tests vary** all sizes (also 1, also equal), the number of
# heads, masks, scores down to -500, $\gamma$ and $\beta$, tokens whose features are nearly equal,
# dtype and memory layout.


# %%
def transformer_block(
    x: torch.Tensor,
    params: dict[str, torch.Tensor],
    num_heads: int,
    mask: torch.Tensor | None = None,
    norm: str = "post",
) -> torch.Tensor:
    """Return the tokens after one transformer block.

    Args:
        x: Tokens, shape (N, T, D), floating dtype.
        params: The twelve parameters, by name (see above).
        num_heads: Number of heads.
        mask: Boolean, broadcastable to (N, H, T, T), True where a token may attend to another;
            None if all may. Each token may attend to at least one.
        norm: "post" or "pre": layer normalisation behind or in front of what is added.

    Returns:
        Shape (N, T, D), same dtype.
    """
    raise NotImplementedError("transformer_block: write this function")


# %% [markdown]
# ## 11. (*) `gpt_param_count`
#
# **Goal.** How many numbers does a GPT learn? Count the parameters of the model that you are about
# to write, with the shapes of exercises 10 and 12 and $E = D$: the two tables, `layers` blocks, the
# last layer normalisation, the head. Most of a large model sits in the blocks: about $12 D^2$ each,
# when $F = 4 D$.
#
# **Source.** Session 4, practical "GPT from scratch". (Class notes, 6.6.3, give the original
# transformer 6 heads for 512 features. 6 does not divide 512: the paper has 8 heads of 64 features,
# and 6 is the number of its layers.)
#
# **Worked number.** $V = 3$, a context of 4, $D = 2$, $F = 8$, one layer, one head: $6 + 8$ for the
# tables, $16$ for attention, $16 + 8 + 16 + 2$ for the MLP, $8$ for its layer normalisations, $4$
# for the last one, $6$ for the head: 90.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** all numbers.


# %%
def gpt_param_count(
    vocab: int, context: int, d: int, d_ff: int, layers: int, num_heads: int
) -> int:
    """Return the number of parameters of `gpt_forward`.

    Args:
        vocab: Size V of the vocabulary.
        context: Number of positions C.
        d: Features D of a token.
        d_ff: Hidden units F of the MLPs.
        layers: Number of blocks, may be 0.
        num_heads: Number of heads of each block.

    Returns:
        How many numbers are learnt.
    """
    raise NotImplementedError("gpt_param_count: write this function")


# %% [markdown]
# ## 12. (*) `gpt_forward`
#
# **Goal.** A GPT from scratch. Look up a vector for each token and one for each position, send
# their sum through the blocks, and score every token of the vocabulary as the next one.
#
# $$h^{(0)}_{nt} = \text{tok}_{\text{idx}_{nt}} + \text{pos}_t, \qquad
# h^{(l)} = \text{block}_l(h^{(l - 1)}), \qquad
# \text{logits} = \text{LN}(h^{(\text{last})})\, W_\text{head}^\top\ (N, T, V)$$
#
# The blocks are those of exercise 10, `"pre"`, with the causal mask. `params` is a dict: `"tok"`
# $(V, D)$, `"pos"` $(C, D)$ with $C \geq T$, `"blocks"` a list of dicts as in exercise 10 (it may
# be empty), `"gamma"`, `"beta"` $(D,)$ of the last layer normalisation, `"head"` $(V, D)$. Scores
# are returned as they are, without softmax, for *all* positions: position $t$ scores the token at
# $t + 1$, and sees nothing behind $t$.
#
# **Source.** Session 4, practical "GPT from scratch". Positions are added, see exercise 9; here
# they are a learnt table (class notes, 6.5.2).
#
# **Worked number.** No block, $V = D = 2$, tok $= \begin{pmatrix} 1 & 3 \\ 0 & 0 \end{pmatrix}$,
# pos $= \begin{pmatrix} 0 & 0 \\ 5 & 1 \end{pmatrix}$, head $= \begin{pmatrix} 1 & 0 \\ 0 & 2
# \end{pmatrix}$, $\gamma = 1$, $\beta = 0$, idx $= (0, 1)$: the tokens are $(1, 3)$ and $(5, 1)$,
# normalised (up to the $10^{-5}$) $(-1, 1)$ and $(1, -1)$; the logits are $(-1, 2)$ and $(1, -2)$.
#
# **Not allowed.** attention, layer norm.
#
# **Parts.** `logits`; `causality` (other tokens later on change later scores, not earlier ones).
# **Hidden tests vary** all sizes (also 1, also equal), the number of blocks (0 to 3) and of heads,
# sequences shorter than the table of positions, dtype.


# %%
def gpt_forward(idx: torch.Tensor, params: dict, num_heads: int) -> torch.Tensor:
    """Return the scores of the next token at every position.

    Args:
        idx: Tokens, int64, shape (N, T), entries in 0..V-1.
        params: The parameters, by name (see above), floating.
        num_heads: Number of heads of each block.

    Returns:
        Logits, shape (N, T, V), dtype of the parameters.
    """
    raise NotImplementedError("gpt_forward: write this function")


# %% [markdown]
# ## 13. (*) `next_token_loss`
#
# **Goal.** The loss that trains it: the cross-entropy between the scores at each position and the
# token that really came next. A sequence of $T$ tokens asks $T - 1$ questions.
#
# $$\mathcal L = -\frac{1}{N (T - 1)} \sum_{n} \sum_{t = 0}^{T - 2}
# \log \text{softmax}(\text{logits}_{nt})_{\text{idx}_{n, t + 1}}
# \qquad \text{logits}\ (N, T, V),\ \text{idx}\ (N, T)$$
#
# **Source.** Session 4, practical "GPT from scratch"; session 2, "Step 2".
#
# **Worked number.** $V = 2$, the logits $(\ln 3, 0)$, $(0, 0)$, $(7, 5)$ and the tokens $(1, 0,
# 1)$. The first question expects token 0, which has the probability 3/4; the second one token 1,
# with 1/2. The loss is $\frac{1}{2} (\ln \frac{4}{3} + \ln 2) = 0.4904$.
#
# **Not allowed.** Nothing is: `F.cross_entropy` is welcome.
#
# **Parts.** `loss`; `stability` (logits of several thousand). **Hidden tests vary** all sizes (two
# tokens at least), dtype and memory layout.


# %%
def next_token_loss(logits: torch.Tensor, idx: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of predicting each token from those before it.

    Args:
        logits: Scores of the next token at each position, shape (N, T, V), floating dtype.
        idx: The tokens, int64, shape (N, T), T at least 2.

    Returns:
        A 0-d tensor, dtype of `logits`.
    """
    raise NotImplementedError("next_token_loss: write this function")


# %% [markdown]
# ## 14. (*) `generate`
#
# **Goal.** Let it write. `n` times: show the model the text so far, take its scores for the next
# token, draw that token and append it.
#
# $$p = \text{softmax}(z / \tau) \text{ over the } \texttt{top\_k} \text{ largest scores}, \qquad
# z = \text{logits at the last position}\ (N, V)$$
#
# `model` is a function: it takes tokens $(N, T)$ and returns logits $(N, T, V)$. It has never seen
# more than `context` tokens at a time: show it the *last* `context` ones when there are more.
# $\tau$ is the `temperature`, positive. Tokens that are not among the `top_k` largest scores are
# never drawn; None, or a `top_k` of $V$ or more, allows all. (No two scores are equal in the
# tests.) All randomness comes from `generator`, on the CPU; `torch.multinomial` takes one.
#
# **Source.** Session 4, practical "GPT from scratch"; session 2, "Step 1", for sampling.
#
# **Worked number.** A model that always gives the token after the last one the largest score,
# `top_k` 1: there is nothing to draw, and from $(0)$ come, for $n = 3$, the tokens $(0, 1, 2, 3)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `greedy` (`top_k` 1); `context` (texts longer than it); `sampling` (how often each
# token is drawn); `generator` (the same state gives the same text, another state another one; each
# token is drawn anew). **Hidden tests vary** the model, `N`, the length of the text, `n` (also 0),
# `context`, `temperature`, `top_k`, the generator's state.


# %%
def generate(
    model: Callable[[torch.Tensor], torch.Tensor],
    idx: torch.Tensor,
    n: int,
    context: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator,
) -> torch.Tensor:
    """Continue sequences of tokens, one sampled token at a time.

    Args:
        model: A function from tokens, int64, shape (N, T), T at most `context`, to logits of the
            next token at each position, shape (N, T, V).
        idx: The tokens to start from, int64, shape (N, T), T at least 1; not changed.
        n: Number of tokens to append.
        context: The most tokens that the model may see.
        temperature: Divides the logits, positive.
        top_k: Number of tokens that may be drawn; None for all.
        generator: Where all random numbers come from.

    Returns:
        The tokens, int64, shape (N, T + n), beginning with `idx`.
    """
    raise NotImplementedError("generate: write this function")


# %% [markdown]
# ## A reward: it writes
#
# Everything together: a GPT of ten thousand parameters, made of your functions, learns a nursery
# rhyme by heart. (Here torch may differentiate for you.) The first loss should be close to $\ln V$,
# that of a model that knows nothing. Then give it an empty line, and turn the temperature up.

# %%
if __name__ == "__main__":
    rhyme = (
        "row, row, row your boat, gently down the stream.\n"
        "merrily, merrily, merrily, merrily, life is but a dream.\n"
    )
    letters = sorted(set(rhyme))
    text = torch.tensor([letters.index(letter) for letter in rhyme * 2])
    seeded = torch.Generator().manual_seed(0)
    V, C, D, F, heads = len(letters), 24, 32, 64, 2

    def weight(*shape: int, std: float = 0.15) -> torch.Tensor:
        """Return small random numbers."""
        return std * torch.randn(*shape, generator=seeded)

    def new_block() -> dict[str, torch.Tensor]:
        """Return the parameters of a block that has learnt nothing yet."""
        block = {name: weight(D, D) for name in ("W_q", "W_k", "W_v", "W_o")}
        block |= {"W_1": weight(F, D), "b_1": torch.zeros(F)}
        block |= {"W_2": weight(D, F), "b_2": torch.zeros(D)}
        block |= {name: torch.ones(D) for name in ("gamma_1", "gamma_2")}
        return block | {name: torch.zeros(D) for name in ("beta_1", "beta_2")}

    gpt = {"tok": weight(V, D), "pos": weight(C, D), "blocks": [new_block()]}
    gpt |= {"gamma": torch.ones(D), "beta": torch.zeros(D), "head": weight(V, D, std=0.02)}
    learnt = [one for block in gpt["blocks"] for one in block.values()]
    learnt += [one for one in gpt.values() if isinstance(one, torch.Tensor)]
    optimizer = torch.optim.Adam([one.requires_grad_() for one in learnt], lr=0.01)

    count = gpt_param_count(V, C, D, F, 1, heads)
    print(f"{count} parameters, {V} letters, ln V = {math.log(V):.2f}")
    windows = text.unfold(0, C, 1)
    for step in range(151):
        batch = windows[torch.randint(len(windows), (16,), generator=seeded)]
        loss = next_token_loss(gpt_forward(batch, gpt, heads), batch)
        if step % 50 == 0:
            print(f"step {step:3d}: loss {loss.item():.2f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with torch.no_grad():
        start = torch.tensor([[letters.index("\n")]])
        for temperature in (0.3, 1.5):
            # The last of the C positions was never asked a question: write with the others.
            written = generate(
                lambda tokens: gpt_forward(tokens, gpt, heads),
                start, 107, C - 1, temperature, None, seeded,
            )  # fmt: skip
            print(f"\ntemperature {temperature}:", end="")
            print("".join(letters[token] for token in written[0].tolist()))
