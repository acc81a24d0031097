// covers: client/graph/passes/optimize.ts, client/graph/passes/simplify.ts, client/graph/passes/simplification.ts, client/graph/passes/simplifications.ts, client/graph/passes/turn-products.ts, client/graph/passes/join-paddings.ts, client/graph/passes/rewriting.ts, client/graph/passes/uniform-constant.ts, client/graph/passes/own-outputs.ts, client/graph/passes/repeat-elements.ts
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float, int, string } from '../../../../client/graph/attribute.ts';
import type { Graph, Port, Value } from '../../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { encodeModel } from '../../../../client/graph/onnx-encode.ts';
import { optimize } from '../../../../client/graph/passes/optimize.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import { elementCount, sameShape } from '../../../../client/graph/tensor-type.ts';
import type { RandomNumbers } from '../../../../protocol/random.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';
import { rawGraph, withinScan } from './raw-graph.ts';

function operators(graph: Graph): string[] {
  return graph.nodes.map(({ op }) => op);
}

/** Operators that are left of what is built on two matrices [2, 3]. */
function left(build: (g: GraphBuilder, a: Value, b: Value) => Value | Value[]): string[] {
  const g = new GraphBuilder('g');
  const [a, b] = [g.input('a', 'float32', [2, 3]), g.input('b', 'float32', [2, 3])];
  const values = [build(g, a, b)].flat();
  return operators(g.finish(values.map((value, index) => ({ name: `out${index}`, value }))));
}

describe('what is left out', () => {
  const reshape = (g: GraphBuilder, value: Value, ...shape: number[]) =>
    g.apply('Reshape', [value, g.integers(shape)]);

  const NOTHING: [string, (g: GraphBuilder, a: Value) => Value][] = [
    ['Identity', (g, a) => g.apply('Identity', [a])],
    ['Reshape to its own shape', (g, a) => reshape(g, a, 2, -1)],
    ['Reshapes there and back', (g, a) => reshape(g, g.apply('Flatten', [reshape(g, a, 3, 1, 2)]), 2, 3)],
    ['Unsqueeze and Squeeze', (g, a) => g.apply('Squeeze', [g.apply('Unsqueeze', [a, g.integers([1])])])],
    ['Transpose that moves nothing', (g, a) => g.transpose(a, [0, 1])],
    ['Transposes there and back', (g, a) => g.apply('Transpose', [g.apply('Transpose', [a])])],
    ['Expand to its own shape', (g, a) => g.apply('Expand', [a, g.integers([2, 1])])],
    ['Cast to its own type', (g, a) => g.cast(a, 'float32')],
    ['times one', (g, a) => g.mul(g.scalar(1), a)],
    [
      'by one',
      (g, a) => g.div(a, g.constant({ dtype: 'float32', shape: [3], data: Float32Array.of(1, 1, 1) })),
    ],
    ['less zero', (g, a) => g.sub(a, g.scalar(0))],
    ['plus negative zero', (g, a) => g.add(a, g.scalar(-0))],
    ['negated twice', (g, a) => g.apply('Neg', [g.apply('Neg', [a])])],
    ['Concat of one', (g, a) => g.apply('Concat', [a], { axis: int(1) })],
    ['Split into one', (g, a) => g.apply('Split', [a], { num_outputs: int(1) })],
    ['Slice of everything', (g, a) => g.apply('Slice', [a, g.integers([0]), g.integers([2])])],
    ['Pad with nothing', (g, a) => g.apply('Pad', [a, g.integers([0, 0, 0, 0])])],
    ['reduction over no axes', (g, a) => g.apply('ReduceMax', [a], { noop_with_empty_axes: int(1) })],
    [
      'sum over an axis of one',
      (g, a) => reshape(g, g.reduce('ReduceSum', reshape(g, a, 6, 1), [1], true), 2, 3),
    ],
  ];

  it.each(NOTHING)('%s', (_, build) => {
    expect(left((g, a) => g.apply('Exp', [build(g, a)]))).toEqual(['Exp']);
    expect(left(build)).toEqual(['Identity']);
  });

  const SOMETHING: [string, Operator, (g: GraphBuilder, a: Value) => Value][] = [
    ['Transpose', 'Transpose', (g, a) => g.apply('Transpose', [a])],
    ['plus zero, which makes 0 of -0', 'Add', (g, a) => g.add(a, g.scalar(0))],
    ['less negative zero', 'Sub', (g, a) => g.sub(a, g.scalar(-0))],
    ['zero less', 'Sub', (g, a) => g.sub(g.scalar(0), a)],
    ['one by', 'Div', (g, a) => g.div(g.scalar(1), a)],
    [
      'times one, repeated',
      'Mul',
      (g, a) => g.mul(a, g.constant({ dtype: 'float32', shape: [2, 1, 1], data: Float32Array.of(1, 1) })),
    ],
    [
      'times something else',
      'Mul',
      (g, a) => g.mul(a, g.constant({ dtype: 'float32', shape: [3], data: Float32Array.of(1, 1, 2) })),
    ],
    [
      'Slice backwards',
      'Slice',
      (g, a) => g.apply('Slice', [a, g.integers([-1]), g.integers([-9]), g.integers([0]), g.integers([-1])]),
    ],
    ['Pad that moves', 'Pad', (g, a) => g.apply('Pad', [a, g.integers([1, 0, -1, 0])])],
    [
      'norm of single elements',
      'ReduceL2',
      (g, a) => g.apply('ReduceL2', [g.reshape(a, [6, 1]), g.integers([1])]),
    ],
  ];

  it.each(SOMETHING)('not: %s', (_, op, build) => {
    expect(left(build)).toContain(op);
  });
});

