"""Small modules that put an operator between layers, so that gradients flow through it into parameters before it."""

import torch
from torch import nn


class Through(nn.Module):
    """last(function(first(x))), each of which may be left out."""

    def __init__(self, first, function, last=None):
        super().__init__()
        self.first = first
        self.function = function
        self.last = last if last is not None else nn.Identity()

    def forward(self, x):
        return self.last(self.function(self.first(x)))


class With(nn.Module):
    """A function of the input and of parameters of given shapes."""

    def __init__(self, function, **shapes):
        super().__init__()
        self.function = function
        self.names = list(shapes)
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape) * 0.5))

    def forward(self, x):
        return self.function(x, *[getattr(self, name) for name in self.names])


class FixedDropout(nn.Dropout):
    """Dropout whose mask is known; to the exporter it is dropout like any other."""

    def __init__(self, rate, *shape):
        super().__init__(rate)
        self.mask = (torch.rand(shape) >= rate).float() / (1 - rate)

    def forward(self, x):
        return super().forward(x) if torch.onnx.is_in_onnx_export() else x * self.mask.to(x.dtype)


def dense(function, hidden=6, out=None):
    """Linear(5, hidden), the function, Linear(out, 3)."""
    return Through(nn.Linear(5, hidden), function, nn.Linear(out or hidden, 3))


def tokens(function, features):
    """Linear(5, 6) of each token of [B, 4, 5], the function, and Linear(features, 3) of all that comes out."""
    return Through(nn.Linear(5, 6), function, nn.Sequential(nn.Flatten(), nn.Linear(features, 3)))


def image(function, features, channels=4):
    """Conv2d of [B, 2, 7, 6] to [B, channels, 7, 6], the function, and Linear(features, 3) of all that comes out."""
    return Through(nn.Conv2d(2, channels, 3, padding=1), function, nn.Sequential(nn.Flatten(), nn.Linear(features, 3)))
