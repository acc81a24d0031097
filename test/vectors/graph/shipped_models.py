"""The models that come with Hanse, written again in PyTorch, and known answers of them.

The initial weights are those of the builders in `client/graph/models/`, which are asked for them (`npm run build`
first). Files hold the name of the model and the seed, not the weights: a test builds the same model again, and the
digest of its parameters tells whether it is the same. Batches are drawn by `Draws`, which is repeated there.
"""

import functools
import hashlib
import pathlib
import subprocess
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import torch
from torch.nn import functional as F

import onnx_wire
from vector import PERMITTED, STEPS, _array, _loss

ROOT = pathlib.Path(__file__).parents[3]
BATCH = 4
"""Tensors with no more elements are compared at all of them, others at so many."""
COORDINATES = 256
"""Of the examples where each is clipped by itself."""
WEIGHTS = [0, 1, 2, 0.5]
PERMITTED_CLIPPED = 1e-6

SHIPPED = {}


@dataclass
class Shipped:
    """A model as a command line asks for it, and the function that it is: forward(parameters by name, x)."""

    model: str
    forward: Callable
    """Of one example; of tokens where there is a vocabulary."""
    shape: tuple
    """Of labels; 0 for targets that are numbers, as many as the model gives."""
    classes: int
    vocabulary: int = 0
    rate: float = 0.1
    loss: dict = field(default_factory=lambda: {"type": "softmax_ce"})
    seed: str = "known answers"

    @property
    def name(self):
        return self.model.split(":")[0]

    def __post_init__(self):
        SHIPPED[self.name] = self


