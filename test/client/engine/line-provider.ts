/**
 * An execution provider that knows one model, y = a x + b with squared error, written out in plain TypeScript. It
 * takes and gives what `client/graph/compiled.ts` says, and remembers every run, so that tests see what was fed.
 */

import type { ExecutionProvider, Tensor, Tensors } from '../../../client/engine/provider.ts';
import type {
  CompiledEpoch,
  CompiledEvaluation,
  CompiledPrediction,
} from '../../../client/graph/compiled.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';

const parameters = [
  { name: 'a', shape: [1, 1], offset: 0, size: 1 },
  { name: 'b', shape: [1], offset: 1, size: 1 },
];

/** Batches of B examples [1]; the state `count` counts steps. */
export function lineModel(batchSize: number) {
  const input = { name: 'x', type: 'float32', shape: [batchSize, 1] } as const;
  const target = { name: 'y', type: 'float32', shape: [batchSize] } as const;
  const shared = { bytes: new Uint8Array(0), parameters, input, target, batchSize };
  const state = [{ name: 'count', type: 'float32', shape: [1] }] as const;
  const untouched = { statistics: [], clipsExamples: false, cost: { nodes: 0, flops: 0, peakBytes: 0 } };
  const outputs = [{ name: 'line', type: 'float32', shape: [batchSize, 1] }] as const;
  const step = () => {
    throw new Error('the line has no single steps');
  };
  return {
    epoch: { ...shared, kind: 'epoch', state, masks: [], step, ...untouched } satisfies CompiledEpoch,
    evaluation: { ...shared, kind: 'evaluation' } satisfies CompiledEvaluation,
    prediction: { ...shared, kind: 'prediction', outputs } satisfies CompiledPrediction,
  };
}

export interface Run {
  readonly feeds: Tensors;
  /** What was fed, as it was at the time. */
  readonly x: number[];
  readonly y: number[];
  readonly weight: number[];
  readonly lr: number[];
  readonly outputs: Tensors;
}

export function lineProvider(): ExecutionProvider & { readonly runs: Run[]; released: boolean } {
  const runs: Run[] = [];
  const provider = {
    name: 'cpu' as const,
    threads: 1,
    reason: 'for tests',
    runs,
    released: false,
    async createSession() {
      return {
        async run(feeds: Tensors) {
          const outputs = evaluate(feeds);
          runs.push({
            feeds,
            x: valuesOf(feeds, 'x'),
            y: valuesOf(feeds, 'y'),
            weight: valuesOf(feeds, 'weight'),
            lr: valuesOf(feeds, 'lr'),
            outputs,
          });
          return outputs;
        },
        async release() {
          provider.released = true;
        },
      };
    },
  };
  return provider;
}

function evaluate(feeds: Tensors): Tensors {
  if (feeds.lr !== undefined) return train(feeds);
  const [a, b] = [valuesOf(feeds, 'a')[0] ?? 0, valuesOf(feeds, 'b')[0] ?? 0];
  const x = valuesOf(feeds, 'x');
  const line = x.map((value) => a * value + b);
  if (feeds.y === undefined) return { line: floats(line, [x.length, 1]) };
  const weight = valuesOf(feeds, 'weight');
  const errors = valuesOf(feeds, 'y').map((y, i) => (weight[i] ?? 0) * ((line[i] ?? 0) - y) ** 2);
  return {
    lossSum: floats([sum(errors)], []),
    weightSum: floats([sum(weight)], []),
    correct: floats([0], []),
    counted: floats([0], []),
  };
}

function train(feeds: Tensors): Tensors {
  const shape = feeds.weight?.shape ?? [];
  const [steps = 0, batchSize = 0] = shape;
  let [a, b, count] = ['a', 'b', 'count'].map((name) => valuesOf(feeds, name)[0] ?? 0) as [
    number,
    number,
    number,
  ];
  const rates = valuesOf(feeds, 'lr');
  const losses: number[] = [];
  for (let step = 0; step < steps; step += 1) {
    const batch = (name: string) => valuesOf(feeds, name).slice(step * batchSize, (step + 1) * batchSize);
    const [x, y, weight] = [batch('x'), batch('y'), batch('weight')];
    const total = sum(weight);
    const rate = rates[step] ?? Number.NaN;
    const errors = x.map((value, i) => a * value + b - (y[i] ?? 0));
    losses.push(sum(errors.map((error, i) => ((weight[i] ?? 0) * error ** 2) / total)));
    const slopes = errors.map((error, i) => (2 * (weight[i] ?? 0) * error) / total);
    a -= rate * sum(slopes.map((slope, i) => slope * (x[i] ?? 0)));
    b -= rate * sum(slopes);
    count += 1;
  }
  return {
    a_next: floats([a], [1, 1]),
    b_next: floats([b], [1]),
    count_next: floats([count], [1]),
    losses: floats(losses, [steps]),
  };
}

function floats(values: number[], shape: number[]): Tensor {
  return { type: 'float32', shape, data: Float32Array.from(values) };
}

function valuesOf(tensors: Tensors, name: string): number[] {
  return Array.from(tensors[name]?.data ?? [], Number);
}

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** `count` points of the line y = slope x, with x in [-1, 1). */
export function pointsOnLine(count: number, slope: number) {
  const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(9)));
  const features = Float32Array.from({ length: count }, () => 2 * numbers.unit() - 1);
  return { name: 'line', count, features, targets: features.map((x) => slope * x) };
}
