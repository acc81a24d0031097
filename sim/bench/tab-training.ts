/**
 * Jobs that a tab trains alone, on the digits that the coordinator serves beside its page.
 */
import { authorJob, type JobPlan, submitJob } from '../../client/author-job.ts';
import { followJob, unfinished } from '../../client/commands/job.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import type { TabFederation } from './tab-federation.ts';

export interface TabJob {
  /** Of the layers. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** In a round. */
  readonly epochs: number;
}

/**
 * Resolves when the last round is over; the tab takes part already.
 * @param released called with the number of rounds that are over, whenever there are more
 * @throws as `unfinished`
 */
export async function trainTab(
  job: TabJob,
  { api, federationId }: Pick<TabFederation, 'api' | 'federationId'>,
  signal: AbortSignal,
  released: (rounds: number) => void = () => {},
): Promise<void> {
  const { jobId } = await submitJob(await authorJob(planOf(job), federationId), api);
  const status = await followJob(api, jobId, signal, ({ rounds }) => released(rounds.length));
  if (status.phase !== 'finished') throw unfinished(status);
}

function planOf({ sizes, rounds, epochs }: TabJob): JobPlan {
  return {
    name: 'digits',
    purpose: 'benchmark of a tab',
    forward: mlp(sizes, new RandomNumbers(seededRandom(new Uint8Array(32)))),
    training: {
      loss: { type: 'softmax_ce' },
      optimizer: { type: 'sgd' },
      learningRate: 0.1,
      learningRateDecay: 1,
      batchSize: 32,
      epochs,
    },
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds,
    cohort: { size: 1, minimum: 1 },
    clipNorm: 10,
    weighting: 'uniform',
    weightMax: 1,
    deadlines: { collectSeconds: 120, evaluateSeconds: 60 },
    aggregation: 'plain',
    maxAttempts: 1,
    evaluateEvery: 0,
  };
}
