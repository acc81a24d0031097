/**
 * What one more participant of a secure round costs a coordinator in memory: the most that its process holds in a round of
 * many, less that in a round of few, for each participant more. Held is what a collection leaves; what is resident beside it
 * is the collector's to give back, and told apart. The coordinator is a process of its own; all participants run the code of
 * production in this one, do not train, and send their updates in one moment.
 *
 * Baseline: the bytes of one participant's keys and shares, of which a coordinator has to hold at least as much.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { authorJob, secureAggregationFor, submitJob } from '../../../client/author-job.ts';
import { followJob } from '../../../client/commands/job.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { formatInviteLink } from '../../../protocol/invite-link.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { RECORD_BYTES } from '../../../protocol/secagg/shares.ts';
import { connectOperator, startCoordinator } from '../bench-coordinator.ts';
import { withChildren } from '../child.ts';
import { echoJobs, echoParticipant } from '../echo-participant.ts';
import { usageOf } from '../process-usage.ts';
import type { RowContext, RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

/** Enough that both have compiled the same code. */
const FEW = 64;
/** The largest complete graph. */
const MANY = 128;
/** The model of an echo does not change, and nobody opens two sums over one model. */
const ROUNDS = 1;
const RUNS = 3;
/** Keys in hex with a signature. */
const KEY_BYTES = 600;

export const secureCoordinatorMemory: RowDefinition = {
  name: 'secagg/coordinator-memory',
  unit: 'KB',
  what: `memory that a coordinator holds for one participant more, from ${FEW} to ${MANY}; baseline: bytes of keys and shares`,
  asked: [{ of: 'value', atMost: 64 }],
  measure: async (context) => {
    const growths: number[] = [];
    let last = {};
    for (let run = 0; run < RUNS; run += 1) {
      const [few, many] = [await peaks(FEW, context), await peaks(MANY, context)];
      growths.push((many.held - few.held) / (MANY - FEW) / 1000);
      last = { fewMB: few.held / 1e6, manyMB: many.held / 1e6, residentMB: many.resident / 1e6 };
    }
    return { values: growths, baselines: [(KEY_BYTES + RECORD_BYTES * MANY) / 1000], more: last };
  },
};

/** The most bytes of the process of a coordinator in a round. */
interface Peaks {
  /** After collections. */
  readonly held: number;
  readonly resident: number;
}

function peaks(count: number, { progress, signal }: RowContext): Promise<Peaks> {
  return withScratchFolder((folder) =>
    withChildren(async (start) => {
      progress(`${count} participants`);
      const heldFile = join(folder, 'held');
      const server = await startCoordinator(start, folder, heldFile);
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
        return { held: Number(readFileSync(heldFile, 'utf8')), resident: usageOf(server.pid).peakBytes };
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
