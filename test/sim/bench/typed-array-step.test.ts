import { expect, test } from 'vitest';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { Trainer } from '../../../client/engine/trainer.ts';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { TypedArrayStep } from '../../../sim/bench/typed-array-step.ts';

const random = seededRandom(new Uint8Array(32));
const numbers = new RandomNumbers(random);
const [INPUTS, HIDDEN, CLASSES] = [40, 15, 4] as const;
const RATE = 0.5;

/** Rows of which most values are zero, as those of images. */
function rows(count: number) {
  const features = Float32Array.from({ length: count * INPUTS }, () =>
    numbers.unit() < 0.7 ? 0 : numbers.unit(),
  );
  const targets = Int32Array.from({ length: count }, () => numbers.below(CLASSES));
  return { name: 'rows', count, features, targets };
}

test('the loops take the step of the compiled graph', async () => {
  const forward = mlp([INPUTS, HIDDEN, CLASSES], numbers);
  const parameters = initialParameters(forward);
  const options = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize: 10 } as const;
  const provider = await loadCpuProvider({ threads: 1 });
  const trainer = await Trainer.create(provider, compileTrainEpoch(forward, options));
  const loops = new TypedArrayStep({ inputs: INPUTS, hidden: HIDDEN, classes: CLASSES }, 10);
  for (const count of [10, 7, 1]) {
    const examples = rows(count);
    // One batch: the order within it makes no difference but rounding.
    const request = { parameters, examples, epochs: 1, learningRate: RATE, random };
    const graph = await trainer.train(request);
    const byLoops = parameters.slice();
    const loss = loops.run(byLoops, examples, 0, count, RATE);
    expect(graph.steps).toBe(1);
    expect(loss).toBeCloseTo(graph.losses[0] ?? Number.NaN, 5);
    const differences = byLoops.map((value, i) => Math.abs(value - (graph.parameters[i] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThan(1e-5);
    const moved = byLoops.map((value, i) => Math.abs(value - (parameters[i] ?? Number.NaN)));
    expect(Math.max(...moved)).toBeGreaterThan(1e-3);
  }
  await trainer.release();
});

test('a batch is the examples from where it begins', () => {
  const forward = mlp([INPUTS, HIDDEN, CLASSES], numbers);
  const loops = new TypedArrayStep({ inputs: INPUTS, hidden: HIDDEN, classes: CLASSES }, 3);
  const all = rows(6);
  const part = { features: all.features.slice(3 * INPUTS), targets: all.targets.slice(3) };
  const [whole, alone] = [initialParameters(forward), initialParameters(forward)];
  expect(loops.run(whole, all, 3, 3, RATE)).toBe(loops.run(alone, part, 0, 3, RATE));
  expect(whole).toEqual(alone);
  loops.run(alone, all, 0, 3, RATE);
  expect(whole).not.toEqual(alone);
});
