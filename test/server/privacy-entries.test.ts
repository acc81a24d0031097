import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorStatistic } from '../../client/author-statistic.ts';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { loggedEpsilon } from '../../protocol/audit/logged-epsilon.ts';
import { costOfRounds, jobPrivacy } from '../../protocol/dp/job-privacy.ts';
import { PrivacyEntries, PrivacyFold } from '../../server/privacy-entries.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import type { NewEvent, StoredEvent } from '../../server/store/store.ts';
import { manifestOf } from '../fixtures/manifest.ts';
import {
  appendTo,
  attempt,
  created,
  FEDERATION_ID,
  PRIVATE_EVENTS,
  PRIVATE_JOB,
  PRIVATE_MANIFEST,
} from '../fixtures/private-job.ts';
import { AT, HASH, JOB_EVENTS } from '../fixtures/sample-events.ts';

const STREAM = `job/${PRIVATE_JOB}`;
const privacy = jobPrivacy(PRIVATE_MANIFEST);
if (!privacy) throw new Error('it promises something');
const cost = costOfRounds(privacy);

async function storeOf(events: readonly NewEvent[], stream = STREAM) {
  const store = memoryStore();
  await appendTo(store, stream, events);
  return store;
}

async function entriesOf(events: readonly StoredEvent[], entries: PrivacyEntries) {
  const all = [];
  for (const event of events)
    for (const { bytes, salted } of await entries.of(event)) {
      expect(salted).toBeUndefined();
      all.push(decodeLeaf(bytes));
    }
  return all;
}

async function entriesOfStore(events: readonly NewEvent[], from = 1, stream = STREAM) {
  const store = await storeOf(events, stream);
  return entriesOf(await store.readAll(0, 100), new PrivacyEntries(store, new PrivacyFold(HASH, from)));
}

test('a job reserves what all of its rounds take, and each opened attempt has spent what all so far come to', async () => {
  const entries = await entriesOfStore(PRIVATE_EVENTS);
  const { unit, delta } = privacy;
  const stated = PRIVATE_MANIFEST.privacy?.epsilonServer;
  const [job, round] = [`urn:hanse:job:${PRIVATE_JOB}`, `urn:hanse:round:${PRIVATE_JOB}`];
  expect(entries.map(({ id, type, subject, data }) => [id, type, subject, data])).toEqual([
    [
      ...[`privacy/${PRIVATE_JOB}/1`, 'hanse.privacy.reserved', job],
      {
        ...{ jobId: PRIVATE_JOB, unit, delta, stated, prov: { activity: job } },
        ...{ mechanism: 'distributedDiscreteGaussian', epsilon: loggedEpsilon(cost(3)) },
      },
    ],
    ...[
      { at: 3, of: { round: 1, attempt: 1 }, opened: 1 },
      { at: 6, of: { round: 1, attempt: 2 }, opened: 2 },
      { at: 10, of: { round: 2, attempt: 1 }, opened: 3 },
    ].map(({ at, of, opened }) => {
      const activity = `${round}/${of.round}/${of.attempt}`;
      const epsilon = loggedEpsilon(cost(opened));
      return [
        ...[`privacy/${PRIVATE_JOB}/${at}`, 'hanse.privacy.spent', activity],
        { jobId: PRIVATE_JOB, ...of, unit, delta, opened, epsilon, prov: { activity } },
      ];
    }),
  ]);
  expect(entries.every(({ time, source }) => time === AT && source.endsWith(HASH))).toBe(true);
});

test('where aggregation is plain, a sum is out once it was aggregated', async () => {
  const opened = (await entriesOfStore([created(PRIVATE_JOB), { ...aggregated(1, 1) }])).map(
    ({ id, data }) => [id, (data as { opened?: number }).opened],
  );
  expect(opened).toEqual([
    [`privacy/${PRIVATE_JOB}/1`, undefined],
    [`privacy/${PRIVATE_JOB}/2`, 1],
  ]);
});

const aggregated = (round: number, number: number): NewEvent => ({
  ...{ type: 'aggregated', version: 1 },
  data: { ...JOB_EVENTS.aggregated, round, attempt: number },
});

