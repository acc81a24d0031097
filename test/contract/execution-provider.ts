/**
 * What every execution provider must do, from single runs to training. Results are compared bit by bit within one
 * provider and, against the float64 twin, by relative L2 distance: providers may add in different orders.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BatchBuffer } from '../../client/engine/batch-buffer.ts';
import { Evaluator } from '../../client/engine/evaluator.ts';
import { MaskBuffer } from '../../client/engine/mask-buffer.ts';
import { flattenParameters, parameterTensors } from '../../client/engine/parameters.ts';
import { Predictor } from '../../client/engine/predictor.ts';
import {
  type ExecutionProvider,
  type Session,
  type Tensors,
  tensorOf,
} from '../../client/engine/provider.ts';
import { Trainer, type TrainingRequest, type TrainingResult } from '../../client/engine/trainer.ts';
import { compileEvaluation } from '../../client/graph/compile-evaluation.ts';
import { compilePrediction } from '../../client/graph/compile-prediction.ts';
import { compileTrainEpoch } from '../../client/graph/compile-train-epoch.ts';
import { compileTrainStep } from '../../client/graph/compile-train-step.ts';
import type { ForwardGraph } from '../../client/graph/forward-graph.ts';
import { bag } from '../../client/graph/models/bag.ts';
import { linear, linearBytes } from '../../client/graph/models/linear.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { elementCount } from '../../client/graph/tensor-type.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import type { Loss, Optimizer } from '../../schemas/training.ts';
import { identityModel } from '../client/engine/identity-model.ts';
import {
  flattenMlp,
  gradientOf,
  sgdStep,
  type TwinExample,
  unflattenMlp,
} from '../client/engine/mlp-twin.ts';
import { positionWise } from '../client/graph/sequence-model.ts';
import { regularizedModel } from '../fixtures/regularized-model.ts';

/** Float32 against float64, some dozen steps. */
const TWIN_TOLERANCE = 1e-5;

const SIZES = [6, 8, 3] as const;
const SGD: Optimizer = { type: 'sgd' };
const TEXT = { vocabulary: 4, length: 3, width: 2, classes: 2 };
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

export interface ContractScope {
  /** Fewer steps, and every second row of a table: for a graphics card in software, some twenty times slower. */
  readonly isBrief?: boolean;
  /** Whether indices are compared with the size of their table. A graphics card reads the nearest row instead. */
  readonly checksIndices?: boolean;
}

