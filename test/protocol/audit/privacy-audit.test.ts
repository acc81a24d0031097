// covers: protocol/audit/job-epsilon.ts, protocol/audit/logged-epsilon.ts, protocol/audit/logged-job.ts
import { beforeAll, expect, test } from 'vitest';
import { Findings } from '../../../protocol/audit/findings.ts';
import { jobEpsilon } from '../../../protocol/audit/job-epsilon.ts';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import { LogAudit } from '../../../protocol/audit/log-audit.ts';
import { isLoggedEpsilon, loggedEpsilon } from '../../../protocol/audit/logged-epsilon.ts';
import { auditPrivacy } from '../../../protocol/audit/privacy-audit.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { canonicalJson } from '../../../protocol/canonical.ts';
import { costOfRounds, jobPrivacy } from '../../../protocol/dp/job-privacy.ts';
import type { AuditEvent } from '../../../schemas/audit-event.ts';
import type { TrainingManifest } from '../../../schemas/job.ts';
import { memoryStore } from '../../../server/store/memory-store.ts';
import { entriesOfFederation } from '../../fixtures/exported-federation.ts';
import { manifestOf } from '../../fixtures/manifest.ts';
import {
  appendTo,
  attempt,
  created,
  FEDERATION_ID,
  PRIVATE_EVENTS,
  PRIVATE_JOB,
  PRIVATE_MANIFEST,
} from '../../fixtures/private-job.ts';

const LATER = 'job-fedcba9876543210';

/** Of the job, and of a later one that promises the same. */
let events: AuditEvent[];

/** @param privacyFrom position from which on jobs have entries of their privacy */
async function logged(privacyFrom?: number) {
  const store = memoryStore();
  await appendTo(store, `job/${PRIVATE_JOB}`, PRIVATE_EVENTS);
  await appendTo(store, `job/${LATER}`, [created(LATER), ...attempt(1, 1, 'fails')]);
  const entries = await entriesOfFederation({ store }, () => {}, privacyFrom);
  return entries.map(decodeLeaf);
}
beforeAll(async () => {
  events = await logged();
});

/** Of both jobs. */
function found(some: readonly (AuditEvent | undefined)[], manifest: TrainingManifest = PRIVATE_MANIFEST) {
  const findings = new Findings();
  const audit = new LogAudit('a.log/of-others', findings);
  for (const [leaf, event] of some.entries())
    audit.add(leaf, event ? utf8(canonicalJson(event)) : utf8('{}'));
  audit.end();
  for (const job of audit.jobs.values()) auditPrivacy(job, manifest, findings);
  return findings.all.map(({ code, leaf }) => [code, leaf]);
}

const indexOf = (type: string, nth = 0, of = events) =>
  of.flatMap((event, at) => (event.type === `hanse.${type}` ? [at] : []))[nth] as number;
const lying = (at: number, lie: object) =>
  events.map((event, i) => (i === at ? { ...event, data: { ...event.data, ...lie } } : event));
const without = (...places: number[]) => events.filter((_, at) => !places.includes(at));
const dataAt = (at: number) => events[at]?.data as { epsilon: number; delta: number; stated: number };

test('a log that says what its rounds come to is found to', () => {
  expect(found(events)).toEqual([]);
  expect(events.map(({ type }) => type).filter((type) => type.startsWith('hanse.privacy'))).toHaveLength(6);
});

test('so is one that was begun before there were such entries', async () => {
  for (const from of [PRIVATE_EVENTS.length + 1, Number.POSITIVE_INFINITY])
    expect(found(await logged(from))).toEqual([]);
  // Which jobs have them, it does not forget again.
  const [reserved, spent] = [indexOf('privacy.reserved', 1), indexOf('privacy.spent', 3)];
  expect(found(without(reserved, spent))).toEqual([['privacyMismatch', indexOf('job.created', 1)]]);
});

test('another epsilon than its rounds come to is told, with its entry', () => {
  for (const at of [0, 1, 2].map((nth) => indexOf('privacy.spent', nth))) {
    const { epsilon } = dataAt(at);
    for (const lie of [0, epsilon / 2, epsilon - 1e-5, epsilon + 1e-5, 1e9])
      expect(found(lying(at, { epsilon: lie })), `${lie}`).toEqual([['privacyMismatch', at]]);
    // Platforms may compute the next one.
    for (const other of [epsilon - 1e-6, epsilon + 1e-6])
      expect(found(lying(at, { epsilon: other }))).toEqual([]);
    expect(found(lying(at, { delta: 0.01 }))).toEqual([['privacyMismatch', at]]);
    expect(found(lying(at, { unit: 'person' }))).toEqual([['privacyMismatch', at]]);
  }
});

