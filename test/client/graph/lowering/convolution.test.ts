// covers: client/graph/lowering/convolution.ts, client/graph/lowering/pooling.ts, client/graph/window.ts
/**
 * Convolutions and pooling as models have them: what the compiled graph computes against ONNX Runtime on the model
 * itself.
 */
import { describe, expect, it } from 'vitest';
import { type Attributes, int, ints, string } from '../../../../client/graph/attribute.ts';
import { bindForward } from '../../../../client/graph/bind-forward.ts';
import { INFERENCE } from '../../../../client/graph/bind-mode.ts';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import type { ForwardOperator } from '../../../../client/graph/forward-operators.ts';
import { writeForward } from '../../../../client/graph/forward-writer.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import { isProblem, type ProblemCode } from '../../../../protocol/problem.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

const BATCH = 2;

interface Model {
  readonly op: ForwardOperator;
  /** Of one example. */
  readonly input: readonly number[];
  readonly weight?: readonly number[];
  readonly attributes?: Attributes;
}

/** @param output the shape of one result, as the file states it */
function bytesOf({ op, input, weight, attributes = {} }: Model, output: readonly number[]): Uint8Array {
  const data = weight && Float32Array.from(uniform(numbers(1), weight, -1, 1).data);
  return writeForward({
    name: 'one',
    input: { name: 'x', shape: input },
    parameters: weight && data ? [{ name: 'w', shape: weight, data }] : [],
    nodes: [{ op, inputs: weight ? ['x', 'w'] : ['x'], output: 'result', attributes }],
    output: { name: 'result', shape: output },
  });
}

/** What we make of the model and what ONNX Runtime does. */
async function bothResults(model: Model): Promise<{ got: ArrayLike<number>; expected: ArrayLike<number> }> {
  const forward = importModel(bytesOf(model, []));
  const { bytes, outputs } = compilePrediction(forward, { batchSize: BATCH });
  const x = uniform(numbers(2), [BATCH, ...model.input], -2, 1);
  const feeds = new Map([['x', x]]);
  const weights = new Map(
    forward.parameters.map(({ name, shape, data }) => [name, { shape, data: Float64Array.from(data) }]),
  );
  const got = await (await load32(bytes))(new Map([...feeds, ...weights]));
  // With the shape that we found: another one does not load.
  const original = await load32(bytesOf(model, outputs[0]?.shape.slice(1) ?? []));
  return { got: got.get('result') ?? [], expected: (await original(feeds)).get('result') ?? [] };
}

const square = (length: number) => ints([length, length]);
const upper = string('SAME_UPPER');
const lower = string('SAME_LOWER');
const ceil = int(1);
const counted = int(1);

