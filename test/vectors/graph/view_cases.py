"""Operators that move elements: views, parts, padding, look-ups."""

import torch
from torch import nn
from torch.nn import functional as F

from blocks import Through, With, dense, image, tokens
from vector import Case

TOKENS = (3, 4, 5)
IMAGE = (3, 2, 7, 6)

"""[3, 4, 6] -> a number of features."""
VIEWS = {
    "reshape": (lambda h: h.reshape(h.size(0), 6, 4) * torch.arange(4.0).to(h.dtype), 24),
    "view-of-size": (lambda h: h.view(h.size(0), -1), 24),
    "flatten": (lambda h: torch.flatten(h, 1), 24),
    "flatten-inner": (lambda h: h.unsqueeze(1).flatten(2), 24),
    "squeeze-unsqueeze": (lambda h: (h.unsqueeze(-1).unsqueeze(1) * 2).squeeze(1).squeeze(-1), 24),
    "permute": (lambda h: h.permute(2, 0, 1).permute(1, 0, 2).sum(2), 6),
    "transpose": (lambda h: h.transpose(1, 2).transpose(-1, -2).transpose(1, 2).mean(2), 6),
    "expand": (lambda h: h.mean(1, keepdim=True).expand(-1, 3, -1) * torch.ones(3, 1, dtype=h.dtype).cumsum(0), 18),
    "repeat": (lambda h: h.repeat(1, 2, 1), 48),
    "repeat-features": (lambda h: h[:, :2].repeat(1, 1, 3), 36),
    "repeat-interleave": (lambda h: h.unsqueeze(2).expand(-1, -1, 2, -1).reshape(-1, 8, 6), 48),
    "concat": (lambda h: torch.cat([h, h * 2, h[:, :1]], 1), 54),
    "concat-features": (lambda h: torch.cat([h, torch.tanh(h)], -1), 48),
    "stack": (lambda h: torch.stack([h, h * h, h.abs()], 2), 72),
    "split": (lambda h: torch.split(h, 2, -1)[0] * torch.split(h, 2, -1)[2], 8),
    "split-uneven": (lambda h: torch.cat(torch.split(h, [1, 3, 2], 2)[::-1], 2)[:, 1], 6),
    "chunk": (lambda h: (lambda a, b: a * torch.sigmoid(b))(*h.chunk(2, -1)), 12),
    "unbind": (lambda h: sum(part * (at + 1) for at, part in enumerate(h.unbind(1))), 6),
    "slice": (lambda h: h[:, 1:3, 2:], 8),
    "slice-negative": (lambda h: h[:, -3:-1, :-2], 8),
    "slice-steps": (lambda h: h[:, ::2, 1::3], 4),
    "select": (lambda h: h[:, 0] + h[:, -1] * 2, 6),
    "narrow": (lambda h: h.narrow(2, 1, 3), 12),
    "flip": (lambda h: torch.flip(h, [1, 2]) * torch.arange(6.0).to(h.dtype), 24),
    "roll": (lambda h: torch.roll(h, 2, 1) * h, 24),
    "index-list": (lambda h: h[:, [2, 0, 2, 1]] * torch.arange(6.0).to(h.dtype), 24),
    "index-select": (lambda h: torch.index_select(h, 2, torch.tensor([5, 1, 1])), 12),
    "index-matrix": (lambda h: h[:, torch.tensor([[0, 3], [3, 1]])], 24),
    "gather-elements": (lambda h: torch.gather(h, 2, torch.tensor([[[1, 1, 0]]]).expand(h.size(0), 4, 3)), 12),
    "scatter": (lambda h: h.scatter(2, torch.tensor([1, 4]).expand(h.size(0), 4, 2), 0.5), 24),
    "pad": (lambda h: F.pad(h, (1, 2, 0, 1)), 45),
    "pad-value": (lambda h: F.pad(h, (0, 1), value=1.5), 28),
    "pad-negative": (lambda h: F.pad(h, (-1, -2, 1, 0)), 15),
    "pad-reflect": (lambda h: F.pad(h, (2, 1), mode="reflect"), 36),
    "pad-replicate": (lambda h: F.pad(h, (2, 1), mode="replicate"), 36),
    "triangle": (lambda h: h @ torch.triu(torch.ones(6, 6, dtype=h.dtype), 1), 24),
    "masked": (lambda h: h.masked_fill(torch.triu(torch.ones(4, 6), 1).bool(), -1.0), 24),
    "where-constant": (lambda h: torch.where(torch.eye(4, 6).bool(), h, h * 0.1), 24),
    "shape-arithmetic": (lambda h: h.reshape(h.shape[0], h.shape[1] * h.shape[2] // 2, -1) / h.shape[-1], 24),
    "unfold": (lambda h: torch.cat([h[:, at : at + 2] for at in range(3)], -1), 36),
    "zeros-like": (lambda h: torch.cat([h, torch.zeros_like(h[:, :1]), torch.ones(h.size(0), 1, 6).to(h.dtype)], 1), 36),
    "full": (lambda h: h + torch.full((h.size(0), 1, 6), 0.5, dtype=h.dtype), 24),
    "positions": (lambda h: h * torch.arange(h.size(1)).to(h.dtype).unsqueeze(-1), 24),
    "heads": (lambda h: h.view(h.size(0), h.size(1), 2, 3).transpose(1, 2).contiguous().view(-1, 2, 12).tanh(), 24),
}
for name, (function, features) in VIEWS.items():
    Case(f"view-{name}", lambda f=function, n=features: tokens(f, n), TOKENS)

Case("view-image-pad-reflect", lambda: image(lambda h: F.pad(h, (1, 2, 2, 1), mode="reflect"), 360), IMAGE)
Case("view-image-crop", lambda: image(lambda h: h[:, :, 1:-1, ::2], 60), IMAGE)
Case("view-pixel-shuffle", lambda: image(lambda h: F.pixel_shuffle(h, 2), 168), IMAGE)
Case("view-pixel-unshuffle", lambda: image(lambda h: F.pixel_unshuffle(h[:, :, 1:], 2), 144), IMAGE)
Case("view-swapped-batch", lambda: Through(nn.Linear(5, 6), lambda h: h.transpose(0, 1).tanh().mean(0),
     nn.Linear(6, 3)), TOKENS)  # fmt: skip
Case("view-of-parameters", lambda: With(
    lambda x, w, b: x @ w.view(3, 5).t() + torch.cat([b[2:], b[:1], b.new_zeros(1)]), w=(15,), b=(3,)),
    (4, 5))  # fmt: skip
Case("view-one-output-of-many", lambda: dense(lambda h: h.split(2, 1)[1], 6, 2), (4, 5))
