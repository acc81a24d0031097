"""Losses with their options, optimisers, rates, clipping, weights of examples, frozen parameters."""

import torch
from torch import nn

from vector import Case

DENSE = (6, 5)
MSE = {"type": "mse"}
ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def perceptron(outputs=3):
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, outputs))


LABELS = torch.tensor([0, 2, 1, 2, 0, 1])
CROSS_ENTROPIES = {
    "plain": {},
    "class-weights": {"classWeights": [0.2, 1, 3.5]},
    "label-smoothing": {"labelSmoothing": 0.1},
    "ignore-index": {"ignoreIndex": 2},
    "everything": {"classWeights": [0.2, 1, 3.5], "labelSmoothing": 0.3, "ignoreIndex": 1},
}
for name, options in CROSS_ENTROPIES.items():
    for labels in (LABELS, LABELS.int()):
        bits = str(labels.dtype)[-2:]
        Case(f"loss-cross-entropy-{name}-int{bits}", perceptron, DENSE, labels, {"type": "softmax_ce", **options})
Case("loss-bce", lambda: perceptron(1), DENSE, LABELS.clamp(max=1).float()[:, None], {"type": "bce_logits"})
Case("loss-bce-soft", lambda: perceptron(4), DENSE, float, {"type": "bce_logits"})
Case("loss-mse", lambda: perceptron(1), DENSE, float, MSE)
Case("loss-mse-many", lambda: perceptron(4), DENSE, float, MSE)
Case("loss-mse-of-tokens", perceptron, (3, 4, 5), float, MSE)
Case("loss-mae", lambda: perceptron(4), DENSE, float, {"type": "mae"})
Case("loss-huber", lambda: perceptron(4), DENSE, float, {"type": "huber", "delta": 0.5})
Case("loss-smooth-l1", lambda: perceptron(4), DENSE, float, {"type": "huber", "delta": 1})

OPTIMIZERS = {
    "sgd-decay": ({"type": "sgd", "weightDecay": 0.1}, 0.2),
    "momentum": ({"type": "momentum", "momentum": 0.9}, 0.1),
    "momentum-decay": ({"type": "momentum", "momentum": 0.8, "weightDecay": 0.05}, 0.1),
    "nesterov": ({"type": "nesterov", "momentum": 0.9}, 0.1),
    "nesterov-decay": ({"type": "nesterov", "momentum": 0.7, "weightDecay": 0.05}, 0.1),
    "adam": ({"type": "adam", **ADAM}, 0.01),
    "adam-decay": ({"type": "adam", "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6, "weightDecay": 0.1}, 0.01),
    "adamw": ({"type": "adamw", **ADAM}, 0.01),
    "adamw-decay": ({"type": "adamw", **ADAM, "weightDecay": 0.1}, 0.01),
}
for name, (optimizer, rate) in OPTIMIZERS.items():
    Case(f"optimizer-{name}", perceptron, DENSE, LABELS, optimizer=optimizer, rate=rate)

RATES = [0.05, 0.1, 0.075, 0.02, 0.001]
Case("rates-sgd", perceptron, DENSE, LABELS, rate=RATES)
Case("rates-nesterov", perceptron, DENSE, LABELS, rate=RATES, optimizer={"type": "nesterov", "momentum": 0.9})
Case("rates-adamw", perceptron, DENSE, LABELS, rate=RATES, optimizer={"type": "adamw", **ADAM, "weightDecay": 0.1})

Case("clip-sgd", perceptron, DENSE, LABELS, rate=0.5, clip=0.25)
Case("clip-of-nothing", perceptron, DENSE, LABELS, clip=100)
Case("clip-momentum", perceptron, DENSE, float, MSE, clip=0.5, optimizer={"type": "momentum", "momentum": 0.9})
Case("clip-adam", perceptron, DENSE, LABELS, rate=0.01, clip=0.1, optimizer={"type": "adam", **ADAM})

Case("weights-padding", perceptron, DENSE, LABELS, weights=[1, 0, 1, 1, 0, 1])
Case("weights-mixed", perceptron, DENSE, LABELS, weights=[0.5, 2, 0, 1, 3, 0.25])
Case("weights-mse", perceptron, DENSE, float, MSE, weights=[0.5, 2, 0, 1, 3, 0.25])

Case("frozen-layer", perceptron, DENSE, LABELS, freeze=("0.weight", "0.bias"))
Case("frozen-bias", perceptron, DENSE, LABELS, freeze=("2.bias",), optimizer={"type": "adam", **ADAM}, rate=0.01)
Case("keep-inputs", perceptron, DENSE, LABELS, keep_inputs=True, fold=True, training=True)
Case("keep-inputs-fixed-batch", perceptron, DENSE, LABELS, keep_inputs=True, free_batch=False, fold=False)
