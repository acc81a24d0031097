// covers: client/graph/graph-builder.ts, client/graph/graph.ts, client/graph/passes/prune.ts, client/graph/passes/fuse-addend.ts, client/graph/onnx-encode.ts, client/graph/attribute.ts, client/graph/shapes/shape-rule.ts
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  float,
  floatAttribute,
  int,
  intAttribute,
  ints,
  intsAttribute,
} from '../../../client/graph/attribute.ts';
import { ModelProtoSchema } from '../../../client/graph/gen/onnx_pb.ts';
import type { Graph } from '../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../client/graph/graph-builder.ts';
import { encodeModel } from '../../../client/graph/onnx-encode.ts';
import { isProblem } from '../../../protocol/problem.ts';

function operators(graph: Graph): string[] {
  return graph.nodes.map((node) => node.op);
}

describe('builder', () => {
  it('infers the type of every value', () => {
    const g = new GraphBuilder('g');
    const a = g.input('a', 'float32', [4, 1]);
    const b = g.input('b', 'float32', [3]);
    const sum = g.add(a, b);
    expect(sum).toEqual({ dtype: 'float32', shape: [4, 3] });
    expect(g.apply('Greater', [sum, g.scalar(0)])).toEqual({ dtype: 'bool', shape: [4, 3] });
    expect(g.cast(sum, 'int32').dtype).toBe('int32');
  });

  it('refuses inputs that do not match, naming the node', () => {
    const g = new GraphBuilder('g');
    const a = g.input('a', 'float32', [4, 2]);
    const labels = g.input('labels', 'int32', [4]);
    expect(g.apply('Gemm', [a, a], { transB: int(1) }).shape).toEqual([4, 4]);
    const attempts = [
      () => g.apply('Gemm', [a, a], {}, 'dense'),
      () => g.apply('Add', [a], {}, 'dense'),
      () => g.apply('Add', [a, a, a], {}, 'dense'),
      () => g.apply('Add', [a, g.cast(labels, 'float32')], {}, 'dense'),
      () => g.apply('Exp', [labels], {}, 'dense'),
      () => g.apply('Reshape', [a, g.integers([3, 3])], {}, 'dense'),
      () => g.apply('Reshape', [a, g.integers([-1, 3])], {}, 'dense'),
      () => g.apply('Reshape', [a, g.integers([-1, -1])], {}, 'dense'),
      () => g.apply('Reshape', [a, labels], {}, 'dense'),
      () => g.apply('Transpose', [a], { perm: ints([0, 0]) }, 'dense'),
      () => g.apply('Softmax', [a], { axis: int(2) }, 'dense'),
      () => g.apply('ReduceSum', [a, g.integers([5])], {}, 'dense'),
      () => g.apply('Squeeze', [a, g.integers([0])], {}, 'dense'),
      () => g.apply('Unsqueeze', [a, g.integers([0, 0])], {}, 'dense'),
      () => g.apply('Expand', [a, g.integers([5, 5])], {}, 'dense'),
      () => g.apply('Flatten', [a], { axis: int(9) }, 'dense'),
      () => g.apply('Cast', [a], { to: int(11) }, 'dense'),
    ];
    for (const attempt of attempts) {
      let problem: unknown;
      try {
        attempt();
      } catch (error) {
        problem = error;
      }
      expect(isProblem(problem, 'graphMalformed') && problem.detail.reason).toContain('dense');
    }
  });

  it('stores equal constants once, and 0 apart from -0', () => {
    const g = new GraphBuilder('g');
    expect(g.scalar(1)).toBe(g.scalar(1));
    expect(g.scalar(0)).not.toBe(g.scalar(-0));
    expect(g.integers([1])).not.toBe(g.integers([1, 1]));
  });

  it('drops what no output needs', () => {
    const g = new GraphBuilder('g');
    const a = g.input('a', 'float32', [2]);
    g.mul(a, g.scalar(3));
    const graph = g.finish([{ name: 'out', value: g.add(a, g.scalar(5)) }]);
    expect(operators(graph)).toEqual(['Add']);
    expect(graph.constants.size).toBe(1);
  });

  it('gives every output a node of its own', () => {
    const g = new GraphBuilder('g');
    const a = g.input('a', 'float32', [2]);
    const b = g.add(a, a);
    const graph = g.finish([
      { name: 'same', value: a },
      { name: 'once', value: b },
      { name: 'twice', value: b },
    ]);
    expect(operators(graph)).toEqual(['Add', 'Identity', 'Identity']);
    expect(new Set(graph.outputs.map(({ value }) => value)).size).toBe(3);
  });
});

