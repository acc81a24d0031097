// covers: client/commands/built-in-models.ts
/**
 * Every model that comes with Hanse is trained by a federation, in its smallest form, on rows as data sets give them:
 * flat, whatever axes the model takes.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { BUILT_IN_MODELS } from '../../client/commands/built-in-models.ts';
import { loadModel } from '../../client/commands/model-source.ts';
import { loadExamples } from '../../client/data/data-source.ts';
import type { Examples } from '../../client/data/examples.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import type { ForwardGraph } from '../../client/graph/forward-graph.ts';
import { importModel } from '../../client/graph/import-model.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import type { LocalTraining } from '../../schemas/training.ts';
import { simulate } from '../../sim/simulate.ts';
import { numbers, smallPlan } from '../fixtures/small-job.ts';

const TOKENS = 16;

interface Case {
  readonly source: string;
  readonly draw: (count: number, seed: number) => Examples;
  readonly training?: Partial<LocalTraining>;
}

/** Two classes of rows that lie around -0.5 and 0.5. */
const pixels = (size: number) => (count: number, seed: number) => {
  const random = numbers(seed);
  const targets = Int32Array.from({ length: count }, (_, at) => at % 2);
  const features = Float32Array.from(
    { length: count * size },
    (_, at) => (targets[Math.floor(at / size)] ?? 0) - 0.5 + 0.3 * random.normal(),
  );
  return { name: `pixels ${seed}`, count, inputShape: [size], features, targetShape: [], targets };
};

/** Two classes of texts, of the words below 8 and of those from 8 on. */
function texts(count: number, seed: number): Examples {
  const random = numbers(seed);
  const targets = Int32Array.from({ length: count }, (_, at) => at % 2);
  const features = Int32Array.from(
    { length: count * TOKENS },
    (_, at) => 8 * (targets[Math.floor(at / TOKENS)] ?? 0) + random.below(8),
  );
  return { name: `texts ${seed}`, count, inputShape: [TOKENS], features, targetShape: [], targets };
}

/** y is the sum of the row. */
function sums(count: number, seed: number): Examples {
  const cloud = pixels(6)(count, seed);
  const targets = Float32Array.from({ length: count }, (_, at) =>
    cloud.features.subarray(6 * at, 6 * at + 6).reduce((sum, value) => sum + value, 0),
  );
  return { ...cloud, targetShape: [1], targets };
}

const ADAM = {
  optimizer: { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  learningRate: 0.01,
} as const;

const CASES: Readonly<Record<string, Case>> = {
  mlp: { source: 'mlp:6,4,2', draw: pixels(6) },
  linear: { source: 'linear:6,1', draw: sums, training: { loss: { type: 'mse' }, learningRate: 0.05 } },
  cnn: { source: 'cnn:2', draw: pixels(28 * 28), training: { learningRate: 0.01, epochs: 1 } },
  resnet: { source: 'resnet:1,2,1,8,8', draw: pixels(8 * 8) },
  bag: { source: `bag:16,${TOKENS},4,2`, draw: texts, training: ADAM },
  transformer: { source: `transformer:16,${TOKENS},4,2,1,2`, draw: texts, training: ADAM },
};

let provider: ExecutionProvider;
beforeAll(async () => {
  provider = await loadCpuProvider({ threads: 1 });
});

test('no model is left out', () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(BUILT_IN_MODELS).sort());
});

/** Two rounds of two participants. */
async function train(
  forward: ForwardGraph,
  training: Partial<LocalTraining>,
  [first, second, holdOut]: readonly [Examples, Examples, Examples],
) {
  const { job, model } = await simulate({
    plan: smallPlan({
      forward,
      training: { ...smallPlan().training, ...training },
      rounds: 2,
      cohort: { size: 2, minimum: 2 },
    }),
    participants: [first, second],
    holdOut,
    provider,
    seed: 'seed',
    signal: new AbortController().signal,
    onEvent: (_, event) => {
      if (event.type === 'declined') expect.unreachable(`${event.problem.code}: ${event.problem.message}`);
    },
    onChange: () => false,
  });
  expect(job.phase).toBe('finished');
  const losses = job.rounds.map(({ metrics }) => metrics?.loss ?? Number.NaN);
  return { losses, parameters: initialParameters(importModel(model)) };
}

test.each(Object.entries(CASES))('%s learns', async (name, { source, draw, training = {} }) => {
  expect(source.startsWith(`${name}:`)).toBe(true);
  const forward = await loadModel(source, 'seed');
  const { losses, parameters } = await train(forward, training, [draw(8, 1), draw(8, 2), draw(8, 3)]);
  expect(losses).toHaveLength(2);
  expect(losses[1]).toBeLessThan(losses[0] ?? 0);
  const before = initialParameters(forward);
  expect(parameters).toHaveLength(before.length);
  expect(parameters.some((value, at) => value !== before[at])).toBe(true);
});

test.each([
  ['mnist', 'resnet', { learningRate: 0.02 }],
  ['spam', 'bag', ADAM],
] as const)('the rows of %s are those that %s takes without numbers', async (data, source, training) => {
  const folder = await mkdtemp(join(tmpdir(), 'hanse-rows-'));
  // Letters that are no spam come first.
  const last = data === 'spam' ? 1200 : 100;
  const load = async (from: number) => {
    const rows = join(folder, `${from}.json`);
    await writeFile(rows, JSON.stringify([from, from + 1, last - from, last - from - 1]));
    return loadExamples({ data: `${data}:test`, rows });
  };
  try {
    const examples = [await load(0), await load(2), await load(4)] as const;
    const { losses } = await train(await loadModel(source, 'seed'), training, examples);
    expect(losses.every(Number.isFinite)).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
