"""Known wrong versions of the exercises on autoregressive models and the VAE, with hints."""

import math

import torch

from autograder.checks.bank import mistake

F = torch.nn.functional
LOG_2PI = math.log(2 * math.pi)


def _log_softmax(scores, dim):
    """Return log-probabilities, by hand."""
    shifted = scores - scores.amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def _check(kernel_size, kind):
    """Raise what `pixelcnn_mask` has to."""
    if kernel_size < 1 or kernel_size % 2 == 0 or kind not in ("A", "B"):
        raise ValueError((kernel_size, kind))


def _mask(kernel_size, kind):
    """Return the right mask."""
    mask = torch.zeros(kernel_size**2)
    mask[: kernel_size**2 // 2 + (kind != "A")] = 1
    return mask.reshape(kernel_size, kernel_size)


def _log_coins(x, logits):
    """Return the log-probability of each pixel."""
    return x * logits - logits.clamp(min=0) - torch.log1p(torch.exp(-logits.abs()))


def _coins(x, logits):
    """Return the log-probability of each example."""
    return _log_coins(x, logits).flatten(1).sum(1)


def _kl(mu, logvar):
    """Return the KL divergence from the prior."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1)


def _eye(b):
    """Return the identity, as large as `b`."""
    return torch.eye(len(b), dtype=b.dtype, device=b.device)


def _linear_gaussian(  # one step of the calculation may be replaced
    x, W, b, sigma, mu, logvar, *, spread=None, gain=None, kl=None, noise_entries=None,
    covariance=None,
):  # fmt: skip
    """Return the bound and the evidence of a linear decoder, with one step replaced."""
    var = logvar.exp() if spread is None else spread(logvar.exp())
    gain = W.square().sum(0) if gain is None else gain
    kl = _kl(mu, logvar) if kl is None else kl
    entries = len(b) if noise_entries is None else noise_entries
    covariance = W @ W.T + sigma**2 * _eye(b) if covariance is None else covariance
    squares = (x - b - mu @ W.T).square().sum(1) + var @ gain
    noise = len(b) * LOG_2PI + 2 * entries * math.log(sigma)
    distance = ((x - b) * torch.linalg.solve(covariance, (x - b).T).T).sum(1)
    evidence = -0.5 * (len(b) * LOG_2PI + torch.logdet(covariance) + distance)
    return -0.5 * (noise + squares / sigma**2) - kl, evidence


def _log_prior(z):
    """Return the log-density of codes under the prior."""
    return -0.5 * (LOG_2PI + z.square()).sum(-1)


def _log_q(z, mu, logvar):
    """Return the log-density of codes under q."""
    return -0.5 * (LOG_2PI + logvar + (z - mu).square() * torch.exp(-logvar)).sum(-1)


def _log_mean_exp(log_w):
    """Return the logarithm of the mean of the weights."""
    largest = log_w.amax(0)
    return largest + (log_w - largest).exp().mean(0).log()


def _per_example(grad_kl, mu):
    """Lay one number per example along the first axis of `mu`."""
    return grad_kl.reshape(-1, *[1] * (mu.dim() - 1))


def _train(x, hidden, latent, steps, lr, generator, *, kl_weight=1.0, noisy=True, anew=True):
    """Train rightly: the weight of the KL term is 1, codes are noisy, each step draws anew."""
    params = []
    widths = ((hidden, x.shape[1]), (latent, hidden), (latent, hidden), (hidden, latent))
    for n_out, n_in in (*widths, (x.shape[1], hidden)):
        weight = torch.randn(n_out, n_in, generator=generator).to(x) / math.sqrt(n_in)
        params += [weight.requires_grad_(), x.new_zeros(n_out).requires_grad_()]
    W_e, b_e, W_mu, b_mu, W_v, b_v, W_d, b_d, W_x, b_x = params
    optimizer, state = torch.optim.Adam(params, lr=lr), generator.get_state()
    for _ in range(steps):
        if not anew:
            generator.set_state(state)
        batch = x[torch.randint(len(x), (min(100, len(x)),), generator=generator)]
        h = torch.tanh(batch @ W_e.T + b_e)
        mu, logvar = h @ W_mu.T + b_mu, h @ W_v.T + b_v
        noise = torch.randn(mu.shape, generator=generator).to(x)
        z = mu + noisy * torch.exp(0.5 * logvar) * noise
        logits = torch.tanh(z @ W_d.T + b_d) @ W_x.T + b_x
        loss = (kl_weight * _kl(mu, logvar) - _coins(batch, logits)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return tuple(param.detach() for param in params)


# --- autoregressive_log_prob ----------------------------------------------------------------


@mistake(
    "autoregressive_log_prob",
    source="constructed: the loss of a recurrent network, a mean over time",
    hints=(
        "A sequence twice as long is no less probable to you.",
        "With a single entry all is well.",
        "Do the logarithms of the conditionals average or add?",
    ),
)
def mean_over_entries(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p.gather(-1, x.unsqueeze(-1)).squeeze(-1).mean(1)


@mistake(
    "autoregressive_log_prob",
    source="class notes, 9.2.1: what is minimised, and what is not",
    hints=(
        "The logarithm of a probability cannot be positive.",
        "It shows in every case.",
        "You were asked for the log-probability. Is that what one minimises?",
    ),
)
def minus_the_log_prob(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return -log_p.gather(-1, x.unsqueeze(-1)).sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="constructed: sequences multiplied together",
    hints=(
        "There is one number where there should be one for each sequence.",
        "It shows in the shape as soon as there are several sequences.",
        "Three sequences: how many log-probabilities?",
    ),
)
def sum_over_the_batch_too(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p.gather(-1, x.unsqueeze(-1)).sum()


@mistake(
    "autoregressive_log_prob",
    source="constructed: the scores taken for log-probabilities",
    hints=(
        "The probabilities of all sequences do not sum to 1.",
        "It shows as soon as a score is changed that belongs to another value than the one in x.",
        "When are scores logarithms of probabilities?",
    ),
)
def raw_scores(cond_logits, x):
    return cond_logits.gather(-1, x.unsqueeze(-1)).sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="a habit from language models: inputs and targets shifted by one",
    hints=(
        "The scores of an entry are compared with the value of its neighbour.",
        "With a single entry there is nothing left to compare.",
        "Which entry do the scores at position t speak about, as this exercise defines it?",
    ),
)
def shifted_targets(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p[:, :-1].gather(-1, x[:, 1:].unsqueeze(-1)).sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="constructed: the first entry has no past, so it is left out",
    hints=(
        "The probabilities of all sequences sum to more than 1.",
        "The first entry has no influence on your result.",
        "Is the first entry certain before anything was read?",
    ),
)
def first_entry_free(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p[:, 1:].gather(-1, x[:, 1:].unsqueeze(-1)).sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="constructed: the last conditional taken for the whole",
    hints=(
        "Most of the sequence has no influence on your result.",
        "With a single entry all is well.",
        "The last factor of the chain rule speaks about one entry. Where are the others?",
    ),
)
def last_entry_only(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p[:, -1].gather(-1, x[:, -1:]).squeeze(-1)


@mistake(
    "autoregressive_log_prob",
    source="constructed: the scores normalised along the wrong axis",
    hints=(
        "The conditional of one entry does not sum to 1 over its values.",
        "It is the axis along which scores compete.",
        "Which scores compete with each other: those of one place, or those of one value?",
    ),
)
def softmax_over_time(cond_logits, x):
    log_p = _log_softmax(cond_logits, 1)
    return log_p.gather(-1, x.unsqueeze(-1)).sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="constructed: one softmax over all places and values",
    hints=(
        "You choose one pair of place and value out of all, not one value at each place.",
        "With a single entry all is well.",
        "How many distributions does an autoregressive model with T entries say?",
    ),
)
def softmax_over_both(cond_logits, x):
    log_p = _log_softmax(cond_logits.flatten(1), 1).reshape(cond_logits.shape)
    return log_p.gather(-1, x.unsqueeze(-1)).sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="constructed: the best path in place of the given one",
    hints=(
        "Another sequence with the same scores gets the same probability.",
        "It is how one conditional is picked out of the K.",
        "Which of the K values was really observed?",
    ),
)
def most_likely_values(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p.amax(-1).sum(1)


@mistake(
    "autoregressive_log_prob",
    source="constructed: a sum of probabilities in place of their product",
    hints=(
        "The result is close to the logarithm of T for sequences that are likely.",
        "With a single entry all is well.",
        "What does one do with the probabilities of one event after the other?",
    ),
)
def probabilities_added(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p.exp().gather(-1, x.unsqueeze(-1)).sum((1, 2)).log()


@mistake(
    "autoregressive_log_prob",
    source="constructed: the product, without the logarithm",
    hints=(
        "Your results lie between 0 and 1.",
        "It shows in every case.",
        "Is it the probability that was asked for?",
    ),
)
def probability_not_log(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p.gather(-1, x.unsqueeze(-1)).sum((1, 2)).exp()


@mistake(
    "autoregressive_log_prob",
    source="121 public solution sets of one course: no maximum is subtracted",
    hints=(
        "Large scores give no number.",
        "It shows at scores of about 1000; small ones are fine.",
        "What is the exponential of 1000 in floating point?",
    ),
)
def no_shift(cond_logits, x):
    log_p = cond_logits - cond_logits.exp().sum(-1, keepdim=True).log()
    return log_p.gather(-1, x.unsqueeze(-1)).sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="121 public solution sets of one course: the maximum is subtracted, then log(p)",
    hints=(
        "An improbable value gives minus infinity.",
        "It shows where a probability is too small to be stored.",
        "Does the logarithm have to be taken of a number that may be 0?",
    ),
)
def log_of_softmax(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    p = log_p.exp()
    return p.gather(-1, x.unsqueeze(-1)).log().sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="121 public solution sets of one course: log(p + 1e-8)",
    hints=(
        "Improbable values are not improbable enough.",
        "It shows where a probability is small.",
        "What does adding a small number do when the probability itself is smaller?",
    ),
)
def clipped_probabilities(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    p = log_p.exp()
    return (p.gather(-1, x.unsqueeze(-1)) + 1e-8).log().sum((1, 2))


@mistake(
    "autoregressive_log_prob",
    source="karpathy/nn-zero-to-hero, issue 59: shapes that broadcasting hides",
    hints=(
        "The values are right, the shape is not.",
        "It is the sum that keeps an axis.",
        "How many axes do B numbers have?",
    ),
)
def keeps_an_axis(cond_logits, x):
    log_p = _log_softmax(cond_logits, -1)
    return log_p.gather(-1, x.unsqueeze(-1)).sum(1)


@mistake(
    "autoregressive_log_prob",
    source="121 public solution sets of one course: np.squeeze drops axes of size 1",
    hints=(
        "Some batches give an error.",
        "It is a single sequence, or sequences with a single entry.",
        "You drop an axis of size 1. Is it always the only one?",
    ),
)
def picked_and_squeezed(cond_logits, x):
    picked = _log_softmax(cond_logits, -1).gather(-1, x.unsqueeze(-1))
    return picked.squeeze().sum(1)


# --- pixelcnn_mask --------------------------------------------------------------------------


@mistake(
    "pixelcnn_mask",
    source="constructed: A and B exchanged",
    hints=(
        "Your first layer lets a pixel predict itself.",
        "It is the centre.",
        "Which of the two kinds is meant for the layer that sees the image itself?",
    ),
)
def kinds_exchanged(kernel_size, kind):
    _check(kernel_size, kind)
    return _mask(kernel_size, {"A": "B", "B": "A"}[kind])


@mistake(
    "pixelcnn_mask",
    source="constructed: rows and columns exchanged",
    hints=(
        "The mask follows another order than reading order.",
        "It shows in all rows but the one of the centre.",
        "Does one read along rows or along columns?",
    ),
)
def columns_first(kernel_size, kind):
    _check(kernel_size, kind)
    return _mask(kernel_size, kind).T


@mistake(
    "pixelcnn_mask",
    source="constructed: the future in place of the past",
    hints=(
        "The mask keeps what comes after the pixel.",
        "It shows everywhere but in the centre.",
        "Which pixels are known when this one is predicted?",
    ),
)
def looks_ahead(kernel_size, kind):
    _check(kernel_size, kind)
    return _mask(kernel_size, kind).flip(0, 1)


@mistake(
    "pixelcnn_mask",
    source="constructed: the mask of a sequence model",
    hints=(
        "Pixels above and to the right are struck out, although they are known.",
        "It shows in the rows above the centre.",
        "Which pixels of the row above come before this one in reading order?",
    ),
)
def lower_triangle(kernel_size, kind):
    _check(kernel_size, kind)
    k = kernel_size
    mask = torch.ones(k, k).tril()
    mask[k // 2, k // 2] = kind == "B"
    mask[k // 2 + 1 :] = 0
    return mask


@mistake(
    "pixelcnn_mask",
    source="class notes, 9.2.3: a PixelRNN sees what lies above and to the left",
    hints=(
        "Pixels above and to the right are struck out, although they are known.",
        "It shows in the rows above the centre.",
        "Which pixels of the row above come before this one in reading order?",
    ),
)
def quadrant(kernel_size, kind):
    _check(kernel_size, kind)
    mask = _mask(kernel_size, kind)
    mask[: kernel_size // 2, kernel_size // 2 + 1 :] = 0
    return mask


@mistake(
    "pixelcnn_mask",
    source="constructed: the own row forgotten",
    hints=(
        "A pixel does not see its left neighbour.",
        "It shows in the row of the centre.",
        "Which pixels of its own row come before the centre?",
    ),
)
def rows_above_only(kernel_size, kind):
    _check(kernel_size, kind)
    mask = torch.zeros(kernel_size, kernel_size)
    mask[: kernel_size // 2] = 1
    mask[kernel_size // 2, kernel_size // 2] = kind == "B"
    return mask


@mistake(
    "pixelcnn_mask",
    source="constructed: the own row kept on both sides",
    hints=(
        "A pixel sees its right neighbour, which comes later.",
        "It shows in the row of the centre.",
        "Which pixels of its own row come before the centre?",
    ),
)
def own_row_whole(kernel_size, kind):
    _check(kernel_size, kind)
    mask = _mask(kernel_size, kind)
    mask[kernel_size // 2, kernel_size // 2 + 1 :] = 1
    return mask


@mistake(
    "pixelcnn_mask",
    source="constructed: the kind is not looked at",
    hints=(
        "Both kinds give the same mask.",
        "It is the centre.",
        "What may a later layer see that the first may not?",
    ),
)
def always_kind_a(kernel_size, kind):
    _check(kernel_size, kind)
    return _mask(kernel_size, "A")


@mistake(
    "pixelcnn_mask",
    source="constructed: 1 for what is struck out",
    hints=(
        "Kept and struck out are exchanged.",
        "It shows everywhere.",
        "Is the weight multiplied by the mask, or filled where the mask is 1?",
    ),
)
def complement(kernel_size, kind):
    _check(kernel_size, kind)
    return 1 - _mask(kernel_size, kind)


@mistake(
    "pixelcnn_mask",
    source="pytorch weights have four axes",
    hints=(
        "The values are right, the shape is not.",
        "It has more axes than asked for.",
        "How many axes does the mask of one kernel have?",
    ),
)
def with_channel_axes(kernel_size, kind):
    _check(kernel_size, kind)
    return _mask(kernel_size, kind)[None, None]


@mistake(
    "pixelcnn_mask",
    source="constructed: no check of the size",
    hints=(
        "Where there is no centre, you give a mask.",
        "It shows for an even kernel_size.",
        "Which pixel is the centre of a kernel of size 4?",
    ),
)
def even_kernels_accepted(kernel_size, kind):
    if kind not in ("A", "B"):
        raise ValueError(kind)
    return _mask(max(kernel_size, 1), kind)


@mistake(
    "pixelcnn_mask",
    source="constructed: an else where a check belongs",
    hints=(
        "A kind that does not exist gets a mask.",
        "The masks of the two kinds are right.",
        "What does your function do when someone asks for kind C?",
    ),
)
def any_kind_is_b(kernel_size, kind):
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(kernel_size)
    return _mask(kernel_size, kind)


# --- masked_conv2d --------------------------------------------------------------------------


@mistake(
    "masked_conv2d",
    source="constructed: an ordinary convolution",
    hints=(
        "A pixel moves with pixels that come later.",
        "It shows unless the kernel has size 1.",
        "What happened to the weights that look ahead?",
    ),
)
def no_mask(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    return F.conv2d(x, weight * torch.ones_like(mask), bias, padding=k // 2)


@mistake(
    "masked_conv2d",
    source="121 public solution sets of one course: the result of masked_fill is thrown away",
    hints=(
        "The centre is struck out, and nothing else.",
        "It shows unless the kernel has size 1.",
        "Does each of your masking steps change the weight that you use?",
    ),
)
def mask_not_assigned(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    kept = weight.clone()
    kept.masked_fill(mask == 0, 0.0)
    kept[..., k // 2, k // 2] *= mask[k // 2, k // 2]
    return F.conv2d(x, kept, bias, padding=k // 2)


@mistake(
    "masked_conv2d",
    source="class notes, 4.2.1: the formula with flipped indices",
    hints=(
        "The kernel is applied upside down.",
        "It shows unless the kernel has size 1.",
        "Which weight meets the pixel above?",
    ),
)
def true_convolution(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    return F.conv2d(x, (weight * mask).flip(2, 3), bias, padding=k // 2)


@mistake(
    "masked_conv2d",
    source="constructed: the weight is flipped, the mask is not",
    hints=(
        "The right pixels are used, with the wrong weights.",
        "With a kernel of ones all is well.",
        "Which weight meets the pixel above?",
    ),
)
def flipped_weight(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    return F.conv2d(x, weight.flip(2, 3) * mask, bias, padding=k // 2)


@mistake(
    "masked_conv2d",
    source="constructed: rows and columns of the mask exchanged",
    hints=(
        "A pixel moves with some that come later, and does not with some that came before.",
        "It is the mask.",
        "Does one read along rows or along columns?",
    ),
)
def mask_transposed(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    return F.conv2d(x, weight * mask.T, bias, padding=k // 2)


@mistake(
    "masked_conv2d",
    source="constructed: kind A in every layer",
    hints=(
        "No layer of yours sees its own pixel.",
        "It shows for kind B.",
        "What may a later layer see that the first may not?",
    ),
)
def kind_ignored(x, weight, bias, kind):
    k = weight.shape[-1]
    return F.conv2d(x, weight * _mask(k, "A").to(weight), bias, padding=k // 2)


@mistake(
    "masked_conv2d",
    source="constructed: kind B in every layer",
    hints=(
        "A pixel is predicted from itself.",
        "It shows for kind A.",
        "What would the first layer learn if it saw the pixel?",
    ),
)
def kind_b_always(x, weight, bias, kind):
    k = weight.shape[-1]
    return F.conv2d(x, weight * _mask(k, "B").to(weight), bias, padding=k // 2)


@mistake(
    "masked_conv2d",
    source="constructed: no bias",
    hints=(
        "All pixels of a channel are off by the same number.",
        "Which pixels move with which is right.",
        "What is your output for an image of zeros?",
    ),
)
def bias_forgotten(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    return F.conv2d(x, weight * mask, 0 * bias, padding=k // 2)


@mistake(
    "masked_conv2d",
    source="121 public solution sets of one course: the padding",
    hints=(
        "The output is smaller than the input.",
        "It shows unless the kernel has size 1.",
        "What does the first pixel see where the image ends?",
    ),
)
def no_padding(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    height, width = (size + 2 * (k // 2) for size in x.shape[2:])
    y = F.conv2d(x, weight * mask, bias, padding=k // 2)
    return y[:, :, k // 2 : height - 3 * (k // 2), k // 2 : width - 3 * (k // 2)]


@mistake(
    "masked_conv2d",
    source="constructed: all padding on one side, as for a causal convolution in time",
    hints=(
        "The image slides down and to the right.",
        "It shows unless the kernel has size 1.",
        "Where in the padded image must the centre of the kernel start?",
    ),
)
def padded_at_the_top(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    padded = F.pad(x, (2 * (k // 2), 0, 2 * (k // 2), 0))
    return F.conv2d(padded, weight * mask, bias)


@mistake(
    "masked_conv2d",
    source="constructed: the border repeated in place of zeros",
    hints=(
        "Pixels outside the image are not 0.",
        "It shows at the border only.",
        "What does the first pixel see where the image ends?",
    ),
)
def edges_repeated(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    half = k // 2
    padded = F.pad(x, (half, half, half, half), mode="replicate")
    return F.conv2d(padded, weight * mask, bias)


@mistake(
    "masked_conv2d",
    source="constructed: as many weights as kept, so the sum is rescaled",
    hints=(
        "The output is too large by the share of the weights that were struck out.",
        "It shows unless the bias is all there is.",
        "Does the formula divide by how many weights remain?",
    ),
)
def scaled_by_the_mask(x, weight, bias, kind):
    k = weight.shape[-1]
    mask = _mask(k, kind).to(weight)
    share = mask.mean().clamp(min=1 / k**2)
    return F.conv2d(x, weight * mask / share, bias, padding=k // 2)


# --- autoencoder_loss -----------------------------------------------------------------------


@mistake(
    "autoencoder_loss",
    source="pytorch/examples, issue 294: F.mse_loss divides by all elements",
    hints=(
        "The larger the image, the smaller your loss.",
        "With a single pixel all is well.",
        "Is a norm squared a sum or a mean?",
    ),
)
def mean_over_pixels(x, x_hat):
    return (x_hat - x).square().mean()


@mistake(
    "autoencoder_loss",
    source="constructed: no mean over the examples",
    hints=(
        "The loss doubles when the data are repeated.",
        "With a single example all is well.",
        "Does the loss depend on how many examples there are?",
    ),
)
def sum_over_all(x, x_hat):
    return (x_hat - x).square().sum()


@mistake(
    "autoencoder_loss",
    source="constructed: the norm without its square",
    hints=(
        "Twice the error is only twice the loss.",
        "It shows unless each example is off by 0 or by 1.",
        "What does the exponent 2 above the norm say?",
    ),
)
def not_squared(x, x_hat):
    return (x_hat - x).flatten(1).norm(dim=1).mean()


@mistake(
    "autoencoder_loss",
    source="constructed: the L1 norm",
    hints=(
        "Twice the error is only twice the loss.",
        "It shows unless each pixel is off by 0 or by 1.",
        "Which norm has the index 2?",
    ),
)
def absolute_values(x, x_hat):
    return (x_hat - x).abs().flatten(1).sum(1).mean()


@mistake(
    "autoencoder_loss",
    source="constructed: the mean over the examples is missing",
    hints=(
        "There are several numbers where one is asked for.",
        "It shows in the shape.",
        "What does the sum over n with 1/B in front of it do?",
    ),
)
def one_per_example(x, x_hat):
    return (x_hat - x).square().flatten(1).sum(1)


@mistake(
    "autoencoder_loss",
    source="constructed: images are no rows",
    hints=(
        "An image of several rows counts as several examples.",
        "It shows with more than two axes.",
        "Over which axes does the norm of an image run?",
    ),
)
def last_axis_only(x, x_hat):
    return (x_hat - x).square().sum(-1).mean()


@mistake(
    "autoencoder_loss",
    source="constructed: errors that cancel",
    hints=(
        "Errors of opposite sign cancel.",
        "It shows unless all errors of an example have one sign and one pixel.",
        "What is squared: each error, or their sum?",
    ),
)
def signed_error(x, x_hat):
    return (x_hat - x).flatten(1).sum(1).square().mean()


@mistake(
    "autoencoder_loss",
    source="constructed: the factor of the Gaussian log-likelihood",
    hints=(
        "The loss is half as large as it should be.",
        "It shows unless the reconstruction is perfect.",
        "Is there a factor in front of the norm?",
    ),
)
def half_of_it(x, x_hat):
    return 0.5 * (x_hat - x).square().sum() / len(x)


@mistake(
    "autoencoder_loss",
    source="constructed: the root of the mean",
    hints=(
        "Twice the error is only twice the loss.",
        "It shows unless the loss is 0 or 1.",
        "Where is there a root in the formula?",
    ),
)
def root_mean_square(x, x_hat):
    return ((x_hat - x).square().sum() / len(x)).sqrt()


@mistake(
    "autoencoder_loss",
    source="constructed: the axes of an image, written out",
    hints=(
        "Most inputs give an error; images with channels do not.",
        "It is the sum within an example.",
        "Over how many axes does it run when an example is a plain row?",
    ),
)
def images_with_channels_only(x, x_hat):
    return (x_hat - x).square().sum(dim=(1, 2, 3)).mean()


# --- linear_autoencoder ---------------------------------------------------------------------


@mistake(
    "linear_autoencoder",
    source="constructed: axes of the data as they come",
    hints=(
        "Your first axis points from the origin to the cloud.",
        "It shows for data far from the origin.",
        "What is subtracted before the encoder looks at an example?",
    ),
)
def not_centred(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x, full_matrices=False)
    return axes[:k], b, sizes[k:].square().sum() / len(x)


@mistake(
    "linear_autoencoder",
    source="constructed: eigenvalues come in ascending order",
    hints=(
        "The code keeps what hardly varies.",
        "It is the choice of the axes; with a bottleneck as wide as the data all is well.",
        "In which order do the eigenvalues of torch.linalg.eigh come?",
    ),
)
def smallest_axes(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    least = sizes[: len(sizes) - k].square().sum() / len(x)
    return axes[len(axes) - k :], b, least


@mistake(
    "linear_autoencoder",
    source="constructed: codes of unit variance",
    hints=(
        "The rows of W are orthogonal, but not of length 1.",
        "It is W alone.",
        "What is W times its own transpose?",
    ),
)
def whitened(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    loss = sizes[k:].square().sum() / len(x)
    return axes[:k] / sizes[:k].unsqueeze(1), b, loss


@mistake(
    "linear_autoencoder",
    source="constructed: loadings in place of axes",
    hints=(
        "The rows of W are orthogonal, but not of length 1.",
        "It is W alone.",
        "What is W times its own transpose?",
    ),
)
def scaled_by_singular_values(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    loss = sizes[k:].square().sum() / len(x)
    return axes[:k] * sizes[:k].unsqueeze(1), b, loss


@mistake(
    "linear_autoencoder",
    source="constructed: a sum of singular values",
    hints=(
        "Data ten times as large have a loss only ten times as large.",
        "It is the loss alone; if nothing is lost all is well.",
        "What is the squared norm of a matrix, in terms of its singular values?",
    ),
)
def sizes_not_squared(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    return axes[:k], b, sizes[k:].sum() / len(x)


@mistake(
    "linear_autoencoder",
    source="constructed: what is kept, not what is lost",
    hints=(
        "A wider bottleneck makes your loss larger.",
        "It is the loss alone.",
        "Which of the axes does the reconstruction miss?",
    ),
)
def kept_for_lost(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    return axes[:k], b, sizes[:k].square().sum() / len(x)


@mistake(
    "linear_autoencoder",
    source="constructed: no mean over the examples",
    hints=(
        "The loss doubles when the data are repeated.",
        "It is the loss alone; if nothing is lost all is well.",
        "Is the loss a sum or a mean over the examples?",
    ),
)
def summed_over_examples(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    return axes[:k], b, sizes[k:].square().sum()


@mistake(
    "linear_autoencoder",
    source="a habit from statistics: N - 1",
    hints=(
        "The loss is a little too large, the more so the fewer examples there are.",
        "It is the loss alone; if nothing is lost all is well.",
        "By how many examples does exercise 4 divide?",
    ),
)
def unbiased(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    return axes[:k], b, sizes[k:].square().sum() / (len(x) - 1)


@mistake(
    "linear_autoencoder",
    source="constructed: mean over the dimensions too",
    hints=(
        "The loss shrinks with the number of dimensions.",
        "It is the loss alone; if nothing is lost all is well.",
        "Is the loss of one example a sum or a mean over its dimensions?",
    ),
)
def per_pixel(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    return axes[:k], b, sizes[k:].square().sum() / x.numel()


@mistake(
    "linear_autoencoder",
    source="constructed: the unexplained share",
    hints=(
        "The loss does not grow when the data are scaled.",
        "It is the loss alone; if nothing is lost all is well.",
        "Is it a share that was asked for?",
    ),
)
def share_of_variance(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    return axes[:k], b, sizes[k:].square().sum() / sizes.square().sum()


@mistake(
    "linear_autoencoder",
    source="constructed: W transposed",
    hints=(
        "The numbers are right, rows and columns are exchanged.",
        "It is W alone.",
        "Is W the matrix that shortens or the one that lengthens?",
    ),
)
def decoder_for_encoder(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    loss = sizes[k:].square().sum() / len(x)
    return axes[:k].T, b, loss


@mistake(
    "linear_autoencoder",
    source="constructed: the mean of the codes",
    hints=(
        "What you subtract is not the mean of the examples.",
        "It is b alone.",
        "Which vector of D numbers would a bottleneck of size 0 answer with?",
    ),
)
def projected_mean(x, k):
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    loss = sizes[k:].square().sum() / len(x)
    return axes[:k], b - b @ axes[:k].T @ axes[:k], loss


@mistake(
    "linear_autoencoder",
    source="skfolio/skfolio, issue 187: the covariance of a single column is a plain number",
    hints=(
        "Some data give an error.",
        "It is examples that are a single number each.",
        "What shape does your covariance have when there is nothing to vary together with?",
    ),
)
def covariance_of_several_columns(x, k):
    sizes, axes = torch.linalg.eigh(torch.cov(x.T, correction=0))
    lost = len(sizes) - k
    return axes[:, lost:].T, x.mean(0), sizes[:lost].sum()


# --- reparameterize -------------------------------------------------------------------------


@mistake(
    "reparameterize",
    source="rachtsingh/ibp_vae, issue 3: exp(logvar) in place of its root",
    hints=(
        "The samples spread as if the variance were a standard deviation.",
        "If the variance is 1 all is well.",
        "If the variance is 9, how far does a typical sample sit from the mean?",
    ),
)
def variance_for_deviation(mu, logvar, noise):
    return mu + logvar.exp() * noise


@mistake(
    "reparameterize",
    source="constructed: the network's output used as it comes",
    hints=(
        "A standard deviation may be negative with you.",
        "It is the factor of the noise.",
        "What does the letter sigma stand for, and what did the network say?",
    ),
)
def logvar_for_deviation(mu, logvar, noise):
    return mu + logvar * noise


@mistake(
    "reparameterize",
    source="constructed: logvar taken for the variance",
    hints=(
        "A log-variance below 0 gives no number.",
        "It is the factor of the noise.",
        "What does the letter sigma stand for, and what did the network say?",
    ),
)
def root_of_logvar(mu, logvar, noise):
    return mu + logvar.sqrt() * noise


@mistake(
    "reparameterize",
    source="constructed: halved outside the exponential",
    hints=(
        "The samples spread too much or too little, depending on the variance.",
        "If the variance is 4 all is well.",
        "Which function turns a logarithm halved back into a root?",
    ),
)
def half_the_variance(mu, logvar, noise):
    return mu + 0.5 * logvar.exp() * noise


@mistake(
    "reparameterize",
    source="constructed: mean and noise exchanged",
    hints=(
        "Noise of 0 does not give the mean.",
        "It is which of the two is scaled.",
        "Which parts of z may be random, which learnt?",
    ),
)
def mean_and_noise_exchanged(mu, logvar, noise):
    return mu * torch.exp(0.5 * logvar) + noise


@mistake(
    "reparameterize",
    source="constructed: an autoencoder that is not variational",
    hints=(
        "Other noise gives the same code.",
        "It shows unless the noise is 0.",
        "Which parts of z may be random, which learnt?",
    ),
)
def no_noise(mu, logvar, noise):
    return mu + 0 * noise


@mistake(
    "reparameterize",
    source="constructed: one draw for the whole batch",
    hints=(
        "All examples get the noise of the first one.",
        "With a single example all is well.",
        "How many independent numbers does a batch of codes need?",
    ),
)
def shared_noise(mu, logvar, noise):
    return mu + torch.exp(0.5 * logvar) * noise[:1]


@mistake(
    "reparameterize",
    source="constructed: noise drawn inside",
    hints=(
        "The noise that comes in makes no difference.",
        "It shows unless the variance is tiny.",
        "Who draws the noise here?",
    ),
)
def own_noise(mu, logvar, noise):
    own = torch.randn(mu.shape, generator=torch.Generator().manual_seed(0)).to(mu)
    return mu + torch.exp(0.5 * logvar) * own


@mistake(
    "reparameterize",
    source="a habit from large models: logvar clamped to [-30, 20]",
    hints=(
        "Very wide and very narrow Gaussians are not as wide or narrow as they should be.",
        "It shows at log-variances of 40.",
        "Does the formula know a largest variance?",
    ),
)
def clamped(mu, logvar, noise):
    return mu + torch.exp(0.5 * logvar.clamp(-30, 20)) * noise


@mistake(
    "reparameterize",
    source="constructed: the exponential first, then the root",
    hints=(
        "A huge variance gives no number, although its root is one.",
        "It shows where the variance overflows.",
        "Which of root and exponential should come first?",
    ),
)
def root_of_the_exponential(mu, logvar, noise):
    return mu + logvar.exp().sqrt() * noise


@mistake(
    "reparameterize",
    source="constructed: softplus, another way to be positive",
    hints=(
        "The spread is right for no variance that is given.",
        "It is the factor of the noise.",
        "Of what is logvar the logarithm?",
    ),
)
def softplus_deviation(mu, logvar, noise):
    return mu + torch.nn.functional.softplus(logvar) * noise


@mistake(
    "reparameterize",
    source="constructed: the mean scaled too",
    hints=(
        "Noise of 0 does not give the mean.",
        "If the variance is 1 all is well.",
        "What is the mean of your samples?",
    ),
)
def noise_before_the_mean(mu, logvar, noise):
    return torch.exp(0.5 * logvar) * (mu + noise)


# --- gaussian_kl ----------------------------------------------------------------------------


@mistake(
    "gaussian_kl",
    source="class notes, 10.2.5, as printed: the variance squared",
    hints=(
        "The KL grows with the square of the variance.",
        "If the variance is 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def variance_squared(mu, logvar):
    return (0.5 * (mu.square() + torch.exp(2 * logvar) - 1 - 2 * logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="keras-team/keras, issue 9972: the standard deviation where the variance belongs",
    hints=(
        "The KL is too small for wide Gaussians.",
        "If the variance is 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def deviation_for_variance(mu, logvar):
    return (0.5 * (mu.square() + torch.exp(0.5 * logvar) - 1 - logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: logvar read as the logarithm of something else, throughout",
    hints=(
        "The KL is too small for wide Gaussians.",
        "If the variance is 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def all_in_deviations(mu, logvar):
    return (0.5 * (mu.square() + torch.exp(0.5 * logvar) - 1 - 0.5 * logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the logarithm of sigma, not of its square",
    hints=(
        "For narrow Gaussians the KL is about half of what it should be.",
        "If the variance is 1 all is well.",
        "Of what is the logarithm taken in the formula, sigma or its square?",
    ),
)
def log_of_the_deviation(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() - 1 - 0.5 * logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the network's output taken for the variance",
    hints=(
        "A log-variance below 0 gives no number.",
        "It shows even where only the mean moves.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def logvar_as_variance(mu, logvar):
    return (0.5 * (mu.square() + logvar - 1 - logvar.log())).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the factor 1/2 is missing",
    hints=(
        "The KL is twice as large as it should be.",
        "It shows unless q is the prior.",
        "When only the mean moves by 1, what must the KL be?",
    ),
)
def no_half(mu, logvar):
    return (mu.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the constant is missing",
    hints=(
        "The KL of the prior itself is not 0.",
        "It shows in every case, by the same number for each dimension.",
        "When q equals the prior, what must the KL be?",
    ),
)
def no_one(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() - logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the sign of the constant",
    hints=(
        "The KL of the prior itself is not 0.",
        "It shows in every case, by the same number for each dimension.",
        "When q equals the prior, what must the KL be?",
    ),
)
def plus_one(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() + 1 - logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the mean without its square",
    hints=(
        "The KL may be negative.",
        "If the means are 0 or 1 all is well.",
        "Does it matter for the KL on which side of 0 the mean lies?",
    ),
)
def mean_not_squared(mu, logvar):
    return (0.5 * (mu + logvar.exp() - 1 - logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the size of the mean in place of its square",
    hints=(
        "A mean twice as far away costs only twice as much.",
        "If the means are 0 or 1 all is well.",
        "How does the cost of a mean grow with its distance?",
    ),
)
def absolute_mean(mu, logvar):
    return (0.5 * (mu.abs() + logvar.exp() - 1 - logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the sign of the logarithm",
    hints=(
        "A narrow Gaussian costs you nothing, or less than nothing.",
        "If the variance is 1 all is well.",
        "Should a very narrow Gaussian be cheap or dear?",
    ),
)
def sign_of_the_logarithm(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() - 1 + logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="pytorch/examples, issue 824: minus the KL",
    hints=(
        "A KL divergence is never negative, yours never positive.",
        "It shows in every case.",
        "The formula of the notes has minus the KL on its left side. What did you return?",
    ),
)
def negative(mu, logvar):
    return (-0.5 * (mu.square() + logvar.exp() - 1 - logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: KL(p || q) for KL(q || p)",
    hints=(
        "The divergence is taken in the other direction.",
        "It explodes for a narrow Gaussian.",
        "Under which of the two distributions do you take the average?",
    ),
)
def reversed_kl(mu, logvar):
    return (0.5 * ((1 + mu.square()) * torch.exp(-logvar) - 1 + logvar)).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="podgorskiy/VAE, issue 1: the mean over the latent dimensions",
    hints=(
        "More dimensions do not cost more.",
        "With a single dimension all is well.",
        "Independent dimensions: do their log-probabilities average or add?",
    ),
)
def mean_over_dimensions(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() - 1 - logvar)).flatten(1).mean(1)


@mistake(
    "gaussian_kl",
    source="constructed: one number for the whole batch",
    hints=(
        "There is one number where there should be one for each example.",
        "It shows in the shape as soon as there are several examples.",
        "Does your KL double when I repeat the data?",
    ),
)
def summed_over_the_batch(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() - 1 - logvar)).sum()


@mistake(
    "gaussian_kl",
    source="constructed: averaged over the batch, as the loss will be",
    hints=(
        "There is one number where there should be one for each example.",
        "It shows in the shape as soon as there are several examples.",
        "Whose task is the mean over the batch?",
    ),
)
def averaged_over_the_batch(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() - 1 - logvar)).flatten(1).sum(1).mean()


@mistake(
    "gaussian_kl",
    source="constructed: the sum over the wrong axis",
    hints=(
        "One number for each dimension comes back, not for each example.",
        "It is the axis of the sum.",
        "Which axis counts the examples?",
    ),
)
def first_axis_summed(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() - 1 - logvar)).flatten(1).sum(0)


@mistake(
    "gaussian_kl",
    source="constructed: codes with several axes forgotten",
    hints=(
        "Codes with several axes keep one of them.",
        "It shows with more than two axes.",
        "Over which axes does the sum run, however many there are?",
    ),
)
def last_axis_only_kl(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp() - 1 - logvar)).sum(-1)


@mistake(
    "gaussian_kl",
    source="constructed: the variance first, then its logarithm",
    hints=(
        "A tiny variance gives infinity, although the KL is a number.",
        "It shows where the variance is 0 in floating point.",
        "Is there a logarithm to be taken at all, if logvar is what comes in?",
    ),
)
def log_of_the_variance(mu, logvar):
    var = logvar.exp()
    return (0.5 * (mu.square() + var - 1 - var.log())).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="121 public solution sets of one course: an epsilon in the logarithm",
    hints=(
        "Narrow Gaussians are not as dear as they should be.",
        "It shows at low log-variances.",
        "What does adding a small number do when the variance itself is smaller?",
    ),
)
def epsilon_in_the_logarithm(mu, logvar):
    var = logvar.exp()
    return (0.5 * (mu.square() + var - 1 - (var + 1e-8).log())).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the mean forgotten",
    hints=(
        "The mean may move as it likes, at no cost.",
        "If the mean is 0 all is well.",
        "When only the mean moves by 1, what must the KL be?",
    ),
)
def no_mean_term(mu, logvar):
    return (0.5 * (logvar.exp() - 1 - logvar) + 0 * mu).flatten(1).sum(1)


@mistake(
    "gaussian_kl",
    source="constructed: the mean multiplied by the variance",
    hints=(
        "A mean far from 0 is cheap for a narrow Gaussian.",
        "If the mean is 0, or the variance 1, all is well.",
        "The prior has variance 1 whatever q says. By what is the distance of the means measured?",
    ),
)
def to_another_mean(mu, logvar):
    return (0.5 * (mu.square() * logvar.exp() + logvar.exp() - 1 - logvar)).flatten(1).sum(1)


# --- bernoulli_log_likelihood ---------------------------------------------------------------


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: a sigmoid in the decoder and one in the loss",
    hints=(
        "No pixel can be surer than a probability of 0.73.",
        "It shows in every case.",
        "Which distribution does your decoder describe, and how often was its score squashed?",
    ),
)
def sigmoid_twice(x, logits):
    return (_log_coins(x, torch.sigmoid(logits))).flatten(1).sum(1)


@mistake(
    "bernoulli_log_likelihood",
    source="pytorch/examples, issue 294: the squared error for a coin",
    hints=(
        "Your result is bounded, however wrong a pixel is.",
        "It shows in every case.",
        "Which distribution does your decoder describe?",
    ),
)
def squared_error(x, logits):
    return (-(x - torch.sigmoid(logits)).square()).flatten(1).sum(1)


@mistake(
    "bernoulli_log_likelihood",
    source="pytorch/examples, issue 824: the cross-entropy, not the log-likelihood",
    hints=(
        "The logarithm of a probability cannot be positive.",
        "It shows in every case.",
        "You were asked for the log-likelihood. Is that what one minimises?",
    ),
)
def as_a_loss(x, logits):
    return (-_log_coins(x, logits)).flatten(1).sum(1)


@mistake(
    "bernoulli_log_likelihood",
    source="pytorch/examples, issue 296: the mean over the pixels",
    hints=(
        "The larger the image, the smaller your result.",
        "With a single pixel all is well.",
        "Independent pixels: do their log-probabilities average or add?",
    ),
)
def mean_over_pixels_coins(x, logits):
    return _log_coins(x, logits).flatten(1).mean(1)


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: one number for the whole batch",
    hints=(
        "There is one number where there should be one for each example.",
        "It shows in the shape as soon as there are several examples.",
        "Does your result double when I repeat the data?",
    ),
)
def summed_over_the_batch_coins(x, logits):
    return _log_coins(x, logits).sum()


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: averaged over the batch, as the loss will be",
    hints=(
        "There is one number where there should be one for each example.",
        "It shows in the shape as soon as there are several examples.",
        "Whose task is the mean over the batch?",
    ),
)
def averaged_over_the_batch_coins(x, logits):
    return _log_coins(x, logits).flatten(1).sum(1).mean()


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: images are no rows",
    hints=(
        "Images with several axes keep some of them.",
        "It shows with more than two axes.",
        "Over which axes does the sum run, however many there are?",
    ),
)
def last_axis_only_coins(x, logits):
    return _log_coins(x, logits).sum(-1)


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: the black pixels forgotten",
    hints=(
        "The probabilities of all images do not sum to 1.",
        "If all pixels are white all is well.",
        "What does a black pixel say about the score?",
    ),
)
def white_pixels_only(x, logits):
    return (x * torch.nn.functional.logsigmoid(logits)).flatten(1).sum(1)


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: black for white",
    hints=(
        "A high score makes a white pixel improbable.",
        "It shows unless all pixels are of a middle grey.",
        "Which of the two does the sigmoid give the probability of?",
    ),
)
def black_and_white_exchanged(x, logits):
    return (_log_coins(1 - x, logits)).flatten(1).sum(1)


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: grey pixels made black or white",
    hints=(
        "Grey pixels count as black or white.",
        "For black-and-white images all is well.",
        "What does the formula say about a pixel of 0.5?",
    ),
)
def rounded_pixels(x, logits):
    return (_log_coins((x > 0.5).to(x), logits)).flatten(1).sum(1)


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: the scores taken for probabilities",
    hints=(
        "A negative score gives no number, or one that has no meaning.",
        "It shows in every case.",
        "What comes in: a probability, or a score?",
    ),
)
def scores_as_probabilities(x, logits):
    return (
        (
            x * logits.clamp(1e-6, 1 - 1e-6).log()
            + (1 - x) * (1 - logits.clamp(1e-6, 1 - 1e-6)).log()
        )
        .flatten(1)
        .sum(1)
    )


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: the pixels compete with each other",
    hints=(
        "Raising the score of one pixel makes the others darker.",
        "It shows in every case.",
        "Are the pixels one choice out of many, or many coins?",
    ),
)
def normalised_over_pixels(x, logits):
    rows = logits.flatten(1)
    log_p = _log_softmax(rows, -1)
    return (x.flatten(1) * log_p).sum(1)


@mistake(
    "bernoulli_log_likelihood",
    source="121 public solution sets of one course: log(p) of a p that underflows",
    hints=(
        "Large scores give infinity or no number.",
        "It shows at scores of about 50 and more.",
        "Is the sigmoid of -800 really 0, and must its logarithm be taken?",
    ),
)
def logarithm_of_the_sigmoid(x, logits):
    return (
        (torch.xlogy(x, torch.sigmoid(logits)) + torch.xlogy(1 - x, 1 - torch.sigmoid(logits)))
        .flatten(1)
        .sum(1)
    )


@mistake(
    "bernoulli_log_likelihood",
    source="121 public solution sets of one course: log(p + 1e-8)",
    hints=(
        "A pixel that is very wrong is not improbable enough.",
        "It shows at large scores.",
        "What does adding a small number do when the probability itself is smaller?",
    ),
)
def clipped_probabilities_coins(x, logits):
    return (
        (
            x * (torch.sigmoid(logits) + 1e-8).log()
            + (1 - x) * (1 - torch.sigmoid(logits) + 1e-8).log()
        )
        .flatten(1)
        .sum(1)
    )


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: the logarithm of 1 + exp, as on paper",
    hints=(
        "Large scores give infinity.",
        "It shows at scores of several hundred or more, of one sign.",
        "What is the exponential of 5000 in floating point, and can its sign be chosen?",
    ),
)
def log_of_one_plus_exp(x, logits):
    return (x * logits - torch.log(1 + torch.exp(logits))).flatten(1).sum(1)


@mistake(
    "bernoulli_log_likelihood",
    source="constructed: a view of images that have gaps in memory",
    hints=(
        "Some images give an error, though their shapes are right.",
        "It is those that do not lie in memory in the order of their axes.",
        "Which ways to join two axes need them to lie side by side in memory, and which copy?",
    ),
)
def pixels_in_order_only(x, logits):
    return _coins(x.view(len(x), -1), logits.view(len(x), -1))


# --- gaussian_log_likelihood ----------------------------------------------------------------


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the constant dropped, as in a loss",
    hints=(
        "Your density does not integrate to 1.",
        "It shows in every case, by the same number for each entry.",
        "What is the log-density of a standard normal at 0?",
    ),
)
def no_constant(x, mu, logvar):
    return (-0.5 * (logvar + (x - mu).square() * torch.exp(-logvar))).flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the constant counted once for the whole example",
    hints=(
        "Your density does not integrate to 1.",
        "With a single entry all is well.",
        "How many entries does an example have, and how many constants?",
    ),
)
def constant_once(x, mu, logvar):
    entries = logvar + (x - mu).square() * torch.exp(-logvar)
    return -0.5 * (LOG_2PI + entries.flatten(1).sum(1))


@mistake(
    "gaussian_log_likelihood",
    source="pytorch/examples, issue 824: the negative log-likelihood",
    hints=(
        "Observations at the mean are the least likely ones.",
        "It shows in every case.",
        "You were asked for the log-likelihood. Is that what one minimises?",
    ),
)
def as_a_loss_density(x, mu, logvar):
    return (0.5 * (LOG_2PI + logvar + (x - mu).square() * torch.exp(-logvar))).flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="pytorch/examples, issue 296: the mean over the entries",
    hints=(
        "More entries do not make an example less likely.",
        "With a single entry all is well.",
        "Independent entries: do their log-densities average or add?",
    ),
)
def mean_over_entries_density(x, mu, logvar):
    return (-0.5 * (LOG_2PI + logvar + (x - mu).square() * torch.exp(-logvar))).flatten(1).mean(1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: one number for the whole batch",
    hints=(
        "There is one number where there should be one for each example.",
        "It shows in the shape as soon as there are several examples.",
        "Does your result double when I repeat the data?",
    ),
)
def summed_over_the_batch_density(x, mu, logvar):
    return (-0.5 * (LOG_2PI + logvar + (x - mu).square() * torch.exp(-logvar))).sum()


@mistake(
    "gaussian_log_likelihood",
    source="constructed: images are no rows",
    hints=(
        "Images with several axes keep some of them.",
        "It shows with more than two axes.",
        "Over which axes does the sum run, however many there are?",
    ),
)
def last_axis_only_density(x, mu, logvar):
    return (-0.5 * (LOG_2PI + logvar + (x - mu).square() * torch.exp(-logvar))).sum(-1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the square divided by sigma",
    hints=(
        "Scale data and model together: the square must not change, yours does.",
        "If the variance is 1 all is well.",
        "By which power of sigma is a squared distance divided?",
    ),
)
def deviation_for_variance_density(x, mu, logvar):
    return (
        (-0.5 * (LOG_2PI + logvar + (x - mu).square() * torch.exp(-0.5 * logvar))).flatten(1).sum(1)
    )


@mistake(
    "gaussian_log_likelihood",
    source="class notes, 10.2.5: the variance squared",
    hints=(
        "Scale data and model together: the square must not change, yours does.",
        "If the variance is 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def variance_squared_density(x, mu, logvar):
    return (
        (-0.5 * (LOG_2PI + 2 * logvar + (x - mu).square() * torch.exp(-2 * logvar)))
        .flatten(1)
        .sum(1)
    )


@mistake(
    "gaussian_log_likelihood",
    source="constructed: ln sigma where its square belongs",
    hints=(
        "Your density does not integrate to 1.",
        "If the variance is 1 all is well.",
        "Where does the factor in front of the bracket leave the logarithm of sigma?",
    ),
)
def half_the_logarithm(x, mu, logvar):
    return (
        (-0.5 * (LOG_2PI + 0.5 * logvar + (x - mu).square() * torch.exp(-logvar))).flatten(1).sum(1)
    )


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the normalisation forgotten",
    hints=(
        "A wider Gaussian is more likely everywhere.",
        "If the variance is 1 all is well.",
        "What happens to the height of a density when it gets wider?",
    ),
)
def no_log_variance(x, mu, logvar):
    return (-0.5 * (LOG_2PI + (x - mu).square() * torch.exp(-logvar))).flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the sign of the log-variance",
    hints=(
        "A wider Gaussian is more likely everywhere.",
        "If the variance is 1 all is well.",
        "What happens to the height of a density when it gets wider?",
    ),
)
def sign_of_the_logarithm_density(x, mu, logvar):
    return (-0.5 * (LOG_2PI - logvar + (x - mu).square() * torch.exp(-logvar))).flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: times the variance in place of divided",
    hints=(
        "A narrow Gaussian is kind to observations far away.",
        "If the variance is 1 all is well.",
        "Is a distance counted in units of sigma, or in what?",
    ),
)
def multiplied_by_the_variance(x, mu, logvar):
    return (-0.5 * (LOG_2PI + logvar + (x - mu).square() * torch.exp(logvar))).flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the squared error, as if the variance were 1",
    hints=(
        "The log-variance makes no difference.",
        "If the variance is 1 all is well.",
        "Which distribution does your decoder describe?",
    ),
)
def fixed_variance(x, mu, logvar):
    return (-0.5 * (LOG_2PI + 0 * logvar + (x - mu).square())).flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the distance without its square",
    hints=(
        "Twice as far away is only twice as unlikely.",
        "At the mean all is well.",
        "Which power of the distance stands in the exponent of a Gaussian?",
    ),
)
def not_squared_density(x, mu, logvar):
    return (-0.5 * (LOG_2PI + logvar + (x - mu).abs() * torch.exp(-0.5 * logvar))).flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the density first, then its logarithm",
    hints=(
        "Observations far from the mean give minus infinity.",
        "It shows where the density is 0 in floating point.",
        "Must the exponential be taken, if its logarithm is what is wanted?",
    ),
)
def log_of_the_density(x, mu, logvar):
    density = torch.exp(-0.5 * (LOG_2PI + logvar + (x - mu).square() * torch.exp(-logvar)))
    return density.log().flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="constructed: the variance first, then its logarithm",
    hints=(
        "A huge variance gives minus infinity.",
        "It shows where the variance overflows.",
        "Is there a logarithm to be taken at all, if logvar is what comes in?",
    ),
)
def log_of_the_variance_density(x, mu, logvar):
    var = logvar.exp()
    return (-0.5 * (LOG_2PI + var.log() + (x - mu).square() / var)).flatten(1).sum(1)


@mistake(
    "gaussian_log_likelihood",
    source="a habit from libraries: F.gaussian_nll_loss keeps the variance above 1e-6",
    hints=(
        "Narrow Gaussians are wider than they should be.",
        "It shows at low log-variances.",
        "Was a smallest variance asked for?",
    ),
)
def epsilon_in_the_variance(x, mu, logvar):
    var = logvar.exp().clamp(min=1e-6)
    return (
        (-0.5 * (LOG_2PI + logvar.clamp(min=math.log(1e-6)) + (x - mu).square() / var))
        .flatten(1)
        .sum(1)
    )


# --- elbo -----------------------------------------------------------------------------------


@mistake(
    "elbo",
    source="pytorch/examples, issue 824: the sign of the KL",
    hints=(
        "Your bound exceeds what it bounds.",
        "The two terms are right.",
        "Can a lower bound exceed what it bounds?",
    ),
)
def plus_the_kl(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    return reconstruction + kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: the training loss in place of the bound",
    hints=(
        "Your bound exceeds what it bounds.",
        "The two terms are right.",
        "Is it the bound that you return, or what one minimises?",
    ),
)
def minus_the_elbo(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    return kl - reconstruction, reconstruction, kl


@mistake(
    "elbo",
    source="pytorch/examples, issue 824: the cross-entropy for the log-likelihood",
    hints=(
        "The logarithm of a probability cannot be positive.",
        "The KL is right.",
        "Which sign does the logarithm of a probability have?",
    ),
)
def loss_for_log_likelihood(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    return -reconstruction - kl, -reconstruction, kl


@mistake(
    "elbo",
    source="constructed: everything with the sign of a loss",
    hints=(
        "Two of the three numbers have the wrong sign.",
        "The KL is right.",
        "Which sign does a log-likelihood have, and which a bound on it?",
    ),
)
def all_as_losses(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    return kl - reconstruction, -reconstruction, kl


@mistake(
    "elbo",
    source="constructed: an ordinary autoencoder",
    hints=(
        "The code costs nothing.",
        "The two terms are right.",
        "Which term keeps the codes near the prior?",
    ),
)
def no_kl(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    return reconstruction, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: the terms in another order",
    hints=(
        "The numbers are right, not their order.",
        "The bound itself is right.",
        "In which order are the three asked for?",
    ),
)
def order_of_the_terms(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    return reconstruction - kl, kl, reconstruction


@mistake(
    "elbo",
    source="pytorch/examples, issue 296: the mean over the pixels",
    hints=(
        "The larger the image, the less its reconstruction counts.",
        "The KL is right; with a single pixel all is well.",
        "Independent pixels: do their log-probabilities average or add?",
    ),
)
def reconstruction_averaged(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    reconstruction = reconstruction / x[0].numel()
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="podgorskiy/VAE, issue 1: the mean over the latent dimensions",
    hints=(
        "More latent dimensions do not cost more.",
        "The reconstruction is right; with a single dimension all is well.",
        "Independent dimensions: do their log-probabilities average or add?",
    ),
)
def kl_averaged(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    kl = kl / mu.shape[1]
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="AppliedDataSciencePartners/WorldModels, issue 12: means for both terms",
    hints=(
        "Neither the number of pixels nor that of latent dimensions matters to you.",
        "With a single pixel and a single dimension all is well.",
        "Independent entries: do their log-probabilities average or add?",
    ),
)
def both_averaged(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    reconstruction, kl = reconstruction / x[0].numel(), kl / mu.shape[1]
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: one number for the whole batch",
    hints=(
        "There is one number where there should be one for each example.",
        "It shows in the shape as soon as there are several examples.",
        "Does your bound double when I repeat the data?",
    ),
)
def summed_over_the_batch_elbo(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    reconstruction, kl = reconstruction.sum(), kl.sum()
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: averaged over the batch, as the loss will be",
    hints=(
        "There is one number where there should be one for each example.",
        "It shows in the shape as soon as there are several examples.",
        "Whose task is the mean over the batch?",
    ),
)
def averaged_over_the_batch_elbo(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    reconstruction, kl = reconstruction.mean(), kl.mean()
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: images are no rows",
    hints=(
        "Images with several axes keep some of them.",
        "It shows for two-dimensional images.",
        "Over which axes does the sum run, however many there are?",
    ),
)
def last_axis_only_elbo(x, logits, mu, logvar):
    kl = _kl(mu, logvar)
    reconstruction = _log_coins(x, logits).sum(-1)
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: a sigmoid in the decoder and one in the loss",
    hints=(
        "No pixel can be surer than a probability of 0.73.",
        "The KL is right.",
        "How often was the decoder's score squashed?",
    ),
)
def sigmoid_twice_elbo(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    reconstruction = _coins(x, torch.sigmoid(logits))
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="pytorch/examples, issue 294: the squared error for a coin",
    hints=(
        "Your reconstruction is bounded, however wrong a pixel is.",
        "The KL is right.",
        "Which distribution does your decoder describe?",
    ),
)
def squared_error_elbo(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    reconstruction = -(x - torch.sigmoid(logits)).square().flatten(1).sum(1)
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: the squared distance to the scores",
    hints=(
        "Surer and right is less likely with you.",
        "The KL is right.",
        "Which distribution does your decoder describe?",
    ),
)
def likelihood_at_the_logits(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    reconstruction = -0.5 * (x - logits).square().flatten(1).sum(1)
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="class notes, 10.2.5, as printed: the variance squared",
    hints=(
        "The KL grows with the square of the variance.",
        "The reconstruction is right; if the variance is 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def kl_as_printed(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    kl = _kl(mu, 2 * logvar)
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="keras-team/keras, issue 9972: the standard deviation where the variance belongs",
    hints=(
        "The KL is too small for wide codes.",
        "The reconstruction is right; if the variance is 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def kl_of_the_deviation(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    kl = 0.5 * (mu.square() + torch.exp(0.5 * logvar) - 1 - logvar).sum(1)
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: KL(p || q) for KL(q || p)",
    hints=(
        "The divergence is taken in the other direction.",
        "It explodes for a narrow code; the reconstruction is right.",
        "Under which of the two distributions do you take the average?",
    ),
)
def kl_reversed(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    kl = 0.5 * ((1 + mu.square()) * torch.exp(-logvar) - 1 + logvar).sum(1)
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: the factor 1/2 is missing",
    hints=(
        "The KL is twice as large as it should be.",
        "The reconstruction is right.",
        "When only the mean moves by 1, what must the KL be?",
    ),
)
def kl_without_half(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    kl = 2 * kl
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: the constant is missing",
    hints=(
        "The KL of the prior itself is not 0.",
        "It shows in every case, by the same number for each latent dimension.",
        "When q equals the prior, what must the KL be?",
    ),
)
def kl_without_one(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    kl = kl + 0.5 * mu.shape[1]
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="constructed: minus the KL, subtracted",
    hints=(
        "A KL divergence is never negative, yours never positive.",
        "The reconstruction is right.",
        "The formula of the notes has minus the KL on its left side. What did you subtract?",
    ),
)
def kl_of_minus_sign(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    return reconstruction + kl, reconstruction, -kl


@mistake(
    "elbo",
    source="121 public solution sets of one course: log(p) of a p that underflows",
    hints=(
        "Large scores give infinity or no number.",
        "Ordinary scores are fine.",
        "Is the sigmoid of -800 really 0, and must its logarithm be taken?",
    ),
)
def log_of_the_sigmoid(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    p = torch.sigmoid(logits)
    reconstruction = (torch.xlogy(x, p) + torch.xlogy(1 - x, 1 - p)).flatten(1).sum(1)
    return reconstruction - kl, reconstruction, kl


@mistake(
    "elbo",
    source="121 public solution sets of one course: probabilities clipped at 1e-12",
    hints=(
        "A pixel that is very wrong is not improbable enough.",
        "It shows at scores beyond 28; ordinary ones are fine.",
        "What is the smallest probability that your clipping allows?",
    ),
)
def clipped_probabilities_elbo(x, logits, mu, logvar):
    reconstruction, kl = _coins(x, logits), _kl(mu, logvar)
    p = torch.sigmoid(logits.double()).clamp(1e-12, 1 - 1e-12).to(logits)
    q = torch.sigmoid(-logits.double()).clamp(1e-12, 1 - 1e-12).to(logits)
    reconstruction = (x * p.log() + (1 - x) * q.log()).flatten(1).sum(1)
    return reconstruction - kl, reconstruction, kl


# --- linear_gaussian_elbo -------------------------------------------------------------------


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the mean of a square taken for the square of the mean",
    hints=(
        "Your bound exceeds what it bounds.",
        "It is the bound; for a code without spread all is well.",
        "Is the mean of a square the square of the mean?",
    ),
)
def spread_forgotten(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, spread=lambda var: 0 * var)


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the deviations where the variances belong",
    hints=(
        "At the true posterior the two sides are not equal.",
        "It is the bound; if the variances are 1 all is well.",
        "What is the mean of the square of a number with mean 0?",
    ),
)
def spread_of_deviations(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, spread=torch.sqrt)


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the spread of the code, not of the reconstruction",
    hints=(
        "At the true posterior the two sides are not equal.",
        "It is the bound.",
        "How far does a step of the code move the reconstruction?",
    ),
)
def spread_per_pixel(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, gain=torch.ones_like(W[0]))


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the columns of W without a square",
    hints=(
        "At the true posterior the two sides are not equal.",
        "It is the bound; and it may be larger than the evidence.",
        "If a step of the code moves a pixel by -3, by how much does its square move?",
    ),
)
def weight_not_squared(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, gain=W.sum(0))


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the code's dimensions moved together",
    hints=(
        "At the true posterior the two sides are not equal.",
        "It is the bound; with a single latent dimension all is well.",
        "Do independent errors add as numbers, or as squares?",
    ),
)
def cross_terms(x, W, b, sigma, mu, logvar):
    var, extra = logvar.exp(), (W.sum(1) ** 2).sum() - (W**2).sum()
    elbo, evidence = _linear_gaussian(x, W, b, sigma, mu, logvar)
    return elbo - 0.5 * extra * var.mean(1) / sigma**2, evidence


@mistake(
    "linear_gaussian_elbo",
    source="class notes, 10.2.5, as printed: the variance squared",
    hints=(
        "At the true posterior the two sides are not equal.",
        "It is the bound; if the variances are 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def kl_as_printed_linear(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, kl=_kl(mu, 2 * logvar))


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the sign of the KL",
    hints=(
        "Your bound exceeds what it bounds.",
        "It is the bound.",
        "Can a lower bound exceed what it bounds?",
    ),
)
def plus_the_kl_linear(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, kl=-_kl(mu, logvar))


@mistake(
    "linear_gaussian_elbo",
    source="podgorskiy/VAE, issue 1: the mean over the latent dimensions",
    hints=(
        "At the true posterior the two sides are not equal.",
        "It is the bound; with a single latent dimension all is well.",
        "Independent dimensions: do their log-probabilities average or add?",
    ),
)
def kl_averaged_linear(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, kl=_kl(mu, logvar) / mu.shape[1])


@mistake(
    "linear_gaussian_elbo",
    source="constructed: one normalisation for all pixels",
    hints=(
        "The bound does not know how many pixels there are.",
        "It is the bound; with a single pixel, or noise of size 1, all is well.",
        "How many entries does an observation have, and how many normalisations?",
    ),
)
def noise_once(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, noise_entries=1)


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the noise counted once for each latent dimension",
    hints=(
        "The bound does not know how many pixels there are.",
        "It is the bound; noise of size 1 hides it, and so do as many pixels as dimensions.",
        "Which vector does the noise of the decoder belong to?",
    ),
)
def noise_of_the_code(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, noise_entries=mu.shape[1])


@mistake(
    "linear_gaussian_elbo",
    source="constructed: sigma taken for the variance",
    hints=(
        "The noise of your decoder has the wrong size.",
        "Noise of size 1 hides it; both results are off otherwise.",
        "Is sigma a standard deviation or a variance?",
    ),
)
def sigma_for_its_square(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, math.sqrt(sigma), mu, logvar)


@mistake(
    "linear_gaussian_elbo",
    source="constructed: sigma taken for the variance in the evidence",
    hints=(
        "The evidence is that of a model with another noise.",
        "The bound is right; noise of size 1 hides it.",
        "Is sigma a standard deviation or a variance?",
    ),
)
def evidence_with_sigma(x, W, b, sigma, mu, logvar):
    elbo = _linear_gaussian(x, W, b, sigma, mu, logvar)[0]
    return elbo, _linear_gaussian(x, W, b, math.sqrt(sigma), mu, logvar)[1]


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the noise of the decoder alone",
    hints=(
        "Your evidence is smaller than the bound on it.",
        "The bound is right.",
        "Over which codes does the evidence average, and how far do these move x?",
    ),
)
def evidence_without_weight(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, covariance=sigma**2 * _eye(b))


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the code's share alone",
    hints=(
        "Your evidence has no noise in it.",
        "The bound is right.",
        "What is the covariance of the sum of two independent vectors?",
    ),
)
def evidence_without_noise(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, b, sigma, mu, logvar, covariance=W @ W.T + 1e-2 * _eye(b))


@mistake(
    "linear_gaussian_elbo",
    source="constructed: pixels taken for independent",
    hints=(
        "Your evidence treats the entries of x as independent.",
        "The bound is right; with a single pixel all is well.",
        "Two pixels depend on the same code. Are they independent?",
    ),
)
def evidence_of_the_diagonal(x, W, b, sigma, mu, logvar):
    full = W @ W.T + sigma**2 * _eye(b)
    return _linear_gaussian(x, W, b, sigma, mu, logvar, covariance=torch.diag(full.diagonal()))


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the constant dropped",
    hints=(
        "Your evidence is larger than it should be, by the same number in all examples.",
        "The bound is right.",
        "What is the log-density of a standard normal at 0?",
    ),
)
def evidence_without_constant(x, W, b, sigma, mu, logvar):
    elbo, evidence = _linear_gaussian(x, W, b, sigma, mu, logvar)
    return elbo, evidence + 0.5 * len(b) * LOG_2PI


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the root of the determinant forgotten",
    hints=(
        "Your evidence does not integrate to 1.",
        "The bound is right; a determinant of 1 hides it.",
        "With which power does the determinant stand in the density?",
    ),
)
def determinant_not_halved(x, W, b, sigma, mu, logvar):
    elbo, evidence = _linear_gaussian(x, W, b, sigma, mu, logvar)
    return elbo, evidence - 0.5 * torch.logdet(W @ W.T + sigma**2 * _eye(b))


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the bias forgotten",
    hints=(
        "Both results ignore the bias of the decoder.",
        "If the bias is 0 all is well.",
        "Which x is the likeliest of all?",
    ),
)
def bias_forgotten_linear(x, W, b, sigma, mu, logvar):
    return _linear_gaussian(x, W, 0 * b, sigma, mu, logvar)


@mistake(
    "linear_gaussian_elbo",
    source="constructed: the evidence centred at the reconstruction",
    hints=(
        "The encoder has an influence on your evidence.",
        "The bound is right; if mu is 0 all is well.",
        "Does p(x) know the encoder?",
    ),
)
def evidence_around_the_code(x, W, b, sigma, mu, logvar):
    elbo = _linear_gaussian(x, W, b, sigma, mu, logvar)[0]
    return elbo, _linear_gaussian(x - mu @ W.T, W, b, sigma, mu, logvar)[1]


# --- iwae_bound -----------------------------------------------------------------------------


@mistake(
    "iwae_bound",
    source="constructed: the elbo with K samples",
    hints=(
        "More codes do not make your bound tighter.",
        "With a single code all is well.",
        "What comes first, the mean or the logarithm?",
    ),
)
def mean_of_logarithms(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    return log_w.mean(0)


@mistake(
    "iwae_bound",
    source="constructed: the sum of the weights",
    hints=(
        "Your bound grows without limit as codes are added.",
        "With a single code all is well.",
        "What happens to your bound if every code is counted twice?",
    ),
)
def not_averaged(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    return _log_mean_exp(log_w) + math.log(len(z))


@mistake(
    "iwae_bound",
    source="constructed: the largest weight",
    hints=(
        "Only one of the codes has an influence.",
        "With a single code all is well.",
        "Is the logarithm of a mean the largest logarithm?",
    ),
)
def best_code(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    return log_w.amax(0)


@mistake(
    "iwae_bound",
    source="constructed: the weights without the prior",
    hints=(
        "Codes far from the origin are as welcome as others.",
        "If the code is 0 all is well, but for a constant.",
        "Which three densities make a weight?",
    ),
)
def prior_forgotten(log_px, z, mu, logvar):
    log_w = log_px - _log_q(z, mu, logvar)
    return _log_mean_exp(log_w)


@mistake(
    "iwae_bound",
    source="constructed: the weights without q",
    hints=(
        "It does not matter to you from where the codes were drawn.",
        "With the prior in place of q all would be well.",
        "Which three densities make a weight?",
    ),
)
def q_forgotten(log_px, z, mu, logvar):
    return _log_mean_exp(log_px + _log_prior(z) + 0 * _log_q(z, mu, logvar))


@mistake(
    "iwae_bound",
    source="constructed: as if q were the prior",
    hints=(
        "It does not matter to you from where the codes were drawn.",
        "If q is the prior all is well.",
        "When do the last two densities of a weight cancel?",
    ),
)
def likelihood_only(log_px, z, mu, logvar):
    return _log_mean_exp(log_px) + 0 * mu.sum(-1)


@mistake(
    "iwae_bound",
    source="constructed: prior and q exchanged",
    hints=(
        "Codes that q prefers more than the prior get a larger weight, not a smaller one.",
        "If q is the prior all is well.",
        "Which of the two was sampled from, and must be divided out?",
    ),
)
def ratio_upside_down(log_px, z, mu, logvar):
    return _log_mean_exp(log_px - _log_prior(z) + _log_q(z, mu, logvar))


@mistake(
    "iwae_bound",
    source="constructed: the normalisation of q forgotten",
    hints=(
        "A narrow q is not paid for.",
        "If the variances are 1 all is well.",
        "What happens to the height of a density when it gets narrower?",
    ),
)
def q_without_its_width(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    return _log_mean_exp(log_w - 0.5 * logvar.sum(-1))


@mistake(
    "iwae_bound",
    source="constructed: the distance not divided by the variance",
    hints=(
        "The density of q forgets its width.",
        "If the variances are 1 all is well.",
        "Is a distance counted in units of sigma, or in what?",
    ),
)
def q_not_scaled(log_px, z, mu, logvar):
    log_q = -0.5 * (LOG_2PI + logvar + (z - mu).square()).sum(-1)
    return _log_mean_exp(log_px + _log_prior(z) - log_q)


@mistake(
    "iwae_bound",
    source="constructed: the square divided by sigma",
    hints=(
        "The density of q has the wrong width.",
        "If the variances are 1 all is well.",
        "By which power of sigma is a squared distance divided?",
    ),
)
def q_by_deviation(log_px, z, mu, logvar):
    log_q = -0.5 * (LOG_2PI + logvar + (z - mu).square() * torch.exp(-0.5 * logvar)).sum(-1)
    return _log_mean_exp(log_px + _log_prior(z) - log_q)


@mistake(
    "iwae_bound",
    source="constructed: the mean of q forgotten",
    hints=(
        "The density of q has the wrong centre.",
        "If the means are 0 all is well.",
        "Where is q highest?",
    ),
)
def q_around_zero(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, 0 * mu, logvar)
    return _log_mean_exp(log_w)


@mistake(
    "iwae_bound",
    source="constructed: one of two equal constants dropped",
    hints=(
        "Your bound is off by the same number everywhere.",
        "It grows with the number of latent dimensions.",
        "Which constants cancel, and which of them did you write down?",
    ),
)
def constant_of_q_only(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    return _log_mean_exp(log_w + 0.5 * z.shape[-1] * LOG_2PI)


@mistake(
    "iwae_bound",
    source="podgorskiy/VAE, issue 1: the mean over the latent dimensions",
    hints=(
        "More latent dimensions do not cost more.",
        "With a single dimension all is well.",
        "Independent dimensions: do their log-probabilities average or add?",
    ),
)
def dimensions_averaged(log_px, z, mu, logvar):
    cost = (_log_prior(z) - _log_q(z, mu, logvar)) / z.shape[-1]
    return _log_mean_exp(log_px + cost)


@mistake(
    "iwae_bound",
    source="constructed: the mean over the wrong axis",
    hints=(
        "One number for each code comes back, not for each example.",
        "It is the axis of the mean.",
        "Which axis counts the codes, and which the examples?",
    ),
)
def examples_averaged(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    return _log_mean_exp(log_w.T)


@mistake(
    "iwae_bound",
    source="constructed: the closed form of the KL in place of the sampled densities",
    hints=(
        "The codes have no influence but through the likelihood.",
        "If q is the prior all is well.",
        "In a weight, is it the KL that stands there, or two densities at one code?",
    ),
)
def elbo_of_the_kl(log_px, z, mu, logvar):
    return _log_mean_exp(log_px) - _kl(mu, logvar) + 0 * z[0].sum(-1)


@mistake(
    "iwae_bound",
    source="constructed: weights that sum to 1",
    hints=(
        "Your bound is the mean of the logarithms under the weights themselves.",
        "With a single code all is well.",
        "Which mean stands inside the logarithm?",
    ),
)
def self_normalised(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    w = _log_softmax(log_w, 0).exp()
    return (w * log_w).sum(0)


@mistake(
    "iwae_bound",
    source="121 public solution sets of one course: no maximum is subtracted",
    hints=(
        "Ordinary images give minus infinity.",
        "It shows where a weight is 0 or infinite in floating point.",
        "What is the exponential of -1000 in floating point?",
    ),
)
def no_shift_weights(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    return log_w.exp().mean(0).log()


@mistake(
    "iwae_bound",
    source="121 public solution sets of one course: the maximum of everything",
    hints=(
        "One example drags the others down.",
        "It shows where examples lie far apart.",
        "Which weights stand in one and the same sum?",
    ),
)
def one_shift_for_all(log_px, z, mu, logvar):
    log_w = log_px + _log_prior(z) - _log_q(z, mu, logvar)
    return (log_w - log_w.max()).exp().mean(0).log() + log_w.max()


# --- reparameterize_backward ----------------------------------------------------------------


@mistake(
    "reparameterize_backward",
    source="constructed: the inner derivative",
    hints=(
        "The gradient of logvar is twice as large as it should be.",
        "The gradient of mu is right.",
        "What is the derivative of logvar / 2?",
    ),
)
def half_forgotten(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z.clone(), grad_z * noise * sigma


@mistake(
    "reparameterize_backward",
    source="rachtsingh/ibp_vae, issue 3: exp(logvar) in place of its root",
    hints=(
        "The gradient of logvar grows too fast with the variance.",
        "The gradient of mu is right; if the variance is 1 all is well.",
        "What is differentiated here, sigma or its square?",
    ),
)
def variance_for_deviation_sample_gradient(grad_z, logvar, noise):
    return grad_z.clone(), 0.5 * grad_z * noise * logvar.exp()


@mistake(
    "reparameterize_backward",
    source="constructed: the noise left out",
    hints=(
        "It does not matter to you on which side of the mean a code lies.",
        "The gradient of mu is right.",
        "What multiplies sigma in z?",
    ),
)
def noise_forgotten(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z.clone(), 0.5 * grad_z * sigma


@mistake(
    "reparameterize_backward",
    source="constructed: sigma taken for a constant",
    hints=(
        "The gradient of logvar does not depend on logvar.",
        "The gradient of mu is right.",
        "What is the derivative of an exponential?",
    ),
)
def sigma_constant(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z.clone(), 0.5 * grad_z * noise + 0 * sigma


@mistake(
    "reparameterize_backward",
    source="constructed: stopped at sigma",
    hints=(
        "You return the gradient of something else than logvar.",
        "The gradient of mu is right.",
        "Which step leads from sigma to logvar?",
    ),
)
def gradient_of_sigma(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z.clone(), grad_z * noise + 0 * sigma


@mistake(
    "reparameterize_backward",
    source="constructed: the gradient of the variance",
    hints=(
        "You return the gradient of something else than logvar.",
        "The gradient of mu is right; if the variance is 1 all is well.",
        "Is it the variance that the network says?",
    ),
)
def gradient_of_variance(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z.clone(), 0.5 * grad_z * noise / sigma


@mistake(
    "reparameterize_backward",
    source="constructed: mu multiplied by sigma",
    hints=(
        "The gradient of mu depends on the variance.",
        "The gradient of logvar is right.",
        "Raise mu a little. By how much does z move?",
    ),
)
def mean_scaled(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z * sigma, 0.5 * grad_z * noise * sigma


@mistake(
    "reparameterize_backward",
    source="constructed: the gradient from above forgotten",
    hints=(
        "The gradient of logvar is that of z itself, not of the loss.",
        "The gradient of mu is right.",
        "Where does the loss come in?",
    ),
)
def nothing_from_above(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z.clone(), 0.5 * noise * sigma


@mistake(
    "reparameterize_backward",
    source="constructed: derivatives of z in place of the loss",
    hints=(
        "Neither gradient depends on the loss.",
        "It shows unless the gradient from above is 1.",
        "Where does the loss come in?",
    ),
)
def derivative_without_loss(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return torch.ones_like(grad_z), 0.5 * noise * sigma


@mistake(
    "reparameterize_backward",
    source="constructed: the two results exchanged",
    hints=(
        "The numbers are right, not their order.",
        "It shows in every case.",
        "In which order are the gradients asked for?",
    ),
)
def exchanged(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return 0.5 * grad_z * noise * sigma, grad_z.clone()


@mistake(
    "reparameterize_backward",
    source="constructed: the sign of logvar",
    hints=(
        "A step downhill makes the loss larger.",
        "The gradient of mu is right.",
        "Does z move away from the mean or towards it when the variance grows?",
    ),
)
def minus_logvar(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z.clone(), -0.5 * grad_z * noise * sigma


@mistake(
    "reparameterize_backward",
    source="d2l-ai/d2l-en, issue 1000: the batch size divides a second time",
    hints=(
        "The gradients shrink with the batch.",
        "With a single example all is well.",
        "Is the mean over the batch not in the gradient from above already?",
    ),
)
def averaged_again(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar)
    return grad_z / len(grad_z), 0.5 * grad_z * noise * sigma / len(grad_z)


@mistake(
    "reparameterize_backward",
    source="a habit from large models: logvar clamped to [-30, 20]",
    hints=(
        "Very wide and very narrow Gaussians are not as wide or narrow as they should be.",
        "It shows at log-variances of 40, in the gradient of logvar.",
        "Does the formula know a largest variance?",
    ),
)
def clamped_sample_gradient(grad_z, logvar, noise):
    sigma = torch.exp(0.5 * logvar.clamp(-30, 20))
    return grad_z.clone(), 0.5 * grad_z * noise * sigma


# --- gaussian_kl_backward -------------------------------------------------------------------


@mistake(
    "gaussian_kl_backward",
    source="constructed: the gradient from above forgotten",
    hints=(
        "All examples count the same, whatever the loss says.",
        "It shows unless the gradient from above is 1.",
        "Where does the loss come in?",
    ),
)
def nothing_from_above_kl_gradient(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return mu + 0 * g, 0.5 * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the derivative of the square, without the 1/2 in front",
    hints=(
        "The gradient of mu is twice as large as it should be.",
        "The gradient of logvar is right.",
        "What stands in front of the sum?",
    ),
)
def factor_of_the_square(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return 2 * g * mu, 0.5 * g * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the square not differentiated",
    hints=(
        "The gradient of mu is half as large as it should be.",
        "The gradient of logvar is right.",
        "What is the derivative of a square?",
    ),
)
def half_the_mean(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return 0.5 * g * mu, 0.5 * g * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the square not differentiated",
    hints=(
        "The gradient of mu pushes to the same side from both sides of 0.",
        "The gradient of logvar is right; if the means are 0 all is well.",
        "What is the derivative of a square?",
    ),
)
def square_of_the_mean(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return 0.5 * g * mu.square(), 0.5 * g * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the factor 1/2 is missing",
    hints=(
        "The gradient of logvar is twice as large as it should be.",
        "The gradient of mu is right.",
        "What stands in front of the sum?",
    ),
)
def half_forgotten_kl_gradient(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return g * mu, g * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the log-variance not differentiated",
    hints=(
        "The variance is always pushed down.",
        "The gradient of mu is right.",
        "At which variance does the KL pull no more?",
    ),
)
def logarithm_forgotten(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return g * mu, 0.5 * g * logvar.exp()


@mistake(
    "gaussian_kl_backward",
    source="constructed: the constant of the formula survives",
    hints=(
        "The variance is pulled to another value than 1.",
        "The gradient of mu is right.",
        "What is the derivative of a constant?",
    ),
)
def constant_not_gone(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return g * mu, 0.5 * g * (logvar.exp() - 2)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the sign of the gradient of logvar",
    hints=(
        "Wide Gaussians get wider, narrow ones narrower.",
        "The gradient of mu is right.",
        "Would a small step downhill bring the variance closer to 1?",
    ),
)
def sign(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return g * mu, -0.5 * g * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="keras-team/keras, issue 9972: the standard deviation where the variance belongs",
    hints=(
        "The gradient of logvar is too small for wide Gaussians.",
        "The gradient of mu is right; if the variance is 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def deviation_for_variance_kl_gradient(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return g * mu, 0.5 * g * torch.expm1(0.5 * logvar)


@mistake(
    "gaussian_kl_backward",
    source="class notes, 10.2.5, as printed: the variance squared",
    hints=(
        "The gradient of logvar grows with the square of the variance.",
        "The gradient of mu is right; if the variance is 1 all is well.",
        "Is your network's output a standard deviation, a variance or a log-variance?",
    ),
)
def variance_squared_kl_gradient(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return g * mu, g * torch.expm1(2 * logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the gradient of the variance",
    hints=(
        "You return the gradient of something else than logvar.",
        "The gradient of mu is right; if the variance is 1 all is well.",
        "Is it the variance that the network says?",
    ),
)
def gradient_of_variance_kl_gradient(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return g * mu, 0.5 * g * (1 - torch.exp(-logvar))


@mistake(
    "gaussian_kl_backward",
    source="constructed: the exponential forgotten",
    hints=(
        "The gradient of logvar grows too slowly.",
        "The gradient of mu is right; near a variance of 1 it hardly shows.",
        "What is the derivative of an exponential?",
    ),
)
def log_variance_linear(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return g * mu, 0.5 * g * logvar


@mistake(
    "gaussian_kl_backward",
    source="d2l-ai/d2l-en, issue 1000: the batch size divides a second time",
    hints=(
        "The gradients shrink with the batch.",
        "With a single example all is well.",
        "Is the mean over the batch not in the gradient from above already?",
    ),
)
def averaged_again_kl_gradient(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    g = g / len(mu)
    return g * mu, 0.5 * g * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="podgorskiy/VAE, issue 1: the mean over the latent dimensions",
    hints=(
        "The gradients shrink with the number of dimensions.",
        "With a single dimension all is well.",
        "Independent dimensions: do their costs average or add?",
    ),
)
def mean_over_dimensions_kl_gradient(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    g = g / mu[0].numel()
    return g * mu, 0.5 * g * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the gradients from above added up",
    hints=(
        "Each example gets the gradient of all.",
        "With a single example all is well.",
        "Which entry of grad_kl speaks about example n?",
    ),
)
def summed_from_above(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    g = g.sum() + 0 * g
    return g * mu, 0.5 * g * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: the two results exchanged",
    hints=(
        "The numbers are right, not their order.",
        "It shows in every case.",
        "In which order are the gradients asked for?",
    ),
)
def exchanged_kl_gradient(grad_kl, mu, logvar):
    g = _per_example(grad_kl, mu)
    return 0.5 * g * torch.expm1(logvar), g * mu


@mistake(
    "gaussian_kl_backward",
    source="karpathy/nn-zero-to-hero, issue 59: shapes that broadcasting hides",
    hints=(
        "Each dimension gets the gradient of an example.",
        "With as many dimensions as examples the shape hides it; else it is an error.",
        "Along which axis of mu must grad_kl be laid?",
    ),
)
def laid_along_the_last_axis(grad_kl, mu, logvar):
    return grad_kl * mu, 0.5 * grad_kl * torch.expm1(logvar)


@mistake(
    "gaussian_kl_backward",
    source="constructed: one axis is added, whatever the shape",
    hints=(
        "Codes with two axes are right, others give an error or a wrong gradient.",
        "It is how grad_kl meets the entries of its example.",
        "How many axes of size 1 must follow, so that a number per example reaches all entries?",
    ),
)
def one_axis_added(grad_kl, mu, logvar):
    per_entry = grad_kl.unsqueeze(1)
    return per_entry * mu, 0.5 * per_entry * torch.expm1(logvar)


# --- train_vae ------------------------------------------------------------------------------


@mistake(
    "train_vae",
    source="constructed: an ordinary autoencoder",
    hints=(
        "The codes are far too expensive, and the bound is worse than without any code.",
        "It is the loss.",
        "Which term keeps the codes near the prior?",
    ),
)
def no_kl_term(x, hidden, latent, steps, lr, generator):
    return _train(x, hidden, latent, steps, lr, generator, kl_weight=0.0)


@mistake(
    "train_vae",
    source="AppliedDataSciencePartners/WorldModels, issue 12: the mean over the pixels",
    hints=(
        "The code is not used at all.",
        "It is the balance of the two terms of the loss.",
        "Independent pixels: do their log-probabilities average or add?",
    ),
)
def reconstruction_averaged_training(x, hidden, latent, steps, lr, generator):
    return _train(x, hidden, latent, steps, lr, generator, kl_weight=float(x.shape[1]))


@mistake(
    "train_vae",
    source="constructed: the decoder gets the mean of the code",
    hints=(
        "Codes that were drawn are decoded much worse than the mean code.",
        "It is what the decoder sees during training.",
        "What does the decoder see after training, and what did it see before?",
    ),
)
def trained_without_noise(x, hidden, latent, steps, lr, generator):
    return _train(x, hidden, latent, steps, lr, generator, noisy=False)


@mistake(
    "train_vae",
    source="constructed: a generator of one's own",
    hints=(
        "Another generator gives the same parameters.",
        "The network itself learns well.",
        "Which random numbers come from the generator that you were given?",
    ),
)
def own_random_numbers(x, hidden, latent, steps, lr, generator):
    return _train(x, hidden, latent, steps, lr, torch.Generator().manual_seed(0))


@mistake(
    "train_vae",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Training once more with the same generator gives the same parameters.",
        "The network itself learns well.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def seed_for_state(x, hidden, latent, steps, lr, generator):
    own = torch.Generator().manual_seed(generator.initial_seed())
    return _train(x, hidden, latent, steps, lr, own)


@mistake(
    "train_vae",
    source="constructed: the state is restored before each step",
    hints=(
        "Each step of the training sees the same noise.",
        "The start is right, and so is the first step.",
        "Which random numbers does the second step get?",
    ),
)
def the_same_noise_in_each_step(x, hidden, latent, steps, lr, generator):
    return _train(x, hidden, latent, steps, lr, generator, anew=False)