describe('what becomes simpler', () => {
  it('views one after the other are one', () => {
    expect(
      left((g, a) => g.apply('Unsqueeze', [g.reshape(g.apply('Flatten', [a]), [3, 2]), g.integers([0])])),
    ).toEqual(['Reshape']);
    expect(left((g, a) => g.transpose(g.transpose(g.reshape(a, [1, 2, 3]), [2, 0, 1]), [0, 2, 1]))).toEqual([
      'Reshape',
      'Transpose',
    ]);
  });

  it('a Transpose that moves axes of one only is a Reshape, and so is an Expand that adds some', () => {
    expect(left((g, a) => g.transpose(g.reshape(a, [2, 1, 3]), [1, 0, 2]))).toEqual(['Reshape']);
    expect(left((g, a) => g.apply('Expand', [a, g.integers([1, 1, 1])]))).toEqual(['Reshape']);
  });

  it('operators that repeat elements themselves read what is not repeated', () => {
    const expand = (g: GraphBuilder, value: Value) => g.apply('Expand', [value, g.integers([4, 2, 3])]);
    const tall = (g: GraphBuilder, value: Value) => expand(g, g.apply('Exp', [value]));
    const longer = (g: GraphBuilder) => g.input('long', 'float32', [4, 2, 3]);
    expect(left((g, a) => g.mul(longer(g), tall(g, a)))).toEqual(['Exp', 'Mul']);
    expect(left((g, a) => g.mul(a, tall(g, a)))).toEqual(['Exp', 'Expand', 'Mul']);
    expect(left((g, a, b) => g.mul(expand(g, a), expand(g, b)))).toEqual(['Expand', 'Mul']);
  });

  it('constants of one element are that element, repeated where they are long', () => {
    const zeros = (g: GraphBuilder, ...shape: number[]) =>
      g.apply('Expand', [g.scalar(0), g.integers(shape)]);
    const added = (g: GraphBuilder) => g.add(g.input('long', 'float32', [4, 3]), zeros(g, 4, 3));
    const g = new GraphBuilder('g');
    const short = g.finish([{ name: 'out', value: added(g) }]);
    expect([...short.constants.values()].map(({ shape }) => shape)).toEqual([[]]);
    const joined = (length: number) => {
      const h = new GraphBuilder('h');
      const parts = [h.input('long', 'float32', [1, 3]), zeros(h, length, 3)];
      return h.finish([{ name: 'out', value: h.apply('Concat', parts, { axis: int(0) }) }]);
    };
    expect(operators(joined(10))).toEqual(['Concat']);
    expect(operators(joined(1000))).toEqual(['Expand', 'Concat']);
    expect(encodeModel(joined(1000)).length).toBeLessThan(1000);
  });
});

