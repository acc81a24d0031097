"""Whole models as people write them in PyTorch, narrow enough to be small files."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from normalization_cases import FrozenStatistics, batch_norm
from sequence_cases import words
from vector import Case

SEQUENCE = {"type": "sequence_ce"}
MSE = {"type": "mse"}
MOMENTUM = {"type": "momentum", "momentum": 0.9}
ADAMW = {"type": "adamw", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6, "weightDecay": 0.01}


def perceptron():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 12), nn.ReLU(), nn.Dropout(0.0), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)
    )


class LeNet(nn.Module):
    def __init__(self, activation=torch.tanh):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5, padding=2)
        self.conv2 = nn.Conv2d(4, 6, 5)
        self.fc1 = nn.Linear(6 * 2 * 2, 16)
        self.fc2 = nn.Linear(16, 10)
        self.activation = activation

    def forward(self, x):
        x = F.max_pool2d(self.activation(self.conv1(x)), 2)
        x = F.max_pool2d(self.activation(self.conv2(x)), 2)
        x = x.view(-1, self.fc1.in_features)
        return self.fc2(self.activation(self.fc1(x)))


class ResidualBlock(nn.Module):
    def __init__(self, before, after, stride, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = norm(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = norm(after)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), norm(after))

    def forward(self, x):
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.shortcut(x))


def residual_network(norm):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        norm(4),
        nn.ReLU(),
        ResidualBlock(4, 4, 1, norm),
        ResidualBlock(4, 8, 2, norm),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.reduce = nn.Conv2d(channels, 2, 1)
        self.expand = nn.Conv2d(2, channels, 1)

    def forward(self, x):
        scale = F.adaptive_avg_pool2d(x, 1)
        return x * F.hardsigmoid(self.expand(F.relu(self.reduce(scale))))


class InvertedResidual(nn.Module):
    def __init__(self, channels, expanded, norm):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, expanded, 1, bias=False),
            norm(expanded),
            nn.Hardswish(),
            nn.Conv2d(expanded, expanded, 3, padding=1, groups=expanded, bias=False),
            norm(expanded),
            nn.Hardswish(),
            SqueezeExcite(expanded),
            nn.Conv2d(expanded, channels, 1, bias=False),
            norm(channels),
        )

    def forward(self, x):
        return x + self.layers(x)


def mobile_network(norm):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False),
        norm(4),
        nn.ReLU6(),
        InvertedResidual(4, 8, norm),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(1),
        nn.Dropout(0.0),
        nn.Linear(4, 5),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2)
        self.merge = nn.Sequential(nn.Conv2d(8, 4, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        skip = self.down1(x)
        h = self.up(self.down2(F.max_pool2d(skip, 2)))
        return self.out(self.merge(torch.cat([h, skip], dim=1)))


class Encoder(nn.Module):
    """nn.TransformerEncoder over numbers or over words, as a classifier."""

    def __init__(self, batch_first=True, vocabulary=None, norm_first=False, activation="gelu", final_norm=False):
        super().__init__()
        width, length = 8, 5
        self.batch_first = batch_first
        self.embedding = nn.Linear(4, width) if vocabulary is None else nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.randn(1, length, width) * 0.1)
        layer = nn.TransformerEncoderLayer(
            width, 2, 12, dropout=0.0, activation=activation, batch_first=batch_first, norm_first=norm_first
        )
        norm = nn.LayerNorm(width) if final_norm else None
        self.encoder = nn.TransformerEncoder(layer, 1, norm, enable_nested_tensor=False)
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        h = self.embedding(x) + self.positions
        if self.batch_first:
            return self.out(self.encoder(h).mean(1))
        return self.out(self.encoder(h.transpose(0, 1))[0])


class SelfAttention(nn.Module):
    """nn.MultiheadAttention with weights of its own for queries, keys and values, over numbers."""

    def __init__(self, batch_first, mask=False):
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 3, batch_first=batch_first)
        self.norm = nn.LayerNorm(6)
        self.out = nn.Linear(6, 2)
        self.batch_first = batch_first
        self.mask = mask

    def forward(self, x):
        h = x if self.batch_first else x.transpose(0, 1)
        mask = torch.triu(torch.ones(4, 4), 1).bool() if self.mask else None
        attended, _ = self.attention(h, h, h, need_weights=not self.mask, attn_mask=mask)
        h = self.norm(h + attended)
        return self.out(h if self.batch_first else h.transpose(0, 1))


class CausalBlock(nn.Module):
    """Attention as in nanoGPT, where a buffer says which positions lie before which."""

    def __init__(self, width, heads, length, dtype):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(approximate="tanh"), nn.Linear(2 * width, width)
        )
        self.register_buffer("past", torch.tril(torch.ones(length, length)).view(1, 1, length, length).to(dtype))

    def forward(self, x):
        batch, length, width = x.size()
        q, k, v = self.qkv(self.norm1(x)).split(width, dim=2)
        q, k, v = [
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in (q, k, v)
        ]
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        past = self.past[:, :, :length, :length]
        scores = scores.masked_fill(past == 0 if past.dtype != torch.bool else ~past, float("-inf"))
        h = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(batch, length, width)
        x = x + self.project(h)
        return x + self.mlp(self.norm2(x))


class CausalModel(nn.Module):
    def __init__(self, tied=False, dtype=torch.float32):
        super().__init__()
        vocabulary, width, length = 9, 8, 6
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(length, width)
        self.block = CausalBlock(width, 2, length, dtype)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.head.weight = self.token.weight

    def forward(self, x):
        positions = torch.arange(0, x.size(1), dtype=torch.long).unsqueeze(0)
        return self.head(self.norm(self.block(self.token(x) + self.position(positions))))


class AddedMask(nn.Module):
    """Attention whose mask of minus infinity is added, out of a buffer."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(5, 12)
        self.out = nn.Linear(4, 3)
        self.register_buffer("mask", torch.full((4, 4), float("-inf")).triu(1))

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.out(torch.softmax(q @ k.transpose(1, 2) / 2 + self.mask, -1) @ v)


