/**
 * The cost of an optimiser step of the built-in transformer encoder on texts, in terms of its forward pass: backward
 * and update are at least twice the products of the forward pass, so the least ratio is about three.
 */
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { parameterTensors } from '../../../client/engine/parameters.ts';
import type { Tensors } from '../../../client/engine/provider.ts';
import { compilePrediction } from '../../../client/graph/compile-prediction.ts';
import { compileTrainStep } from '../../../client/graph/compile-train-step.ts';
import { transformer } from '../../../client/graph/models/transformer.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { cpuMsInTurns } from '../measure.ts';
import type { RowDefinition } from '../row.ts';

const BATCH = 16;
const MODEL = { vocabulary: 4096, length: 64, width: 128, heads: 4, blocks: 2, classes: 2 };
const STEPS = 5;
const RUNS = 9;

export const trainStepTransformer: RowDefinition = {
  name: 'train-step/transformer/b16/cpu',
  unit: 'ms',
  what: 'processor time of an SGD step of a transformer encoder (2 blocks, width 128, 64 tokens), one thread; baseline: its forward pass',
  asked: [{ of: 'ratio', atMost: 3.5 }],
  async measure() {
    const random = new RandomNumbers(seededRandom(new Uint8Array(32)));
    const forward = transformer(random, MODEL);
    const provider = await loadCpuProvider({ threads: 1 });
    const training = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize: BATCH } as const;
    const step = compileTrainStep(forward, training);
    const stepSession = await provider.createSession(step.bytes);
    const forwardSession = await provider.createSession(
      compilePrediction(forward, { batchSize: BATCH }).bytes,
    );
    const tokens = Int32Array.from(
      { length: BATCH * MODEL.length },
      () => 1 + random.below(MODEL.vocabulary - 1),
    );
    const weights = parameterTensors(initialParameters(forward), step.parameters);
    const x: Tensors = { x: { type: 'int32', shape: step.input.shape, data: tokens } };
    const rest: Tensors = {
      y: { type: 'int32', shape: [BATCH], data: Int32Array.from({ length: BATCH }, () => random.below(2)) },
      weight: { type: 'float32', shape: [BATCH], data: new Float32Array(BATCH).fill(1) },
      lr: { type: 'float32', shape: [], data: Float32Array.of(0.1) },
    };
    const repeat = async (run: () => Promise<unknown>) => {
      for (let done = 0; done < STEPS; done += 1) await run();
      return { units: STEPS };
    };
    const samples = await cpuMsInTurns(
      () => repeat(() => stepSession.run({ ...weights, ...x, ...rest })),
      () => repeat(() => forwardSession.run({ ...weights, ...x })),
      RUNS,
    );
    await Promise.all([stepSession.release(), forwardSession.release()]);
    return samples;
  },
};