describe('fusion of an addend', () => {
  const build = (use: (g: GraphBuilder) => Parameters<GraphBuilder['finish']>[0]) => {
    const g = new GraphBuilder('g');
    return operators(g.finish(use(g)));
  };

  it('makes one Gemm of a product and a sum', () => {
    expect(
      build((g) => {
        const a = g.input('a', 'float32', [2, 3]);
        const b = g.input('b', 'float32', [3, 4]);
        const c = g.input('c', 'float32', [4]);
        return [{ name: 'out', value: g.add(c, g.apply('MatMul', [a, b])) }];
      }),
    ).toEqual(['Gemm']);
  });

  it('leaves products that are used twice, stacks, and addends that are too large', () => {
    const twice = build((g) => {
      const a = g.input('a', 'float32', [2, 2]);
      const product = g.gemm(a, a);
      return [
        { name: 'sum', value: g.add(a, product) },
        { name: 'product', value: product },
      ];
    });
    expect(twice).toEqual(['Gemm', 'Add']);
    const stack = build((g) => {
      const a = g.input('a', 'float32', [2, 2, 2]);
      return [{ name: 'sum', value: g.add(a, g.apply('MatMul', [a, a])) }];
    });
    expect(stack).toEqual(['MatMul', 'Add']);
    const larger = build((g) => {
      const a = g.input('a', 'float32', [1, 1]);
      const c = g.input('c', 'float32', [3, 1]);
      return [{ name: 'sum', value: g.add(c, g.gemm(a, a)) }];
    });
    expect(larger).toEqual(['Gemm', 'Add']);
  });

  it('adds two products with one of them as addend', () => {
    const ops = build((g) => {
      const a = g.input('a', 'float32', [2, 2]);
      return [{ name: 'sum', value: g.add(g.gemm(a, a), g.gemm(a, a, { transA: true })) }];
    });
    expect(ops).toEqual(['Gemm', 'Gemm']);
  });
});

describe('encoding', () => {
  it('writes IR 10, opset 20, and names that no port uses', () => {
    const g = new GraphBuilder('named');
    const a = g.input('Add_0', 'float32', [2], 'S');
    const inner = g.add(a, g.scalar(0.5));
    const graph = g.finish([{ name: 'constant_1', value: g.mul(inner, inner), leadingAxis: 'S' }]);
    const model = fromBinary(ModelProtoSchema, encodeModel(graph));
    expect([model.irVersion, model.opsetImport[0]?.version, model.producerName]).toEqual([10n, 20n, 'hanse']);
    const names = [
      ...(model.graph?.input.map(({ name }) => name) ?? []),
      ...(model.graph?.initializer.map(({ name }) => name) ?? []),
      ...(model.graph?.node.flatMap(({ output }) => output) ?? []),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('Add_0');
    expect(model.graph?.output[0]?.name).toBe('constant_1');
    const type = model.graph?.output[0]?.type?.value.value;
    expect(type?.shape?.dim.map(({ value }) => value.value)).toEqual(['S', 2n]);
  });

  it('writes every kind of constant and attribute as it is read back', () => {
    const g = new GraphBuilder('g');
    const flags = g.constant({ dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) });
    const few = g.constant({ dtype: 'int32', shape: [2], data: Int32Array.of(-1, 7) });
    const many = g.integers([-2, 3]);
    const graph = g.finish([
      { name: 'flags', value: flags },
      { name: 'few', value: few },
      { name: 'many', value: many },
      { name: 'half', value: g.scalar(0.5) },
    ]);
    const tensors = fromBinary(ModelProtoSchema, encodeModel(graph)).graph?.initializer ?? [];
    expect(tensors.map(({ dataType, rawData }) => [dataType, Buffer.from(rawData).toString('hex')])).toEqual([
      [9, '0100'],
      [6, 'ffffffff07000000'],
      [7, 'feffffffffffffff0300000000000000'],
      [1, '0000003f'],
    ]);
  });
});

describe('attributes', () => {
  it('are read by name and kind, or fall back', () => {
    const attributes = { axis: int(3), alpha: float(0.5), perm: ints([1, 0]) };
    expect(intAttribute(attributes, 'axis', 9)).toBe(3);
    expect(intAttribute(attributes, 'alpha', 9)).toBe(9);
    expect(floatAttribute(attributes, 'alpha', 1)).toBe(0.5);
    expect(floatAttribute(attributes, 'beta', 1)).toBe(1);
    expect(intsAttribute(attributes, 'perm')).toEqual([1, 0]);
    expect(intsAttribute(attributes, 'axis')).toBeUndefined();
  });
});
