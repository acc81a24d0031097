// covers: client/web/tab-platform.ts, client/web/tab-life.ts, client/web/tab-connection.ts, client/web/warm-up.ts, client/web/participant-worker.ts, client/web/job-news.ts, client/web/describe-jobs.ts, client/membership.ts

import { afterEach, beforeEach, expect, test } from 'vitest';
import { candidates } from '#primitives';
import { authorJob, submitJob } from '../../../client/author-job.ts';
import { NODE_PROVIDERS } from '../../../client/engine/node-providers.ts';
import { type Exchange, fetchExchange } from '../../../client/exchange.ts';
import type { DataSelection } from '../../../client/web/data-selection.ts';
import type { TabEvent } from '../../../client/web/tab-event.ts';
import { TabParticipant } from '../../../client/web/tab-participant.ts';
import type { TabPlatform } from '../../../client/web/tab-platform.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import type { Egress } from '../../../schemas/egress.ts';
import { locksInMemory } from '../../fixtures/locks-in-memory.ts';
import { type MemoryTabStore, memoryTabStore } from '../../fixtures/memory-tab-store.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';
import { clouds, smallPlan } from '../../fixtures/small-job.ts';

let running: RunningCoordinator;

// One for each test: a coordinator would draw the tab of another, which is gone.
beforeEach(async () => {
  running = await runCoordinator();
});

afterEach(() => running.close());

const DATA: DataSelection = { type: 'mnistSample', rows: 12 };
const EVERYTHING = { allowPlain: true, inspectEach: false, keepModels: false };

function platform(store: MemoryTabStore, more: Partial<TabPlatform> = {}): TabPlatform {
  return {
    openStore: async () => store,
    clock: systemClock,
    exchange: fetchExchange,
    candidates,
    providers: async () => NODE_PROVIDERS,
    threads: 1,
    elapsed: () => performance.now(),
    isOnline: () => true,
    readData: async () => ({
      examples: clouds(12),
      preview: {
        ...{ name: 'clouds', rows: 12, bytes: 0, inputShape: [4], targetShape: [] },
        ...{ columns: [], labels: [], sample: [], notes: [] },
      },
    }),
    models: { around: (api) => api, forget: async () => {} },
    ...more,
  };
}

async function member(store = memoryTabStore(), more: Partial<TabPlatform> = {}) {
  const tab = new TabParticipant(platform(store, more));
  if (!(await tab.resume())) await tab.enrol(await running.invite(), { name: 'a tab' });
  await tab.prepareEngine('auto', () => {});
  await tab.load(DATA, () => {});
  return { tab, store };
}

const startJob = async (rounds = 2) =>
  submitJob(
    await authorJob(
      smallPlan({ rounds, cohort: { size: 1, minimum: 1 }, evaluateEvery: 0 }),
      running.operator.federationId,
    ),
    running.api,
  );

/** Takes part, and hears of everything; `until` is asked after each event. */
function life(
  tab: TabParticipant,
  {
    until,
    inspect = async () => true,
    consent = EVERYTHING,
  }: {
    readonly until: (events: readonly TabEvent[]) => boolean;
    readonly inspect?: (egress: Egress) => Promise<boolean>;
    readonly consent?: Parameters<TabParticipant['participate']>[0];
  },
) {
  const events: TabEvent[] = [];
  let reached: () => void = () => {};
  const seen = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const ended = tab.participate(
    consent,
    (event) => {
      events.push(event);
      if (until(events)) reached();
    },
    inspect,
  );
  return { events, seen: Promise.race([seen, ended]), ended };
}

const count = (events: readonly TabEvent[], type: TabEvent['type']) =>
  events.filter((event) => event.type === type).length;

