"""Forms of operators that the exporter of PyTorch 1.13 does not write: newer ones, attributes it has no use for."""

import math

import numpy as np
import torch
from torch.nn import functional as F

import onnx_wire
from blocks import With
from onnx_wire import node
from vector import Case

TOKENS = (3, 4, 5)
IMAGE = (3, 2, 7, 6)
MSE = {"type": "mse"}


def written(name, opset, shape, function, parameters, nodes, integers=None, **options):
    """A case out of ONNX nodes from x to y, and a function of PyTorch that computes the same.

    parameters -- name -> shape, initialisers of both
    integers   -- name -> values, initialisers of the nodes alone
    """

    def write(module, case):
        constants = {key: value.detach().numpy() for key, value in module.named_parameters()}
        for key, values in (integers or {}).items():
            array = np.asarray(values)
            constants[key] = array.astype(np.int64) if array.dtype != np.bool_ else array
        inputs = {"x": (np.float32, ["batch" if case.free_batch else shape[0], *shape[1:]])}
        return onnx_wire.model(nodes, inputs, constants, ["y"], opset)

    options = {"target": float, "loss": MSE, **options}
    Case(f"written-{name}", lambda: With(function, **parameters), shape, opset=opset, write=write, **options)


SCALE = {"w": (5,), "b": (5,)}


def scaled(name, opset, function, *nodes, shape=TOKENS, integers=None, **options):
    """What is to be tried, of h = x * w + b."""
    first = [node("Mul", ["x", "w"], ["xw"]), node("Add", ["xw", "b"], ["h"])]
    parameters = {"w": shape[-1:], "b": shape[-1:]}
    written(name, opset, shape, lambda x, w, b: function(x * w + b), parameters, first + list(nodes), integers,
            **options)  # fmt: skip


scaled("gelu", 20, F.gelu, node("Gelu", ["h"], ["y"]))
scaled("gelu-tanh", 20, lambda h: F.gelu(h, approximate="tanh"), node("Gelu", ["h"], ["y"], approximate="tanh"))
scaled("mish", 18, F.mish, node("Mish", ["h"], ["y"]))
scaled("hardswish", 14, F.hardswish, node("HardSwish", ["h"], ["y"]))
scaled("hardsigmoid", 13, lambda h: torch.clamp(h * 0.3 + 0.4, 0, 1),
       node("HardSigmoid", ["h"], ["y"], alpha=0.3, beta=0.4))  # fmt: skip
scaled("hardsigmoid-default", 21, lambda h: torch.clamp(h * 0.2 + 0.5, 0, 1), node("HardSigmoid", ["h"], ["y"]))
scaled("elu", 13, lambda h: F.elu(h, 1.3), node("Elu", ["h"], ["y"], alpha=1.3))
scaled("celu", 13, lambda h: F.celu(h, 0.7), node("Celu", ["h"], ["y"], alpha=0.7))
scaled("selu", 13, lambda h: 1.2 * torch.where(h > 0, h, 1.5 * (torch.exp(h) - 1)),
       node("Selu", ["h"], ["y"], alpha=1.5, gamma=1.2))  # fmt: skip
scaled("leaky-relu-default", 16, lambda h: F.leaky_relu(h, 0.01), node("LeakyRelu", ["h"], ["y"]))
scaled("thresholded-relu", 13, lambda h: torch.where(h > 0.2, h, torch.zeros_like(h)),
       node("ThresholdedRelu", ["h"], ["y"], alpha=0.2))  # fmt: skip
scaled("clip-above", 13, lambda h: torch.clamp(h, max=0.3),
       node("Constant", [], ["top"], value_float=0.3), node("Clip", ["h", "", "top"], ["y"]))  # fmt: skip
scaled("softsign", 13, F.softsign, node("Softsign", ["h"], ["y"]))
scaled("softplus", 13, F.softplus, node("Softplus", ["h"], ["y"]))
scaled("prelu", 16, lambda h: torch.where(h < 0, h * 0.3, h),
       node("Constant", [], ["s"], value_floats=[0.3]), node("PRelu", ["h", "s"], ["y"]))  # fmt: skip
