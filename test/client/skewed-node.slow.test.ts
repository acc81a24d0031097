// covers: client/participant.ts, client/prepared-job.ts
/**
 * A node that reads a job otherwise than its author, as one of another version would: what it is told of the job is
 * changed on the way, consistently, so that its own check is the one that finds it. It declines by name, and the
 * federation, over HTTP, goes on without it.
 */
import { beforeAll, expect, test } from 'vitest';
import { authorJob, submitJob } from '../../client/author-job.ts';
import { followJob } from '../../client/commands/job.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { connect, enrol } from '../../client/enrol.ts';
import { JobCache } from '../../client/job-cache.ts';
import { participate } from '../../client/participant.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { SpareBuffers } from '../../client/spare-buffers.ts';
import { canonicalSha256 } from '../../protocol/canonical.ts';
import { parseInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError, type ProblemCode } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import type { JobManifest, JobStatus, TrainingManifest } from '../../schemas/job.ts';
import type { Tasks } from '../../schemas/task.ts';
import { runCoordinator } from '../fixtures/running-coordinator.ts';
import { clouds, smallPlan } from '../fixtures/small-job.ts';
import { hashOf } from '../fixtures/vector-files.ts';

let provider: ExecutionProvider;
beforeAll(async () => {
  provider = await loadCpuProvider({ threads: 1 });
});

/** What a node is told in the place of what the coordinator says. */
interface Skew {
  readonly graph: Partial<TrainingManifest['graph']>;
  /** By its hash, beside the content that the coordinator has. */
  readonly content?: Uint8Array;
}

function skewed(api: CoordinatorApi, { graph, content }: Skew): CoordinatorApi {
  const change = (manifest: JobManifest) => ({
    ...manifest,
    graph: { ...(manifest as TrainingManifest).graph, ...graph },
  });
  const changedHash = async (jobId: string) => {
    const { manifest } = await api.call('getJob', { params: { jobId }, query: {} });
    return canonicalSha256(change(manifest));
  };
  const call = async (name: string, request: { params?: { sha256?: string } }, options?: object) => {
    if (name === 'getBlob' && content && request.params?.sha256 === hashOf(content)) return content;
    // It then asks for tasks, and those are in answers that are skewed here.
    if (name === 'taskStream') throw new HanseError('routeUnknown', { method: 'GET', path: '' });
    const answer: unknown = await api.call(name as 'getJob', request as never, options);
    if (name === 'getJob') {
      const job = answer as JobStatus;
      return { ...job, manifest: change(job.manifest) };
    }
    if (name !== 'nextTasks') return answer;
    const tasks = (answer as Tasks).tasks.map(async (task) => ({
      ...task,
      manifestSha256: await changedHash(task.jobId),
    }));
    return { tasks: await Promise.all(tasks) };
  };
  return { call } as unknown as CoordinatorApi;
}

interface Outcome {
  readonly job: JobStatus;
  /** What the skewed node did. */
  readonly seen: readonly ParticipantEvent[];
}

/** The small job, in a federation of its own with two nodes as they should be and a skewed one. */
async function jobWith(skew: Skew): Promise<Outcome> {
  const running = await runCoordinator();
  const jobs = [0, 1, 2].map(() => new JobCache(provider));
  const life = new AbortController();
  const seen: ParticipantEvent[] = [];
  const take = async (part: number) => {
    const node = await enrol(parseInviteLink(await running.invite()), `node ${part}`, systemClock);
    const api = await connect(node, systemClock);
    let ended = Promise.resolve();
    await new Promise<void>((ready, fail) => {
      ended = participate({
        role: 'participant',
        api: part === 0 ? skewed(api, skew) : api,
        dataSets: [{ examples: clouds(12, part + 1), version: '1', allowSingleClass: false }],
        provider,
        jobs: jobs[part] as JobCache,
        buffers: new SpareBuffers(),
        randomFor: async () => seededRandom(new Uint8Array(32).fill(part)),
        clock: systemClock,
        signal: life.signal,
        waitSeconds: 20,
        observe: (event) => {
          if (event.type === 'ready') ready();
          if (part === 0) seen.push(event);
        },
      });
      ended.catch(fail);
    });
    return { ended };
  };
  try {
    const lives = await Promise.all([0, 1, 2].map(take));
    const authored = await authorJob(smallPlan({ rounds: 2 }), running.operator.federationId);
    const { jobId } = await submitJob(authored, running.api);
    const job = await followJob(running.api, jobId, life.signal, () => {});
    life.abort();
    await Promise.all(lives.map(({ ended }) => ended));
    return { job, seen };
  } finally {
    life.abort();
    await Promise.all(jobs.map((cache) => cache.release()));
    await running.close();
  }
}

test.each<[code: ProblemCode, skew: () => Promise<Skew>]>([
  ['graphHashMismatch', async () => ({ graph: { trainStep: 'ab'.repeat(32) } })],
  [
    'operatorUnsupported',
    async () => {
      const { manifest, blobs } = await authorJob(smallPlan(), 'fed-0123456789abcdef');
      const forward = blobs.find(({ sha256 }) => sha256 === manifest.graph.forward)?.bytes;
      const text = Buffer.from(forward ?? []).toString('latin1');
      const content = new Uint8Array(Buffer.from(text.replaceAll('Relu', 'Zelu'), 'latin1'));
      return { graph: { forward: hashOf(content) }, content };
    },
  ],
])(
  '%s: the node declines by that name and is not asked again, and each round is released without it',
  async (code, skew) => {
    const { job, seen } = await jobWith(await skew());
    expect(job).toMatchObject({ phase: 'finished', reason: null });
    const released = { attempt: 1, outcome: 'released', updates: 2 };
    expect(job.rounds).toMatchObject([
      { ...released, round: 1, cohort: 3, declined: { [code]: 1 } },
      { ...released, round: 2, cohort: 2, declined: {} },
    ]);
    expect(seen.map(({ type }) => type)).toEqual(['ready', 'preparing', 'declined']);
    expect(seen.at(-1)).toMatchObject({ problem: { code } });
  },
);

test('told what the others are told, it takes part', async () => {
  const { job, seen } = await jobWith({ graph: {} });
  expect(job.rounds).toMatchObject([1, 2].map(() => ({ outcome: 'released', updates: 3, declined: {} })));
  expect(seen.map(({ type }) => type).filter((type) => type === 'contributed')).toHaveLength(2);
});
