import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../client/graph/limits.ts';
import { mlpBytes } from '../../../client/graph/models/mlp.ts';
import { enforceBudget } from '../../../client/graph/onnx-budget.ts';
import type { HanseError } from '../../../protocol/problem.ts';
import { numbers } from './random-arrays.ts';

const GRAPH = 7;
const NODE = 1;
const INITIALIZER = 5;
const FLOAT_DATA = 4;
const INT64_DATA = 7;
const RAW_DATA = 9;

function field(number: number, content: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(content).finish();
}

function repeated(piece: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(piece.length * count);
  for (let at = 0; at < all.length; at += piece.length) all.set(piece, at);
  return all;
}

function inTensor(number: number, content: Uint8Array): Uint8Array {
  return field(GRAPH, field(INITIALIZER, field(number, content)));
}

function problemOf(bytes: Uint8Array, limits = {}): HanseError | undefined {
  try {
    enforceBudget(bytes, { ...DEFAULT_LIMITS, ...limits });
    return undefined;
  } catch (error) {
    return error as HanseError;
  }
}

describe('counted before anything is decoded', () => {
  const empty = field(NODE, new Uint8Array());

  it('a real model is far from the limit; nothing on the way to it is skipped', () => {
    const bytes = mlpBytes([4, 3, 2], numbers(1));
    expect(problemOf(bytes, { fields: 200 })).toBeUndefined();
    expect(problemOf(bytes, { fields: 40 })?.detail).toMatchObject({ what: 'fields', limit: 40 });
  });

  it('nodes of two bytes each', () => {
    expect(problemOf(field(GRAPH, repeated(empty, 1000)))).toBeUndefined();
    expect(problemOf(field(GRAPH, repeated(empty, 1_000_000)))?.code).toBe('graphTooLarge');
  });

  it('fields that ONNX does not have', () => {
    const unknown = field(99, new Uint8Array());
    expect(problemOf(repeated(unknown, 1000))).toBeUndefined();
    expect(problemOf(repeated(unknown, 1_000_001))?.code).toBe('graphTooLarge');
  });

  it('a list of integers counts by its elements, raw data does not', () => {
    const bytes = new Uint8Array(1_000_000);
    expect(problemOf(inTensor(RAW_DATA, bytes))).toBeUndefined();
    expect(problemOf(inTensor(INT64_DATA, bytes.subarray(0, 1000)))).toBeUndefined();
    expect(problemOf(inTensor(INT64_DATA, bytes))?.detail).toMatchObject({ what: 'fields' });
  });

  it('a packed list of floats is bytes; one that is not packed is refused', () => {
    const bytes = new Uint8Array(1_000_000);
    expect(problemOf(inTensor(FLOAT_DATA, bytes), { fields: 10 })).toBeUndefined();
    const loose = new BinaryWriter().tag(FLOAT_DATA, WireType.Bit32).float(1).finish();
    const reason = 'field float_data has wire type 5';
    expect(problemOf(field(GRAPH, field(INITIALIZER, loose)))?.detail).toEqual({ reason });
  });

  it('names are short; comments may be long', () => {
    const [name, comment] = [2, 10];
    const text = new Uint8Array(10_000).fill(0x61);
    expect(problemOf(field(GRAPH, field(comment, text)))).toBeUndefined();
    expect(problemOf(field(GRAPH, field(name, text.subarray(0, 4096))))).toBeUndefined();
    expect(problemOf(field(GRAPH, field(name, text)))?.detail).toMatchObject({ what: 'text', got: 10_000 });
  });

  it('a field under another wire type than its own would hide what is within it', () => {
    const hidden = inTensor(INT64_DATA, new Uint8Array(100));
    expect(problemOf(hidden)).toBeUndefined();
    const [tag = 0, ...rest] = hidden;
    expect(tag).toBe((GRAPH << 3) | WireType.LengthDelimited);
    const disguised = Uint8Array.of((GRAPH << 3) | WireType.Varint, ...rest);
    expect(problemOf(disguised)?.detail).toEqual({ reason: 'field graph has wire type 0' });
  });

  it('lengths that lie, and messages within messages without end', () => {
    const model = field(GRAPH, empty);
    expect(problemOf(model)).toBeUndefined();
    expect(problemOf(model.subarray(0, -1))?.code).toBe('graphMalformed');
    const [attribute, body] = [5, 6];
    let graph: Uint8Array = empty;
    for (let depth = 0; depth < 100; depth += 1) graph = field(NODE, field(attribute, field(body, graph)));
    expect(problemOf(field(GRAPH, graph))?.detail).toMatchObject({ what: 'depth' });
  });
});