scaled("variadic", 13, lambda h: torch.maximum(torch.maximum(h, h * h), h * 0.5) + (h + h * h + h * 0.5) * 2 / 3,
       node("Constant", [], ["c"], value_float=0.5), node("Mul", ["h", "h"], ["hh"]), node("Mul", ["h", "c"], ["hc"]),
       node("Max", ["h", "hh", "hc"], ["m"]), node("Sum", ["h", "hh", "hc"], ["s"]),
       node("Mean", ["h", "hh", "hc"], ["n"]), node("Sub", ["s", "n"], ["d"]), node("Sum", ["m", "d"], ["y"]))  # fmt: skip
scaled("one-of-variadic", 13, lambda h: h * h, node("Mul", ["h", "h"], ["a"]), node("Sum", ["a"], ["c"]),
       node("Max", ["c"], ["d"]), node("Min", ["d"], ["y"]))  # fmt: skip
scaled("logic", 13, lambda h: torch.where((h > 0.1) | ~(h >= -0.4), h * h, h),
       node("Constant", [], ["p"], value_float=0.1), node("Constant", [], ["q"], value_float=-0.4),
       node("Greater", ["h", "p"], ["a"]), node("GreaterOrEqual", ["h", "q"], ["c"]), node("Not", ["c"], ["d"]),
       node("Or", ["a", "d"], ["e"]), node("Mul", ["h", "h"], ["hh"]), node("Where", ["e", "hh", "h"], ["y"]))  # fmt: skip
scaled("power-of-integer", 15, lambda h: h**3, node("Pow", ["h", "three"], ["y"]), integers={"three": 3})

INVERSES = {
    "Acos": lambda h: torch.acos(h * 0.3), "Asin": lambda h: torch.asin(h * 0.3), "Atan": lambda h: torch.atan(h * 0.3),
    "Acosh": lambda h: torch.acosh(h * h + 1.5), "Asinh": lambda h: torch.asinh(h * 0.3),
    "Atanh": lambda h: torch.atanh(h * 0.3), "Sinh": lambda h: torch.sinh(h * 0.3),
    "Cosh": lambda h: torch.cosh(h * 0.3), "Tan": lambda h: torch.tan(h * 0.3),
}  # fmt: skip
for op, function in INVERSES.items():
    if op == "Acosh":
        nodes = [node("Mul", ["h", "h"], ["s"]), node("Constant", [], ["c"], value_float=1.5)]
        nodes += [node("Add", ["s", "c"], ["t"])]
    else:
        nodes = [node("Constant", [], ["c"], value_float=0.3), node("Mul", ["h", "c"], ["t"])]
    scaled(op, 13, function, *nodes, node(op, ["t"], ["y"]), rate=0.02)
scaled("remainder", 13, lambda h: h * torch.tensor([0, 1, 2, 0, 1]).to(h.dtype), node("Mod", ["r", "three"], ["m"]),
       node("Cast", ["m"], ["f"], to=1), node("Mul", ["h", "f"], ["y"]),
       integers={"r": [0, 1, 2, 3, 4], "three": 3})  # fmt: skip
scaled("chosen-by-mask", 13, lambda h: h[:, [0, 2, 3]] * 2, node("NonZero", ["m"], ["i"]),
       node("Squeeze", ["i", "first"], ["j"]), node("Gather", ["h", "j"], ["g"], axis=1), node("Add", ["g", "g"], ["y"]),
       integers={"m": [True, False, True, True], "first": [0]})  # fmt: skip
scaled("either-or", 13, lambda h: torch.where((h > 0.1) ^ (h > -0.4), h * h, h),
       node("Constant", [], ["p"], value_float=0.1), node("Constant", [], ["q"], value_float=-0.4),
       node("Greater", ["h", "p"], ["a"]), node("Greater", ["h", "q"], ["c"]), node("Xor", ["a", "c"], ["e"]),
       node("Mul", ["h", "h"], ["hh"]), node("Where", ["e", "hh", "h"], ["y"]))  # fmt: skip
scaled("no-number", 13, lambda h: h * h, node("IsNaN", ["h"], ["a"]), node("IsInf", ["h"], ["c"]),
       node("Or", ["a", "c"], ["e"]), node("Mul", ["h", "h"], ["hh"]), node("Where", ["e", "h", "hh"], ["y"]))  # fmt: skip

