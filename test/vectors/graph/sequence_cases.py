"""Tokens: embeddings, positions, and losses of every token."""

import torch
from torch import nn

from blocks import With
from vector import Case

SEQUENCE = {"type": "sequence_ce"}


def words(vocabulary, *shape):
    return torch.arange(torch.Size(shape).numel()).mul(7).remainder(vocabulary).reshape(shape)


class Bag(nn.Module):
    """Embedding and a mean, weighted by what is no padding."""

    def __init__(self, vocabulary, width, padding=None):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.out = nn.Linear(width, 3)
        self.padding = padding

    def forward(self, x):
        h = self.embedding(x)
        if self.padding is None:
            return self.out(h.mean(1))
        kept = (x != self.padding).to(h.dtype).unsqueeze(-1)
        return self.out((h * kept).sum(1) / kept.sum(1).clamp(min=1))


class Tagger(nn.Module):
    def __init__(self, vocabulary, length, width, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.randn(length, width))
        self.out = nn.Linear(width, classes)

    def forward(self, x):
        return self.out(torch.tanh(self.embedding(x) + self.positions[: x.size(1)]))


class Positions(nn.Module):
    """Positions out of a second embedding."""

    def __init__(self, vocabulary, length, width, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(length, width)
        self.out = nn.Linear(width, classes)

    def forward(self, x):
        return self.out(torch.tanh(self.embedding(x) + self.positions(torch.arange(x.size(1)).unsqueeze(0))))


Case("embedding-mean", lambda: Bag(11, 4), words(11, 5, 6))
Case("embedding-mean-int32", lambda: Bag(11, 4), words(11, 5, 6).int())
Case("embedding-masked-mean", lambda: Bag(11, 4, 0), words(11, 5, 6) * (torch.arange(6) < torch.arange(2, 7)[:, None]))
Case("embedding-large-vocabulary", lambda: Bag(2000, 2), words(2000, 5, 6))
Case("embedding-of-one-word", lambda: nn.Sequential(nn.Embedding(7, 3), nn.Tanh(), nn.Linear(3, 3)), words(7, 6))
Case("embedding-gathered-columns", lambda: With(lambda x, w: w[:, x].sum(-1).t(), w=(3, 9)), words(9, 4, 5))
Case("embedding-gathered-from-parameter", lambda: With(lambda x, w: torch.tanh(w[x]).sum(1), w=(9, 3)), words(9, 4, 5))
Case("sequence-tags", lambda: Tagger(9, 6, 4, 3), words(9, 4, 6), loss=SEQUENCE)
Case("sequence-tags-positions", lambda: Positions(9, 6, 4, 3), words(9, 4, 6), loss=SEQUENCE)
Case("sequence-tags-ignored", lambda: Tagger(9, 6, 4, 3), words(9, 4, 6),
     torch.where(words(5, 4, 6) > 3, torch.tensor(-100), words(5, 4, 6).clamp(max=2)),
     {"type": "sequence_ce", "ignoreIndex": -100})  # fmt: skip
Case("sequence-tags-everything", lambda: Tagger(9, 6, 4, 3), words(9, 4, 6), words(3, 4, 6).int(),
     {"type": "sequence_ce", "ignoreIndex": 1, "labelSmoothing": 0.2, "classWeights": [0.5, 1, 2]})  # fmt: skip
