"""Products of matrices, contractions, and reductions along axes."""

import torch
from torch import nn
from torch.nn import functional as F

from blocks import Through, With, dense, tokens
from vector import Case

DENSE = (4, 5)
TOKENS = (3, 4, 5)
MSE = {"type": "mse"}
SEQUENCE = {"type": "sequence_ce"}


def perceptron():
    return Through(nn.Linear(5, 6), torch.tanh, nn.Linear(6, 3))


Case("linear", lambda: nn.Linear(5, 3), DENSE)
Case("linear-without-bias", lambda: nn.Linear(5, 3, bias=False), DENSE)
Case("linear-of-tokens", perceptron, TOKENS, loss=SEQUENCE, fold=True)
Case("linear-of-tokens-unfolded", perceptron, TOKENS, loss=SEQUENCE, fold=False)

PRODUCTS = {
    "alpha-beta": (lambda x, w, b: torch.addmm(b, x, w, beta=0.5, alpha=1.5), DENSE, {"w": (5, 3), "b": (3,)}),
    "matmul": (lambda x, w: x @ w, DENSE, {"w": (5, 3)}),
    "transposed": (lambda x, w, v: x @ w.t() @ v.transpose(0, 1), DENSE, {"w": (6, 5), "v": (3, 6)}),
    "batched": (lambda x, w: ((x @ w) @ (x.transpose(1, 2) @ x @ w)[:, :3]).sum(1), TOKENS, {"w": (5, 3)}),
    "broadcast": (lambda x, w: (x.unsqueeze(1) @ w).mean((1, 2)), TOKENS, {"w": (2, 5, 3)}),
    "broadcast-both": (
        lambda x, w, v: (x.reshape(3, 1, 4, 5) @ w @ v).sum((1, 2)),
        TOKENS,
        {"w": (2, 5, 6), "v": (3, 1, 6, 3)},
    ),
    "vector": (lambda x, v, w: (x @ v) @ w, TOKENS, {"v": (5,), "w": (4, 3)}),
    "vector-left": (lambda x, v: torch.matmul(v, x)[:, :3], TOKENS, {"v": (4,)}),
    "quadratic": (lambda x, w: torch.einsum("bi,oij,bj->bo", x, w, x), DENSE, {"w": (3, 5, 5)}),
}
for name, (function, shape, parameters) in PRODUCTS.items():
    fixed = False if name == "broadcast-both" else None
    Case(f"product-{name}", lambda f=function, p=parameters: With(f, **p), shape, free_batch=fixed, rate=0.05)

CONTRACTIONS = {
    "scores": (lambda h: torch.einsum("bqd,bkd->bqk", h, h * 0.5), 16),
    "values": (lambda h: torch.einsum("bkq,bkd->bqd", torch.softmax(h, 1), h), 36),
    "outer": (lambda h: torch.einsum("bi,bj->bij", h[:, 0], h[:, 1]), 36),
    "heads": (lambda h: torch.einsum("bqhd,bkhd->bhqk", *[h.reshape(-1, 4, 2, 3)] * 2), 32),
    "sum": (lambda h: torch.einsum("btd->bd", h), 6),
    "permuted": (lambda h: torch.einsum("btd->dbt", h).permute(1, 0, 2), 24),
    "inner": (lambda h: torch.einsum("btd,btd->bt", h, h), 4),
    "ellipsis": (lambda h: torch.einsum("...td,...sd->...ts", h, h), 16),
    "bmm": (lambda h: torch.bmm(h, h.transpose(1, 2)), 16),
}
for name, (function, features) in CONTRACTIONS.items():
    Case(f"contraction-{name}", lambda f=function, n=features: tokens(f, n), TOKENS, rate=0.05)
Case(
    "contraction-with-parameter",
    lambda: With(lambda x, w: torch.einsum("btd,dhe->bthe", x, w).mean((1, 2)), w=(5, 2, 3)),
    TOKENS,
)

REDUCTIONS = {
    "sum": (lambda h: h.sum(1), 6),
    "sum-keepdim": (lambda h: h.sum((1, 2), keepdim=True) * h, 24),
    "mean": (lambda h: h.mean(2), 4),
    "mean-negative-axis": (lambda h: h.mean(-2, keepdim=True), 6),
    "max": (lambda h: h.amax(1), 6),
    "max-with-indices": (lambda h: h.max(1)[0], 6),
    "min": (lambda h: h.amin((1, 2), keepdim=True) + h, 24),
    "logsumexp": (lambda h: torch.logsumexp(h, 1), 6),
    "norm-l1": (lambda h: h.norm(p=1, dim=2), 4),
    "norm-l2": (lambda h: h.norm(p=2, dim=2), 4),
    "norm-frobenius": (lambda h: torch.linalg.norm(h, dim=(1, 2), keepdim=True) * h, 24),
    "normalize": (lambda h: F.normalize(h, dim=-1), 24),
    "cosine": (lambda h: F.cosine_similarity(h[:, :2], h[:, 2:], dim=-1), 2),
    "product": (lambda h: h.prod(1), 6),
    "variance": (lambda h: h.var(2), 4),
    "standard-deviation": (lambda h: h.std(1, unbiased=False), 6),
    "argmax-without-gradient": (lambda h: h * (h.argmax(2, keepdim=True) + 1).to(h.dtype) * 0.3, 24),
    "softmax": (lambda h: torch.softmax(h, -1), 24),
    "softmax-inner-axis": (lambda h: torch.softmax(h, 1), 24),
    "log-softmax": (lambda h: torch.log_softmax(h, 2), 24),
    "log-softmax-inner-axis": (lambda h: F.log_softmax(h, dim=-2), 24),
    "softmin": (lambda h: F.softmin(h, dim=-1), 24),
    "cumulative-by-matrix": (lambda h: torch.tril(torch.ones(4, 4, dtype=h.dtype)) @ h, 24),
}
for name, (function, features) in REDUCTIONS.items():
    Case(f"reduction-{name}", lambda f=function, n=features: tokens(f, n), TOKENS)
Case("reduction-of-everything", lambda: dense(lambda h: h * h.sum() * 0.1 + h.mean()), DENSE)
