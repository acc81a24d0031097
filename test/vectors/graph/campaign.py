#!/usr/bin/python3
"""Known answers of random models: campaign.py <folder> <first seed> <models>.

For hunting by hand, not to be committed: what is found becomes a case of its own. The files are compared by

  HANSE_VECTORS=<folder> npx vitest run --project unit test/client/graph/known-answers.test.ts

A model is a chain of layers drawn for the shape that has been reached, some of them in parallel; its training, its
loss and its export are drawn too. Models that are ill-conditioned, or that the exporter cannot write, are left out.
"""

import pathlib
import random
import sys

import torch
from torch import nn
from torch.nn import functional as F

from blocks import With
from normalization_cases import batch_norm
from vector import CASES, Case, formatted, make

MAX_ELEMENTS = 160


class Apply(nn.Module):
    def __init__(self, function, label):
        super().__init__()
        self.function = function
        self.label = label

    def forward(self, x):
        return self.function(x)

    def extra_repr(self):
        return self.label


class Parallel(nn.Module):
    """combine(left(x), right(x))"""

    def __init__(self, left, right, combine, label):
        super().__init__()
        self.left, self.right, self.combine, self.label = left, right, combine, label

    def forward(self, x):
        return self.combine(self.left(x), self.right(x))

    def extra_repr(self):
        return self.label


class Attention(nn.Module):
    def __init__(self, width, heads, mask):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mask = mask

    def forward(self, x):
        mask = torch.triu(torch.ones(x.shape[1], x.shape[1]), 1).bool() if self.mask else None
        return self.attention(x, x, x, need_weights=False, attn_mask=mask)[0]


ACTIVATIONS = {
    "relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softplus": F.softplus, "elu": F.elu,
    "selu": F.selu, "celu": lambda h: F.celu(h, 0.5), "leaky": lambda h: F.leaky_relu(h, 0.2), "silu": F.silu,
    "mish": F.mish, "gelu": F.gelu, "gelu-tanh": lambda h: F.gelu(h, approximate="tanh"), "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid, "relu6": F.relu6, "softsign": F.softsign, "logsigmoid": F.logsigmoid,
    "clamp": lambda h: h.clamp(-0.7, 0.9), "abs": torch.abs, "erf": torch.erf, "square": lambda h: h**2 * 0.5,
    "cube": lambda h: h.clamp(-2, 2) ** 3 * 0.3, "sqrt": lambda h: torch.sqrt(h * h + 0.5), "neg": torch.neg,
    "log": lambda h: torch.log(h.abs() + 1), "reciprocal": lambda h: 1 / (h * h + 1), "sin": torch.sin,
    "exp": lambda h: torch.exp(-h * h), "hardtanh": F.hardtanh, "softshrink": lambda h: F.softshrink(h, 0.1),
    "where": lambda h: torch.where(h > 0.1, h, h * h), "mask": lambda h: h.masked_fill(h > 1.5, 1.5),
}  # fmt: skip


def function(label, call):
    return lambda: Apply(call, label)


