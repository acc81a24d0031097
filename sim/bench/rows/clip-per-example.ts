/**
 * What a bound on the gradient of every example costs: an optimiser step that clips examples, beside the plain step of
 * the same model on the same rows, both through the trainer of the product on one thread.
 */
import { loadMnist } from '../../../client/data/mnist.ts';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { Trainer } from '../../../client/engine/trainer.ts';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import type { ForwardGraph } from '../../../client/graph/forward-graph.ts';
import { cnn } from '../../../client/graph/models/cnn.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { cpuMsInTurns } from '../measure.ts';
import type { RowDefinition } from '../row.ts';

const BATCH = 32;
/** A whole number of batches. */
const ROWS = 640;
const LEARNING_RATE = 0.1;
/** Near the median norm, so that some are clipped and some are not. */
const CLIP_NORM = 1;
const RUNS = 7;

export const clipPerExampleMlp = clipPerExample('mlp200', (random) => mlp([784, 200, 10], random), 8, 1.3);
export const clipPerExampleCnn = clipPerExample('cnn', (random) => cnn(random), 1, 1.9);

/** @param epochs passes over the rows in one repetition */
function clipPerExample(
  name: string,
  model: (random: RandomNumbers) => ForwardGraph,
  epochs: number,
  atMost: number,
): RowDefinition {
  return {
    name: `train-step/clip-per-example/${name}`,
    unit: 'ms',
    what: `processor time of an SGD step that clips every example, batch ${BATCH}, cpu, one thread; baseline: the plain step`,
    asked: [{ of: 'ratio', atMost }],
    async measure() {
      const random = seededRandom(new Uint8Array(32));
      const forward = model(new RandomNumbers(random));
      const provider = await loadCpuProvider({ threads: 1 });
      const options = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize: BATCH } as const;
      const trainerOf = (clipsExamples: boolean) =>
        Trainer.create(provider, compileTrainEpoch(forward, { ...options, clipsExamples }));
      const [clipping, plain] = [await trainerOf(true), await trainerOf(false)];
      const examples = await loadMnist(
        'train',
        Uint32Array.from({ length: ROWS }, (_, index) => index),
      );
      const parameters = initialParameters(forward);
      const request = { parameters, examples, epochs, learningRate: LEARNING_RATE, random };
      const samples = await cpuMsInTurns(
        async () => ({ units: (await clipping.train({ ...request, clipNorm: CLIP_NORM })).steps }),
        async () => ({ units: (await plain.train(request)).steps }),
        RUNS,
      );
      await Promise.all([clipping.release(), plain.release()]);
      return samples;
    },
  };
}
