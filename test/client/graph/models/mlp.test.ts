// covers: client/graph/models/mlp.ts, client/graph/models/linear.ts, client/graph/forward-writer.ts
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { linear, linearBytes } from '../../../../client/graph/models/linear.ts';
import { mlp, mlpBytes } from '../../../../client/graph/models/mlp.ts';
import { initialParameters, parameterSpecs } from '../../../../client/graph/parameters.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

describe('mlp', () => {
  it('has a weight and a bias per layer, in order', () => {
    const specs = parameterSpecs(mlp([784, 200, 10], numbers(1)));
    expect(specs).toEqual([
      { name: 'dense0.weight', shape: [784, 200], offset: 0, size: 156_800 },
      { name: 'dense0.bias', shape: [200], offset: 156_800, size: 200 },
      { name: 'dense1.weight', shape: [200, 10], offset: 157_000, size: 2000 },
      { name: 'dense1.bias', shape: [10], offset: 159_000, size: 10 },
    ]);
  });

  it('draws weights of the stated spread: He in front of a relu, Glorot in the last layer, biases zero', () => {
    const forward = mlp([400, 300, 200], numbers(2));
    const [he, bias, glorot] = forward.parameters.map(({ data }) => data);
    const variance = (data: Float32Array | undefined) =>
      (data ?? new Float32Array()).reduce((sum, value) => sum + value * value, 0) / (data?.length ?? 0);
    // Of 120,000 normal draws the variance estimate has a relative deviation of 0.4 %.
    expect(variance(he) * 200).toBeCloseTo(1, 1);
    expect(variance(glorot) * 250).toBeCloseTo(1, 1);
    expect(Math.max(...(glorot ?? []))).toBeLessThanOrEqual(Math.sqrt(6 / 500));
    expect(bias).toEqual(new Float32Array(300));
  });

  it('gives the same bytes for the same seed and others for another', () => {
    expect(mlpBytes([5, 3], numbers(3))).toEqual(mlpBytes([5, 3], numbers(3)));
    expect(mlpBytes([5, 3], numbers(3))).not.toEqual(mlpBytes([5, 3], numbers(4)));
  });

  it('refuses widths that make no network', () => {
    expect(() => mlp([3, 2], numbers(1))).not.toThrow();
    for (const widths of [[], [3], [3, 0], [3, 1.5]])
      expect(() => mlp(widths, numbers(1))).toThrow(RangeError);
  });
});

describe('linear', () => {
  it('starts at zero and reads back', () => {
    expect(initialParameters(linear(3, 2))).toEqual(new Float32Array(8));
    expect(importModel(linearBytes(3, 2)).parameters.map(({ name }) => name)).toEqual([
      'linear.weight',
      'linear.bias',
    ]);
  });
});

describe.skipIf(!hasRuntime)('any mlp', () => {
  it('computes what its layers say', async () => {
    const widths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        widths,
        fc.integer({ min: 1, max: 5 }),
        fc.nat(200),
        async (sizes, batchSize, seed) => {
          const random = numbers(seed);
          const forward = mlp(sizes, random);
          const { bytes, parameters } = compilePrediction(forward, { batchSize });
          const x = uniform(random, [batchSize, sizes[0] ?? 0], -1, 1);
          const feeds = new Map([['x', x]]);
          parameters.forEach(({ name, shape }, index) => {
            feeds.set(name, { shape, data: Float64Array.from(forward.parameters[index]?.data ?? []) });
          });
          const native = (await (await load32(bytes))(feeds)).get('output') ?? [];
          expect(worstDifference(native, layerByLayer(forward.parameters, sizes, x.data))).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 20 },
    );
  });
});

/** h' = relu(h W + b) row by row, in plain loops. */
function layerByLayer(
  parameters: readonly { readonly data: Float32Array }[],
  sizes: readonly number[],
  x: Float64Array,
): number[] {
  let rows: number[][] = [];
  for (let start = 0; start < x.length; start += sizes[0] ?? 1)
    rows.push(Array.from(x.subarray(start, start + (sizes[0] ?? 1))));
  for (let layer = 0; layer + 1 < sizes.length; layer += 1) {
    const weight = parameters[2 * layer]?.data ?? [];
    const bias = parameters[2 * layer + 1]?.data ?? [];
    const width = sizes[layer + 1] ?? 0;
    rows = rows.map((row) =>
      Array.from({ length: width }, (_, column) => {
        const sum = row.reduce(
          (total, value, index) => total + value * (weight[index * width + column] ?? 0),
          bias[column] ?? 0,
        );
        return layer + 2 < sizes.length ? Math.max(0, sum) : sum;
      }),
    );
  }
  return rows.flat();
}