describe('transposed matrices', () => {
  /** Operators and flags that are left of what is built on a matrix [2, 3], a stack [4, 2, 3] and a matrix [5, 3]. */
  const turned = (build: (g: GraphBuilder, a: Value, stack: Value, weight: Value) => Value | Value[]) => {
    const g = new GraphBuilder('g');
    const shapes = [
      [2, 3],
      [4, 2, 3],
      [5, 3],
    ];
    const [a, stack, weight] = shapes.map((shape, index) => g.input(`in${index}`, 'float32', shape));
    const values = [build(g, a as Value, stack as Value, weight as Value)].flat();
    const { nodes } = g.finish(values.map((value, index) => ({ name: `out${index}`, value })));
    return nodes.map(({ op, attributes }) => [op, ...Object.keys(attributes)].join(' '));
  };
  const t = (g: GraphBuilder, value: Value) => g.apply('Transpose', [value]);

  it('are read as they lie', () => {
    expect(turned((g, a, _, weight) => g.apply('MatMul', [a, t(g, weight)]))).toEqual(['Gemm transB']);
    expect(turned((g, a) => g.gemm(t(g, a), a))).toEqual(['Gemm transA']);
    expect(turned((g, a, _, weight) => g.gemm(a, t(g, t(g, t(g, weight)))))).toEqual(['Gemm transB']);
    expect(turned((g, a) => g.gemm(t(g, t(g, a)), t(g, a), { alpha: 2 }))).toEqual(['Gemm transB alpha']);
    expect(turned((g, a, _, weight) => g.gemm(t(g, a), weight, { transA: true, transB: true }))).toEqual([
      'Gemm transB',
    ]);
  });

  it('are read as they lie by stacks, whose rows line up', () => {
    expect(turned((g, _, stack, weight) => g.apply('MatMul', [stack, t(g, weight)]))).toEqual([
      'Reshape',
      'Gemm transB',
      'Reshape',
    ]);
    expect(turned((g, _, stack) => g.apply('MatMul', [stack, g.transpose(stack, [0, 2, 1])]))).toEqual([
      'Transpose perm',
      'MatMul',
    ]);
  });

  it('are written as they are needed, and take up an addend', () => {
    expect(turned((g, a, _, weight) => t(g, g.gemm(a, weight, { transB: true })))).toEqual(['Gemm transB']);
    const updated = turned((g, a, _, weight) => {
      const upstream = g.gemm(a, weight, { transB: true });
      return g.add(weight, t(g, g.gemm(a, upstream, { transA: true })));
    });
    expect(updated).toEqual(['Gemm transB', 'Gemm transA']);
    const both = turned((g, a, _, weight) => {
      const product = g.gemm(a, weight, { transB: true });
      return [product, t(g, product)];
    });
    expect(both).toEqual(['Gemm transB', 'Transpose']);
  });
});

