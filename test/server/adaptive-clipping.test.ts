/**
 * Secure rounds whose clip norm follows the lengths of updates: the coordinator, over a restart; whoever audits it; whoever has
 * its host.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { auditRecord, checkModelChain, fetchJob } from '../../client/round-audit.ts';
import { toHex } from '../../protocol/bytes.ts';
import { openedFraction } from '../../protocol/dp/adaptive-clip.ts';
import { attemptOfRound } from '../../protocol/past-rounds.ts';
import { parseSum } from '../../protocol/secagg/model-chain.ts';
import type { JobStatus, RoundSummary } from '../../schemas/job.ts';
import type { TrainTask } from '../../schemas/task.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import type { Store } from '../../server/store/store.ts';
import { verifyKept } from '../../server/stored-round.ts';
import { inProcessCoordinator } from '../../sim/in-process-coordinator.ts';
import { adaptiveJob, RULE } from '../fixtures/adaptive-job.ts';
import { clipNorms } from '../fixtures/clip-norms.ts';
import { nodeOf, TestFederation } from '../fixtures/federation.ts';
import { SIZE } from '../fixtures/secure-federation.ts';
import { playRound } from '../fixtures/secure-round.ts';

const FIRST = 4;
const ROUNDS = 7;

let store: Store;
let federation: TestFederation;
let jobId: string;
/** Of each round, as participants were told. */
let described: (number | undefined)[];

/** One drops out of the second round; the coordinator is killed, and started again, before the fourth. */
beforeAll(async () => {
  store = memoryStore();
  federation = await TestFederation.open({ participants: SIZE, store });
  await federation.appear();
  ({ jobId } = await federation.createJob(adaptiveJob(FIRST, ROUNDS)));
  await federation.appear();
  described = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    if (round === 4) {
      await federation.reopen();
      await federation.appear();
    }
    const [task] = federation.tasksOf(federation.participants[0] as never) as [TrainTask];
    described.push(task.secure?.descriptor.clipNorm);
    await playRound(federation, round === 2 ? 1 : undefined);
  }
});

const stateOf = () => federation.coordinator.job(jobId).state;

test('a clip norm follows from all counts before it, also after a restart of the coordinator', () => {
  const { history, phase } = stateOf();
  expect(phase).toBe('finished');
  expect(history.map(({ outcome, updates }) => [outcome, updates])).toEqual(
    Array.from({ length: ROUNDS }, (_, i) => ['released', i === 1 ? SIZE - 1 : SIZE]),
  );
  const fractions = history.map(({ clipping }) => clipping?.fraction ?? Number.NaN);
  const expected = clipNorms(fractions, { ...RULE, initial: FIRST }).slice(0, ROUNDS);
  expect(described).toEqual(expected);
  expect(history.map(({ clipping }) => clipping?.clipNorm)).toEqual(expected);
  expect(new Set(expected).size).toBe(ROUNDS);
});

test('it goes down to the lengths of the updates, which are about a tenth of the first', () => {
  // Between 0.3 and 0.5 after the first round.
  for (const norm of described.slice(-2)) {
    expect(norm).toBeGreaterThan(0.1);
    expect(norm).toBeLessThan(1);
  }
});

