"""Functions of each element by itself."""

import torch
from torch import nn
from torch.nn import functional as F

from blocks import Through, With, dense
from vector import Case

DENSE = (4, 5)

FUNCTIONS = {
    "relu": F.relu,
    "relu6": lambda h: F.relu6(h * 8),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": F.softplus,
    "softplus-beta": lambda h: F.softplus(h, beta=2.5),
    "softsign": F.softsign,
    "elu": F.elu,
    "elu-alpha": lambda h: F.elu(h, alpha=0.6),
    "selu": F.selu,
    "celu": lambda h: F.celu(h, alpha=1.7),
    "leaky-relu": lambda h: F.leaky_relu(h, 0.07),
    "hardsigmoid": lambda h: F.hardsigmoid(h * 4),
    "hardswish": lambda h: F.hardswish(h * 4),
    "hardtanh": lambda h: F.hardtanh(h, -0.5, 0.4),
    "hardshrink": lambda h: F.hardshrink(h, 0.2),
    "softshrink": lambda h: F.softshrink(h, 0.2),
    "silu": F.silu,
    "mish": F.mish,
    "gelu": F.gelu,
    "gelu-tanh": lambda h: F.gelu(h, approximate="tanh"),
    "logsigmoid": F.logsigmoid,
    "tanhshrink": F.tanhshrink,
    "clip": lambda h: torch.clamp(h, -0.3, 0.5),
    "clip-below": lambda h: torch.clamp(h, min=-0.1),
    "erf": torch.erf,
    "abs": torch.abs,
    "neg": torch.neg,
    "reciprocal": lambda h: torch.reciprocal(h.abs() + 0.5),
    "sqrt": lambda h: torch.sqrt(h * h + 0.3),
    "rsqrt": lambda h: torch.rsqrt(h * h + 0.3),
    "exp": lambda h: torch.exp(h * 0.5),
    "log": lambda h: torch.log(h.abs() + 0.4),
    "log1p": lambda h: torch.log1p(h * h),
    "pow-cube": lambda h: h**3,
    "pow-square": lambda h: h**2,
    "pow-fraction": lambda h: (h * h + 0.4) ** 1.7,
    "pow-negative": lambda h: (h * h + 0.6) ** -1.5,
    "sin-cos": lambda h: torch.sin(h) * torch.cos(h * 2),
    "floor-is-flat": lambda h: h * torch.floor(h * 3),
    "round-is-flat": lambda h: h * torch.round(h * 4) + torch.ceil(h),
    "sign-is-flat": lambda h: h * torch.sign(h) * 0.5 + h,
    "where": lambda h: torch.where(h > 0.1, h * h, h * -0.5),
    "where-scalar": lambda h: torch.where(h * 2 <= h, torch.zeros_like(h), h),
    "masked-fill": lambda h: h.masked_fill(h < -0.2, 0.7),
    "max-min-scalar": lambda h: torch.maximum(torch.minimum(h, h * 0.3 + 0.2), torch.full_like(h, -0.4)),
    "glu": lambda h: F.glu(torch.cat([h, h * 0.5 - 1], -1)),
    "comparison-product": lambda h: h * ((h > 0) & (h < 0.5)).float() + (~(h > 0)).to(h.dtype) * h * 0.1,
}

for name, function in FUNCTIONS.items():
    Case(f"activation-{name}", lambda f=function: dense(f), DENSE)

Case("activation-prelu", lambda: Through(nn.Linear(5, 6), nn.PReLU(), nn.Linear(6, 3)), DENSE)
Case(
    "activation-prelu-channels",
    lambda: Through(nn.Conv2d(2, 3, 3), nn.PReLU(3), nn.Sequential(nn.Flatten(), nn.Linear(12, 3))),
    (3, 2, 4, 4),
)

Case(
    "elementwise-broadcast",
    lambda: With(
        lambda x, a, b, c, d: ((x * a + b.unsqueeze(1)) / (c.abs() + 1) - d).sum(1),
        a=(3,), b=(3, 3), c=(1, 4, 1), d=(1,),
    ),
    torch.linspace(-1, 1, 36).reshape(3, 4, 3),
)  # fmt: skip
Case(
    "elementwise-max-min",
    lambda: With(lambda x, a, b: torch.maximum(x * a, b) - torch.minimum(x, a * b), a=(3,), b=(1, 3)),
    (5, 3),
)
Case(
    "elementwise-power-of-parameter",
    lambda: With(lambda x, a, b: (x.abs() + 0.5) ** a * 1.5 ** b, a=(3,), b=(1,)),
    (5, 3),
)
Case(
    "elementwise-scalar-parameter",
    lambda: With(lambda x, a, b: 2 - x * a + 1 / (b * x + 3), a=(), b=(1,)),
    (5, 3),
    target=float,
    loss={"type": "mse"},
    rate=0.05,
)