test('from a link to rounds that are released, then it leaves and comes back', async () => {
  const store = memoryTabStore();
  const link = await running.invite();
  const tab = new TabParticipant(platform(store));
  expect(await tab.resume()).toBeUndefined();
  expect(await tab.readInvite(link)).toMatchObject({ server: running.url, role: 'participant' });
  const known = await tab.enrol(link, { name: 'a tab' });
  expect(known).toMatchObject({ name: 'a tab', role: 'participant', keyKind: 'browser' });
  const fractions: number[] = [];
  const report = await tab.prepareEngine('wasm', (fraction) => fractions.push(fraction));
  expect(report).toMatchObject({
    provider: 'wasm',
    threads: 1,
    reason: expect.stringContaining('asked for'),
    selfTest: { suites: [1, 2] },
  });
  expect(fractions.at(-1)).toBe(1);
  await tab.load(DATA, () => {});
  const { jobId, manifest } = await startJob();
  expect(await tab.describe()).toMatchObject({
    rows: 12,
    jobs: [{ jobId, name: 'two clouds', parameters: manifest.parameters, visibleAs: 'update' }],
  });

  const asked: Egress[] = [];
  const first = life(tab, {
    until: (events) => count(events, 'released') >= 2,
    consent: { ...EVERYTHING, inspectEach: true },
    inspect: async (egress) => asked.push(egress) > 0,
  });
  await first.seen;
  await tab.leave({ forget: false });
  await first.ended;
  const { events } = first;
  expect(asked.map(({ round }) => round)).toEqual([1, 2]);
  const sent = events.flatMap((event) => (event.type === 'contributed' ? [event] : []));
  expect(sent.map(({ egress }) => egress)).toEqual(asked);
  expect(sent.map(({ jobId: of, round }) => [of, round])).toEqual([
    [jobId, 1],
    [jobId, 2],
  ]);
  expect(events.filter(({ type }) => type === 'training').at(-1)).toMatchObject({
    round: 2,
    step: 6,
    steps: 6,
  });
  expect(events).toContainEqual({ type: 'preparing', jobId, jobName: 'two clouds' });
  expect(count(events, 'traffic')).toBeGreaterThan(0);
  expect(events[0]).toMatchObject({ type: 'engine' });

  const again = new TabParticipant(platform(memoryTabStore(store.records)));
  expect(await again.resume()).toEqual(known);
  expect([...store.records.keys()].filter((name) => name.startsWith('answered/'))).toHaveLength(2);
  await again.leave({ forget: true });
  expect(store.records.size).toBe(0);
  expect(await again.resume()).toBeUndefined();
});

test('of two tabs that join at once one becomes the member, and the invite of the other stays good', async () => {
  const store = memoryTabStore();
  const locks = locksInMemory();
  const tabs = [1, 2].map(() => new TabParticipant(platform(store, { locks })));
  const links = [await running.invite(), await running.invite()];
  const [first, second] = await Promise.allSettled(
    tabs.map((tab, i) => tab.enrol(links[i] ?? '', { name: `tab ${i}` })),
  );
  expect(first).toMatchObject({ status: 'fulfilled' });
  expect(second).toMatchObject({ status: 'rejected', reason: { code: 'identityInUse' } });
  const found = await new TabParticipant(platform(memoryTabStore(store.records))).resume();
  expect(found).toEqual(first?.status === 'fulfilled' && first.value);
  const elsewhere = new TabParticipant(platform(memoryTabStore(), { locks }));
  await expect(elsewhere.enrol(links[1] ?? '', { name: 'another' })).resolves.toBeDefined();
});

test('what the person keeps is not sent: the round goes on without it, and the next asks again', async () => {
  const { tab } = await member();
  const { jobId } = await startJob(1);
  const { events, seen } = life(tab, {
    until: (all) => count(all, 'declined') > 0,
    consent: { ...EVERYTHING, inspectEach: true },
    inspect: async () => false,
  });
  await seen;
  await tab.leave({ forget: false });
  expect(events.find(({ type }) => type === 'declined')).toMatchObject({
    jobId,
    code: 'egressRefused',
    remedy: expect.any(String),
  });
  expect(count(events, 'contributed')).toBe(0);
  await running.api.call('cancelJob', { params: { jobId } }).catch(() => {});
});

test('purposes that were not permitted are declined by the policy that every owner has', async () => {
  const { tab } = await member();
  const { jobId } = await startJob(1);
  const { events, seen } = life(tab, {
    until: (all) => count(all, 'declined') > 0,
    consent: { ...EVERYTHING, purposes: ['another purpose'] },
  });
  await seen;
  await tab.pause();
  expect(events.find(({ type }) => type === 'declined')).toMatchObject({ code: 'policyRefused' });
  expect(count(events, 'training')).toBe(0);
  await running.api.call('cancelJob', { params: { jobId } }).catch(() => {});
});