class Draws:
    """The linear congruential generator s' = 1664525 s + 1013904223 mod 2^32; its upper 24 bits are the number."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        """An integer in [0, bound), bound <= 2^24."""
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return (self.state >> 8) * bound >> 24

    def floats(self, *shape):
        """In [-1, 1), in the order of memory."""
        count = int(np.prod(shape))
        values = [self.below(2**24) / 2**23 - 1 for _ in range(count)]
        return torch.tensor(values, dtype=torch.float64).reshape(shape)

    def integers(self, bound, *shape):
        values = [self.below(bound) for _ in range(int(np.prod(shape)))]
        return torch.tensor(values).reshape(shape)


def make_shipped(case):
    """The vector of a model, ready for JSON."""
    weights = _weights(case)
    draws = Draws(1)
    if case.vocabulary:
        x = draws.integers(case.vocabulary, BATCH, *case.shape)
        # Padding: the second text ends with one 0, the third with two, and so on.
        for example in range(1, BATCH):
            x[example, -example:] = 0
    else:
        x = draws.floats(BATCH, *case.shape)
    y = draws.integers(case.classes, BATCH) if case.classes else draws.floats(*case.forward(weights, x).shape)

    losses, trained = _steps(case, weights, x, y)
    _, single = _steps(case, weights, x, y, torch.float32)
    clip_norm, clipped = _clipped_step(case, weights, x, y)
    _, clipped_single = _clipped_step(case, weights, x, y, torch.float32)
    _refuse_ill_conditioned(trained, single, PERMITTED)
    _refuse_ill_conditioned(clipped, clipped_single, PERMITTED_CLIPPED)
    flat = np.concatenate([value.float().numpy().reshape(-1) for value in weights.values()])
    return {
        "source": f"PyTorch {torch.__version__}; answers in double precision; test/vectors/graph/shipped_models.py",
        "model": case.model,
        "seed": case.seed,
        "parametersSha256": hashlib.sha256(flat.astype("<f4").tobytes()).hexdigest(),
        "loss": case.loss,
        "classes": case.classes,
        "vocabulary": case.vocabulary,
        "batchSize": BATCH,
        "learningRate": case.rate,
        "steps": STEPS,
        "losses": [float(f"{loss:.9g}") for loss in losses],
        "parameters": _answers(weights, trained),
        "clipped": {
            "clipNorm": clip_norm,
            "weights": WEIGHTS,
            "parameters": _answers(weights, clipped),
        },
    }


def _weights(case):
    """What the builder makes: name -> double precision, in the order of the model."""
    name, _, numbers = case.model.partition(":")
    script = """
      import { createHash } from 'node:crypto';
      import { BUILT_IN_MODELS } from './dist/client/commands/built-in-models.js';
      import { RandomNumbers, seededRandom } from './dist/protocol/random.js';
      const [name, numbers, seed] = process.argv.slice(1);
      const key = createHash('sha256').update('HANSE model\\0' + seed).digest();
      const parts = numbers === '' ? [] : numbers.split(',').map(Number);
      process.stdout.write(BUILT_IN_MODELS[name].build(parts, new RandomNumbers(seededRandom(key))));
    """
    command = ["node", "--input-type=module", "-e", script, "--", name, numbers, case.seed]
    exported = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    return {name: torch.from_numpy(array.astype(np.float64)) for name, array in onnx_wire.initializers(exported).items()}


def _gradients(case, weights, x, y):
    parameters = {name: value.clone().requires_grad_() for name, value in weights.items()}
    loss = _loss(case.forward(parameters, x), y, case.loss, None)
    return loss.item(), dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()))))


def _in(dtype, *tensors):
    return [tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in tensors]


def _steps(case, weights, x, y, dtype=torch.float64):
    """Gradient descent: the losses before each step, and the parameters after all of them."""
    x, y, *values = _in(dtype, x, y, *weights.values())
    weights = dict(zip(weights, values))
    losses = []
    for _ in range(STEPS):
        loss, gradients = _gradients(case, weights, x, y)
        losses.append(loss)
        weights = {name: value - case.rate * gradients[name] for name, value in weights.items()}
    return losses, weights


def _clipped_step(case, weights, x, y, dtype=torch.float64):
    """One step along the weighted mean of the gradients of single examples, each clipped to the norm that is returned.

    The norm lies between the two smallest of examples that count, so that one stays as it is and others do not.
    """
    x, y, *values = _in(dtype, x, y, *weights.values())
    weights = dict(zip(weights, values))
    alone = [_gradients(case, weights, x[i : i + 1], y[i : i + 1])[1] for i in range(BATCH)]
    norms = [torch.cat([gradient.reshape(-1) for gradient in own.values()]).norm().item() for own in alone]
    least, second = sorted(norm for norm, weight in zip(norms, WEIGHTS) if weight > 0)[:2]
    clip_norm = float(f"{(least * second) ** 0.5:.3g}")
    assert least < 0.99 * clip_norm and 1.01 * clip_norm < second, norms
    shares = [weight / sum(WEIGHTS) * min(1, clip_norm / norm) for weight, norm in zip(WEIGHTS, norms)]
    means = {name: sum(share * own[name] for share, own in zip(shares, alone)) for name in weights}
    return clip_norm, {name: value - case.rate * means[name] for name, value in weights.items()}


def _refuse_ill_conditioned(double, single, permitted):
    for name, value in double.items():
        error = (value - single[name]).abs().max().item()
        if not error <= permitted:
            raise ValueError(f"{name} is ill-conditioned: {error}")


def _answers(before, after):
    """Of each parameter some elements, and the L2 norm of how all of them have moved."""
    draws = Draws(2)
    answers = {}
    for name, value in after.items():
        flat = value.reshape(-1)
        if len(flat) > COORDINATES:
            flat = flat[[draws.below(len(flat)) for _ in range(COORDINATES)]]
        moved = (value - before[name]).norm().item()
        # Softmax takes no notice of what is added to all scores of a query, which is what the bias of the keys does.
        assert moved > 1e-4 or name.endswith("attention.key.bias"), (name, moved)
        answers[name] = {"moved": float(f"{moved:.9g}"), **_array(flat.numpy())}
    return answers


def linear(p, x):
    return x @ p["linear.weight"] + p["linear.bias"]


def dense(p, name, x):
    return F.linear(x, p[f"{name}.weight"].T, p[f"{name}.bias"])


def perceptron(p, x):
    layers = len(p) // 2
    for layer in range(layers):
        x = dense(p, f"dense{layer}", x)
        x = F.relu(x) if layer < layers - 1 else x
    return x


def federated_averaging_network(p, x):
    """As the paper has it: relu, then pool."""
    for layer in ("conv0", "conv1"):
        x = F.max_pool2d(F.relu(F.conv2d(x, p[f"{layer}.weight"], p[f"{layer}.bias"], padding="same")), 2)
    return dense(p, "dense1", F.relu(dense(p, "dense0", x.flatten(1))))


def residual_network(p, x, blocks):
    def normal(name, x, stride=1):
        weight = p[f"{name}.weight"]
        x = F.conv2d(x, weight, None, stride, padding=weight.shape[-1] // 2)
        return F.group_norm(x, 8, p[f"{name}.norm.weight"].flatten(), p[f"{name}.norm.bias"].flatten())

    x = F.relu(normal("stem", x))
    for stage in range(3):
        for block in range(blocks):
            name, stride = f"stage{stage}.block{block}", 2 if stage > 0 and block == 0 else 1
            h = normal(f"{name}.conv1", F.relu(normal(f"{name}.conv0", x, stride)))
            x = F.relu(h + (normal(f"{name}.shortcut", x, stride) if stride == 2 else x))
    return dense(p, "head", F.adaptive_avg_pool2d(x, 1).flatten(1))


def mean_of_words(rows, x):
    return torch.stack([row[tokens != 0].mean(0) for row, tokens in zip(rows, x)])


def bag(p, x):
    """`padding_idx` leaves padding out of the mean."""
    mean = F.embedding_bag(x, p["embedding.table"], mode="mean", padding_idx=0)
    return dense(p, "head", mean)


def transformer(p, x, heads, blocks):
    def norm(name, h):
        return F.layer_norm(h, h.shape[-1:], p[f"{name}.scale"], p[f"{name}.bias"])

    h = F.embedding(x, p["embedding.table"]) + p["positions.table"]
    width = h.shape[-1]
    for block in range(blocks):
        name = f"block{block}"
        own = f"{name}.attention"
        lengthwise = norm(f"{name}.norm0", h).transpose(0, 1)
        attended, _ = F.multi_head_attention_forward(
            lengthwise, lengthwise, lengthwise, width, heads, None,
            torch.cat([p[f"{own}.{part}.bias"] for part in ("query", "key", "value")]),
            None, None, False, 0.0, p[f"{own}.out.weight"].T, p[f"{own}.out.bias"], need_weights=False,
            use_separate_proj_weight=True, q_proj_weight=p[f"{own}.query.weight"].T,
            k_proj_weight=p[f"{own}.key.weight"].T, v_proj_weight=p[f"{own}.value.weight"].T,
        )  # fmt: skip
        h = h + attended.transpose(0, 1)
        h = h + dense(p, f"{name}.dense1", F.gelu(dense(p, f"{name}.dense0", norm(f"{name}.norm1", h))))
    return dense(p, "head", mean_of_words(norm("norm", h), x))


Shipped("linear:4,2", linear, (4,), 0, loss={"type": "mse"})
Shipped("mlp:12,9,7,5", perceptron, (12,), 5)
Shipped("cnn", federated_averaging_network, (1, 28, 28), 10, rate=0.005)
Shipped("resnet:1,5,1,8,8", functools.partial(residual_network, blocks=1), (1, 8, 8), 5, rate=0.05)
Shipped("bag:23,7,8,3", bag, (7,), 3, vocabulary=23)
Shipped("transformer:23,7,8,2,2,3", functools.partial(transformer, heads=2, blocks=2), (7,), 3, vocabulary=23)
