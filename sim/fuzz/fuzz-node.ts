/**
 * A node of the fuzzer: the participant of production, with a training that costs nothing. Each process of a node trains
 * to another result, as a participant does whose randomness is its own; the same process repeats itself.
 */
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import type { JobSource } from '../../client/job-cache.ts';
import { participate } from '../../client/participant.ts';
import type { PreparedJob } from '../../client/prepared-job.ts';
import { resumingUploads } from '../../client/resumable-upload.ts';
import { retryingCoordinator } from '../../client/retrying-coordinator.ts';
import type { SecureParty } from '../../client/secure-party.ts';
import { SpareBuffers } from '../../client/spare-buffers.ts';
import { canonicalSha256 } from '../../protocol/canonical.ts';
import { pause } from '../../protocol/clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { RandomSource } from '../../protocol/random.ts';
import { encodeUpdate } from '../../protocol/ring/update.ts';
import type { FuzzSchedule } from '../../schemas/fuzz-schedule.ts';
import { isStatistic } from '../../schemas/job.ts';
import type { Task } from '../../schemas/task.ts';
import { dataOf } from './foundation.ts';
import { KeyedNumbers } from './keyed-numbers.ts';
import type { Life } from './machine.ts';

export interface NodeOptions {
  readonly seed: number;
  readonly role: 'participant' | 'evaluator';
  readonly index: number;
  /** Processes of this node so far. */
  readonly lives: number;
  readonly life: Life;
  /** The network, without repetitions. */
  readonly api: CoordinatorApi;
  readonly prepared: PreparedJob;
  readonly updates: FuzzSchedule['updates'];
  /** In secure jobs. */
  readonly party?: SecureParty;
  /** Aborted when the run is over. */
  readonly signal: AbortSignal;
  /** An update was made; it is not masked yet. */
  made(task: Task, payload: Uint8Array): void;
  /** What the work of this round comes to, where that is nothing. */
  failure(round: number): HanseError | undefined;
}

/** Longest that a training or an evaluation takes, in milliseconds. */
const SLOWEST_MS = 1500;

const NO_PROVIDER: ExecutionProvider = {
  name: 'cpu',
  threads: 1,
  reason: 'nothing is trained',
  createSession: () => Promise.reject(new Error('the fuzzer trains nothing')),
};

/** Lives until its process is killed; then the promise stays open. Rejects as `participate` does. */
export function liveAsNode(options: NodeOptions): Promise<void> {
  const { seed, role, index, lives, life, party } = options;
  const named = (what: string) => new KeyedNumbers(what, seed, index, lives).source();
  const api = options.updates === 'in chunks' ? resumingUploads(options.api, 1) : options.api;
  return participate({
    role,
    jitter: named('return'),
    api: retryingCoordinator(api, {
      clock: life.clock,
      random: named('jitter'),
      firstPauseMs: 200,
      longestPauseMs: 5000,
    }),
    dataSets: [{ examples: dataOf(index), version: '1', allowSingleClass: true }],
    provider: NO_PROVIDER,
    jobs: jobsOf(options),
    buffers: new SpareBuffers(),
    randomFor: async (task) => roundingOf(options, task),
    ...(party && { party }),
    clock: life.clock,
    signal: options.signal,
    waitSeconds: 20,
    observe: () => {},
  });
}

/** What decides how an update is rounded: nothing else of a task is drawn from it, since nothing is trained. */
function roundingOf({ seed, index, lives }: NodeOptions, { round, attempt }: Task): RandomSource {
  return new KeyedNumbers(`rounding ${round}/${attempt}`, seed, index, lives).source();
}

/** Fetches and checks the manifest of a job once in the life of a process; the rest was prepared before. */
function jobsOf(options: NodeOptions): JobSource {
  const { seed, index, lives, life, prepared, failure } = options;
  const jobs = new Map<string, PreparedJob>();
  const jobOf = async ({ jobId, manifestSha256 }: Task, api: CoordinatorApi, signal: AbortSignal) => {
    const known = jobs.get(jobId);
    if (known) return known;
    const { manifest } = await api.call('getJob', { params: { jobId }, query: {} }, { signal });
    const got = await canonicalSha256(manifest);
    if (got !== manifestSha256)
      throw new HanseError('hashMismatch', { what: 'manifest', expected: manifestSha256, got });
    if (isStatistic(manifest)) throw new TypeError('the fuzzer has trainings alone');
    const job = { ...prepared, jobId, manifest, manifestSha256 };
    jobs.set(jobId, job);
    return job;
  };
  const work = async ({ jobId, round, attempt }: Task, signal: AbortSignal | undefined) => {
    const numbers = new KeyedNumbers('work', seed, index, lives, jobId, round, attempt);
    await pause(life.clock, numbers.between(10, SLOWEST_MS), signal);
    signal?.throwIfAborted();
    const problem = failure(round);
    if (problem) throw problem;
    return numbers;
  };
  return {
    async trainer(task, api, signal) {
      const job = await jobOf(task, api, signal);
      return {
        job,
        trainer: {
          async train({ parameters }) {
            const numbers = await work(task, signal);
            const trained = parameters.map((value) => value + numbers.unit() - 0.5);
            const delta = trained.map((value, i) => value - (parameters[i] as number));
            const weight = Math.min(dataOf(index).count, job.manifest.codec.weightMax);
            const update = { delta, weight, counters: [] };
            options.made(task, encodeUpdate(update, job.manifest.codec, roundingOf(options, task)));
            return { parameters: trained, losses: Float32Array.of(1), steps: 1, examplesSeen: 1 };
          },
        },
      };
    },
    async evaluator(task, api, signal) {
      const job = await jobOf(task, api, signal);
      return {
        job,
        evaluator: {
          async evaluate() {
            const numbers = await work(task, signal);
            return { loss: numbers.unit(), accuracy: null, count: 1 };
          },
        },
      };
    },
  };
}
