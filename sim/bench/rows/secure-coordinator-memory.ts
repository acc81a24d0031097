/**
 * What one more participant of a secure round costs a coordinator in memory: the peak of its process after a round of many,
 * less that after a round of few, for each participant more. The coordinator is a process of its own; all participants run
 * the code of production in this one, and do not train.
 *
 * Baseline: the bytes of one participant's keys and shares, of which a coordinator has to hold at least as much.
 */
import { authorJob, secureAggregationFor, submitJob } from '../../../client/author-job.ts';
import { followJob } from '../../../client/commands/job.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { formatInviteLink } from '../../../protocol/invite-link.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { connectOperator, startCoordinator } from '../bench-coordinator.ts';
import { withChildren } from '../child.ts';
import { echoJobs, echoParticipant } from '../echo-participant.ts';
import { usageOf } from '../process-usage.ts';
import type { RowContext, RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const FEW = 20;
const MANY = 120;
/** The model of an echo does not change, and nobody opens two sums over one model. */
const ROUNDS = 1;
/** Keys in hex with a signature, and a record of 81 bytes for each of the others. */
const SHARE_BYTES = 81;
const KEY_BYTES = 600;

export const secureCoordinatorMemory: RowDefinition = {
  name: 'secagg/coordinator-memory',
  unit: 'KB',
  what: `growth of the peak of the coordinator per participant, from ${FEW} to ${MANY}; baseline: bytes of keys and shares`,
  asked: [{ of: 'value', atMost: 64 }],
  measure: async (context) => {
    const [few, many] = [await peakBytes(FEW, context), await peakBytes(MANY, context)];
    return {
      values: [(many - few) / (MANY - FEW) / 1000],
      baselines: [(KEY_BYTES + SHARE_BYTES * MANY) / 1000],
      more: { fewMB: few / 1e6, manyMB: many / 1e6 },
    };
  },
};

function peakBytes(count: number, { progress, signal }: RowContext): Promise<number> {
  return withScratchFolder((folder) =>
    withChildren(async (start) => {
      progress(`${count} participants`);
      const server = await startCoordinator(start, folder);
      const { operator, api } = await connectOperator(server);
      const lives = new AbortController();
      const jobs = echoJobs();
      const ready: Promise<void>[] = [];
      const ended: Promise<void>[] = [];
      for (let index = 0; index < count; index += 1) {
        const organisationId = `organisation-${index}`;
        const body = { role: 'participant', organisationId, lifetimeSeconds: 600 } as const;
        const { token } = await api.call('createInvite', { body });
        const link = formatInviteLink({ ...operator, token, organisationId, role: 'participant' });
        ready.push(
          new Promise((resolve, reject) => {
            const life = echoParticipant(
              link,
              `participant-${index}`,
              lives.signal,
              (event) => event.type === 'ready' && resolve(),
              { isSecure: true, jobs },
            );
            life.catch(reject);
            ended.push(life);
          }),
        );
      }
      try {
        await Promise.all(ready);
        const { jobId } = await submitJob(await authorJob(plan(count), operator.federationId), api);
        const job = await followJob(api, jobId, signal, () => undefined);
        if (job.phase !== 'finished')
          throw new HanseError('attemptsExhausted', { round: job.round, attempts: job.attempt });
        return usageOf(server.pid).peakBytes;
      } finally {
        lives.abort();
        await Promise.allSettled(ended);
      }
    }),
  );
}

function plan(size: number) {
  const cohort = { size, minimum: Math.ceil(0.8 * size) };
  return {
    name: 'memory',
    purpose: 'benchmark without training',
    forward: mlp([784, 10], new RandomNumbers(seededRandom(new Uint8Array(32)))),
    training: {
      loss: { type: 'softmax_ce' },
      optimizer: { type: 'sgd' },
      learningRate: 0.1,
      learningRateDecay: 1,
      batchSize: 10,
      epochs: 1,
    },
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds: ROUNDS,
    cohort,
    clipNorm: 10,
    weighting: 'uniform',
    weightMax: 1,
    aggregation: secureAggregationFor(cohort, 120),
    deadlines: { collectSeconds: 120, evaluateSeconds: 120 },
    maxAttempts: 3,
    evaluateEvery: 0,
  } as const;
}