REDUCTIONS = {
    "ReduceSum": lambda h, a, k: h.sum(a, keepdim=k),
    "ReduceMean": lambda h, a, k: h.mean(a, keepdim=k),
    "ReduceMax": lambda h, a, k: h.amax(a, keepdim=k),
    "ReduceMin": lambda h, a, k: h.amin(a, keepdim=k),
    "ReduceL1": lambda h, a, k: h.abs().sum(a, keepdim=k),
    "ReduceL2": lambda h, a, k: h.square().sum(a, keepdim=k).sqrt(),
    "ReduceSumSquare": lambda h, a, k: h.square().sum(a, keepdim=k),
    "ReduceLogSumExp": lambda h, a, k: torch.logsumexp(h, a, keepdim=k),
}
for op, reduce in REDUCTIONS.items():
    scaled(f"{op}-18", 18, lambda h, r=reduce: r(h, (-1,), False), node(op, ["h", "axes"], ["y"], keepdims=0),
           integers={"axes": [-1]})  # fmt: skip
    if op != "ReduceSum":
        scaled(f"{op}-13", 13, lambda h, r=reduce: r(h, (1, 2), True), node(op, ["h"], ["y"], axes=[1, 2]),
               rate=0.005)
scaled("reduce-nothing", 18, lambda h: h * h, node("ReduceMean", ["h"], ["r"], noop_with_empty_axes=1),
       node("Mul", ["r", "h"], ["y"]))  # fmt: skip
scaled("reduce-everything", 13, lambda h: h * h.sum() * 0.1, node("ReduceSum", ["h"], ["s"], keepdims=0),
       node("Constant", [], ["c"], value_float=0.1), node("Mul", ["s", "c"], ["t"]),
       node("Mul", ["h", "t"], ["y"]))  # fmt: skip

scaled("layer-norm", 17, lambda h: F.layer_norm(h, (4, 5), eps=1e-3),
       node("Constant", [], ["one"], value_float=1.0), node("Expand", ["one", "shape"], ["ones"]),
       node("LayerNormalization", ["h", "ones"], ["y"], axis=1, epsilon=1e-3),
       integers={"shape": [4, 5]})  # fmt: skip
written("layer-norm-scaled", 17, TOKENS, lambda x, s, b: F.layer_norm(x, (5,), s, b), {"s": (5,), "b": (5,)},
        [node("LayerNormalization", ["x", "s", "b"], ["y", "", ""])])  # fmt: skip
written("group-norm-21", 21, (3, 4, 5), lambda x, w, s, b: F.group_norm(x * w, 2, s, b),
        {"w": (4, 1), "s": (4,), "b": (4,)},
        [node("Mul", ["x", "w"], ["h"]),
         node("GroupNormalization", ["h", "s", "b"], ["y"], num_groups=2, epsilon=1e-5)])  # fmt: skip
written("group-norm-18", 18, (3, 4, 5),
        lambda x, w, s, b: F.group_norm(x * w, 2, s.repeat_interleave(2), b.repeat_interleave(2)),
        {"w": (4, 1), "s": (2,), "b": (2,)},
        [node("Mul", ["x", "w"], ["h"]), node("GroupNormalization", ["h", "s", "b"], ["y"], num_groups=2)])  # fmt: skip
written("instance-norm", 13, (3, 4, 5), lambda x, w, s, b: F.instance_norm(x * w, None, None, s, b, eps=1e-3),
        {"w": (4, 1), "s": (4,), "b": (4,)},
        [node("Mul", ["x", "w"], ["h"]), node("InstanceNormalization", ["h", "s", "b"], ["y"], epsilon=1e-3)])  # fmt: skip
scaled("lp-normalization", 13, lambda h: F.normalize(h, dim=-1), node("LpNormalization", ["h"], ["y"], axis=-1, p=2))

scaled("split-outputs", 18, lambda h: torch.cat([h[..., :2] * 2, h[..., 2:4], h[..., 4:]], -1) * h,
       node("Split", ["h"], ["p", "q", "r"], axis=-1, num_outputs=3), node("Add", ["p", "p"], ["pp"]),
       node("Concat", ["pp", "q", "r"], ["c"], axis=-1), node("Mul", ["c", "h"], ["y"]))  # fmt: skip
