/**
 * The operator of the fuzzer: makes the job, and follows it to its end. What makes something new each time must not be
 * repeated blindly (SPEC.md section 9.2), so after a lost answer it looks first whether the job is there.
 */
import type { AuthoredJob } from '../../client/author-job.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { retryingCoordinator } from '../../client/retrying-coordinator.ts';
import { pause } from '../../protocol/clock.ts';
import { isProblem } from '../../protocol/problem.ts';
import { hasEnded } from '../../protocol/round.ts';
import type { JobStatus } from '../../schemas/job.ts';
import { KeyedNumbers } from './keyed-numbers.ts';
import type { Life } from './machine.ts';

export interface OperatorOptions {
  readonly seed: number;
  readonly life: Life;
  /** The network, without repetitions. */
  readonly api: CoordinatorApi;
  readonly authored: AuthoredJob;
  /** Called with every state of the job that it is told. */
  shown(status: JobStatus): void;
}

/** Resolves when the job has ended. */
export async function runJob(options: OperatorOptions): Promise<void> {
  const { seed, life, api, authored, shown } = options;
  const persistent = retryingCoordinator(api, {
    clock: life.clock,
    random: new KeyedNumbers('jitter', seed, 'operator').source(),
    firstPauseMs: 200,
    longestPauseMs: 2000,
  });
  for (const { sha256, bytes } of authored.blobs)
    await persistent.call('putBlob', { params: { sha256 }, body: bytes });
  const jobId = await createOnce(options, persistent);
  for (let after = 0; ; ) {
    const query = { after: String(after), wait: '20' };
    const status = await persistent.call('getJob', { params: { jobId }, query });
    shown(status);
    if (hasEnded(status)) return;
    after = status.sequence;
  }
}

async function createOnce({ api, life, authored }: OperatorOptions, persistent: CoordinatorApi) {
  for (;;) {
    try {
      return (await api.call('createJob', { body: authored.manifest })).jobId;
    } catch (error) {
      if (!isProblem(error)) throw error;
      await pause(life.clock, 1000);
    }
    const [found] = (await persistent.call('listJobs', {})).jobs;
    if (found) return found.jobId;
  }
}