describe('sums of what has zeros around it', () => {
  const pad = (g: GraphBuilder, value: Value, before: number, after: number) =>
    g.apply('Pad', [value, g.integers([0, before, 0, after])]);

  it('are the parts beside each other, in whatever order they are summed', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [1, 2, 0],
    ])
      expect(
        left((g, a, b) => {
          const parts = [pad(g, a, 0, 6), pad(g, b, 3, 3), pad(g, g.apply('Exp', [a]), 6, 0)];
          const [first, second, third] = order.map((index) => parts[index] as Value);
          return g.add(g.add(first as Value, second as Value), third as Value);
        }),
      ).toEqual(['Exp', 'Concat']);
    expect(left((g, a, b) => g.add(pad(g, a, 1, 6), pad(g, b, 4, 3)))).toEqual(['Concat', 'Pad']);
  });

  it('stay where they overlap, leave a gap, lie along other axes, or have other things around', () => {
    const kept = ['Pad', 'Pad', 'Add'];
    expect(left((g, a, b) => g.add(pad(g, a, 0, 2), pad(g, b, 2, 0)))).toEqual(kept);
    expect(left((g, a, b) => g.add(pad(g, a, 0, 4), pad(g, b, 4, 0)))).toEqual(kept);
    const upright = (g: GraphBuilder, value: Value) => g.apply('Pad', [value, g.integers([2, 0, 0, 0])]);
    expect(
      left((g, a, b) => g.add(upright(g, g.reshape(a, [1, 6])), pad(g, g.reshape(b, [3, 2]), 0, 4))),
    ).toContain('Add');
    const ones = (g: GraphBuilder, value: Value) =>
      g.apply('Pad', [value, g.integers([0, 3, 0, 0]), g.scalar(1)]);
    expect(left((g, a, b) => g.add(pad(g, a, 0, 3), ones(g, b)))).toEqual(kept);
    expect(
      left((g, a, b) => g.add(pad(g, a, 0, 3), pad(g, g.reduce('ReduceSum', b, [0], true), 3, 0))),
    ).toContain('Add');
    const edges = (g: GraphBuilder, value: Value) =>
      g.apply('Pad', [value, g.integers([0, 3, 0, 0])], { mode: string('edge') });
    expect(left((g, a, b) => g.add(pad(g, a, 0, 3), edges(g, b)))).toEqual(kept);
  });

  it('what is laid side by side twice is laid once, along one axis', () => {
    const concat = (g: GraphBuilder, axis: number, ...values: Value[]) =>
      g.apply('Concat', values, { axis: int(axis) });
    expect(left((g, a, b) => concat(g, 1, concat(g, -1, a, b), a))).toEqual(['Concat']);
    expect(left((g, a, b) => concat(g, 1, concat(g, 0, a, b), concat(g, 0, b, a)))).toEqual([
      'Concat',
      'Concat',
      'Concat',
    ]);
  });
});

describe('common sub-expressions', () => {
  it('are computed once, whichever way round they stand', () => {
    expect(left((g, a, b) => g.mul(g.add(a, b), g.add(b, a)))).toEqual(['Add', 'Mul']);
    expect(left((g, a, b) => g.mul(g.sub(a, b), g.sub(b, a)))).toEqual(['Sub', 'Sub', 'Mul']);
  });

  it('differ by attributes, down to the sign of zero', () => {
    const scaled = (g: GraphBuilder, a: Value, alpha: number) => g.apply('Elu', [a], { alpha: float(alpha) });
    const both = (first: number, second: number) =>
      left((g, a) => g.add(scaled(g, a, first), scaled(g, a, second)));
    expect(both(0.5, 0.5)).toEqual(['Elu', 'Add']);
    expect(both(0.5, 0.25)).toEqual(['Elu', 'Elu', 'Add']);
    expect(both(0, -0)).toEqual(['Elu', 'Elu', 'Add']);
    expect(
      left((g, a) => {
        const pad = (mode: string) => g.apply('Pad', [a, g.integers([1, 0, 0, 0])], { mode: string(mode) });
        return g.add(pad('edge'), pad('reflect'));
      }),
    ).toEqual(['Pad', 'Pad', 'Add']);
  });

  it('are found for every output of a node, and behind equal large constants', () => {
    expect(
      left((g, a) => {
        const parts = () => g.applyAll('Split', [a], { axis: int(1), num_outputs: int(3) });
        return g.add(parts()[1] as Value, parts()[1] as Value);
      }),
    ).toEqual(['Split', 'Add']);
    expect(
      left((g, a) => {
        const large = () =>
          g.constant({
            dtype: 'float32',
            shape: [100, 1, 1],
            data: Float32Array.from({ length: 100 }, Math.sqrt),
          });
        return [g.mul(a, large()), g.mul(a, large())];
      }),
    ).toEqual(['Mul', 'Identity']);
  });

  it('of a graph are seen from bodies within it, and those of bodies are found there', () => {
    const g = new GraphBuilder('g');
    const a = g.input('a', 'float32', [2]);
    const items = g.input('items', 'float32', [2], 'S');
    const [first, second] = [g.apply('Exp', [a]), g.apply('Exp', [a])];
    const body = new GraphBuilder('body', g);
    const item = body.input('item', 'float32', [2]);
    const twice = body.add(body.mul(item, first), body.mul(item, first));
    const inner = body.finish([{ name: 'inner', value: body.mul(twice, second) }]);
    const [out] = g.scan(inner, [], [items]);
    const graph = g.finish([{ name: 'out', value: out as Value, leadingAxis: 'S' }]);
    expect(operators(graph)).toEqual(['Exp', 'Scan']);
    const [, scan] = graph.nodes;
    expect(scan?.op === 'Scan' && operators(scan.body)).toEqual(['Mul', 'Add', 'Mul']);
    const feeds = new Map<string, NdArray>([
      ['a', { shape: [2], data: Float64Array.of(0, 1) }],
      ['items', { shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) }],
    ]);
    const e2 = Math.exp(1) * Math.exp(1);
    const results = Array.from(interpret(graph, feeds).get('out')?.data ?? []);
    expect(results).toEqual([2, 4 * e2, 6, 8 * e2].map((value) => expect.closeTo(value, 12)));
  });
});

