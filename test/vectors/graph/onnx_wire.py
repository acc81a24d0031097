"""ONNX protobufs, read and written by hand: only the fields that these vectors need.

Field numbers are those published in onnx.proto; the wire format is that of protocol buffers (varints, little-endian
numbers, length-prefixed bytes).
"""

import struct

import numpy as np

FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9
DTYPES = {FLOAT: np.float32, INT32: np.int32, INT64: np.int64, BOOL: np.bool_}
TYPES = {np.dtype(dtype): number for number, dtype in DTYPES.items()}


def fields(data):
    """Every (number, value) of a message, value being an int or bytes."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = _read_varint(data, at)
        elif wire == 2:
            length, at = _read_varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            length = {1: 8, 5: 4}[wire]
            value, at = data[at : at + length], at + length
        yield key >> 3, value


def initializers(model):
    """The float32 initialisers of a serialised ModelProto, name -> array, in their order."""
    (graph,) = [value for number, value in fields(model) if number == 7]
    found = {}
    for number, value in fields(graph):
        if number != 5:
            continue
        tensor = {}
        dims = []
        for part, content in fields(value):
            if part == 1:
                dims += _read_packed(content)
            else:
                tensor[part] = content
        if tensor.get(2) != FLOAT:
            continue
        array = np.frombuffer(tensor.get(9, b""), np.float32).reshape(dims)
        found[tensor[8].decode()] = array
    return found


def identities(model):
    """What Identity nodes pass on: output -> input."""
    (graph,) = [value for number, value in fields(model) if number == 7]
    nodes = [list(fields(value)) for number, value in fields(graph) if number == 1]
    passing = [parts for parts in nodes if (4, b"Identity") in parts]
    return {dict(parts)[2].decode(): dict(parts)[1].decode() for parts in passing}


def node(op, inputs, outputs, **attributes):
    """A NodeProto; attributes are ints, floats, strings, and lists of ints or floats."""
    message = b"".join(_text(1, name) for name in inputs) + b"".join(_text(2, name) for name in outputs)
    message += _text(3, f"{op}_{outputs[0]}") + _text(4, op)
    for name, value in attributes.items():
        message += _bytes(5, _text(1, name) + _attribute(value))
    return message


def model(nodes, inputs, constants, outputs, opset):
    """A ModelProto.

    inputs    -- name -> (numpy dtype, axes), an axis being a length or a name
    constants -- name -> numpy array: the initialisers
    """
    graph = b"".join(_bytes(1, message) for message in nodes) + _text(2, "graph")
    graph += b"".join(_bytes(5, _tensor(name, array)) for name, array in constants.items())
    graph += b"".join(_bytes(11, _value_info(name, *info)) for name, info in inputs.items())
    graph += b"".join(_bytes(12, _value_info(name, np.float32, None)) for name in outputs)
    return _int(1, 8) + _text(2, "hanse") + _bytes(7, graph) + _bytes(8, _text(1, "") + _int(2, opset))


def _attribute(value):
    if isinstance(value, str):
        return _text(4, value) + _int(20, 3)
    if isinstance(value, int):
        return _int(3, value) + _int(20, 2)
    if isinstance(value, float):
        return _float(2, value) + _int(20, 1)
    if all(isinstance(item, int) for item in value):
        return b"".join(_int(8, item) for item in value) + _int(20, 7)
    return b"".join(_float(7, item) for item in value) + _int(20, 6)


def _tensor(name, array):
    raw = np.ascontiguousarray(array).tobytes()
    dims = b"".join(_int(1, length) for length in array.shape)
    return dims + _int(2, TYPES[array.dtype]) + _text(8, name) + _bytes(9, raw)


def _value_info(name, dtype, axes):
    tensor = _int(1, TYPES[np.dtype(dtype)])
    if axes is not None:
        dims = [_text(2, axis) if isinstance(axis, str) else _int(1, axis) for axis in axes]
        tensor += _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _int(number, value):
    return _varint(number << 3) + _varint(value & (2**64 - 1))


def _float(number, value):
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _bytes(number, value):
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number, value):
    return _bytes(number, value.encode())


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _read_packed(content):
    if isinstance(content, int):
        return [content]
    values, at = [], 0
    while at < len(content):
        value, at = _read_varint(content, at)
        values.append(value)
    return values