scaled("split-even", 13, lambda h: h[:, :2] * h[:, 2:], node("Split", ["h"], ["p", "q"], axis=1),
       node("Mul", ["p", "q"], ["y"]))  # fmt: skip
scaled("split-one-used", 13, lambda h: h[:, 3:], node("Split", ["h", "parts"], ["p", "q"], axis=1),
       node("Identity", ["q"], ["y"]), integers={"parts": [3, 1]})  # fmt: skip
scaled("pad-axes", 18, lambda h: F.pad(h, (1, 2), value=0.5),
       node("Constant", [], ["v"], value_float=0.5), node("Pad", ["h", "pads", "v", "axes"], ["y"]),
       integers={"pads": [1, 2], "axes": [-1]})  # fmt: skip
scaled("pad-edge", 13, lambda h: F.pad(h, (2, 1), mode="replicate"), node("Pad", ["h", "pads"], ["y"], mode="edge"),
       integers={"pads": [0, 0, 2, 0, 0, 1]})  # fmt: skip
scaled("slice-backwards", 13, lambda h: torch.flip(h, [1])[:, :3, 1:4:2],
       node("Slice", ["h", "starts", "ends", "axes", "steps"], ["y"]),
       integers={"starts": [-1, 1], "ends": [0, 4], "axes": [1, -1], "steps": [-1, 2]})  # fmt: skip
scaled("slice-to-the-end", 13, lambda h: torch.flip(h[:, 1:], [2]),
       node("Slice", ["h", "starts", "ends", "axes", "steps"], ["y"]),
       integers={"starts": [1, 2**31 - 1], "ends": [2**63 - 1, -(2**63)], "axes": [1, 2], "steps": [1, -1]})  # fmt: skip
scaled("reshape-with-zero", 13, lambda h: h.reshape(3, 4, 5, 1).transpose(1, 2) * h.reshape(3, 1, 4, 5)[:, :, :1],
       node("Reshape", ["h", "s"], ["r"]), node("Transpose", ["r"], ["t"], perm=[0, 2, 1, 3]),
       node("Unsqueeze", ["h", "one"], ["u"]), node("Slice", ["u", "one0", "one", "two"], ["v"]),
       node("Mul", ["t", "v"], ["y"]), rate=0.05,
       integers={"s": [0, 0, -1, 1], "one": [1], "one0": [0], "two": [2]})  # fmt: skip
scaled("flatten-axes", 13, lambda h: h.reshape(12, 5).mean(1).reshape(3, 4),
       node("Flatten", ["h"], ["f"], axis=2), node("ReduceMean", ["f"], ["m"], axes=[1], keepdims=0),
       node("Reshape", ["m", "s"], ["y"]), integers={"s": [-1, 4]})  # fmt: skip
scaled("squeeze-everything", 13, lambda h: h.mean(1) * 2, node("ReduceMean", ["h"], ["m"], axes=[1]),
       node("Unsqueeze", ["m", "axes"], ["u"]), node("Squeeze", ["u"], ["s"]), node("Add", ["s", "s"], ["y"]),
       integers={"axes": [-1]})  # fmt: skip
scaled("gather-negative", 13, lambda h: h[:, [3, 0, 2]] * h[:, 3:], node("Gather", ["h", "i"], ["a"], axis=1),
       node("Gather", ["h", "j"], ["c"], axis=-2), node("Mul", ["a", "c"], ["y"]),
       integers={"i": [-1, 0, -2], "j": [-1]})  # fmt: skip
scaled("gather-elements", 13, lambda h: torch.gather(h, 2, torch.tensor([[[0, 4], [1, 1], [2, 0], [3, 3]]] * 3)),
       node("GatherElements", ["h", "i"], ["y"], axis=2), free_batch=False,
       integers={"i": [[[0, -1], [1, 1], [2, 0], [3, 3]]] * 3})  # fmt: skip
scaled("expand-and-tile", 13, lambda h: h.unsqueeze(1).expand(3, 2, 4, 5).repeat(1, 1, 2, 1),
       node("Unsqueeze", ["h", "axes"], ["u"]), node("Expand", ["u", "shape"], ["e"]),
       node("Tile", ["e", "times"], ["y"]),
       integers={"axes": [1], "shape": [2, 1, 5], "times": [1, 1, 2, 1]})  # fmt: skip
