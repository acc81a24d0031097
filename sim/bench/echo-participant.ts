/**
 * A participant that does not train: enrols with the invite link that is its first argument, under the name that is its
 * second, then does its part in every round until it is stopped. Prints one line once it is ready.
 *
 * All but the trainer is what `hanse join` runs; the trainer gives back the parameters as they are.
 */
import { primitives } from '#primitives';
import { memoryAttemptLog } from '../../client/attempt-journal.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import type { Examples } from '../../client/data/examples.ts';
import { DirectoryWatch } from '../../client/directory-watch.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import type { TrainingRequest, TrainingResult } from '../../client/engine/trainer.ts';
import { connect, enrol } from '../../client/enrol.ts';
import type { Identity } from '../../client/identity.ts';
import type { JobSource } from '../../client/job-cache.ts';
import { nodeExchange } from '../../client/node-exchange.ts';
import { participate } from '../../client/participant.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { type PreparedJob, prepareJob } from '../../client/prepared-job.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../../client/retrying-coordinator.ts';
import { securePartyOf } from '../../client/secure-party.ts';
import { SpareBuffers } from '../../client/spare-buffers.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { Directory } from '../../schemas/directory.ts';
import type { Task } from '../../schemas/task.ts';

/** Jobs that are fetched and checked as ever, with the echo for a trainer. */
export function echoJobs(prepare: typeof prepareJob = prepareJob): JobSource {
  const prepared = new Map<string, Promise<PreparedJob>>();
  return {
    async trainer(task: Task, api: CoordinatorApi) {
      const job = prepared.get(task.manifestSha256) ?? prepare(task, api);
      prepared.set(task.manifestSha256, job);
      return { job: await job, trainer: { train: echo } };
    },
    async evaluator() {
      throw new HanseError('roleRefused', { role: 'participant', needs: 'evaluator' });
    },
  };
}

async function echo({ parameters }: TrainingRequest): Promise<TrainingResult> {
  return { parameters, losses: Float32Array.of(0), steps: 1, examplesSeen: 1 };
}

/** One row in the shape that the job expects: an image of MNIST. */
const EXAMPLES: Examples = {
  name: 'echo',
  count: 1,
  inputShape: [784],
  features: new Float32Array(784),
  targetShape: [],
  targets: new Int32Array(1),
};

const NO_PROVIDER: ExecutionProvider = {
  name: 'cpu',
  threads: 1,
  reason: 'a benchmark that does not train',
  createSession: () => Promise.reject(new Error('an echo has no sessions')),
};

/** Resolves when the signal aborts. Where it takes part in secure rounds it pins the directory, in memory. */
export async function echoParticipant(
  link: string,
  name: string,
  signal: AbortSignal,
  observe: (event: ParticipantEvent) => void,
  { isSecure = false, jobs = echoJobs() }: { readonly isSecure?: boolean; readonly jobs?: JobSource } = {},
): Promise<void> {
  const identity = await enrol(parseInviteLink(link), name, systemClock);
  const { random } = primitives;
  const pauses = { clock: systemClock, random, ...DEFAULT_PAUSES };
  const api = retryingCoordinator(await connect(identity, systemClock, { exchange: nodeExchange }), pauses);
  const secure = isSecure ? await securely(identity, api) : {};
  await participate({
    role: 'participant',
    api,
    ...secure,
    dataSets: [{ examples: EXAMPLES, version: '1', allowSingleClass: true }],
    provider: NO_PROVIDER,
    jobs,
    buffers: new SpareBuffers(),
    randomFor: async () => random,
    clock: systemClock,
    signal,
    waitSeconds: 20,
    observe,
  });
}

/** What secure rounds need, kept in memory alone. */
async function securely(identity: Identity, api: CoordinatorApi) {
  let pinned: Directory | undefined;
  const pin = {
    read: async () => pinned,
    write: async (directory: Directory) => {
      pinned = directory;
    },
  };
  const directory = await DirectoryWatch.open({ api, member: identity, pin, observe: () => {} });
  const party = securePartyOf({
    ...{ member: identity, log: memoryAttemptLog(), directory, clock: systemClock },
    signer: await primitives.signer(identity.seed.reveal()),
    gate: { admitSurvivors: () => {} },
  });
  return { directory, party };
}

async function run(link: string, name: string): Promise<void> {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  await echoParticipant(link, name, stop.signal, (event) => {
    if (event.type === 'ready') process.stdout.write(`${JSON.stringify(event)}\n`);
    if (event.type === 'declined') process.stderr.write(`${event.problem.code}: ${event.problem.message}\n`);
  });
}

const [, script = '', link, name] = process.argv;
if (script.endsWith('echo-participant.js') && link !== undefined) await run(link, name ?? 'echo');
