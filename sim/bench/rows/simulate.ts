/**
 * How many participants a core simulates in a second: whole rounds - fetch, train, seal, upload, aggregate - of the
 * network 784-200-10 on MNIST, 600 examples each in batches of 10, without evaluation.
 *
 * Baseline: how many participants a core gets through if it only does their optimiser steps, by loops over typed
 * arrays.
 */
import { selectExamples } from '../../../client/data/examples.ts';
import { loadMnist } from '../../../client/data/mnist.ts';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import type { JobStatus } from '../../../schemas/job.ts';
import { simulate } from '../../simulate.ts';
import { cpuSeconds } from '../measure.ts';
import type { RowDefinition } from '../row.ts';
import { TypedArrayStep } from '../typed-array-step.ts';

const PARTICIPANTS = 20;
const COHORT = 10;
const EXAMPLES = 600;
const BATCH = 10;
const LEARNING_RATE = 0.1;
/** Not counted: the train step is compiled in the first, and the code around it becomes fast in the next. */
const WARM_UP = 6;
const ROUNDS = 30;

export const participantsPerCoreSecond: RowDefinition = {
  name: 'simulate/mlp200/participants-per-core-second',
  unit: '1/s',
  what: 'participants simulated a second of processor time, 600 examples, B=10, E=1; baseline: their steps alone, by loops',
  asked: [{ of: 'value', atLeast: 40 }],
  async measure({ signal }) {
    const forward = mlp([784, 200, 10], new RandomNumbers(seededRandom(new Uint8Array(32))));
    const train = await loadMnist('train');
    const participants = Array.from({ length: PARTICIPANTS }, (_, participant) =>
      selectExamples(
        train,
        Uint32Array.from({ length: EXAMPLES }, (_, index) => participant * EXAMPLES + index),
      ),
    );
    const values: number[] = [];
    let released = 0;
    let before = process.cpuUsage();
    const countRounds = ({ rounds }: JobStatus): boolean => {
      if (rounds.length === released) return false;
      const { user, system } = process.cpuUsage(before);
      before = process.cpuUsage();
      if (released >= WARM_UP) values.push((COHORT * 1e6) / (user + system));
      released = rounds.length;
      return false;
    };
    await simulate({
      plan: {
        name: 'benchmark',
        purpose: 'benchmark on MNIST',
        forward,
        training: {
          loss: { type: 'softmax_ce' },
          optimizer: { type: 'sgd' },
          learningRate: LEARNING_RATE,
          learningRateDecay: 1,
          batchSize: BATCH,
          epochs: 1,
        },
        strategy: { type: 'fedavg', serverLearningRate: 1 },
        rounds: WARM_UP + ROUNDS,
        cohort: { size: COHORT, minimum: COHORT },
        clipNorm: 10,
        weighting: 'uniform',
        weightMax: 1,
        deadlines: { collectSeconds: 3600, evaluateSeconds: 3600 },
        aggregation: 'plain',
        maxAttempts: 1,
        evaluateEvery: 0,
      },
      participants,
      provider: await loadCpuProvider({ threads: 1 }),
      seed: 'benchmark',
      signal,
      onChange: countRounds,
    });

    const loops = new TypedArrayStep({ inputs: 784, hidden: 200, classes: 10 }, BATCH);
    const parameters = initialParameters(forward);
    const baselines: number[] = [];
    for (const { features, targets } of participants.slice(0, COHORT)) {
      const rows = { features: features as Float32Array, targets: targets as Int32Array };
      const seconds = await cpuSeconds(() => {
        for (let from = 0; from < EXAMPLES; from += BATCH)
          loops.run(parameters, rows, from, BATCH, LEARNING_RATE);
      });
      baselines.push(1 / seconds);
    }
    return { values, baselines };
  },
};