describe('whoever audits a job', () => {
  function told(change: (summary: RoundSummary) => Partial<RoundSummary>): CoordinatorApi {
    const { nodeId } = federation.operator;
    const api = inProcessCoordinator(federation.handlers, federation.coordinator, nodeId);
    return {
      async call(name, request, options) {
        const answer = await api.call(name, request, options);
        if (name !== 'getJob') return answer as never;
        const job = answer as JobStatus;
        const rounds = job.rounds.map((summary) => ({ ...summary, ...change(summary) }));
        return { ...job, rounds } as never;
      },
    };
  }

  async function audited(change: (summary: RoundSummary) => Partial<RoundSummary>, round: number) {
    const api = told(change);
    const { signer } = await nodeOf('coordinator', 'operator');
    const pinned = {
      federationId: federation.coordinator.federation.id,
      coordinatorKey: toHex(signer.publicKey),
    };
    const job = await fetchJob(api, jobId);
    await auditRecord(api, pinned, job, attemptOfRound(job.rounds, round) as RoundSummary);
    return checkModelChain(api, pinned, job, round);
  }

  test('goes through all rounds, and believes one that tells what was opened', async () => {
    expect(await audited(() => ({}), ROUNDS)).toBe(1);
  });

  test('is told of no other count of the round, or of one before', async () => {
    const last = (round: number) => (summary: RoundSummary) =>
      summary.round === round && summary.clipping
        ? { clipping: { ...summary.clipping, fraction: summary.clipping.fraction + 1e-9 } }
        : {};
    await expect(audited(last(3), 3)).rejects.toMatchObject({
      code: 'modelChainBroken',
      detail: { round: 3, reason: expect.stringContaining('clip count') },
    });
    await expect(audited(last(2), 3)).rejects.toMatchObject({ code: 'recordInvalid' });
    await expect(audited(last(3), 2)).resolves.toBe(1);
  });

  test('is told of no other count before it, though the same clip norms follow from it', async () => {
    // A share above one, by noise, counts as one.
    const above =
      stateOf().history.find(({ clipping }) => (clipping?.fraction ?? 0) > 1)?.round ?? Number.NaN;
    const higher = ({ round, clipping }: RoundSummary) =>
      round === above && clipping ? { clipping: { ...clipping, fraction: clipping.fraction + 1 } } : {};
    await expect(audited(higher, above + 1)).rejects.toMatchObject({
      code: 'modelChainBroken',
      detail: { round: above },
    });
  });

  test('is told of no other number of updates, with a share that would fit it', async () => {
    const { manifest, history } = stateOf();
    const summary = history[2] as RoundSummary;
    const sum = await federation.blobs.read(summary.secure?.sum ?? '');
    const [, ...counters] = parseSum(manifest, sum).secondBlock;
    const share = (count: number) => openedFraction(manifest.codec, { counters, count }) ?? Number.NaN;
    expect(share(SIZE)).toBe(summary.clipping?.fraction);
    expect(share(2 * SIZE)).not.toBe(share(SIZE));
    const doubled = (one: RoundSummary) =>
      one.round === 3 && one.clipping
        ? { updates: 2 * SIZE, clipping: { ...one.clipping, fraction: share(2 * SIZE) } }
        : {};
    await expect(audited(doubled, 3)).rejects.toMatchObject({ code: 'modelChainBroken' });
  });

  test('is told of no round without a count', async () => {
    const without = (summary: RoundSummary) => (summary.round === 1 ? { clipping: undefined } : {});
    await expect(audited(without as never, 2)).rejects.toMatchObject({ code: 'modelChainBroken' });
  });
});

test('whoever has the host verifies the count of a round with its sum', async () => {
  const { blobs } = federation;
  await expect(verifyKept({ store, blobs }, jobId, 3)).resolves.toMatchObject({ round: 3, recomputed: true });
  /** The same events, but for one count. */
  const altered = (by: number): Store => ({
    ...store,
    readAll: (...args) => store.readAll(...args),
    streams: (prefix) => store.streams(prefix),
    async read(stream, after, limit) {
      const events = await store.read(stream, after, limit);
      return events.map((event) => {
        const data = event.data as {
          readonly round?: number;
          readonly clipping?: { readonly fraction: number };
        };
        const { round, clipping } = data;
        if (round !== 3 || !clipping) return event;
        return { ...event, data: { ...data, clipping: { ...clipping, fraction: clipping.fraction + by } } };
      });
    },
  });
  await expect(verifyKept({ store: altered(0), blobs }, jobId, 3)).resolves.toMatchObject({ round: 3 });
  await expect(verifyKept({ store: altered(0.1), blobs }, jobId, 3)).rejects.toMatchObject({
    code: 'modelChainBroken',
    detail: { reason: expect.stringContaining('clip count') },
  });
});