const AS_ONNX_RUNTIME: readonly (readonly [string, Model])[] = [
  ['Conv, nothing stated', { op: 'Conv', input: [2, 5, 4], weight: [3, 2, 3, 2] }],
  [
    'Conv, SAME_UPPER',
    { op: 'Conv', input: [2, 5, 4], weight: [3, 2, 2, 3], attributes: { auto_pad: upper } },
  ],
  [
    'Conv, SAME_LOWER',
    { op: 'Conv', input: [2, 5, 4], weight: [3, 2, 2, 4], attributes: { auto_pad: lower } },
  ],
  [
    'Conv, SAME_UPPER, stride',
    {
      op: 'Conv',
      input: [1, 6, 7],
      weight: [1, 1, 3, 2],
      attributes: { auto_pad: upper, strides: square(2) },
    },
  ],
  [
    'Conv, SAME_LOWER, stride beyond the kernel',
    {
      op: 'Conv',
      input: [1, 6, 7],
      weight: [1, 1, 2, 1],
      attributes: { auto_pad: lower, strides: square(3) },
    },
  ],
  [
    'Conv, VALID, groups',
    {
      op: 'Conv',
      input: [4, 4, 4],
      weight: [2, 2, 2, 2],
      attributes: { auto_pad: string('VALID'), group: int(2) },
    },
  ],
  [
    'Conv, NOTSET with pads and kernel',
    {
      op: 'Conv',
      input: [1, 3, 3],
      weight: [1, 1, 2, 3],
      attributes: { auto_pad: string('NOTSET'), pads: ints([1, 0, 0, 2]), kernel_shape: ints([2, 3]) },
    },
  ],
  [
    'ConvTranspose, stride and output padding',
    {
      op: 'ConvTranspose',
      input: [2, 3, 3],
      weight: [2, 1, 3, 3],
      attributes: { strides: square(2), pads: ints([1, 1, 1, 1]), output_padding: square(1) },
    },
  ],
  [
    'ConvTranspose, SAME_UPPER',
    {
      op: 'ConvTranspose',
      input: [1, 3, 4],
      weight: [1, 2, 3, 4],
      attributes: { auto_pad: upper, strides: square(2) },
    },
  ],
  [
    'ConvTranspose, SAME_LOWER',
    {
      op: 'ConvTranspose',
      input: [1, 3, 4],
      weight: [1, 2, 3, 4],
      attributes: { auto_pad: lower, strides: square(2) },
    },
  ],
  [
    'ConvTranspose, a length asked',
    {
      op: 'ConvTranspose',
      input: [1, 3, 4],
      weight: [1, 1, 3, 3],
      attributes: { strides: square(2), output_shape: ints([6, 8]) },
    },
  ],
  [
    'ConvTranspose, a length asked, SAME_UPPER',
    {
      op: 'ConvTranspose',
      input: [1, 3, 4],
      weight: [1, 1, 3, 3],
      attributes: { strides: square(2), output_shape: ints([6, 8]), auto_pad: upper },
    },
  ],
  [
    'MaxPool, nothing stated',
    { op: 'MaxPool', input: [2, 4, 5], attributes: { kernel_shape: ints([2, 3]) } },
  ],
  [
    'MaxPool, SAME_UPPER',
    {
      op: 'MaxPool',
      input: [1, 5, 6],
      attributes: { kernel_shape: square(2), auto_pad: upper, strides: square(2) },
    },
  ],
  [
    'MaxPool, SAME_LOWER',
    { op: 'MaxPool', input: [1, 5, 6], attributes: { kernel_shape: square(2), auto_pad: lower } },
  ],
  [
    'MaxPool, rounding up',
    {
      op: 'MaxPool',
      input: [1, 6, 7],
      attributes: { kernel_shape: square(3), strides: square(2), ceil_mode: ceil },
    },
  ],
  [
    'MaxPool, rounding up to a window that would start in the padding',
    {
      op: 'MaxPool',
      input: [1, 5, 5],
      attributes: { kernel_shape: square(2), strides: square(2), pads: ints([1, 1, 1, 1]), ceil_mode: ceil },
    },
  ],
  [
    'MaxPool, another order of storage',
    { op: 'MaxPool', input: [1, 4, 4], attributes: { kernel_shape: square(2), storage_order: int(1) } },
  ],
  [
    'AveragePool, padded',
    {
      op: 'AveragePool',
      input: [2, 4, 5],
      attributes: { kernel_shape: square(3), pads: ints([1, 2, 1, 0]), strides: square(2) },
    },
  ],
  [
    'AveragePool, padding counted',
    {
      op: 'AveragePool',
      input: [2, 4, 5],
      attributes: { kernel_shape: square(3), pads: ints([1, 2, 1, 0]), count_include_pad: counted },
    },
  ],
  [
    'AveragePool, SAME_UPPER',
    { op: 'AveragePool', input: [1, 5, 6], attributes: { kernel_shape: square(2), auto_pad: upper } },
  ],
  [
    'AveragePool, rounding up',
    {
      op: 'AveragePool',
      input: [1, 6, 8],
      attributes: { kernel_shape: square(3), strides: square(2), ceil_mode: ceil },
    },
  ],
  [
    'AveragePool, rounding up, padded',
    {
      op: 'AveragePool',
      input: [1, 6, 5],
      attributes: { kernel_shape: square(3), strides: square(2), pads: ints([1, 1, 1, 1]), ceil_mode: ceil },
    },
  ],
  [
    'AveragePool, rounding up, padding counted',
    {
      op: 'AveragePool',
      input: [1, 6, 5],
      attributes: {
        kernel_shape: square(3),
        strides: square(2),
        pads: ints([1, 1, 1, 1]),
        ceil_mode: ceil,
        count_include_pad: counted,
      },
    },
  ],
  [
    'AveragePool, dilation, padded',
    {
      op: 'AveragePool',
      input: [1, 6, 5],
      attributes: { kernel_shape: square(2), dilations: square(2), pads: ints([1, 1, 1, 1]) },
    },
  ],
  ['GlobalAveragePool', { op: 'GlobalAveragePool', input: [3, 4, 5] }],
  ['GlobalMaxPool', { op: 'GlobalMaxPool', input: [3, 4, 5] }],
  [
    'MaxPool of lines',
    { op: 'MaxPool', input: [2, 7], attributes: { kernel_shape: ints([3]), auto_pad: lower } },
  ],
];