class Temporal(nn.Module):
    """Causal convolutions, dilated more and more. Bai et al., 2018."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv1d(3 if level == 0 else 6, 6, 3, dilation=2**level) for level in range(3)])
        self.out = nn.Linear(6, 4)

    def forward(self, x):
        h = x.transpose(1, 2)
        for level, layer in enumerate(self.layers):
            grown = F.relu(layer(F.pad(h, (2 * 2**level, 0))))
            h = grown if level == 0 else h + grown
        return self.out(h[:, :, -1])


class DeepSets(nn.Module):
    def __init__(self):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(3, 8), nn.ELU(), nn.Linear(8, 6))
        self.all = nn.Sequential(nn.Linear(12, 8), nn.SiLU(), nn.Linear(8, 2))

    def forward(self, x):
        h = self.each(x)
        return self.all(torch.cat([h.sum(dim=1), h.max(dim=1).values], dim=-1))


class AttentionPooling(nn.Module):
    """Gated, as for bags of instances. Ilse et al., ICML 2018."""

    def __init__(self):
        super().__init__()
        self.instance = nn.Linear(3, 8)
        self.value, self.gate, self.score = nn.Linear(8, 5), nn.Linear(8, 5), nn.Linear(5, 1)
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        h = F.relu(self.instance(x))
        scores = self.score(torch.tanh(self.value(h)) * torch.sigmoid(self.gate(h)))
        weights = F.softmax(scores.transpose(1, 2), dim=2)
        return self.out(torch.bmm(weights, h).squeeze(1))


class MixerBlock(nn.Module):
    def __init__(self, patches, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = nn.Sequential(nn.Linear(patches, 6), nn.GELU(), nn.Linear(6, patches))
        self.within = nn.Sequential(nn.Linear(width, 12), nn.GELU(), nn.Linear(12, width))

    def forward(self, x):
        x = x + self.across(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm2(x))


class Mixer(nn.Module):
    """Tolstikhin et al., NeurIPS 2021."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(2, 8, 2, stride=2)
        self.block = MixerBlock(9, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        h = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.block(h)).mean(dim=1))