test('so is a reservation of something else than the manifest promises', () => {
  const at = indexOf('privacy.reserved');
  const { epsilon, delta, stated } = dataAt(at);
  for (const lie of [
    { epsilon: epsilon / 2 },
    { delta: delta / 2 },
    { stated: stated + 1 },
    { unit: 'person' },
    { mechanism: 'gaussian' },
  ])
    expect(found(lying(at, lie)), JSON.stringify(lie)).toEqual([['privacyMismatch', at]]);
  const plain = found(events, manifestOf(FEDERATION_ID));
  expect(plain).toEqual([
    ['privacyMismatch', at],
    ['privacyMismatch', indexOf('privacy.reserved', 1)],
  ]);
});

test('an opened attempt of which nothing was spent is told; one that cannot be read is one', () => {
  const at = indexOf('privacy.spent', 1);
  const opening = indexOf('round.opened', 1);
  expect(found(without(at))).toEqual([['privacyMismatch', opening]]);
  expect(found(events.map((event, i) => (i === at ? undefined : event)))).toEqual([
    ['leafMalformed', at],
    ['privacyMismatch', opening],
  ]);
});

test('what is spent twice, or by what was not opened, or out of turn, contradicts', () => {
  const at = indexOf('privacy.spent');
  const again = (event: AuditEvent | undefined, more: object = {}) =>
    ({ ...event, id: `privacy/${PRIVATE_JOB}/9999`, ...more }) as AuditEvent;
  expect(found([...events, again(events[at])])).toEqual([['leafContradicts', events.length]]);
  expect(found([...events, again(events[indexOf('privacy.reserved')])])).toEqual([
    ['leafContradicts', events.length],
  ]);
  for (const lie of [{ opened: 2 }, { opened: 0 }])
    expect(found(lying(at, lie))).toContainEqual(['leafContradicts', at]);
  expect(found(lying(at, { attempt: 7 }))).toContainEqual(['leafContradicts', at]);
  // Before its secrets are out.
  const early = without(at);
  early.splice(at - 1, 0, events[at] as AuditEvent);
  expect(found(early)).toContainEqual(['leafContradicts', at - 1]);
  // After the first round was opened.
  const reserved = indexOf('privacy.reserved');
  const late = without(reserved);
  late.splice(indexOf('round.opened'), 0, events[reserved] as AuditEvent);
  expect(found(late)).toContainEqual(['leafContradicts', indexOf('round.opened')]);
});

test('entries of privacy are in the stream of their job, and nothing else is', () => {
  const at = indexOf('privacy.spent');
  const named = (id: string) => events.map((event, i) => (i === at ? { ...event, id } : event));
  for (const id of [`job/${PRIVATE_JOB}/9999`, `privacy/${LATER}/1`, 'privacy/1'])
    expect(found(named(id)), id).toContainEqual(['leafContradicts', at]);
  const opening = { ...(events[indexOf('round.opened')] as AuditEvent), id: `privacy/${PRIVATE_JOB}/9999` };
  expect(found([...events, opening])).toEqual([['leafContradicts', events.length]]);
});

test('more than the manifest states is told, where what entries say is right', () => {
  const more = [...attempt(3, 1, 'fails'), ...attempt(3, 2, 'fails'), ...attempt(3, 3, 'released')];
  const spentOf = async (opened: number) => {
    const store = memoryStore();
    await appendTo(store, `job/${PRIVATE_JOB}`, [...PRIVATE_EVENTS, ...more.slice(0, 3 * opened)]);
    return (await entriesOfFederation({ store })).map(decodeLeaf);
  };
  return Promise.all(
    [0, 2].map(async (opened) => {
      const all = await spentOf(opened);
      const last = indexOf('privacy.spent', 2 + opened, all);
      expect(found(all)).toEqual(opened === 0 ? [] : [['privacyExceeded', last]]);
    }),
  );
});

test('what is told of a job is what the accountant finds', () => {
  const privacy = jobPrivacy(PRIVATE_MANIFEST);
  if (!privacy) throw new Error('it promises something');
  const cost = costOfRounds(privacy);
  const epsilon = jobEpsilon(PRIVATE_MANIFEST);
  expect(epsilon).toMatchObject({ promised: cost(3), mechanism: 'distributedDiscreteGaussian' });
  expect([0, 1, 2].map((opened) => epsilon?.after(opened))).toEqual([0, cost(1), cost(2)]);
  expect(jobEpsilon(manifestOf(FEDERATION_ID))).toBeUndefined();
});

test('epsilons are logged in steps of a millionth, never too small, and the same when they are logged again', () => {
  for (const [epsilon, expected] of [
    [0, 0],
    [1.2345678, 1.234568],
    [1e-9, 1e-6],
    [9.9999999, 10],
    [2e9, 1e9],
    [Number.POSITIVE_INFINITY, 1e9],
    [Number.NaN, 1e9],
  ] as const) {
    expect(loggedEpsilon(epsilon), `${epsilon}`).toBe(expected);
    expect(isLoggedEpsilon(expected, epsilon)).toBe(true);
    expect(isLoggedEpsilon(expected + 3e-6, epsilon)).toBe(false);
  }
  expect(isLoggedEpsilon(Number.NaN, 1)).toBe(false);
});
