/**
 * The cost of one optimiser step of the network 784-200-10 on MNIST, on one thread, as a participant spends it: through
 * the trainer of the product, with shuffling, gathering of rows and everything else around the compiled graph.
 *
 * Baseline: the same number of steps on the same rows by `typed-array-step.ts`.
 */
import { loadMnist } from '../../../client/data/mnist.ts';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { Trainer } from '../../../client/engine/trainer.ts';
import { loadWasmProvider } from '../../../client/engine/wasm.ts';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { cpuMsInTurns } from '../measure.ts';
import type { Bound, RowDefinition } from '../row.ts';
import { TypedArrayStep } from '../typed-array-step.ts';

/** Rows of MNIST: a whole number of batches of 32. */
const ROWS = 640;
const LEARNING_RATE = 0.1;
const RUNS = 7;

export const trainStepB32Cpu = trainStep('cpu', 32, 8, { of: 'value', atMost: 0.5 });
export const trainStepB32Wasm = trainStep('wasm', 32, 3, { of: 'value', atMost: 4.5 });
export const trainStepB10Cpu = trainStep('cpu', 10, 4, { of: 'ratio', atMost: 0.3 });

/** @param epochs passes over the rows in one repetition */
function trainStep(provider: 'cpu' | 'wasm', batchSize: number, epochs: number, bound: Bound): RowDefinition {
  return {
    name: `train-step/mlp200/b${batchSize}/${provider}`,
    unit: 'ms',
    what: 'processor time of an SGD step, 784-200-10 on MNIST, one thread; baseline: loops over typed arrays',
    asked: [bound],
    async measure() {
      const random = seededRandom(new Uint8Array(32));
      const forward = mlp([784, 200, 10], new RandomNumbers(random));
      const options = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize } as const;
      const runtime = await (provider === 'cpu' ? loadCpuProvider({ threads: 1 }) : loadWasmProvider());
      const trainer = await Trainer.create(runtime, compileTrainEpoch(forward, options));
      const examples = await loadMnist(
        'train',
        Uint32Array.from({ length: ROWS }, (_, index) => index),
      );
      const parameters = initialParameters(forward);

      const loops = new TypedArrayStep({ inputs: 784, hidden: 200, classes: 10 }, batchSize);
      const rows = { features: examples.features, targets: examples.targets as Int32Array };
      const byLoops = async () => {
        const trained = parameters.slice();
        let units = 0;
        for (let epoch = 0; epoch < epochs; epoch += 1)
          for (let from = 0; from < ROWS; from += batchSize, units += 1)
            loops.run(trained, rows, from, Math.min(batchSize, ROWS - from), LEARNING_RATE);
        return { units };
      };
      const byTrainer = async () => {
        const request = { parameters, examples, epochs, learningRate: LEARNING_RATE, random };
        const { steps } = await trainer.train(request);
        return { units: steps };
      };
      const samples = await cpuMsInTurns(byTrainer, byLoops, RUNS);
      await trainer.release();
      return samples;
    },
  };
}