test('with trees, attempts of one tree cost what one of them does', async () => {
  const centralNoise = { type: 'gaussianTree', sigma: 1000, rounds: 2 } as const;
  const { noise: _, adaptive: __, ...codec } = PRIVATE_MANIFEST.codec;
  const manifest = {
    ...{ ...PRIVATE_MANIFEST, codec, rounds: 4 },
    privacy: { delta: 0.1, epsilonModel: 9, centralNoise },
  };
  const events = [
    created(PRIVATE_JOB, manifest),
    ...[1, 2, 3].flatMap((round) => attempt(round, 1, 'released')),
  ];
  const [reserved, ...spent] = await entriesOfStore(events);
  expect(reserved?.data).toMatchObject({ mechanism: 'treeAggregation', stated: 9 });
  const [one, two, three] = spent.map(({ data }) => (data as { epsilon: number }).epsilon);
  expect(two).toBe(one);
  expect(three).toBeGreaterThan(one as number);
  expect(reserved?.data).toMatchObject({ epsilon: three });
});

test('a statistic reserves what its one round takes', async () => {
  const { manifest } = await authorStatistic(
    {
      ...{ name: 'ages', purpose: 'testing', unit: 'person', delta: 1e-6, maxAttempts: 3 },
      statistic: {
        question: { statistic: 'histogram', epsilon: 1, maxBuckets: 1, edges: [0, 18, 65, 110] },
        column: 'age',
      },
      cohort: { size: 6, minimum: 5 },
      secureAggregation: { suite: 1, colluders: 1, answerSeconds: 60 },
      deadlines: { collectSeconds: 60, evaluateSeconds: 60 },
    },
    FEDERATION_ID,
  );
  const [reserved, spent] = await entriesOfStore([
    created(PRIVATE_JOB, manifest),
    ...attempt(1, 1, 'released'),
  ]);
  const { epsilon = 0 } = (reserved?.data ?? {}) as { epsilon?: number };
  expect(epsilon).toBeGreaterThan(0.98);
  expect(epsilon).toBeLessThanOrEqual((manifest.privacy?.epsilonServer ?? 0) + 1e-6);
  expect(reserved?.data).toMatchObject({ unit: 'person', stated: manifest.privacy?.epsilonServer });
  expect(spent?.data).toMatchObject({ unit: 'person', opened: 1, epsilon });
});

describe('nothing is said', () => {
  test('of a job that promises nothing', async () => {
    const plain = manifestOf(FEDERATION_ID);
    expect(await entriesOfStore([created(PRIVATE_JOB, plain), ...attempt(1, 1, 'released')])).toEqual([]);
  });

  test('of a job that is older than these entries, and of a younger one it is', async () => {
    expect(await entriesOfStore(PRIVATE_EVENTS, 2)).toEqual([]);
    expect(await entriesOfStore(PRIVATE_EVENTS, 1)).toHaveLength(4);
  });

  test('of other streams', async () => {
    expect(await entriesOfStore(PRIVATE_EVENTS, 1, 'mailbox/job')).toEqual([]);
  });

  test.each([
    ['no figures', { ...PRIVATE_MANIFEST, codec: undefined }],
    ['no manifest', null],
    ['a size that no array has', { ...PRIVATE_MANIFEST, parameters: Number.NaN }],
  ])('of a job that comes to %s, and whatever its figures are the log goes on', async (_, manifest) => {
    const [first, ...rest] = PRIVATE_EVENTS as [NewEvent, ...NewEvent[]];
    const event = { ...first, data: { ...(first.data as object), manifest } };
    const store = await storeOf([event, ...rest]);
    const entries = new PrivacyEntries(store, new PrivacyFold(HASH, 1));
    for (const one of await store.readAll(0, 100)) await entries.of(one);
  });
});

test('wherever a process is killed, and whatever it takes again, entries are the same', async () => {
  const other = 'job/job-fedcba9876543210';
  const store = await storeOf(PRIVATE_EVENTS.slice(0, 4));
  await appendTo(store, other, [created('job-fedcba9876543210'), ...attempt(1, 1, 'fails')]);
  await appendTo(store, STREAM, PRIVATE_EVENTS.slice(4));
  await appendTo(store, other, attempt(1, 2, 'released'));
  const events = await store.readAll(0, 100);
  const started = () => new PrivacyEntries(store, new PrivacyFold(HASH, 1));
  const whole = await entriesOf(events, started());
  expect(whole).toHaveLength(4 + 3);
  await fc.assert(
    fc.asyncProperty(fc.nat(events.length), fc.nat(events.length), async (cut, again) => {
      const first = started();
      const before = await entriesOf(events.slice(0, cut), first);
      // An append that has failed: the same process takes events again.
      const back = Math.min(again, cut);
      const repeated = await entriesOf(events.slice(back), first);
      const after = await entriesOf(events.slice(cut), started());
      expect([...before, ...after]).toEqual(whole);
      const isBefore = await entriesOf(events.slice(0, back), started());
      expect([...isBefore, ...repeated]).toEqual(whole);
    }),
    { numRuns: 40 },
  );
});