scaled("triangle", 14, lambda h: torch.tril(h, -1) + torch.triu(h, 1) * 2, node("Trilu", ["h", "k"], ["l"], upper=0),
       node("Trilu", ["h", "j"], ["u"]), node("Add", ["u", "u"], ["uu"]), node("Add", ["l", "uu"], ["y"]),
       integers={"k": -1, "j": 1})  # fmt: skip
scaled("shape-chain", 15, lambda h: h + torch.arange(5.0).to(h.dtype) * 0.1 + 4,
       node("Shape", ["h"], ["s"], start=-1), node("Squeeze", ["s"], ["n"]), node("Range", ["zero", "n", "one"], ["r"]),
       node("Cast", ["r"], ["f"], to=1), node("Constant", [], ["c"], value_float=0.1), node("Mul", ["f", "c"], ["fc"]),
       node("Shape", ["h"], ["t"], start=1, end=2), node("Cast", ["t"], ["tf"], to=1),
       node("Add", ["h", "fc"], ["a"]), node("Add", ["a", "tf"], ["y"]),
       integers={"zero": 0, "one": 1})  # fmt: skip
scaled("constant-of-shape", 13, lambda h: torch.cat([h, torch.zeros_like(h)], 1) * 2,
       node("Shape", ["h"], ["s"]), node("ConstantOfShape", ["s"], ["z"]), node("Concat", ["h", "z"], ["c"], axis=1),
       node("Add", ["c", "c"], ["y"]))  # fmt: skip
scaled("running-sum", 13, lambda h: h.flip(1).cumsum(1).flip(1), node("CumSum", ["h", "axis"], ["y"], reverse=1),
       integers={"axis": 1}, rate=0.02)  # fmt: skip
scaled("running-sum-of-others", 14, lambda h: h.cumsum(2) - h, node("CumSum", ["h", "axis"], ["y"], exclusive=1),
       integers={"axis": -1}, rate=0.02)  # fmt: skip
scaled("gather-points", 13, lambda h: torch.stack([h[:, 0, 1], h[:, 3, 4], h[:, 0, 1]], 1),
       node("Transpose", ["h"], ["t"], perm=[1, 2, 0]), node("GatherND", ["t", "i"], ["g"]),
       node("Transpose", ["g"], ["y"], perm=[1, 0]), integers={"i": [[0, 1], [-1, 4], [0, 1]]})  # fmt: skip
scaled("gather-points-of-each", 13, lambda h: torch.stack([h[0, 1], h[1, 3], h[2, 0]]),
       node("GatherND", ["h", "i"], ["y"], batch_dims=1), integers={"i": [[1], [3], [0]]}, free_batch=False)  # fmt: skip
scaled("scatter-points", 16, lambda h: torch.cat([h[:, :1], h[:, 1:2] * 0 + h[:, :1] * 2, h[:, 2:]], 1),
       node("Transpose", ["h"], ["t"], perm=[1, 0, 2]), node("Gather", ["t", "j"], ["g"]), node("Add", ["g", "g"], ["u"]),
       node("ScatterND", ["t", "i", "u"], ["s"]), node("Transpose", ["s"], ["y"], perm=[1, 0, 2]),
       integers={"i": [[1]], "j": [0]})  # fmt: skip
scaled("identity-matrix", 13, lambda h: h @ (torch.eye(5).to(h.dtype) + torch.eye(5).to(h.dtype).roll(1, 1).triu()),
       node("ConstantOfShape", ["shape"], ["z"]), node("EyeLike", ["z"], ["e"]), node("EyeLike", ["z"], ["f"], k=1),
       node("Add", ["e", "f"], ["m"]), node("MatMul", ["h", "m"], ["y"]), integers={"shape": [5, 5]})  # fmt: skip
scaled("one-hot", 15, lambda h: h * torch.nn.functional.one_hot(h.argmax(-1), 5).to(h.dtype) * 2 + h,
       node("ArgMax", ["h"], ["i"], axis=-1, keepdims=0), node("OneHot", ["i", "depth", "values"], ["o"]),
       node("CastLike", ["o", "h"], ["f"]), node("Mul", ["h", "f"], ["m"]), node("Add", ["m", "h"], ["y"]),
       integers={"depth": 5, "values": [0, 2]})  # fmt: skip
