// covers: server/audit-envelope.ts, server/people/person-entries.ts
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { isOf } from '../../protocol/audit/salted-field.ts';
import { parse } from '../../protocol/parse.ts';
import type { Salted } from '../../schemas/audit-event.ts';
import { FederationEvent } from '../../schemas/federation-event.ts';
import { JobEvent } from '../../schemas/job-event.ts';
import { SessionEvent } from '../../schemas/session-event.ts';
import { auditEntriesOf } from '../../server/audit-entries.ts';
import {
  AT,
  CREDENTIAL,
  FEDERATION_EVENTS,
  HASH,
  JOB_EVENTS,
  NODE,
  PERSON,
  SESSION_EVENTS,
} from '../fixtures/sample-events.ts';

const JOB = 'job-0123456789abcdef';
const SOURCE = {
  coordinatorKey: HASH,
  federationStream: 'federation',
  random: primitives.random,
};
const stored = (stream: string, type: string, data: object) => ({
  ...{ stream, type, data, at: AT },
  ...{ sequence: 7, position: 70, version: 1 },
});
/** Events about people. */
const PERSONAL = /^(person|link|credential|token)/;
const entriesOf = (stream: string, type: string, data: object) =>
  auditEntriesOf(stored(stream, type, data), SOURCE);

/** What says who takes part, or what somebody is called. */
const HIDDEN = [NODE, 'Ada'];
/** Sealed, of machines, or what follows from others. */
const UNLOGGED = [
  'keysAdvertised',
  'sharesAccepted',
  'answerAccepted',
  'evaluationGivenUp',
  'nodeReported',
  'capabilitiesReported',
  'sessionUsed',
  'tokenUsed',
];

describe.each([
  ['job', `job/${JOB}`, JobEvent, JOB_EVENTS],
  ['federation', 'federation', FederationEvent, FEDERATION_EVENTS],
  ['session', 'sessions', SessionEvent, SESSION_EVENTS],
] as const)('events of a %s', (_, stream, schema, samples) => {
  test.each(Object.entries(samples))('%s', async (type, data) => {
    parse(schema, { type, ...data }, 'the sample');
    const entries = await entriesOf(stream, type, data);
    if (UNLOGGED.includes(type)) return expect(entries).toEqual([]);
    const [entry] = entries;
    if (!entry) throw new Error('it has an entry');
    const event = decodeLeaf(entry.bytes);
    expect(event).toMatchObject({
      id: `${stream}/7`,
      source: `urn:hanse:coordinator:${HASH}`,
      time: AT,
    });
    // Whatever is salted can be shown, at its place.
    for (const { pointer, salt, value } of entry.salted ?? []) {
      const place = pointer.slice(1).split('/');
      const hash = place.reduce(
        (at: unknown, name) => (at as Record<string, unknown>)[name],
        event,
      ) as Salted;
      expect(await isOf(hash, { salt, value }), pointer).toBe(true);
    }
  });
});

test('who takes part in a round, and what members are called, is not to be read', async () => {
  for (const type of [
    'cohortSelected',
    'updateAccepted',
    'consentGiven',
    'taskDeclined',
    'evaluated',
  ] as const) {
    const [entry] = await entriesOf(`job/${JOB}`, type, JOB_EVENTS[type]);
    expect(entry?.salted).toHaveLength(1);
    expect(new TextDecoder().decode(entry?.bytes)).not.toContain(HIDDEN[0]);
    expect(entry?.salted?.[0]?.value).toContain(NODE);
  }
  const [enrolled] = await entriesOf('federation', 'memberEnrolled', FEDERATION_EVENTS.memberEnrolled);
  expect(new TextDecoder().decode(enrolled?.bytes)).not.toContain(HIDDEN[1]);
  expect(enrolled?.salted).toEqual([{ pointer: '/data/name', salt: expect.anything(), value: '"Ada"' }]);
});

test('what people are called, and by which passkey they sign in, is not to be read either', async () => {
  for (const [type, data] of Object.entries(FEDERATION_EVENTS).filter(([name]) => PERSONAL.test(name))) {
    const [entry] = await entriesOf('federation', type, data);
    const text = new TextDecoder().decode(entry?.bytes);
    for (const secret of ['Ada', '"ada"', CREDENTIAL.credentialId, HASH.slice(1)])
      expect(
        text.replaceAll(/urn:hanse:coordinator:0{64}/g, '').replaceAll(/"salted":"[0-9a-f]{64}"/g, ''),
        type,
      ).not.toContain(secret);
    expect(text).toContain(type === 'tokenRevoked' ? NODE : PERSON);
  }
  const [opened] = await entriesOf('sessions', 'sessionOpened', SESSION_EVENTS.sessionOpened);
  expect(decodeLeaf(opened?.bytes ?? new Uint8Array()).data).toEqual({
    ...{ method: 'link', person: PERSON, session: NODE },
  });
});

test('where models and sums come from is said in the words of PROV', async () => {
  const of = async (type: 'jobCreated' | 'aggregated' | 'released', more: object = {}) => {
    const [entry] = await entriesOf(`job/${JOB}`, type, { ...JOB_EVENTS[type], ...more });
    return (decodeLeaf(entry?.bytes ?? new Uint8Array()).data as { prov?: object }).prov;
  };
  expect(await of('jobCreated')).toMatchObject({ attributedTo: [`urn:hanse:node:${NODE}`] });
  expect(await of('aggregated', { record: HASH, sum: HASH })).toEqual({
    activity: `urn:hanse:round:${JOB}/1/2`,
    used: [`urn:hanse:sum:${HASH}`],
    generated: [`urn:hanse:model:${HASH}`],
  });
  expect(await of('released')).toMatchObject({ generated: [`urn:hanse:model:${HASH}`] });
});

test('other streams have no entries, and an event that nobody knows is not passed over', async () => {
  expect(await entriesOf('mailbox/x', 'letterPosted', {})).toEqual([]);
  await expect(entriesOf(`job/${JOB}`, 'renamed', {})).rejects.toMatchObject({ code: 'invalidFormat' });
});

test('the largest cohort fits into an entry', async () => {
  const cohort = Array.from({ length: 10_000 }, (_, i) => i.toString(16).padStart(32, '0'));
  const [entry] = await entriesOf(`job/${JOB}`, 'cohortSelected', { ...JOB_EVENTS.cohortSelected, cohort });
  expect(entry?.bytes.length).toBeLessThan(1000);
});