test('where the coordinator would see each update, the tab takes part only if that was permitted', async () => {
  const { tab } = await member();
  const { jobId, manifest } = await startJob(1);
  expect(manifest.aggregation).toBe('plain');
  const refusing = life(tab, {
    until: (all) => count(all, 'declined') > 0,
    consent: { ...EVERYTHING, allowPlain: false },
  });
  await refusing.seen;
  await tab.pause();
  await refusing.ended;
  expect(refusing.events.find(({ type }) => type === 'declined')).toMatchObject({
    code: 'policyRefused',
    message: expect.stringContaining('allowPlainAggregation'),
  });
  expect(count(refusing.events, 'training')).toBe(0);
  await running.api.call('cancelJob', { params: { jobId } }).catch(() => {});
  const next = await startJob(1);
  const permitting = life(tab, { until: (all) => count(all, 'contributed') > 0 });
  await permitting.seen;
  await tab.pause();
  expect(permitting.events.find(({ type }) => type === 'contributed')).toMatchObject({ jobId: next.jobId });
});

test('a job that promises privacy is paid out of the budget of the person, over a reload, and declined beyond it', async () => {
  const store = memoryTabStore();
  const training = { ...smallPlan().training, learningRate: 1, epochs: 1 };
  const privacy = { unit: 'example', noise: 'discreteGaussian', epsilon: 3, delta: 1e-6, rate: 0.5 } as const;
  const promising = async () => {
    const cohort = { size: 1, minimum: 1 };
    const plan = smallPlan({ rounds: 1, evaluateEvery: 0, cohort, training, clipNorm: 1, privacy });
    return submitJob(await authorJob(plan, running.operator.federationId), running.api);
  };
  let spent = 0;
  /** One job, from its creation to what the tab makes of it. */
  const verdict = async (tab: TabParticipant, budget?: { epsilon: number; delta: number }) => {
    const { jobId } = await promising();
    const consent = { ...EVERYTHING, ...(budget && { budget }) };
    const isTold = ({ type }: TabEvent) => type === 'declined' || type === 'contributed';
    const taking = life(tab, { until: (all) => all.some(isTold), consent });
    await taking.seen;
    await tab.pause();
    await taking.ended;
    await running.api.call('cancelJob', { params: { jobId } }).catch(() => {});
    const told = taking.events.find(isTold);
    const paid = taking.events.findLast(({ type }) => type === 'budget');
    spent = paid?.type === 'budget' ? paid.state.spent : 0;
    return told?.type === 'declined' ? told.code : told?.type;
  };
  const locks = locksInMemory();
  const { tab } = await member(store, { locks });
  expect(await verdict(tab)).toBe('budgetMissing');
  expect(spent).toBe(0);
  expect(await verdict(tab, { epsilon: 4, delta: 1e-6 })).toBe('contributed');
  const first = spent;
  expect(first).toBeGreaterThan(2);
  expect(first).toBeLessThanOrEqual(4);
  const reloaded = await member(memoryTabStore(new Map(store.records)), { locks });
  expect(await verdict(reloaded.tab, { epsilon: 4, delta: 1e-6 })).toBe('budgetExceeded');
  expect(spent).toBe(first);
  expect(await reloaded.tab.describe()).toMatchObject({
    budget: { epsilon: 4, unit: 'example', spent: first },
  });
  expect(await verdict(reloaded.tab, { epsilon: 9, delta: 1e-6 })).toBe('contributed');
  const lockless = await member(memoryTabStore(new Map(store.records)));
  expect(await verdict(lockless.tab, { epsilon: 99, delta: 1e-6 })).toBe('budgetMissing');
});

test('a tab that is closed between writing down and sending answers no second time', async () => {
  const store = memoryTabStore();
  let sent = 0;
  const cut = new AbortController();
  const dying: Exchange = async (request) => {
    if (!request.url.endsWith('/update')) return fetchExchange(request);
    sent += 1;
    cut.abort();
    return new Promise<never>((_, reject) => {
      request.signal?.addEventListener('abort', () => reject(new Error('closed')), { once: true });
    });
  };
  const { tab } = await member(store, { exchange: dying });
  const { jobId } = await startJob(1);
  const closed = life(tab, { until: () => false });
  await new Promise<void>((resolve) => cut.signal.addEventListener('abort', () => resolve()));
  // What a reload finds is the storage as it was at this moment.
  const left = memoryTabStore(new Map(store.records));
  const reloaded = await member(left);
  const second = life(reloaded.tab, { until: (all) => count(all, 'declined') > 0 });
  await second.seen;
  expect(second.events.find(({ type }) => type === 'declined')).toMatchObject({
    jobId,
    code: 'taskAnswered',
  });
  expect([sent, count(second.events, 'training')]).toEqual([1, 0]);
  await Promise.all([tab.leave({ forget: false }), reloaded.tab.leave({ forget: false })]);
  await closed.ended;
  await running.api.call('cancelJob', { params: { jobId } }).catch(() => {});
});

