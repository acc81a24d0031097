"""One known answer: a model of PyTorch as ONNX, and what PyTorch makes of its parameters in some steps.

The answers are computed in double precision and written as float32, so that what a float32 implementation differs by
is its own error. A case is refused where PyTorch itself, in single precision, differs by more than half of what is
permitted: then the case is ill-conditioned, and no test of anything.
"""

import base64
import copy
import io
import itertools
import json
import warnings
import zlib
from dataclasses import dataclass, field
from typing import Callable, Optional

import numpy as np
import torch
from torch.nn import functional as F

import onnx_wire
from blocks import FixedDropout

STEPS = 5
PERMITTED = 1e-5
OPSETS = (13, 14, 15, 16, 17)

CASES = {}


@dataclass
class Case:
    """What is trained, on what, and how it is exported. Options left out follow from the name, so that they vary."""

    name: str
    """Makes the module; the random numbers of PyTorch are seeded by the name."""
    build: Callable[[], torch.nn.Module]
    """The batch, or its shape where it is made of normal random numbers."""
    x: object
    """The target, or the number of classes, or `float`: random numbers of the shape of the output."""
    target: object = 3
    loss: dict = field(default_factory=lambda: {"type": "softmax_ce"})
    optimizer: dict = field(default_factory=lambda: {"type": "sgd"})
    """One rate, or one for each step."""
    rate: object = 0.1
    clip: Optional[float] = None
    """One weight per example; those of weight 0 are no examples to PyTorch."""
    weights: Optional[list] = None
    opset: Optional[int] = None
    """Exported as in training (True), as in use (False)."""
    training: Optional[bool] = None
    fold: Optional[bool] = None
    free_batch: Optional[bool] = None
    keep_inputs: Optional[bool] = None
    """Initialisers that are not to be trained, by name."""
    freeze: tuple = ()
    """Makes the ONNX of the module itself, instead of the exporter."""
    write: Optional[Callable] = None
    """Makes of the exported initialisers the module that has them as parameters, where the exporter changed them."""
    rebuild: Optional[Callable] = None

    def __post_init__(self):
        seed = zlib.crc32(self.name.encode())
        if self.opset is None:
            self.opset = OPSETS[seed % 5]
        options = ("training", "fold", "free_batch", "keep_inputs")
        for bit, option in enumerate(options):
            if getattr(self, option) is None:
                setattr(self, option, bool(seed >> (8 + bit) & 1))
        if self.name in CASES:
            raise ValueError(f"two cases are called {self.name}")
        CASES[self.name] = self


def make(case):
    """The vector of a case, ready for JSON."""
    torch.manual_seed(zlib.crc32(case.name.encode()))
    module = case.build()
    module.train(case.training)
    x = case.x if isinstance(case.x, torch.Tensor) else torch.randn(case.x)
    target = _target(case, module, x)
    exported = case.write(module, case) if case.write else _export(module, x, case)
    tensors = onnx_wire.initializers(exported)
    if not case.write:
        # Exporting for use merges parameters that are equal: their names remain, as those of Identity nodes.
        merged = onnx_wire.identities(exported)
        tensors |= {name: tensors[source] for name, source in merged.items() if source in tensors}
    if case.rebuild:
        module = case.rebuild(tensors)
        module.train(case.training)
    sources = _sources(module, tensors, case)

    losses, trained = _train(module, x, target, case, torch.float64)
    _, single = _train(module, x, target, case, torch.float32)
    answers = {name: view(trained[source]).numpy() for name, (source, view) in sources.items()}
    for name, (source, view) in sources.items():
        error = np.abs(view(single[source]).numpy() - answers[name]).max()
        if not error <= PERMITTED:
            raise ValueError(f"{name} is ill-conditioned: {error}")
        moved = np.abs(answers[name] - tensors[name]).max()
        if not moved > 0:
            print(f"  {name} does not move")
    how = "by torch.onnx.export" if case.write is None else "by hand, for operators that this exporter does not write"
    options = "" if case.write else f"; {_options(case)}"
    vector = {
        "source": f"PyTorch {torch.__version__}; ONNX {how}{options}; answers in double precision; test/vectors/graph/make.py",
        "opset": case.opset,
        "loss": case.loss,
        "optimizer": case.optimizer,
        "learningRate": case.rate,
        "gradientClip": case.clip,
        "steps": STEPS,
        "weights": case.weights,
        "freeze": list(case.freeze) or None,
        "masks": [_array(part.mask.numpy()) for part in module.modules() if isinstance(part, FixedDropout)] or None,
        "x": _tensor(x.numpy()),
        "target": _tensor(target.numpy()),
        "losses": [float(f"{loss:.9g}") for loss in losses],
        "parameters": {name: _array(answer) for name, answer in answers.items()},
        "model": base64.b64encode(exported).decode(),
    }
    return {key: value for key, value in vector.items() if value is not None}


def _options(case):
    mode = "TrainingMode.TRAINING" if case.training else "TrainingMode.EVAL"
    return ", ".join(
        [
            mode,
            f"do_constant_folding={case.fold}",
            f"{'free' if case.free_batch else 'fixed'} batch axis",
            f"keep_initializers_as_inputs={case.keep_inputs}",
        ]
    )


def _target(case, module, x):
    if isinstance(case.target, torch.Tensor):
        return case.target
    with torch.no_grad():
        output = copy.deepcopy(module)(x)
    if case.target is float:
        return torch.rand(output.shape) if case.loss["type"] == "bce_logits" else torch.randn(output.shape)
    labels = torch.randint(case.target, output.shape[:-1])
    return labels.int() if len(case.name) % 2 else labels


