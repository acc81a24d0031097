/**
 * The cost of one optimiser step of the FedAvg network (1,663,370 parameters) on MNIST, batch 32, on one thread, through
 * the trainer of the product; and of compiling that step.
 *
 * Baselines: the forward pass of the same batches on the same provider, and compiling the step of 784-200-10.
 */
import { loadMnist } from '../../../client/data/mnist.ts';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import type { Tensors } from '../../../client/engine/provider.ts';
import { Trainer } from '../../../client/engine/trainer.ts';
import { loadWasmProvider } from '../../../client/engine/wasm.ts';
import { compilePrediction } from '../../../client/graph/compile-prediction.ts';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import { compileTrainStep } from '../../../client/graph/compile-train-step.ts';
import { cnn } from '../../../client/graph/models/cnn.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { cpuMsInTurns } from '../measure.ts';
import type { RowDefinition } from '../row.ts';

const BATCH = 32;
/** Steps in one repetition. */
const STEPS = 10;
const LEARNING_RATE = 0.1;
const RUNS = 7;
const OPTIONS = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize: BATCH } as const;

export const trainStepCnnCpu = trainStepCnn('cpu', 66);
export const trainStepCnnWasm = trainStepCnn('wasm', 230);

function trainStepCnn(provider: 'cpu' | 'wasm', atMost: number): RowDefinition {
  return {
    name: `train-step/cnn/b${BATCH}/${provider}`,
    unit: 'ms',
    what: 'processor time of an SGD step, FedAvg CNN on MNIST, one thread; baseline: its forward pass',
    asked: [{ of: 'value', atMost }],
    async measure() {
      const random = seededRandom(new Uint8Array(32));
      const forward = cnn(new RandomNumbers(random));
      const runtime = await (provider === 'cpu' ? loadCpuProvider({ threads: 1 }) : loadWasmProvider());
      const trainer = await Trainer.create(runtime, compileTrainEpoch(forward, OPTIONS));
      const rows = Uint32Array.from({ length: STEPS * BATCH }, (_, index) => index);
      const examples = await loadMnist('train', rows);
      const parameters = initialParameters(forward);
      const byTrainer = async () => {
        const request = { parameters, examples, epochs: 1, learningRate: LEARNING_RATE, random };
        return { units: (await trainer.train(request)).steps };
      };

      const prediction = compilePrediction(forward, OPTIONS);
      const session = await runtime.createSession(prediction.bytes);
      const { input } = prediction;
      const weights: Tensors = Object.fromEntries(
        prediction.parameters.map(({ name, shape, offset, size }) => {
          return [name, { type: 'float32', shape, data: parameters.subarray(offset, offset + size) }];
        }),
      );
      const size = examples.features.length / STEPS;
      const pixels = Float32Array.from(examples.features);
      const byForwardPass = async () => {
        for (let start = 0; start < pixels.length; start += size) {
          const data = pixels.subarray(start, start + size);
          await session.run({ ...weights, x: { type: 'float32', shape: input.shape, data } });
        }
        return { units: STEPS };
      };
      const samples = await cpuMsInTurns(byTrainer, byForwardPass, RUNS);
      await Promise.all([trainer.release(), session.release()]);
      return samples;
    },
  };
}

/** Compilations in one repetition of the baseline, which is too short to be measured once. */
const COMPILATIONS = 10;

export const compileCnn: RowDefinition = {
  name: 'compile/cnn',
  unit: 'ms',
  what: 'processor time of compiling the SGD step of the FedAvg CNN; baseline: that of 784-200-10',
  asked: [{ of: 'value', atMost: 300 }],
  async measure() {
    const random = new RandomNumbers(seededRandom(new Uint8Array(32)));
    const [large, small] = [cnn(random), mlp([784, 200, 10], random)];
    return cpuMsInTurns(
      async () => {
        compileTrainStep(large, OPTIONS);
        return { units: 1 };
      },
      async () => {
        for (let count = 0; count < COMPILATIONS; count += 1) compileTrainStep(small, OPTIONS);
        return { units: COMPILATIONS };
      },
      RUNS,
    );
  },
};