const SHAPES = [[2, 3], [3], [2, 1], [1, 3], [2, 3, 2], [1], [], [2, 1, 3]];

/** A graph of random operators on random values, among them many that do nothing or the same. */
function randomGraph(random: RandomNumbers): { raw: Graph; inputs: Port[] } {
  const g = new GraphBuilder('random');
  const inputs: Port[] = SHAPES.map((shape, index) => {
    const name = `in${index}`;
    return { name, value: g.input(name, 'float32', shape) };
  });
  const pool = inputs.map(({ value }) => value);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const permuted = (rank: number) => {
    const axes = [...Array(rank).keys()];
    for (let at = rank - 1; at > 0; at -= 1) {
      const other = random.below(at + 1);
      [axes[at], axes[other]] = [axes[other] as number, axes[at] as number];
    }
    return axes;
  };
  const constant = () =>
    g.constant({
      dtype: 'float32',
      ...pick([
        { shape: [], data: Float32Array.of(pick([0, -0, 1, 2])) },
        { shape: [3], data: new Float32Array(3).fill(pick([1, 0, 3])) },
        { shape: [2, 1], data: Float32Array.of(1, pick([1, 4])) },
      ]),
    });
  const steps: (() => Value)[] = [
    () => g.apply(pick(['Add', 'Sub', 'Mul', 'Max'] as const), [pick(pool), pick([pick(pool), constant()])]),
    () => g.apply(pick(['Neg', 'Abs', 'Identity', 'Exp'] as const), [pick(pool)]),
    () => g.where(g.apply('Greater', [pick(pool), constant()]), pick(pool), pick(pool)),
    () => {
      const value = pick(pool);
      return g.transpose(value, permuted(value.shape.length));
    },
    () => {
      const value = pick(pool);
      return g.apply('Reshape', [value, g.integers(pick([[-1], value.shape, [1, -1], [-1, 1, 1]]))]);
    },
    () => g.apply('Unsqueeze', [pick(pool), g.integers([0])]),
    () => g.apply('Flatten', [pick(pool)], { axis: int(0) }),
    () => g.apply('Expand', [pick(pool), g.integers(pick([[2, 3], [1], [4, 1, 1, 1]]))]),
    () =>
      g.reduce(
        pick(['ReduceSum', 'ReduceMax', 'ReduceMean'] as const),
        pick(pool),
        [-1],
        random.below(2) === 0,
      ),
    () => g.cast(g.cast(pick(pool), pick(['float32', 'float32', 'int32'])), 'float32'),
    () => g.apply('Concat', pick([[pick(pool)], Array<Value>(2).fill(pick(pool))]), { axis: int(-1) }),
    () => pick(g.applyAll('Split', [pick(pool)], { axis: int(-1), num_outputs: int(1) })),
    () => g.apply('Slice', [pick(pool), g.integers([pick([0, -1])]), g.integers([9]), g.integers([-1])]),
    () => g.add(g.apply('MatMul', [pick(pool), pick(pool)]), pick(pool)),
    () => g.gemm(pick(pool), pick(pool), { transB: true }),
    () => g.apply('Transpose', [g.gemm(pick(pool), pick(pool))]),
    () => g.apply('MatMul', [pick(pool), g.apply('Transpose', [pick(pool)])]),
    () => {
      const value = pick(pool);
      const pads = Array<number>(2 * value.shape.length).fill(0);
      const [before, after] = [pads.with(0, 1), pads.with(value.shape.length, value.shape[0] ?? 0)];
      return g.add(
        g.apply('Pad', [value, g.integers(after)]),
        g.apply('Pad', [pick(pool), g.integers(before)]),
      );
    },
  ];
  let built = 0;
  // What does not fit together is refused by the builder, and tried no further.
  for (let attempt = 0; attempt < 200 && built < 25; attempt += 1) {
    try {
      const value = pick(steps)();
      if (elementCount(value.shape) > 500) continue;
      pool.push(value);
      built += 1;
    } catch {}
  }
  const outputs = Array.from({ length: 4 }, (_, index) => ({
    name: `out${index}`,
    value: pick(pool.slice(-8)),
  }));
  return { raw: rawGraph(g, inputs, outputs), inputs };
}

