/**
 * What a round costs beside training: a coordinator and ten participants, each a process of its own, over loopback. The
 * participants run the code of production - ask for work, fetch the model, seal an update, deliver it - but give back
 * the parameters as they got them. The time of a round goes from one release to the next, as the coordinator records it.
 *
 * Baseline: ten processes that fetch as many bytes as the model has and put as many as an update has, by `node:http`
 * alone: nothing is signed, hashed, stored or added up.
 */
import { type AuthoredJob, authorJob, submitJob } from '../../../client/author-job.ts';
import { followJob } from '../../../client/commands/job.ts';
import type { CoordinatorApi } from '../../../client/coordinator-api.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import type { Identity } from '../../../client/identity.ts';
import { formatInviteLink } from '../../../protocol/invite-link.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { updateBytes } from '../../../protocol/ring/payload.ts';
import { modelBytes } from '../../../protocol/vector.ts';
import type { JobStatus } from '../../../schemas/job.ts';
import { type BareOrder, type BareRound, exchangeBytes } from '../bare-exchange.ts';
import { connectOperator, startCoordinator } from '../bench-coordinator.ts';
import { type StartChild, withChildren } from '../child.ts';
import { median } from '../measure.ts';
import type { Measured, RowContext, RowDefinition } from '../row.ts';
import { withScratchFolder } from '../scratch-folder.ts';

const PARTICIPANTS = 10;
/** Not counted: they compile, connect and fill caches. */
const WARM_UP = 5;
const ROUNDS = 25;

export const echoRound159k = echoRound('159k', [784, 200, 10], 60);
export const echoRound1M = echoRound('1M', [784, 1258, 10], 230);

/** @param widths of a perceptron with that many parameters */
function echoRound(size: string, widths: readonly number[], atMost: number): RowDefinition {
  return {
    name: `round/echo/10x${size}`,
    unit: 'ms',
    what: 'wall time of a round of ten participant processes that do not train; baseline: bare HTTP of the same bytes',
    asked: [{ of: 'value', atMost }],
    measure: (context) => withScratchFolder((folder) => measureRounds(widths, folder, context)),
  };
}

async function measureRounds(
  widths: readonly number[],
  folder: string,
  { progress, signal }: RowContext,
): Promise<Measured> {
  const forward = mlp(widths, new RandomNumbers(seededRandom(new Uint8Array(32))));
  const job = await withChildren(async (start) => {
    const { operator, api } = await connectOperator(await startCoordinator(start, folder));
    const authored = await authorJob(planOf(forward), operator.federationId);
    progress(`${PARTICIPANTS} participants, ${authored.manifest.parameters} parameters`);
    await startParticipants(operator, api, start);
    return runJob(authored, api, signal);
  });
  const order: BareOrder = {
    clients: PARTICIPANTS,
    rounds: WARM_UP + ROUNDS,
    bytesDown: modelBytes(job.manifest.parameters),
    bytesUp: updateBytes(job.manifest),
  };
  progress('bare exchange of the same bytes');
  const bare: readonly BareRound[] = await withChildren((start) => exchangeBytes(order, start));
  const values = timesBetweenReleases(job);
  return {
    values,
    baselines: bare.slice(WARM_UP).map(({ milliseconds }) => milliseconds),
    more: {
      parameters: job.manifest.parameters,
      p90: percentile(values, 0.9),
      bytesUp: order.bytesUp,
      bytesDown: order.bytesDown,
    },
  };
}

function planOf(forward: ReturnType<typeof mlp>) {
  return {
    name: 'echo',
    purpose: 'benchmark without training',
    forward,
    training: {
      loss: { type: 'softmax_ce' },
      optimizer: { type: 'sgd' },
      learningRate: 0.1,
      learningRateDecay: 1,
      batchSize: 10,
      epochs: 1,
    },
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds: WARM_UP + ROUNDS + 1,
    cohort: { size: PARTICIPANTS, minimum: PARTICIPANTS },
    clipNorm: 10,
    weighting: 'uniform',
    weightMax: 1,
    deadlines: { collectSeconds: 60, evaluateSeconds: 60 },
    aggregation: 'plain',
    maxAttempts: 1,
    evaluateEvery: 0,
  } as const;
}

/** Resolves when all of them have enrolled and asked for work. */
async function startParticipants(
  { server, federationId, coordinatorKey }: Identity,
  api: CoordinatorApi,
  start: StartChild,
): Promise<void> {
  const children = [];
  for (let index = 0; index < PARTICIPANTS; index += 1) {
    const organisationId = `organisation-${index}`;
    const body = { role: 'participant', organisationId, lifetimeSeconds: 600 } as const;
    const { token } = await api.call('createInvite', { body });
    const link = formatInviteLink({
      server,
      token,
      federationId,
      coordinatorKey,
      organisationId,
      role: 'participant',
    });
    children.push(start('./echo-participant.js', [link, `participant-${index}`]));
  }
  for (const child of children) await child.next();
}

async function runJob(authored: AuthoredJob, api: CoordinatorApi, signal: AbortSignal): Promise<JobStatus> {
  const { jobId } = await submitJob(authored, api);
  // Asked seldom: the one who watches should not be what is measured.
  const ended = await followJob(api, jobId, signal, () => undefined);
  if (ended.phase === 'finished') return ended;
  throw new HanseError('attemptsExhausted', { round: ended.round, attempts: ended.attempt });
}

/** Milliseconds; those of the first rounds are left out. */
export function timesBetweenReleases({ rounds }: Pick<JobStatus, 'rounds'>): number[] {
  const releases = rounds.map(({ endedAt }) => Date.parse(endedAt));
  return releases.slice(WARM_UP + 1).map((at, index) => at - (releases[WARM_UP + index] ?? 0));
}

function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? median(numbers);
}
