/**
 * What every execution provider must do, from single runs to training. Results are compared bit by bit within one
 * provider and, against the float64 twin, by relative L2 distance: providers may add in different orders.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Evaluator } from '../../client/engine/evaluator.ts';
import { Predictor } from '../../client/engine/predictor.ts';
import type { ExecutionProvider, Session, Tensors } from '../../client/engine/provider.ts';
import { Trainer, type TrainingRequest, type TrainingResult } from '../../client/engine/trainer.ts';
import { compileEvaluation } from '../../client/graph/compile-evaluation.ts';
import { compilePrediction } from '../../client/graph/compile-prediction.ts';
import { compileTrainEpoch } from '../../client/graph/compile-train-epoch.ts';
import { compileTrainStep } from '../../client/graph/compile-train-step.ts';
import { linear, linearBytes } from '../../client/graph/models/linear.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import type { Optimizer } from '../../schemas/training.ts';
import { identityModel } from '../client/engine/identity-model.ts';
import {
  flattenMlp,
  gradientOf,
  sgdStep,
  type TwinExample,
  unflattenMlp,
} from '../client/engine/mlp-twin.ts';

/** Float32 against float64, some dozen steps. */
const TWIN_TOLERANCE = 1e-5;

const SIZES = [6, 8, 3] as const;
const SGD: Optimizer = { type: 'sgd' };
const random = (byte: number) => seededRandom(new Uint8Array(32).fill(byte));
const FORWARD = mlp(SIZES, new RandomNumbers(random(13)));
const START = initialParameters(FORWARD);

/** Points in SIZES[0] dimensions with labels that depend on them. */
function clusters(count: number) {
  const numbers = new RandomNumbers(random(11));
  const targets = Int32Array.from({ length: count }, () => numbers.below(SIZES[2]));
  const features = Float32Array.from(
    { length: count * SIZES[0] },
    (_, i) => numbers.normal() + (targets[Math.floor(i / SIZES[0])] === i % SIZES[2] ? 2 : 0),
  );
  return { name: 'clusters', count, features, targets };
}

/** `count` points of y = 2x, x in [-1, 1). */
function line(count: number) {
  const numbers = new RandomNumbers(random(12));
  const features = Float32Array.from({ length: count }, () => 2 * numbers.unit() - 1);
  return { name: 'line', count, features, targets: features.map((x) => 2 * x) };
}

function twinExamples(examples: ReturnType<typeof clusters>): TwinExample[] {
  return Array.from(examples.targets, (label, i) => ({
    x: Array.from(examples.features.subarray(i * SIZES[0], (i + 1) * SIZES[0])),
    label,
    weight: 1,
  }));
}