test('who leaves need not wait for a coordinator that says nothing: what is stored is deleted', async () => {
  const store = memoryTabStore();
  let isSilent = false;
  const exchange: Exchange = (request) => {
    if (!isSilent) return fetchExchange(request);
    return new Promise<never>((_, reject) => {
      request.signal?.addEventListener('abort', () => reject(new Error('given up')), { once: true });
    });
  };
  const { tab } = await member(store, { exchange });
  const { jobId } = await startJob(1);
  let looked = () => {};
  const looking = new Promise<void>((resolve) => {
    looked = resolve;
  });
  const { ended } = life(tab, {
    until: () => false,
    consent: { ...EVERYTHING, inspectEach: true },
    inspect: () => {
      isSilent = true;
      looked();
      return new Promise(() => {});
    },
  });
  await looking;
  expect(store.records.has('member')).toBe(true);
  await tab.leave({ forget: true });
  await ended;
  expect(store.records.size).toBe(0);
  await running.api.call('cancelJob', { params: { jobId } }).catch(() => {});
});

test('what is missing is said before anything is sent', async () => {
  const tab = new TabParticipant(platform(memoryTabStore()));
  const nothing = async () => true;
  await expect(tab.describe()).rejects.toMatchObject({ code: 'usage' });
  await expect(tab.participate(EVERYTHING, () => {}, nothing)).rejects.toMatchObject({ code: 'usage' });
  await tab.enrol(await running.invite(), { name: 'a tab' });
  await expect(tab.participate(EVERYTHING, () => {}, nothing)).rejects.toThrow('choose data');
  await tab.load(DATA, () => {});
  await expect(tab.participate(EVERYTHING, () => {}, nothing)).rejects.toThrow('prepare the engine');
  await expect(tab.readInvite(await running.invite('researcher'))).rejects.toMatchObject({
    code: 'roleRefused',
  });
  await expect(tab.readInvite('https://x.example/#invite=a')).rejects.toMatchObject({
    code: 'invalidFormat',
  });
});

test('a link of another coordinator than that of the page is refused, with what to do', async () => {
  const link = await running.invite();
  const { origin } = new URL(link);
  const own = new TabParticipant(platform(memoryTabStore(), { origin }));
  await expect(own.readInvite(link)).resolves.toMatchObject({ server: origin });
  const foreign = new TabParticipant(platform(memoryTabStore(), { origin: 'https://other.example' }));
  for (const refused of [foreign.readInvite(link), foreign.enrol(link, { name: 'a tab' })])
    await expect(refused).rejects.toMatchObject({
      code: 'invalidFormat',
      detail: { expected: expect.stringContaining('https://other.example') },
    });
});

test('a pause ends it between tasks, also before its first; it can take part again', async () => {
  const { tab } = await member();
  for (let i = 0; i < 2; i += 1) {
    const { seen, ended, events } = life(tab, { until: (all) => count(all, 'waiting') > 0 });
    await expect(
      tab.participate(
        EVERYTHING,
        () => {},
        async () => true,
      ),
    ).rejects.toMatchObject({
      code: 'identityInUse',
    });
    await seen;
    await tab.pause();
    await ended;
    expect(events.at(-1)).toEqual({ type: 'waiting', why: 'paused' });
  }
});

test('a browser that forbids storage may be asked again', async () => {
  let isBlocked = true;
  const store = memoryTabStore();
  const tab = new TabParticipant(
    platform(store, {
      openStore: async () => {
        if (isBlocked) throw new Error('blocked');
        return store;
      },
    }),
  );
  await expect(tab.resume()).rejects.toThrow('blocked');
  isBlocked = false;
  expect(await tab.resume()).toBeUndefined();
});

test('in a browser whose cryptography is wrong a tab does not get ready', async () => {
  const { primitives } = candidates;
  const wrong = { ...candidates, primitives: { ...primitives, verify: async () => true } };
  const prepared = (more: Partial<TabPlatform>) =>
    new TabParticipant(platform(memoryTabStore(), more)).prepareEngine('wasm', () => {});
  await expect(prepared({})).resolves.toMatchObject({ selfTest: { suites: [1, 2] } });
  await expect(prepared({ candidates: wrong })).rejects.toMatchObject({
    code: 'primitiveUnsound',
    detail: { primitive: 'verify' },
  });
});