describe.skipIf(!hasRuntime)('as ONNX Runtime computes it', () => {
  it.each(AS_ONNX_RUNTIME)('%s', async (_, model) => {
    const { got, expected } = await bothResults(model);
    expect(expected.length).toBeGreaterThan(0);
    expect(worstDifference(got, expected)).toBeLessThan(1e-5);
  });
});

/** In float64, for what ONNX Runtime does not take as it is. */
function ours(model: Model): number[] {
  const forward = importModel(bytesOf(model, []));
  const g = new GraphBuilder('one');
  const x = g.input('x', 'float32', [BATCH, ...model.input]);
  const weights = forward.parameters.map(({ name, shape }) => g.input(name, 'float32', shape));
  const { output } = bindForward(g, forward, x, weights, INFERENCE);
  const feeds = new Map([['x', uniform(numbers(2), [BATCH, ...model.input], -2, 1)]]);
  for (const { name, shape, data } of forward.parameters)
    feeds.set(name, { shape, data: Float64Array.from(data) });
  const graph = g.finish([{ name: 'y', value: output }]);
  return Array.from(interpret(graph, feeds).get('y')?.data ?? []);
}

describe('as it is defined', () => {
  const conv: Model = { op: 'Conv', input: [1, 6, 7], weight: [1, 1, 3, 2] };
  const pool = { kernel_shape: square(2), strides: square(3), dilations: square(2) };

  it('SAME counts what lies between the elements of a kernel', () => {
    const explicit = { ...conv, attributes: { dilations: square(2), pads: ints([2, 1, 2, 1]) } };
    const named = { ...conv, attributes: { dilations: square(2), auto_pad: upper } };
    expect(ours(named)).toEqual(ours(explicit));
    expect(ours(named)).toHaveLength(BATCH * 6 * 7);
  });

  it.each(['MaxPool', 'AveragePool'] as const)('%s rounds up with windows that are spread out', (op) => {
    // Along an axis of 8 the third window starts at 6 and ends behind it, at 8; along one of 7 at 6 and 8, too.
    const rounded = ours({ op, input: [1, 7, 8], attributes: { ...pool, ceil_mode: ceil } });
    const image = uniform(numbers(2), [BATCH, 1, 7, 8], -2, 1).data;
    const expected: number[] = [];
    for (let start = 0; start < image.length; start += 56)
      for (const row of [0, 3, 6])
        for (const column of [0, 3, 6]) {
          const rows = [row, row + 2].filter((at) => at < 7);
          const columns = [column, column + 2].filter((at) => at < 8);
          const seen = rows.flatMap((at) =>
            columns.map((other) => image[start + at * 8 + other] ?? Number.NaN),
          );
          const sum = seen.reduce((total, value) => total + value, 0);
          expected.push(op === 'MaxPool' ? Math.max(...seen) : sum / seen.length);
        }
    expect(worstDifference(rounded, expected)).toBeLessThan(1e-7);
  });
});

function refusalOf(attempt: () => unknown): ProblemCode | undefined {
  try {
    attempt();
  } catch (error) {
    if (isProblem(error)) return error.code;
    throw error;
  }
  return undefined;
}

