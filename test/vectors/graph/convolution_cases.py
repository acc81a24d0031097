"""Convolutions and pooling, in one to three dimensions."""

import torch
from torch import nn
from torch.nn import functional as F

from blocks import Through, image
from vector import Case

IMAGE = (3, 2, 7, 6)
SIGNAL = (3, 4, 9)

CONVOLUTIONS = {
    "plain": (nn.Conv2d, (2, 4, 3), {}, IMAGE),
    "without-bias": (nn.Conv2d, (2, 4, 3), {"bias": False}, IMAGE),
    "pointwise": (nn.Conv2d, (2, 4, 1), {}, IMAGE),
    "padded": (nn.Conv2d, (2, 4, 3), {"padding": 1}, IMAGE),
    "strided": (nn.Conv2d, (2, 4, 3), {"stride": 2, "padding": 1}, IMAGE),
    "strided-with-rest": (nn.Conv2d, (2, 4, (2, 3)), {"stride": (3, 2)}, IMAGE),
    "dilated": (nn.Conv2d, (2, 4, 3), {"dilation": 2, "padding": 2}, IMAGE),
    "uneven": (nn.Conv2d, (2, 4, (3, 2)), {"stride": (1, 2), "padding": (0, 1), "dilation": (2, 1)}, IMAGE),
    "grouped": (nn.Conv2d, (2, 4, 3), {"groups": 2, "padding": 1}, IMAGE),
    "depthwise": (nn.Conv2d, (2, 2, 3), {"groups": 2, "stride": 2}, IMAGE),
    "depthwise-multiplied": (nn.Conv2d, (2, 6, 3), {"groups": 2, "padding": 1}, IMAGE),
    "reflected": (nn.Conv2d, (2, 4, 3), {"padding": 1, "padding_mode": "reflect"}, IMAGE),
    "replicated": (nn.Conv2d, (2, 4, 3), {"padding": (1, 2), "padding_mode": "replicate"}, IMAGE),
    "1d": (nn.Conv1d, (4, 6, 3), {"padding": 1}, SIGNAL),
    "1d-strided-dilated": (nn.Conv1d, (4, 6, 3), {"stride": 2, "dilation": 2, "padding": 2}, SIGNAL),
    "1d-grouped": (nn.Conv1d, (4, 8, 5), {"groups": 4, "padding": 2}, SIGNAL),
    "3d": (nn.Conv3d, (2, 3, (2, 3, 2)), {"padding": (1, 0, 1), "stride": (1, 2, 1)}, (2, 2, 3, 5, 4)),
    "transposed": (nn.ConvTranspose2d, (2, 3, 2), {"stride": 2}, IMAGE),
    "transposed-padded": (
        nn.ConvTranspose2d,
        (2, 3, 3),
        {"stride": 2, "padding": 1, "output_padding": (1, 0)},
        IMAGE,
    ),
    "transposed-dilated": (nn.ConvTranspose2d, (2, 3, 3), {"dilation": 2, "padding": 1, "bias": False}, IMAGE),
    "transposed-grouped": (nn.ConvTranspose2d, (2, 4, 3), {"groups": 2, "stride": (2, 1)}, IMAGE),
    "transposed-1d": (nn.ConvTranspose1d, (4, 3, 4), {"stride": 2, "padding": 1}, SIGNAL),
}


def convolution(kind, arguments, options, shape):
    """The layer twice on the way: its input gradient reaches the layer before it."""
    (_, channels, *size) = shape
    layer = kind(*arguments, **options)
    before = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}[len(shape)](channels, channels, 1)
    features = layer(torch.zeros(1, channels, *size)).numel()
    return nn.Sequential(before, nn.Tanh(), layer, nn.Tanh(), nn.Flatten(), nn.Linear(features, 3))


for name, (kind, arguments, options, shape) in CONVOLUTIONS.items():
    Case(f"convolution-{name}", lambda k=kind, a=arguments, o=options, s=shape: convolution(k, a, o, s), shape)

POOLS = {
    "max": lambda h: F.max_pool2d(h, 2),
    "max-overlapping": lambda h: F.max_pool2d(h, 3, stride=2),
    "max-padded": lambda h: F.max_pool2d(h, 3, stride=2, padding=1),
    "max-ceil": lambda h: F.max_pool2d(h, (2, 3), stride=(2, 2), ceil_mode=True),
    "max-dilated": lambda h: F.max_pool2d(h, 2, stride=1, dilation=2),
    "max-uneven": lambda h: F.max_pool2d(h, (3, 2), stride=(1, 3), padding=(1, 0)),
    "max-global": lambda h: F.adaptive_max_pool2d(h, 1),
    "average": lambda h: F.avg_pool2d(h, 2),
    "average-overlapping": lambda h: F.avg_pool2d(h, 3, stride=1),
    "average-padded": lambda h: F.avg_pool2d(h, 3, stride=2, padding=1),
    "average-padded-uncounted": lambda h: F.avg_pool2d(h, 3, stride=2, padding=1, count_include_pad=False),
    "average-ceil": lambda h: F.avg_pool2d(h, (2, 3), stride=2, ceil_mode=True),
    "average-ceil-uncounted": lambda h: F.avg_pool2d(
        h, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False
    ),
    "average-ceil-padded": lambda h: F.avg_pool2d(h, (4, 3), stride=(2, 3), padding=1, ceil_mode=True),
    "average-global": lambda h: F.adaptive_avg_pool2d(h, 1),
    "average-adaptive": lambda h: F.adaptive_avg_pool2d(h[:, :, :6], (3, 2)),
    "average-of-axes": lambda h: h.mean((2, 3)),
    "max-1d": lambda h: F.max_pool1d(h.flatten(2), 4, stride=3, padding=1),
    "average-1d": lambda h: F.avg_pool1d(h.flatten(2), 5, stride=2, padding=2),
    "average-global-1d": lambda h: F.adaptive_avg_pool1d(h.flatten(2), 1),
}
for name, function in POOLS.items():
    features = function(torch.zeros(1, 4, 7, 6)).numel()
    Case(f"pool-{name}", lambda f=function, n=features: image(f, n), IMAGE)
Case("pool-of-ties", lambda: image(lambda h: F.max_pool2d(torch.relu(h - 0.5), 2), 36), IMAGE)
Case(
    "pool-3d",
    lambda: Through(nn.Conv3d(1, 2, 1), lambda h: F.max_pool3d(h, 2) - F.avg_pool3d(h, 2),
                    nn.Sequential(nn.Flatten(), nn.Linear(16, 3))),
    (2, 1, 4, 4, 4),
)  # fmt: skip
