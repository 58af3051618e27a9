# TP 1 - everything in one file because I hate switching tabs
import torch
import torch.nn.functional as F


# ---------- losses ----------

def softmax(z, dim=-1):
    m = torch.amax(z, dim=dim, keepdim=True)
    num = torch.exp(z - m)
    return num / torch.sum(num, dim=dim, keepdim=True)


def softmax_backward(grad_p, p):
    g = grad_p - torch.einsum("nc,nc->n", grad_p, p)[:, None]
    return g * p


def to_probabilities(target, logits):
    if target.dtype == torch.long:
        return F.one_hot(target, num_classes=logits.size(1)).to(logits.dtype)
    return target


def cross_entropy(logits, target, reduction="mean"):
    y = to_probabilities(target, logits)
    m = logits.amax(dim=1, keepdim=True)
    lse = torch.log(torch.exp(logits - m).sum(dim=1, keepdim=True)) + m
    loss = torch.sum(y * (lse - logits), dim=1)
    if reduction == "mean":
        return loss.mean()
    elif reduction == "sum":
        return loss.sum()
    else:
        return loss


def cross_entropy_backward(logits, target, reduction="mean"):
    g = softmax(logits) - to_probabilities(target, logits)
    return g / logits.size(0) if reduction == "mean" else g


# ---------- mlp ----------

def mlp_forward(x, W_h, b_h, W_y, b_y):
    h = F.linear(x, W_h, b_h).tanh()
    return h, F.softmax(F.linear(h, W_y, b_y), dim=-1)  # allowed here


def mlp_backward(x, h, y_hat, y, W_y):
    d_out = (y_hat - y) / x.size(0)
    d_hid = torch.einsum("nk,kj->nj", d_out, W_y) * (1 - h * h)
    return (
        torch.einsum("nj,ni->ji", d_hid, x),
        torch.einsum("nj->j", d_hid),
        torch.einsum("nk,nj->kj", d_out, h),
        torch.einsum("nk->k", d_out),
    )


def embedding_backward(idx, grad_emb, num_embeddings):
    picked = F.one_hot(idx.reshape(-1), num_embeddings).to(grad_emb.dtype)  # (K, V)
    return picked.t() @ grad_emb.reshape(-1, grad_emb.size(-1))


def ngram_backward(idx, target, W_1, W_2, emb, h, counts, probs):
    N, V = probs.shape
    y = F.one_hot(target, V).to(probs.dtype)
    total = counts.sum(dim=1, keepdim=True)

    g_logprobs = -y / N
    g_probs = g_logprobs / probs
    g_total = -(g_probs * probs).sum(dim=1, keepdim=True) / total
    g_counts = g_probs / total + g_total
    g_logits = g_counts * counts

    g_h = g_logits @ W_2
    g_pre = g_h * (1 - h.square())
    g_flat = g_pre @ W_1
    g_emb = g_flat.reshape(emb.shape)
    return (
        g_logprobs, g_probs, g_total, g_counts, g_logits,
        g_logits.t() @ h, g_logits.sum(0),
        g_h, g_pre,
        g_pre.t() @ emb.reshape(N, -1), g_pre.sum(0),
        g_emb, embedding_backward(idx, g_emb, V),
    )