describe('what is not understood is refused', () => {
  const images = [2, 6, 6];
  const good: Record<string, Model> = {
    Conv: { op: 'Conv', input: images, weight: [2, 2, 3, 3] },
    ConvTranspose: { op: 'ConvTranspose', input: images, weight: [2, 2, 3, 3] },
    MaxPool: { op: 'MaxPool', input: images, attributes: { kernel_shape: square(3) } },
    AveragePool: { op: 'AveragePool', input: images, attributes: { kernel_shape: square(3) } },
    GlobalAveragePool: { op: 'GlobalAveragePool', input: images },
  };
  const huge = 2 ** 40;
  const windowed: Attributes[] = [
    { strides: ints([1]) },
    { strides: ints([1, 0]) },
    { strides: int(1) },
    { strides: ints([1, huge]) },
    { dilations: ints([1, -1]) },
    { pads: ints([1, 1]) },
    { pads: ints([0, -1, 0, 0]) },
    { pads: ints([0, 0, 0, huge]) },
    { kernel_shape: ints([3]) },
    { kernel_shape: ints([3, huge]) },
    { auto_pad: string('SAME') },
    { auto_pad: int(0) },
    { auto_pad: upper, pads: ints([1, 0, 0, 0]) },
    { activation: string('Relu') },
  ];
  const special: [string, Attributes][] = [
    ['Conv', { kernel_shape: ints([3, 2]) }],
    ['Conv', { group: int(3) }],
    ['Conv', { group: int(0) }],
    ['Conv', { group: ints([1]) }],
    ['Conv', { dilations: ints([3, 3]) }],
    ['Conv', { output_padding: ints([0, 0]) }],
    ['ConvTranspose', { group: int(4) }],
    ['ConvTranspose', { output_padding: ints([1, 0]) }],
    ['ConvTranspose', { output_shape: ints([100, 8]) }],
    ['ConvTranspose', { output_shape: ints([8]) }],
    ['ConvTranspose', { pads: ints([4, 0, 4, 0]) }],
    ['MaxPool', { kernel_shape: ints([]) }],
    ['MaxPool', { kernel_shape: ints([7, 7]) }],
    ['MaxPool', { kernel_shape: ints([2000, 2000]), pads: ints([1999, 1999, 1999, 1999]) }],
    ['MaxPool', { pads: ints([3, 0, 0, 0]) }],
    ['MaxPool', { ceil_mode: string('yes') }],
    ['MaxPool', { ceil_mode: int(1), auto_pad: upper }],
    ['MaxPool', { count_include_pad: int(1) }],
    ['MaxPool', { kernel_shape: square(2), dilations: square(12), pads: ints([4, 4, 4, 4]) }],
    ['AveragePool', { count_include_pad: ints([1]) }],
    ['AveragePool', { storage_order: int(0) }],
    ['GlobalAveragePool', { kernel_shape: square(2) }],
  ];
  const attempts = [
    ...['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool'].flatMap((op) =>
      windowed.map((attributes) => [op, attributes] as const),
    ),
    ...special,
  ];

  it.each(Object.keys(good))('but not %s itself', (op) => {
    expect(refusalOf(() => importModel(bytesOf(good[op] as Model, [])))).toBeUndefined();
  });

  it.each(attempts)('%s with %o', (op, attributes) => {
    const model = good[op] as Model;
    const bytes = bytesOf({ ...model, attributes: { ...model.attributes, ...attributes } }, []);
    expect(refusalOf(() => importModel(bytes))).toBe('graphMalformed');
  });

  it('and so are other ranks, channels that do not fit, and pooling without a window', () => {
    const models: Model[] = [
      { op: 'Conv', input: [2], weight: [2, 2] },
      { op: 'Conv', input: [6, 6, 2], weight: [2, 3, 3, 3] },
      { op: 'Conv', input: [2, 6, 6], weight: [2, 2, 3] },
      { op: 'Conv', input: [1, 2, 2, 2, 2], weight: [1, 1, 1, 1, 1, 1] },
      { op: 'MaxPool', input: images },
      { op: 'MaxPool', input: [2], attributes: { kernel_shape: ints([]) } },
      { op: 'GlobalMaxPool', input: [3] },
    ];
    for (const model of models)
      expect(refusalOf(() => importModel(bytesOf(model, [])))).toBe('graphMalformed');
  });

  it('and so are results beyond the limits, without computing anything', () => {
    const pads = ints([2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20]);
    const model: Model = { op: 'Conv', input: [1, 2, 2], weight: [1, 1, 1, 1], attributes: { pads } };
    expect(refusalOf(() => importModel(bytesOf(model, [])))).toBe('graphTooLarge');
  });

  it('LpPool is not known', () => {
    const model = { op: 'LpPool' as ForwardOperator, input: images, attributes: { kernel_shape: square(2) } };
    expect(refusalOf(() => importModel(bytesOf(model, [])))).toBe('operatorUnsupported');
  });
});
