"""Normalisation over examples, channels, groups and features."""

import torch
from torch import nn
from torch.nn import functional as F

from blocks import FixedDropout, Through, With, image, tokens
from vector import Case

IMAGE = (3, 2, 7, 6)
TOKENS = (3, 4, 5)


def batch_norm(layer, momentum=0.1):
    """A layer whose statistics are not those of the beginning, so that they count."""
    layer.momentum = momentum
    with torch.no_grad():
        layer.running_mean.uniform_(-0.3, 0.3)
        layer.running_var.uniform_(0.5, 1.5)
        if layer.affine:
            layer.weight.uniform_(0.5, 1.5)
            layer.bias.uniform_(-0.5, 0.5)
    return layer


def dense(layer):
    return nn.Sequential(nn.Linear(5, 6), layer, nn.Tanh(), nn.Linear(6, 3))


def merged(tensors):
    """The convolution that the exporter makes of one and the batch norm behind it: a model of its own."""
    module = image(nn.Identity(), 168)
    with torch.no_grad():
        for name, array in tensors.items():
            target = (module.first.weight if array.ndim == 4 else module.first.bias) if "::" in name else None
            (module.state_dict()[name] if target is None else target).copy_(torch.from_numpy(array.copy()))
    return module


class FrozenStatistics(nn.Module):
    """As in fine-tuning: batch norm stays as in use while everything else is trained."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def train(self, mode=True):
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self

    def forward(self, x):
        return self.inner(x)


for opset in (13, 14, 17):
    Case(f"batch-norm-training-opset{opset}", lambda: image(batch_norm(nn.BatchNorm2d(4)), 168), IMAGE,
         training=True, opset=opset, free_batch=opset != 14)  # fmt: skip
Case("batch-norm-use", lambda: image(nn.Sequential(nn.Tanh(), batch_norm(nn.BatchNorm2d(4))), 168), IMAGE,
     training=False)  # fmt: skip
Case("batch-norm-merged", lambda: image(batch_norm(nn.BatchNorm2d(4)), 168), IMAGE, training=False, rebuild=merged)
Case("batch-norm-frozen", lambda: FrozenStatistics(image(batch_norm(nn.BatchNorm2d(4)), 168)), IMAGE,
     training=True)  # fmt: skip
Case("batch-norm-1d-training", lambda: dense(batch_norm(nn.BatchNorm1d(6), 0.3)), (5, 5), training=True)
Case("batch-norm-1d-use", lambda: dense(batch_norm(nn.BatchNorm1d(6))), (5, 5), training=False)
Case("batch-norm-1d-plain", lambda: dense(batch_norm(nn.BatchNorm1d(6, affine=False))), (5, 5), training=True)
Case("batch-norm-of-signals", lambda: Through(nn.Conv1d(4, 3, 3), batch_norm(nn.BatchNorm1d(3)),
     nn.Sequential(nn.Flatten(), nn.Linear(21, 3))), (3, 4, 9), training=True)  # fmt: skip
Case("batch-norm-padded-batch", lambda: image(batch_norm(nn.BatchNorm2d(4)), 168), (5, 2, 7, 6), training=True,
     weights=[1, 1, 0, 1, 0])  # fmt: skip

Case("merged-by-export", lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.LayerNorm(6), nn.Tanh(),
     nn.LayerNorm(6), nn.Linear(6, 3)), (4, 5), training=False)  # fmt: skip
Case("layer-norm", lambda: tokens(nn.LayerNorm(6), 24), TOKENS)
Case("layer-norm-opset17", lambda: tokens(nn.LayerNorm(6), 24), TOKENS, opset=17)
Case("layer-norm-two-axes", lambda: tokens(nn.LayerNorm((4, 6), eps=1e-3), 24), TOKENS, opset=17)
Case("layer-norm-two-axes-composed", lambda: tokens(nn.LayerNorm((4, 6), eps=1e-3), 24), TOKENS, opset=14)
Case("layer-norm-plain", lambda: tokens(nn.LayerNorm(6, elementwise_affine=False), 24), TOKENS, opset=16)
Case("layer-norm-of-channels", lambda: image(
    lambda h: F.layer_norm(h.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2), 168), IMAGE)  # fmt: skip
Case("group-norm", lambda: image(nn.GroupNorm(2, 4), 168), IMAGE)
Case("group-norm-one-group", lambda: image(nn.GroupNorm(1, 4, eps=1e-3), 168), IMAGE)
Case("group-norm-plain", lambda: image(nn.GroupNorm(2, 4, affine=False), 168), IMAGE)
Case("instance-norm", lambda: image(nn.InstanceNorm2d(4, affine=True), 168), IMAGE)
Case("instance-norm-plain", lambda: image(nn.InstanceNorm2d(4), 168), IMAGE, training=True)
Case("instance-norm-1d", lambda: Through(nn.Conv1d(4, 3, 3), nn.InstanceNorm1d(3, affine=True),
     nn.Sequential(nn.Flatten(), nn.Linear(21, 3))), (3, 4, 9))  # fmt: skip
Case(
    "root-mean-square-norm",
    lambda: With(
        lambda x, s, w: (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * s).mean(1) @ w,
        s=(5,), w=(5, 3),
    ),
    TOKENS,
)  # fmt: skip
Case(
    "weight-standardisation",
    lambda: With(
        lambda x, w: F.conv2d(x, (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5))
        .amax((2, 3)),
        w=(3, 2, 3, 3),
    ),
    IMAGE,
    fold=False,
)  # fmt: skip

Case("dropout-in-use", lambda: tokens(nn.Dropout(0.5), 24), TOKENS, training=False)
Case("dropout-of-nothing", lambda: tokens(nn.Dropout(0.0), 24), TOKENS, training=True)
Case("dropout", lambda: tokens(FixedDropout(0.4, 3, 4, 6), 24), TOKENS, training=True)
Case("dropout-twice", lambda: nn.Sequential(FixedDropout(0.2, 3, 4, 5), tokens(FixedDropout(0.5, 3, 4, 6), 24)), TOKENS,
     training=True, opset=17)  # fmt: skip
