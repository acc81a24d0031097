/**
 * What privacy of examples costs a participant while it trains: a batch of a secret lot, each gradient clipped and the
 * batches added in float64, beside the plain step of the same model on the same rows, both by the engine of the product on
 * one thread. All rows are in the lot, so no batch is padding, which would be cheaper to gather.
 */
import { primitives } from '#primitives';
import { loadMnist } from '../../../client/data/mnist.ts';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { LotTrainer } from '../../../client/engine/lot-trainer.ts';
import { Trainer } from '../../../client/engine/trainer.ts';
import { compileLotGradient } from '../../../client/graph/compile-lot-gradient.ts';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { BATCHES_IN_FLOAT32 } from '../../../protocol/dp/job-privacy.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { cpuMsInTurns } from '../measure.ts';
import type { RowDefinition } from '../row.ts';

const BATCH = 64;
/** Two runs of batches, each as long as any: lots of real participants have one to ten. */
const ROWS = 2 * BATCHES_IN_FLOAT32 * BATCH;
/** Passes over the rows in one repetition. */
const EPOCHS = 8;
const LEARNING_RATE = 0.1;
/** Near the median norm, so that some are clipped and some are not. */
const CLIP_NORM = 1;
const RUNS = 7;

export const lotGradientMlp: RowDefinition = {
  name: 'privacy/train-step-overhead/mlp200',
  unit: 'ms',
  what: `processor time of a batch of a lot, 784-200-10 on MNIST, batch ${BATCH}, cpu, one thread; baseline: the plain step`,
  asked: [{ of: 'ratio', atMost: 1.3 }],
  async measure() {
    const random = seededRandom(new Uint8Array(32));
    const forward = mlp([784, 200, 10], new RandomNumbers(random));
    const provider = await loadCpuProvider({ threads: 1 });
    const loss = { type: 'softmax_ce' } as const;
    const ofLots = await LotTrainer.create(
      provider,
      compileLotGradient(forward, { loss, batchSize: BATCH, unit: 'example' }),
    );
    const plain = await Trainer.create(
      provider,
      compileTrainEpoch(forward, { loss, optimizer: { type: 'sgd' }, batchSize: BATCH }),
    );
    const examples = await loadMnist(
      'train',
      Uint32Array.from({ length: ROWS }, (_, index) => index),
    );
    const parameters = initialParameters(forward);
    const lots = { parameters, examples, rate: 1, clipNorm: CLIP_NORM, random: primitives.random };
    const steps = { parameters, examples, epochs: EPOCHS, learningRate: LEARNING_RATE, random };
    const samples = await cpuMsInTurns(
      async () => {
        let units = 0;
        for (let epoch = 0; epoch < EPOCHS; epoch += 1) units += (await ofLots.sum(lots)).steps;
        return { units };
      },
      async () => ({ units: (await plain.train(steps)).steps }),
      RUNS,
    );
    await Promise.all([ofLots.release(), plain.release()]);
    return samples;
  },
};