def _export(module, x, case):
    """The trace runs the module, which would move running statistics; and some modes are left as they were."""
    stream = io.BytesIO()
    modes = torch.onnx.TrainingMode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            copy.deepcopy(module),
            (x,),
            stream,
            opset_version=case.opset,
            training=modes.TRAINING if case.training else modes.EVAL,
            do_constant_folding=case.fold,
            keep_initializers_as_inputs=case.keep_inputs,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}} if case.free_batch else None,
        )
    return stream.getvalue()


def _sources(module, tensors, case):
    """Where each trained initialiser comes from: name -> (name in the module, how it lies there).

    Sets the module to what was exported, since a trace in training mode moves running statistics.
    """
    state = module.state_dict()
    moving, fixed = _statistics(module, True), _statistics(module, False)
    for name, tensor in state.items():
        if name in tensors and name in moving:
            tensor.copy_(torch.from_numpy(tensors[name].copy()))
    trainable = {name for name, _ in module.named_parameters()} | moving
    sources = {}
    for name, array in tensors.items():
        if name in case.freeze or name in fixed:
            continue
        used = [source for source, _ in sources.values()]
        found = _find(name, array, {key: state[key] for key in state if key in trainable}, used)
        if found is None:
            raise ValueError(f"initialiser {name} {array.shape} is no parameter of the module")
        sources[name] = found
    return sources


def _statistics(module, moving):
    return {
        f"{prefix}.{statistic}".lstrip(".")
        for prefix, part in module.named_modules()
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm) and part.training == moving
        for statistic in ("running_mean", "running_var")
    }


def _find(name, array, state, used):
    """A tensor of the module that holds these numbers, permuted or not: of the same name, else one not yet found."""
    for source in sorted(state, key=lambda key: (key != name, key in used)):
        tensor = state[source].detach().float()
        if tensor.numel() != array.size:
            continue
        for order in itertools.permutations(range(tensor.dim())):
            if np.array_equal(tensor.permute(order).reshape(array.shape).numpy(), array):
                return source, lambda value, order=order: value.permute(order).reshape(array.shape)
    return None


def _train(module, x, target, case, dtype):
    module = copy.deepcopy(module).to(dtype)
    x = x.to(dtype) if x.is_floating_point() else x
    target = target.to(dtype) if target.is_floating_point() else target
    weights = None if case.weights is None else torch.tensor(case.weights, dtype=dtype)
    if weights is not None:
        x, target, weights = x[weights > 0], target[weights > 0], weights[weights > 0]
    parameters = [parameter for name, parameter in module.named_parameters() if name not in case.freeze]
    rates = case.rate if isinstance(case.rate, list) else [case.rate] * STEPS
    optimizer = _optimizer(case.optimizer, parameters, rates[0])
    losses = []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rates[step]
        optimizer.zero_grad()
        loss = _loss(module(x), target, case.loss, weights)
        loss.backward()
        if case.clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, case.clip)
        optimizer.step()
        losses.append(loss.item())
    return losses, {name: value.detach() for name, value in module.state_dict().items()}


def _optimizer(options, parameters, rate):
    decay = options.get("weightDecay", 0)
    if options["type"] in ("adam", "adamw"):
        kind = torch.optim.AdamW if options["type"] == "adamw" else torch.optim.Adam
        betas = (options["beta1"], options["beta2"])
        return kind(parameters, rate, betas=betas, eps=options["epsilon"], weight_decay=decay)
    return torch.optim.SGD(
        parameters,
        rate,
        momentum=options.get("momentum", 0),
        nesterov=options["type"] == "nesterov",
        weight_decay=decay,
    )


def _loss(output, target, options, weights):
    kind = options["type"]
    if kind in ("softmax_ce", "sequence_ce"):
        classes = options.get("classWeights")
        settings = {
            "weight": None if classes is None else torch.tensor(classes, dtype=output.dtype),
            "label_smoothing": options.get("labelSmoothing", 0.0),
            "ignore_index": options.get("ignoreIndex", -100),
        }
        if kind == "sequence_ce":
            output = output.transpose(1, 2)
        if weights is None:
            return F.cross_entropy(output, target.long(), **settings)
        assert len(settings["weight"] or ()) == 0 and settings["ignore_index"] == -100
        each = F.cross_entropy(output, target.long(), reduction="none", **settings)
    else:
        compare = {
            "mse": F.mse_loss,
            "mae": F.l1_loss,
            "bce_logits": F.binary_cross_entropy_with_logits,
            "huber": lambda *both, reduction: F.huber_loss(*both, reduction=reduction, delta=options["delta"]),
        }[kind]
        if weights is None:
            return compare(output, target, reduction="mean")
        each = compare(output, target, reduction="none")
    return (each.flatten(1).mean(1) if each.dim() > 1 else each).mul(weights).sum() / weights.sum()


def _tensor(array):
    return {"shape": list(array.shape), "dtype": str(array.dtype), "base64": base64.b64encode(array.tobytes()).decode()}


def _array(array):
    raw = np.ascontiguousarray(array, np.float32).tobytes()
    return {"shape": list(array.shape), "base64": base64.b64encode(raw).decode()}


def formatted(value, indent=""):
    """JSON as the formatter of this repository leaves it."""
    if not isinstance(value, (dict, list)):
        return json.dumps(value).replace("e-0", "e-")
    inner = indent + "  "
    if isinstance(value, list):
        parts = [formatted(item, inner) for item in value]
        if not any(isinstance(item, dict) for item in value):
            return "[" + ", ".join(parts) + "]"
        return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}]"
    parts = [f"{json.dumps(key)}: {formatted(item, inner)}" for key, item in value.items()]
    line = "{ " + ", ".join(parts) + " }"
    if len(inner) + len(line) < 80 and "base64" not in value:
        return line
    return "{\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}}}"