class VisionTransformer(nn.Module):
    """With a token of its own for the class."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 3, stride=3)
        self.token = nn.Parameter(torch.randn(1, 1, 8) * 0.1)
        self.positions = nn.Parameter(torch.randn(1, 5, 8) * 0.1)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        h = self.patches(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.token.expand(x.shape[0], -1, -1), h], dim=1) + self.positions
        return self.head(self.layer(h)[:, 0])


class ConvNextBlock(nn.Module):
    """Liu et al., CVPR 2022: depthwise convolution, layer norm of channels, scale of the branch."""

    def __init__(self, channels):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.widen, self.narrow = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.3))

    def forward(self, x):
        h = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        h = self.scale * self.narrow(F.gelu(self.widen(h)))
        return x + h.permute(0, 3, 1, 2)


class CrossTable(nn.Module):
    """Deep and cross network for tables. Wang et al., 2017."""

    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(6, 1) * 0.3) for _ in range(2)])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(6)) for _ in range(2)])
        self.norm = nn.BatchNorm1d(6)
        self.deep = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.1), nn.Linear(8, 4))
        self.out = nn.Linear(10, 1)

    def forward(self, x):
        x0 = crossed = self.norm(x)
        for weight, bias in zip(self.weights, self.biases):
            crossed = x0 * torch.matmul(crossed, weight) + bias + crossed
        return self.out(torch.cat([crossed, self.deep(x0)], 1))


def group_norm(channels):
    return nn.GroupNorm(2, channels)


def statistics(channels):
    return batch_norm(nn.BatchNorm2d(channels))


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 1, 3, stride=2, padding=1, output_padding=1),
        nn.Sigmoid(),
    )


DIGITS, COLOURS = (4, 1, 12, 12), (4, 3, 8, 8)

Case("model-perceptron", perceptron, (5, 6, 6), 4, training=False)
Case("model-perceptron-training", perceptron, (5, 6, 6), 4, training=True, optimizer=MOMENTUM, rate=0.05)
Case("model-lenet", LeNet, (3, 1, 16, 16), 10)
Case("model-lenet-relu", lambda: LeNet(F.relu), (3, 1, 16, 16), 10, opset=13, free_batch=True, training=True)
Case("model-resnet-batch-norm", lambda: residual_network(statistics), COLOURS, 5, training=True, rate=0.05)
Case("model-resnet-batch-norm-opset13", lambda: residual_network(statistics), COLOURS, 5, training=True, opset=13,
     optimizer=MOMENTUM, rate=0.02)  # fmt: skip
Case("model-resnet-frozen-statistics", lambda: FrozenStatistics(residual_network(statistics)), COLOURS, 5,
     training=True, rate=0.05)  # fmt: skip
Case("model-resnet-group-norm", lambda: residual_network(group_norm), COLOURS, 5, rate=0.05)
Case("model-mobilenet", lambda: mobile_network(statistics), COLOURS, 5, training=True, rate=0.05)
Case("model-mobilenet-group-norm", lambda: mobile_network(group_norm), COLOURS, 5, training=False, rate=0.05)
Case("model-convnext", lambda: nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), ConvNextBlock(4), nn.Flatten(),
     nn.Linear(64, 3)), COLOURS)  # fmt: skip
Case("model-unet", UNet, (2, 1, 8, 8), float, {"type": "bce_logits"}, rate=0.5)
Case("model-autoencoder", autoencoder, (3, 1, 8, 8), float, MSE, rate=0.5)
Case("model-transformer-batch-first", Encoder, (3, 5, 4), training=True)
Case("model-transformer-length-first", lambda: Encoder(False), (3, 5, 4), training=True, opset=17)
Case("model-transformer-words", lambda: Encoder(True, 11), words(11, 4, 5), training=True, free_batch=True)
Case("model-transformer-words-length-first", lambda: Encoder(False, 11, activation="relu"), words(11, 4, 5),
     training=True, fold=False)  # fmt: skip
Case("model-transformer-norm-first", lambda: Encoder(norm_first=True, final_norm=True), (3, 5, 4), training=True,
     opset=13)  # fmt: skip
Case("model-attention-batch-first", lambda: SelfAttention(True), (3, 4, 6), 2, SEQUENCE, training=True)
Case("model-attention-length-first", lambda: SelfAttention(False), (3, 4, 6), 2, SEQUENCE, training=True, fold=True)
Case("model-attention-masked", lambda: SelfAttention(True, True), (3, 4, 6), 2, SEQUENCE, training=True)
Case("model-gpt", lambda: CausalModel(dtype=torch.bool), words(9, 3, 6), words(9, 3, 6).roll(-1, 1), SEQUENCE)
Case("model-gpt-tied", lambda: CausalModel(True, torch.bool), words(9, 3, 6), words(9, 3, 6).roll(-1, 1), SEQUENCE,
     fold=False, rate=0.05)  # fmt: skip
Case("model-gpt-adamw", lambda: CausalModel(dtype=torch.bool), words(9, 3, 6), words(9, 3, 6).roll(-1, 1), SEQUENCE,
     optimizer=ADAMW, rate=0.001, clip=1.0)  # fmt: skip
Case("model-gpt-float-mask", CausalModel, words(9, 3, 6), words(9, 3, 6).roll(-1, 1), SEQUENCE, fold=False,
     freeze=("block.past",))  # fmt: skip
Case("model-added-mask", AddedMask, (3, 4, 5), loss=SEQUENCE, fold=False, freeze=("mask",))
Case("model-temporal-convolution", Temporal, (3, 8, 3), 4)
Case("model-deep-sets", DeepSets, (4, 5, 3), float, {"type": "huber", "delta": 1})
Case("model-attention-pooling", AttentionPooling, (4, 5, 3), float, {"type": "bce_logits"})
Case("model-mixer", Mixer, (3, 2, 6, 6))
Case("model-vision-transformer", VisionTransformer, (3, 1, 6, 6), training=True)
Case("model-cross-table", CrossTable, (6, 6), float, {"type": "bce_logits"}, training=True)