scaled("argmin", 13, lambda h: h * (h.argmin(1, keepdim=True) + 1).to(h.dtype),
       node("ArgMin", ["h"], ["i"], axis=1), node("Cast", ["i"], ["f"], to=1),
       node("Constant", [], ["one"], value_float=1.0), node("Add", ["f", "one"], ["g"]),
       node("Mul", ["h", "g"], ["y"]), rate=0.02)  # fmt: skip
scaled("size", 15, lambda h: h / 20 * h, node("Shape", ["h"], ["s"], start=1, end=3), node("ConstantOfShape", ["s"], ["z"]),
       node("Size", ["z"], ["n"]), node("Cast", ["n"], ["f"], to=1), node("Div", ["h", "f"], ["d"]),
       node("Mul", ["d", "h"], ["y"]))  # fmt: skip
scaled("log-of-sum", 18, lambda h: (h * h + 0.5).sum(1).log(), node("Mul", ["h", "h"], ["s"]),
       node("Constant", [], ["c"], value_float=0.5), node("Add", ["s", "c"], ["t"]),
       node("ReduceLogSum", ["t", "axes"], ["y"], keepdims=0), integers={"axes": [1]})  # fmt: skip
scaled("root-mean-square-norm", 23, lambda h: h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-3) * 2,
       node("Constant", [], ["s"], value_floats=[2.0] * 5), node("RMSNormalization", ["h", "s"], ["y"], epsilon=1e-3))  # fmt: skip
scaled("mean-variance-norm", 13, lambda h: (h - h.mean((0, 2), True)) / h.var((0, 2), False, True).sqrt(),
       node("MeanVarianceNormalization", ["h"], ["y"], axes=[0, 2]), free_batch=False)  # fmt: skip
scaled("softmax", 13, lambda h: torch.softmax(h, 1), node("Softmax", ["h"], ["y"], axis=1))
scaled("log-softmax-default", 13, lambda h: torch.log_softmax(h, -1), node("LogSoftmax", ["h"], ["y"]))
scaled("einsum-implicit", 13, lambda h: torch.einsum("bij,bkj->bik", h, h),
       node("Einsum", ["h", "h"], ["y"], equation="bij, bkj -> bik"), rate=0.02)  # fmt: skip
scaled("dropout-of-use", 13, lambda h: h, node("Dropout", ["h"], ["y"]))
scaled("identity", 13, lambda h: h * h, node("Identity", ["h"], ["i"]), node("Mul", ["i", "h"], ["y"]))

written("gemm-transposed", 13, (4, 5), lambda x, w, b: 0.5 * x @ w + 2 * b, {"w": (5, 3), "b": (1, 3)},
        [node("Transpose", ["x"], ["xt"], perm=[1, 0]),
         node("Gemm", ["xt", "w", "b"], ["y"], transA=1, alpha=0.5, beta=2.0)])  # fmt: skip
written("gemm-without-addend", 13, (4, 5), lambda x, w: x @ w.t(), {"w": (3, 5)},
        [node("Gemm", ["x", "w"], ["y"], transB=1)])  # fmt: skip
written("gemm-column-addend", 13, (4, 5), lambda x, w, b: x @ w + b, {"w": (5, 3), "b": (4, 1)},
        [node("Gemm", ["x", "w", "b"], ["y"])], free_batch=False)  # fmt: skip
written("gemm-scalar-addend", 13, (4, 5), lambda x, w, b: x @ w + b, {"w": (5, 3), "b": ()},
        [node("Gemm", ["x", "w", "b"], ["y"])])  # fmt: skip
written("shared-parameter", 13, (4, 5), lambda x, w: torch.tanh(x @ w) @ w.t(), {"w": (5, 3)},
        [node("MatMul", ["x", "w"], ["h"]), node("Tanh", ["h"], ["t"]), node("Identity", ["w"], ["v"]),
         node("Transpose", ["v"], ["vt"]), node("MatMul", ["t", "vt"], ["y"])])  # fmt: skip