/** @param load called once; what it gives is used by all tests */
export function executionProviderContract(
  load: () => Promise<ExecutionProvider>,
  { isBrief = false, checksIndices = true }: ContractScope = {},
): void {
  const chosen = <Row>(rows: readonly Row[]) => rows.filter((_, at) => !isBrief || at % 2 === 0);
  /** 300 steps do not fit one run, so state passes both within and between runs; 20 do not fit one on a device. */
  const manySteps = isBrief ? 20 : 300;
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

    test.skipIf(!checksIndices)(
      'a token that the table has no row for is told as one of the data',
      async () => {
        const step = compilePrediction(bag(new RandomNumbers(random(16)), TEXT), { batchSize: 1 });
        const session = await provider.createSession(step.bytes);
        const weights = parameterTensors(new Float32Array(4 * 2 + 2 * 2 + 2), step.parameters);
        const on = (...tokens: number[]) =>
          session.run({ ...weights, x: { type: 'int32', shape: [1, 3], data: Int32Array.from(tokens) } });
        await expect(on(0, 3, 1)).resolves.toBeDefined();
        await expect(on(0, 4, 1)).rejects.toMatchObject({ code: 'dataShapeMismatch' });
        await session.release();
      },
    );

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

  test.skipIf(globalThis.process?.memoryUsage === undefined)(
    'release gives the memory of a model back',
    async () => {
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
    },
  );

  describe('training', () => {
    test('learns y = 2x', async () => {
      const forward = linear(1, 1);
      const options = { loss: { type: 'mse' }, optimizer: SGD, batchSize: 8 } as const;
      const trainer = await Trainer.create(provider, compileTrainEpoch(forward, options));
      const parameters = initialParameters(forward);
      const { losses, ...trained } = await trainer.train(
        request({
          parameters,
          examples: line(50),
          epochs: isBrief ? 15 : 60,
          learningRate: isBrief ? 0.4 : 0.1,
        }),
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

    const rateOf = (step: number) => 0.01 / (1 + step / 100);

    /** One pass over the examples in batches of 2, each step a run of its own. */
    async function oneByOne(
      forward: ForwardGraph,
      optimizer: Optimizer,
      examples: ReturnType<typeof clusters>,
    ) {
      const step = compileTrainStep(forward, { loss: { type: 'softmax_ce' }, optimizer, batchSize: 2 });
      const session = await provider.createSession(step.bytes);
      const numbers = new RandomNumbers(random(14));
      const order = numbers.shuffle(Uint32Array.from({ length: examples.count }, (_, i) => i));
      const masks = new MaskBuffer(step.masks, 1);
      const buffer = new BatchBuffer(step, 1);
      let state: Tensors = parameterTensors(initialParameters(forward), step.parameters);
      for (const { name, shape } of step.state)
        state = { ...state, [name]: tensorOf(shape, new Float32Array(elementCount(shape))) };
      const losses: number[] = [];
      for (let at = 0; at < examples.count; at += 2) {
        buffer.gather(0, examples, order, at);
        masks.draw(0, numbers);
        const lr = tensorOf([], Float32Array.of(rateOf(at / 2)));
        const outputs: Tensors = await session.run({ ...state, ...buffer.single(), ...masks.single(), lr });
        losses.push(Number(outputs.loss?.data[0]));
        const next = Object.keys(state).map((name) => [name, outputs[`${name}_next`]]);
        state = Object.fromEntries(next) as Tensors;
      }
      await session.release();
      return { losses: Float32Array.from(losses), parameters: flattenParameters(state, step.parameters) };
    }

    const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    test.each(
      chosen<[string, ForwardGraph, Optimizer]>([
        ['an mlp, sgd', FORWARD, SGD],
        ['an mlp, momentum', FORWARD, { type: 'momentum', momentum: 0.9 }],
        ['an mlp, nesterov', FORWARD, { type: 'nesterov', momentum: 0.9, weightDecay: 0.01 }],
        ['an mlp, adam', FORWARD, { type: 'adam', ...ADAM }],
        ['an mlp, adamw', FORWARD, { type: 'adamw', ...ADAM, weightDecay: 0.01 }],
        ['dropout and running statistics', regularizedModel(SIZES[0], SIZES[2]), SGD],
      ]),
    )(
      'many steps in one run are the same steps one at a time, to the bit: %s',
      async (_, forward, optimizer) => {
        const examples = clusters(2 * manySteps);
        const options = { loss: { type: 'softmax_ce' }, optimizer, batchSize: 2 } as const;
        const trainer = await Trainer.create(provider, compileTrainEpoch(forward, options));
        const parameters = initialParameters(forward);
        const trained = await trainer.train(request({ parameters, examples, learningRate: rateOf }));
        await trainer.release();
        const expected = await oneByOne(forward, optimizer, examples);
        expect(trained.steps).toBe(manySteps);
        expect(trained.losses).toEqual(expected.losses);
        expect(trained.parameters).toEqual(expected.parameters);
        expect(trained.parameters).not.toEqual(parameters);
      },
    );

    test('dropout and running statistics repeat to the bit, and other masks give another model', async () => {
      const forward = regularizedModel(SIZES[0], SIZES[2]);
      const options = { loss: { type: 'softmax_ce' }, optimizer: SGD, batchSize: 8 } as const;
      const trainer = await Trainer.create(provider, compileTrainEpoch(forward, options));
      // One example, many times: its order cannot differ, the masks do.
      const examples = {
        ...clusters(40),
        features: new Float32Array(40 * SIZES[0]).fill(1),
        targets: new Int32Array(40),
      };
      const train = (byte: number) =>
        trainer.train(request({ parameters: initialParameters(forward), examples, random: random(byte) }));
      const first = await train(14);
      expect(await train(14)).toEqual(first);
      expect((await train(15)).parameters).not.toEqual(first.parameters);
      await trainer.release();
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

    // Adam's epsilon is large here: with a small one the sign of a gradient of next to nothing decides.
    const SMOOTH = { beta1: 0.9, beta2: 0.999, epsilon: 0.01, weightDecay: 0.1 };
    const options = { classWeights: [1, 2, 0.5], labelSmoothing: 0.1, ignoreIndex: 1 };
    test.each(
      chosen<[Loss, Optimizer]>([
        [
          { type: 'softmax_ce', ...options },
          { type: 'adamw', ...SMOOTH },
        ],
        [
          { type: 'sequence_ce', ...options },
          { type: 'nesterov', momentum: 0.9, weightDecay: 0.1 },
        ],
        [{ type: 'bce_logits' }, { type: 'adam', ...SMOOTH }],
        [{ type: 'mse' }, { type: 'momentum', momentum: 0.9, weightDecay: 0.1 }],
        [{ type: 'mae' }, { type: 'sgd', weightDecay: 0.1 }],
        [
          { type: 'huber', delta: 0.5 },
          { type: 'adamw', ...SMOOTH },
        ],
      ]),
    )('padding changes nothing under %j and %j', async (loss, optimizer) => {
      const isSequence = loss.type === 'sequence_ce';
      const forward = isSequence ? positionWise([2, 3, SIZES[2]], new RandomNumbers(random(13))) : FORWARD;
      const examplesOf = (count: number) => {
        const { targets, ...rest } = clusters(count);
        if (loss.type === 'softmax_ce') return { ...rest, targets };
        const numbers = new RandomNumbers(random(16));
        return isSequence
          ? { ...rest, targets: Int32Array.from({ length: 2 * count }, () => numbers.below(SIZES[2])) }
          : { ...rest, targets: Float32Array.from({ length: SIZES[2] * count }, () => numbers.unit()) };
      };
      const train = async (batchSize: number, count: number) => {
        const epoch = compileTrainEpoch(forward, { loss, optimizer, batchSize, gradientClip: 0.5 });
        const trainer = await Trainer.create(provider, epoch);
        const parameters = initialParameters(forward);
        const result = await trainer.train(
          request({ parameters, examples: examplesOf(count), epochs: 4, learningRate: 0.05 }),
        );
        await trainer.release();
        return result;
      };
      const [exact, padded, four] = [await train(5, 5), await train(8, 5), await train(8, 4)];
      expect(relativeDistance(padded.parameters, exact.parameters)).toBeLessThan(1e-5);
      expect(relativeDistance(padded.losses, exact.losses)).toBeLessThan(1e-5);
      expect(relativeDistance(four.parameters, exact.parameters)).toBeGreaterThan(1e-4);
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

  test.each(chosen([7, 40, 64]))('evaluation in batches of %d agrees with the twin', async (batchSize) => {
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