function feedsFor(inputs: readonly Port[], random: RandomNumbers, steps: readonly number[]) {
  return new Map(inputs.map(({ name, value }) => [name, uniform(random, [...steps, ...value.shape], -2, 2)]));
}

/** Whether all outputs are equal: 0 to -0, and one NaN to another. */
function sameResults(a: ReadonlyMap<string, NdArray>, b: ReadonlyMap<string, NdArray>): boolean {
  return [...b].every(([name, { shape, data }]) => {
    const other = a.get(name);
    const isSame = (value: number, at: number) =>
      value === other?.data[at] || (Number.isNaN(value) && Number.isNaN(other?.data[at]));
    return other !== undefined && sameShape(other.shape, shape) && data.every(isSame);
  });
}

describe('a graph before and after', () => {
  it('computes the same, to the bit, alone and as a body', () => {
    let dropped = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), (seed, other) => {
        const random = numbers(seed);
        for (let skipped = 0; skipped < other; skipped += 1) random.unit();
        const { raw, inputs } = randomGraph(random);
        const optimized = optimize(raw);
        expect(optimized.nodes.length).toBeLessThanOrEqual(raw.nodes.length);
        dropped += raw.nodes.length - optimized.nodes.length;
        const feeds = feedsFor(inputs, random, []);
        expect(sameResults(interpret(optimized, feeds), interpret(raw, feeds))).toBe(true);
        const stepFeeds = feedsFor(inputs, random, [2]);
        const [around, before] = [withinScan(optimized), withinScan(raw)];
        expect(sameResults(interpret(around, stepFeeds), interpret(before, stepFeeds))).toBe(true);
        expect(encodeModel(optimize(raw))).toEqual(encodeModel(optimized));
      }),
      { numRuns: 60 },
    );
    expect(dropped).toBeGreaterThan(100);
  });

  it('would be caught if it did not', () => {
    const isFound = (seed: number) => {
      const { raw, inputs } = randomGraph(numbers(seed));
      const feeds = feedsFor(inputs, numbers(seed + 100), []);
      const nodes = raw.nodes.map((node) => (node.op === 'Exp' ? { ...node, op: 'Sin' as const } : node));
      const other: Graph = { ...raw, nodes };
      return !sameResults(interpret(other, feeds), interpret(raw, feeds));
    };
    const found = Array.from({ length: 40 }, (_, seed) => isFound(seed)).filter((one) => one);
    expect(found.length).toBeGreaterThan(5);
  });

  it.skipIf(!hasRuntime)('runs in ONNX Runtime, with the results of the interpreter', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { raw, inputs } = randomGraph(numbers(seed));
      const feeds = feedsFor(inputs, numbers(seed + 100), []);
      const optimized = optimize(raw);
      const expected = interpret(optimized, feeds);
      const native = await (await load32(encodeModel(optimized)))(feeds);
      for (const [name, { data }] of expected)
        if (data.every(Number.isFinite))
          expect(worstDifference(native.get(name) ?? [], data)).toBeLessThan(1e-5);
    }
  });
});