def same(x, size, stride, is_upper=True):
    """Padding of auto_pad: as many outputs as strides begin in the input."""
    pads = []
    for length, k, s in reversed(list(zip(x.shape[2:], size, stride))):
        total = max(0, (math.ceil(length / s) - 1) * s + k - length)
        small, large = total // 2, total - total // 2
        pads += [small, large] if is_upper else [large, small]
    return pads


def convolved(name, function, weight, *nodes, opset=13, **options):
    written(name, opset, IMAGE, function, {"w": weight}, list(nodes), **options)


for upper in (True, False):
    mode = "SAME_UPPER" if upper else "SAME_LOWER"
    convolved(f"conv-{mode}", lambda x, w, u=upper: F.conv2d(F.pad(x, same(x, (4, 3), (2, 2), u)), w, stride=2),
              (3, 2, 4, 3), node("Conv", ["x", "w"], ["y"], auto_pad=mode, strides=[2, 2]))  # fmt: skip
    convolved(f"max-pool-{mode}", lambda x, w, u=upper: F.max_pool2d(
        F.pad(F.conv2d(x, w), same(x, (2, 3), (2, 2), u), value=-math.inf), (2, 3), 2), (3, 2, 1, 1),
        node("Conv", ["x", "w"], ["h"]),
        node("MaxPool", ["h"], ["y"], auto_pad=mode, kernel_shape=[2, 3], strides=[2, 2]))  # fmt: skip
convolved("conv-valid", lambda x, w: F.conv2d(x, w, stride=(1, 2)), (3, 2, 2, 3),
          node("Conv", ["x", "w"], ["y"], auto_pad="VALID", strides=[1, 2]))  # fmt: skip
convolved("conv-uneven-pads", lambda x, w: F.conv2d(F.pad(x, (2, 0, 0, 1)), w), (3, 2, 3, 3),
          node("Conv", ["x", "w"], ["y"], pads=[0, 2, 1, 0], kernel_shape=[3, 3]))  # fmt: skip
convolved("average-pool-same", lambda x, w: F.avg_pool2d(F.pad(F.conv2d(x, w), (1, 1)), (1, 3), (1, 2))
          / F.avg_pool2d(F.pad(torch.ones_like(F.conv2d(x, w)), (1, 1)), (1, 3), (1, 2)), (3, 2, 1, 1),
          node("Conv", ["x", "w"], ["h"]), node("AveragePool", ["h"], ["y"], pads=[0, 1, 0, 1],
          kernel_shape=[1, 3], strides=[1, 2]))  # fmt: skip
convolved("space-to-depth", lambda x, w: F.pixel_unshuffle(F.conv2d(x, w), 2).reshape(3, 3, 4, 3, 3).transpose(1, 2)
          .reshape(3, 12, 3, 3), (3, 2, 2, 1), node("Conv", ["x", "w"], ["h"]),
          node("SpaceToDepth", ["h"], ["y"], blocksize=2))  # fmt: skip
convolved("depth-to-space", lambda x, w: F.pixel_shuffle(F.conv2d(x, w).reshape(3, 4, 2, 6, 6).transpose(1, 2)
          .reshape(3, 8, 6, 6), 2), (8, 2, 2, 1), node("Conv", ["x", "w"], ["h"]),
          node("DepthToSpace", ["h"], ["y"], blocksize=2, mode="DCR"))  # fmt: skip
convolved("global-pools", lambda x, w: F.conv2d(x, w).amax((2, 3), True) * F.conv2d(x, w).mean((2, 3), True),
          (3, 2, 2, 2), node("Conv", ["x", "w"], ["h"]), node("GlobalMaxPool", ["h"], ["a"]),
          node("GlobalAveragePool", ["h"], ["b"]), node("Mul", ["a", "b"], ["y"]))  # fmt: skip
convolved("conv-transpose-output-shape", lambda x, w: F.conv_transpose2d(x, w, stride=2)[:, :, 1:-1, 1:-1],
          (2, 3, 3, 3), node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[13, 11]))  # fmt: skip
convolved("conv-transpose-uneven-pads", lambda x, w: F.conv_transpose2d(x, w, stride=2)[:, :, 1:, :-2],
          (2, 3, 3, 3), node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 0, 0, 2]))  # fmt: skip