/** |a - b| / |b| */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i += 1) {
    difference += ((a[i] ?? Number.NaN) - (b[i] ?? Number.NaN)) ** 2;
    norm += (b[i] ?? Number.NaN) ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Fifty steps of the same training on any provider, to compare them. */
export async function trainMlp(provider: ExecutionProvider): Promise<TrainingResult> {
  const trainer = await createMlpTrainer(provider, 8, SGD);
  const result = await trainer.train(request({ epochs: 10 }));
  await trainer.release();
  return result;
}

function createMlpTrainer(provider: ExecutionProvider, batchSize: number, optimizer: Optimizer) {
  const epoch = compileTrainEpoch(FORWARD, { loss: { type: 'softmax_ce' }, optimizer, batchSize });
  return Trainer.create(provider, epoch);
}

function request(changes: Partial<TrainingRequest> = {}): TrainingRequest {
  return {
    parameters: START,
    examples: clusters(40),
    epochs: 1,
    learningRate: 0.1,
    random: random(14),
    ...changes,
  };
}

/** @param load called once; what it gives is used by all tests */
export function executionProviderContract(load: () => Promise<ExecutionProvider>): void {
  let provider: ExecutionProvider;
  const opened: { release(): Promise<void> }[] = [];

  beforeAll(async () => {
    provider = await load();
  });
  afterAll(async () => {
    for (const session of opened) await session.release();
  });

  async function mlpTrainer(batchSize: number, optimizer = SGD): Promise<Trainer> {
    const trainer = await createMlpTrainer(provider, batchSize, optimizer);
    opened.push({ release: () => trainer.release() });
    return trainer;
  }

  describe('sessions', () => {
    const feeds: Tensors = {
      float32: { type: 'float32', shape: [2], data: Float32Array.of(1.5, -0) },
      int32: { type: 'int32', shape: [2], data: Int32Array.of(-2_147_483_648, 7) },
      int64: { type: 'int64', shape: [2], data: BigInt64Array.of(-9_223_372_036_854_775_808n, 7n) },
      bool: { type: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
    };

    test('pass every type of tensor, into buffers of their own', async () => {
      const session = await provider.createSession(identityModel());
      const outputs = await session.run(feeds);
      for (const [name, tensor] of Object.entries(feeds)) {
        expect(outputs[`${name}_out`]).toEqual(tensor);
        expect(outputs[`${name}_out`]?.data.buffer).not.toBe(tensor.data.buffer);
      }
      const kept = structuredClone(outputs);
      await session.run({
        ...feeds,
        float32: { type: 'float32', shape: [2], data: Float32Array.of(9, 9) },
      });
      expect(outputs).toEqual(kept);
      await session.release();
    });

    test('read views that begin in the middle of a buffer', async () => {
      const session = await provider.createSession(identityModel());
      const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
      const outputs = await session.run({ ...feeds, float32: { type: 'float32', shape: [2], data } });
      expect(outputs.float32_out?.data).toEqual(Float32Array.of(2, 3));
      await session.release();
    });

    test('refuse what is no model, and feeds that are missing or misshapen', async () => {
      const session = await provider.createSession(identityModel());
      await expect(session.run(feeds)).resolves.toBeDefined();
      const refused = { code: 'graphMalformed' };
      const { bool: _, ...incomplete } = feeds;
      await expect(session.run(incomplete)).rejects.toMatchObject(refused);
      const misshapen = { type: 'float32', shape: [3], data: new Float32Array(3) } as const;
      await expect(session.run({ ...feeds, float32: misshapen })).rejects.toMatchObject(refused);
      await expect(session.run(feeds)).resolves.toBeDefined();
      await expect(provider.createSession(Uint8Array.of(1, 2, 3))).rejects.toMatchObject(refused);
      await session.release();
    });

    test('are gone once released, without harm to others', async () => {
      const [kept, released] = [
        await provider.createSession(identityModel()),
        await provider.createSession(identityModel()),
      ];
      await expect(released.run(feeds)).resolves.toBeDefined();
      await released.release();
      await released.release();
      await expect(released.run(feeds)).rejects.toThrow('released');
      await expect(kept.run(feeds)).resolves.toBeDefined();
      await kept.release();
    });
  });

  test('release gives the memory of a model back', async () => {
    const model = linearBytes(2048, 1024); // 8 MiB of parameters within the model
    const grownBy = async (use: (session: Session) => Promise<void>) => {
      const before = process.memoryUsage.rss();
      for (let i = 0; i < 12; i += 1) await use(await provider.createSession(model));
      return (process.memoryUsage.rss() - before) / 2 ** 20;
    };
    // Garbage that has not been collected yet counts as growth, so one round proves nothing; a leak grows in each.
    const released: number[] = [];
    for (let round = 0; round < 5; round += 1) released.push(await grownBy((session) => session.release()));
    expect(Math.min(...released)).toBeLessThan(48);
    const kept: number[] = [];
    for (let round = 0; round < 2; round += 1)
      kept.push(await grownBy(async (session) => void opened.push(session)));
    expect(Math.min(...kept)).toBeGreaterThan(48);
  });

  describe('training', () => {
    test('learns y = 2x', async () => {
      const forward = linear(1, 1);
      const options = { loss: { type: 'mse' }, optimizer: SGD, batchSize: 8 } as const;
      const trainer = await Trainer.create(provider, compileTrainEpoch(forward, options));
      const parameters = initialParameters(forward);
      const { losses, ...trained } = await trainer.train(
        request({ parameters, examples: line(50), epochs: 60 }),
      );
      expect(trained.parameters[0]).toBeCloseTo(2, 3);
      expect(trained.parameters[1]).toBeCloseTo(0, 3);
      expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 1000);
      await trainer.release();
    });

    test('the gradient of one step is that of the twin', async () => {
      const examples = clusters(16);
      const trainer = await mlpTrainer(16);
      const { parameters, losses } = await trainer.train(request({ examples, learningRate: 1 }));
      const { gradient, loss } = gradientOf(unflattenMlp(START, SIZES), twinExamples(examples));
      const moved = START.map((value, i) => value - (parameters[i] ?? Number.NaN));
      expect(relativeDistance(moved, flattenMlp(gradient))).toBeLessThan(TWIN_TOLERANCE);
      expect(losses[0]).toBeCloseTo(loss, 5);
    });

    test('thirty steps arrive where the twin arrives', async () => {
      const examples = clusters(40);
      const trainer = await mlpTrainer(8);
      const { parameters, losses, steps } = await trainer.train(request({ examples, epochs: 6 }));
      const all = twinExamples(examples);
      const numbers = new RandomNumbers(random(14));
      const order = Uint32Array.from(all.keys());
      let twin = unflattenMlp(START, SIZES);
      const twinLosses: number[] = [];
      for (let step = 0; step < steps; step += 1) {
        if (step % 5 === 0) numbers.shuffle(order);
        const batch = Array.from(order.subarray((step % 5) * 8, (step % 5) * 8 + 8), (i) => all[i]);
        const stepped = sgdStep(
          twin,
          batch.filter((example) => example !== undefined),
          0.1,
        );
        twin = stepped.mlp;
        twinLosses.push(stepped.loss);
      }
      expect(relativeDistance(parameters, flattenMlp(twin))).toBeLessThan(TWIN_TOLERANCE);
      expect(relativeDistance(losses, twinLosses)).toBeLessThan(TWIN_TOLERANCE);
    });

    test.each<Optimizer>([
      SGD,
      { type: 'momentum', momentum: 0.9 },
      { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    ])('many steps in one run are the same steps one at a time, to the bit: $type', async (optimizer) => {
      // 300 steps do not fit one run, so state passes both within and between runs.
      const examples = clusters(600);
      const trainer = await mlpTrainer(2, optimizer);
      const trained = await trainer.train(request({ examples, learningRate: 0.01 }));

      const step = compileTrainStep(FORWARD, { loss: { type: 'softmax_ce' }, optimizer, batchSize: 2 });
      const session = await provider.createSession(step.bytes);
      const order = new RandomNumbers(random(14)).shuffle(Uint32Array.from({ length: 600 }, (_, i) => i));
      let state: Tensors = Object.fromEntries([
        ...step.parameters.map(({ name, shape, offset, size }) => [
          name,
          { type: 'float32', shape, data: START.slice(offset, offset + size) },
        ]),
        ...step.state.map(({ name, shape }) => [
          name,
          { type: 'float32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
        ]),
      ]);
      const losses: number[] = [];
      for (let at = 0; at < 600; at += 2) {
        const rows = Array.from(order.subarray(at, at + 2));
        const x = rows.flatMap((row) => [
          ...examples.features.subarray(row * SIZES[0], (row + 1) * SIZES[0]),
        ]);
        const y = rows.map((row) => examples.targets[row] ?? -1);
        const outputs: Tensors = await session.run({
          ...state,
          x: { type: 'float32', shape: step.input.shape, data: Float32Array.from(x) },
          y: { type: 'int32', shape: step.target.shape, data: Int32Array.from(y) },
          weight: { type: 'float32', shape: [2], data: Float32Array.of(1, 1) },
          lr: { type: 'float32', shape: [], data: Float32Array.of(0.01) },
        });
        losses.push(Number(outputs.loss?.data[0]));
        state = Object.fromEntries(
          Object.keys(state).map((name) => [name, outputs[`${name}_next`]]),
        ) as Tensors;
      }
      expect(trained.losses).toEqual(Float32Array.from(losses));
      for (const { name, offset, size } of step.parameters) {
        expect(trained.parameters.subarray(offset, offset + size)).toEqual(state[name]?.data);
      }
      await session.release();
    });

    test('repeats to the bit, also in another session', async () => {
      const [first, second] = [await mlpTrainer(8), await mlpTrainer(8)];
      const reference = await first.train(request({ epochs: 5 }));
      expect(await first.train(request({ epochs: 5 }))).toEqual(reference);
      expect(await second.train(request({ epochs: 5 }))).toEqual(reference);
      const other = await first.train(request({ epochs: 5, random: random(15) }));
      expect(other.parameters).not.toEqual(reference.parameters);
    });

    test('overlapping trainings do not disturb each other', async () => {
      const trainer = await mlpTrainer(8);
      const alone = await trainer.train(request({ epochs: 5 }));
      const [again, other] = await Promise.all([
        trainer.train(request({ epochs: 5 })),
        trainer.train(request({ epochs: 5, random: random(15) })),
      ]);
      expect(again).toEqual(alone);
      expect(other?.parameters).not.toEqual(alone.parameters);
    });

    test('padding changes nothing: a partial batch gives what a batch of its size gives', async () => {
      const examples = clusters(5);
      const [exact, padded] = [await mlpTrainer(5), await mlpTrainer(8)];
      const expected = await exact.train(request({ examples }));
      const got = await padded.train(request({ examples }));
      expect(relativeDistance(got.parameters, expected.parameters)).toBeLessThan(1e-6);
      expect(relativeDistance(got.losses, expected.losses)).toBeLessThan(1e-6);
      expect(got.examplesSeen).toBe(5);
      const four = await padded.train(request({ examples: clusters(4) }));
      expect(relativeDistance(four.parameters, expected.parameters)).toBeGreaterThan(1e-4);
    });

    test('another learning rate needs no other trainer', async () => {
      const trainer = await mlpTrainer(40);
      const moved = async (learningRate: number) =>
        (await trainer.train(request({ learningRate }))).parameters.map(
          (value, i) => value - (START[i] ?? 0),
        );
      expect(await moved(0)).toEqual(new Float32Array(START.length));
      const small = await moved(0.5);
      expect(
        relativeDistance(
          await moved(1),
          small.map((value) => 2 * value),
        ),
      ).toBeLessThan(1e-5);
    });

    test('says when it diverges', async () => {
      const trainer = await mlpTrainer(8);
      await expect(trainer.train(request({ epochs: 3 }))).resolves.toBeDefined();
      const wild = trainer.train(request({ epochs: 3, learningRate: 1e30 }));
      await expect(wild).rejects.toMatchObject({ code: 'trainingDiverged' });
    });

    test('stops when cancelled', async () => {
      const trainer = await mlpTrainer(1);
      const controller = new AbortController();
      const reason = new Error('enough');
      let runs = 0;
      const cancelled = trainer.train(
        request({
          epochs: 50,
          signal: controller.signal,
          onProgress: () => {
            runs += 1;
            controller.abort(reason);
          },
        }),
      );
      await expect(cancelled).rejects.toBe(reason);
      expect(runs).toBe(1);
      await expect(trainer.train(request())).resolves.toMatchObject({ steps: 40 });
    });
  });

  test.each([7, 40, 64])('evaluation in batches of %d agrees with the twin', async (batchSize) => {
    const examples = clusters(40);
    const evaluation = compileEvaluation(FORWARD, { loss: { type: 'softmax_ce' }, batchSize });
    const evaluator = await Evaluator.create(provider, evaluation);
    const result = await evaluator.evaluate({ parameters: START, examples });
    const twin = unflattenMlp(START, SIZES);
    expect(result.loss).toBeCloseTo(gradientOf(twin, twinExamples(examples)).loss, 5);
    await evaluator.release();

    const predictor = await Predictor.create(provider, compilePrediction(FORWARD, { batchSize }));
    const { output: logits } = await predictor.predict({ parameters: START, features: examples.features });
    expect(logits?.shape).toEqual([40, SIZES[2]]);
    const rows = Array.from(examples.targets, (_, i) =>
      Array.from(logits?.data.slice(i * SIZES[2], (i + 1) * SIZES[2]) ?? [], Number),
    );
    const right = rows.filter((row, i) => row.indexOf(Math.max(...row)) === examples.targets[i]);
    expect(result.accuracy).toBe(right.length / 40);
    expect(result.count).toBe(40);
    await predictor.release();
  });
}