def choices(rng, shape, depth):
    """Layers that take [B, *shape], as functions that make one."""
    name = rng.choice(list(ACTIVATIONS))
    found = [function(name, ACTIVATIONS[name])] * 4
    axis = rng.randrange(1, len(shape) + 1)
    length = shape[axis - 1]
    negative = axis - len(shape) - 1
    either = rng.choice([axis, negative])
    last = shape[-1]
    out = rng.choice([2, 3, 4, 5, 6, 8])
    found += [lambda: nn.Linear(last, out, bias=rng.random() < 0.8)] * 3
    found += [lambda: nn.LayerNorm(last, elementwise_affine=rng.random() < 0.7)]
    found += [function(f"softmax {either}", lambda h: torch.softmax(h, either) * length)]
    found += [function(f"log_softmax {either}", lambda h: torch.log_softmax(h, either))]
    found += [function(f"flip {either}", lambda h: torch.flip(h, [either]) * 0.7)]
    found += [function(f"roll {either}", lambda h: torch.roll(h, 1, either))]
    found += [function(f"normalize {either}", lambda h: F.normalize(h, dim=either))]
    scale = [rng.choice([1, size]) for size in shape[rng.randrange(len(shape)) :]]
    found += [lambda: With(lambda x, a, b: x * a + b, a=tuple(scale), b=(last,))]
    start, step = rng.randrange(max(1, length // 2)), rng.choice([1, 1, 2])
    if length > 2:
        index = (slice(None),) * axis + (slice(start, rng.choice([None, length - 1, -1]), step),)
        found += [function(f"slice {index}", lambda h: h[index])]
        parts = [1, length - 1] if rng.random() < 0.5 else [length - 2, 2]
        found += [function(f"split {parts} {either}", lambda h: torch.split(h, parts, either)[1] * 1.5)]
        found += [function(f"split {parts} {either} joined",
                           lambda h: torch.cat([p.tanh() for p in torch.split(h, parts, either)[::-1]], either))]  # fmt: skip
        rows = torch.tensor([rng.randrange(length) for _ in range(3)])
        found += [function(f"index_select {either}", lambda h: torch.index_select(h, either, rows))]
    if length % 2 == 0:
        found += [function(f"chunk {either}", lambda h: (lambda a, b: a * torch.sigmoid(b))(*h.chunk(2, either)))]
    found += [function(f"concat {either}", lambda h: torch.cat([h, h * h * 0.3], either))]
    filled = rng.choice([0.0, 0.5])
    found += [function(f"pad {filled}", lambda h: F.pad(h, (1, 0), value=filled))]
    if len(shape) > 1:
        keep = rng.random() < 0.3
        reductions = {
            "sum": lambda h: h.sum(either, keepdim=keep), "mean": lambda h: h.mean(either, keepdim=keep),
            "max": lambda h: h.amax(either, keepdim=keep), "min": lambda h: h.amin(either, keepdim=keep),
            "logsumexp": lambda h: torch.logsumexp(h, either, keepdim=keep),
            "norm": lambda h: h.norm(dim=either, keepdim=keep), "max()": lambda h: h.max(either, keepdim=keep)[0],
        }  # fmt: skip
        kind = rng.choice(list(reductions))
        found += [function(f"{kind} {either} {keep}", reductions[kind])]
        at = rng.choice([0, -1, length // 2])
        found += [function(f"select {either} {at}", lambda h: h.select(either, at))]
        order = list(range(1, len(shape) + 1))
        rng.shuffle(order)
        found += [function(f"permute {order}", lambda h: h.permute(0, *order))] * 2
        found += [function("flatten", lambda h: h.flatten(1))]
        found += [function("view", lambda h: h.reshape(h.size(0), h.size(1), -1))]
    else:
        found += [lambda: batch_norm(nn.BatchNorm1d(last))]
        if last % 2 == 0:
            found += [function("view", lambda h: h.view(h.size(0), 2, -1))]
    channels = shape[0]
    if len(shape) == 2:
        found += [function("scores", lambda h: h @ h.transpose(1, 2) / last**0.5)]
        found += [function("einsum", lambda h: torch.einsum("btd,bsd->bts", h, h) / last)]
        found += [function("attend", lambda h: torch.bmm(torch.softmax(h @ h.transpose(1, 2) / 2, -1), h))]
        found += [function("unsqueeze", lambda h: h.unsqueeze(1))]
        if last % 2 == 0:
            found += [lambda: Attention(last, 2, rng.random() < 0.5)] * 2
        found += [lambda: nn.Conv1d(channels, out, rng.choice([1, 2, 3]), stride=rng.choice([1, 2]),
                                    padding=rng.choice([0, 1, 2]), dilation=rng.choice([1, 1, 2]))]  # fmt: skip
        found += [lambda: nn.ConvTranspose1d(channels, out, rng.choice([2, 3]), stride=rng.choice([1, 2]))]
        found += [lambda: batch_norm(nn.BatchNorm1d(channels)), lambda: nn.InstanceNorm1d(channels, affine=True)]
        found += [function("max_pool1d", lambda h: F.max_pool1d(h, 2, stride=1))]
        found += [function("avg_pool1d", lambda h: F.avg_pool1d(h, 3, stride=2, padding=1))]
    if len(shape) == 3:
        even = channels % 2 == 0
        groups = 2 if even and rng.random() < 0.4 else 1
        size = (rng.choice([1, 2, 3]), rng.choice([1, 3]))
        stride = rng.choice([1, 1, 2, (1, 2)])
        found += [lambda: nn.Conv2d(channels, out * groups, size, stride, padding=rng.choice([0, 1, (1, 0)]),
                                    dilation=rng.choice([1, 1, 2]), groups=groups, bias=rng.random() < 0.7,
                                    padding_mode=rng.choice(["zeros", "zeros", "reflect", "replicate"]))] * 4  # fmt: skip
        found += [lambda: nn.Conv2d(channels, channels, 3, padding=1, groups=channels)]
        found += [lambda: nn.ConvTranspose2d(channels, out, (2, 3), rng.choice([1, 2]), padding=rng.choice([0, 1]))]
        found += [lambda: nn.BatchNorm2d(channels), lambda: batch_norm(nn.BatchNorm2d(channels))]
        found += [lambda: nn.GroupNorm(2 if even else 1, channels), lambda: nn.InstanceNorm2d(channels)]
        found += [lambda: nn.PReLU(channels)]
        k, s, p, ceil = rng.choice([2, 3]), rng.choice([1, 2, 3]), rng.choice([0, 1]), rng.random() < 0.3
        # The exporter pads what is counted beforehand, which in ceil mode makes more windows.
        counted = rng.random() < 0.5 and not ceil
        found += [function(f"max_pool {k} {s} {p} {ceil}", lambda h: F.max_pool2d(h, k, s, p, ceil_mode=ceil))] * 2
        found += [function(f"avg_pool {k} {s} {p} {ceil} {counted}",
                           lambda h: F.avg_pool2d(h, k, s, p, ceil, counted))] * 2  # fmt: skip
        found += [function("global average", lambda h: F.adaptive_avg_pool2d(h, 1))]
        found += [function("reflect", lambda h: F.pad(h, (1, 0, 0, 1), mode="reflect"))]
        found += [function("crop", lambda h: F.pad(h, (-1, 0, 0, 1)))]
        found += [function("patches", lambda h: h.flatten(2).transpose(1, 2))] * 2
    if depth > 0:
        found += [lambda: parallel(rng, shape, depth)] * 4
    return found


def parallel(rng, shape, depth):
    left, left_shape = chain(rng, shape, rng.choice([1, 2, 3]), depth - 1)
    right, right_shape = (nn.Identity(), shape) if rng.random() < 0.4 else chain(rng, shape, 2, depth - 1)
    combine = {
        "add": lambda a, b: a + b, "mul": lambda a, b: a * b, "max": torch.maximum, "min": torch.minimum,
        "sub": lambda a, b: a - b, "div": lambda a, b: a / (b * b + 1), "where": lambda a, b: torch.where(a > b, a, b * 0.5),
    }  # fmt: skip
    axis = rng.randrange(1, len(left_shape) + 1)
    join = {"cat": lambda a, b: torch.cat([a, b], axis)}
    if left_shape == right_shape:
        join["stack"] = lambda a, b: torch.stack([a, b], axis)
    label = rng.choice(list(combine) + list(join) * 2)
    return Parallel(left, right, {**combine, **join}[label], label)


def chain(rng, shape, length, depth):
    """Layers that fit one another, and the shape after them; those that fail are left out."""
    layers = []
    while len(layers) < length:
        layer = rng.choice(choices(rng, shape, depth))
        try:
            made = layer()
            made.train()
            after = made(torch.randn(2, *shape)).shape
        except Exception:
            continue
        if len(after) < 2 or len(after) > 5 or after[0] != 2 or not 0 < after[1:].numel() <= MAX_ELEMENTS:
            continue
        layers.append(made)
        shape = list(after[1:])
        if not 1 <= len(shape) <= 3:
            layers.append(Apply(lambda h: h.flatten(2), "flatten 2"))
            shape = [shape[0], torch.Size(shape[1:]).numel()]
    return nn.Sequential(*layers), shape


OPTIMIZERS = [
    ({"type": "sgd"}, 0.05), ({"type": "sgd", "weightDecay": 0.05}, 0.05), ({"type": "momentum", "momentum": 0.9}, 0.02),
    ({"type": "nesterov", "momentum": 0.9, "weightDecay": 0.01}, 0.02),
    ({"type": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3}, 0.005),
    ({"type": "adamw", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3, "weightDecay": 0.1}, 0.005),
]  # fmt: skip


def random_case(seed):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    shape = rng.choice([[5], [8], [4, 5], [5, 4], [2, 6, 5], [3, 5, 6], [1, 7, 7]])
    first = nn.Linear(shape[-1], shape[-1])
    body, shape = chain(rng, shape_before := list(shape), rng.choice([3, 4, 5, 6, 7]), 2)
    kind = rng.choice(["softmax_ce", "softmax_ce", "mse", "bce_logits", "huber", "sequence_ce", "mae"])
    loss = {"type": kind}
    if kind == "huber":
        loss["delta"] = 0.7
    if kind == "sequence_ce" and len(shape) != 2:
        loss = {"type": "softmax_ce"}
    layers = [first, body]
    if loss["type"] == "softmax_ce" and len(shape) > 1:
        layers.append(nn.Flatten())
        shape = [torch.Size(shape).numel()]
    classes = rng.choice([3, 4])
    layers.append(nn.Linear(shape[-1], classes))
    optimizer, rate = rng.choice(OPTIMIZERS)
    is_classes = loss["type"] in ("softmax_ce", "sequence_ce")
    batch = rng.choice([2, 3, 4, 5])
    return Case(
        f"random-{seed}",
        lambda: nn.Sequential(*layers),
        (batch, *shape_before),
        classes if is_classes else float,
        loss,
        optimizer,
        rate=rate,
        clip=rng.choice([None, None, None, 0.5]),
        training=True if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in body.modules()) else None,
        freeze=(),
    )


def main(folder, first, count):
    torch.set_num_threads(1)
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True, parents=True)
    left_out = {}
    for seed in range(first, first + count):
        case = random_case(seed)
        try:
            vector = make(case)
        except Exception as error:
            reason = str(error).strip().splitlines()[0][:60] if str(error) else repr(error)
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        finally:
            CASES.clear()
        vector["source"] += f"; {' '.join(str(case.build()).split())}"
        (folder / f"{case.name}.json").write_text(formatted(vector) + "\n")
    for reason, times in sorted(left_out.items(), key=lambda item: -item[1]):
        print(f"{times} left out: {reason}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
