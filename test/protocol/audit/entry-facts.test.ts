import { expect, test } from 'vitest';
import { EntryFactsReader } from '../../../protocol/audit/entry-facts.ts';
import { decodeLeaf, encodeLeaf } from '../../../protocol/audit/leaf.ts';
import type { AuditEvent } from '../../../schemas/audit-event.ts';
import { AGREED, JOB, leafOf, NODES, RESEARCHER, SALTED } from '../../fixtures/asked-log.ts';

const factsOf = (...events: AuditEvent[]) => {
  const reader = new EntryFactsReader();
  return events.map((event, index) => reader.read(index, decodeLeaf(encodeLeaf(event))));
};
const [a] = NODES;

const enrolled = leafOf('member.enrolled', {
  ...{ nodeId: a, organisationId: 'clinic-a', role: 'participant', name: SALTED },
  ...{ publicKey: 'a'.repeat(64), organisationKey: 'b'.repeat(64) },
});
const created = leafOf('job.created', JOB);

test('a node belongs to the organisation that its entry names', () => {
  const [first, second] = factsOf(
    enrolled,
    leafOf('member.revoked', { nodeId: a, reason: 'left', by: RESEARCHER }),
  );
  expect(first).toMatchObject({ index: 0, actors: [a], organisations: ['clinic-a'], outcome: 'success' });
  expect(second).toMatchObject({ actors: [RESEARCHER, a], organisations: ['clinic-a'], text: 'left' });
});

test('rounds are for the purpose of their job, over its data sets and those of its agreements', () => {
  const failed = leafOf('round.failed', { jobId: JOB.jobId, round: 3, attempt: 2, code: 'cohortTooSmall' });
  const [, , third] = factsOf(leafOf('agreement.concluded', AGREED), created, failed);
  expect(third).toMatchObject({
    ...{ jobs: [JOB.jobId], round: 3, attempt: 2, purposes: ['cancer research'], outcome: 'failed' },
    dataSets: [{ name: 'slides' }, { name: 'scans', version: 'v2' }],
    agreements: [AGREED.agreementId],
  });
  // Of a job that nobody has created, nothing is known.
  expect(factsOf(failed)[0]).toMatchObject({ purposes: [], dataSets: [], agreements: [] });
});

test('what is salted is unknown, until its value is handed over', () => {
  const opened = leafOf('round.opened', {
    ...{ jobId: JOB.jobId, round: 1, attempt: 1, size: 1, cohort: SALTED, deadline: '2026-01-01T00:00:00Z' },
  });
  const reader = new EntryFactsReader();
  reader.read(0, enrolled);
  expect(reader.read(1, opened).actors).toEqual([]);
  const told = reader.read(1, opened, new Map([['/data/cohort', JSON.stringify([a])]]));
  expect(told).toMatchObject({ actors: [a], organisations: ['clinic-a'] });
  expect(reader.read(1, opened, new Map([['/data/cohort', 'no JSON']])).actors).toEqual([]);
});

test('denials are refused, with their codes; an agreement names both organisations', () => {
  const denied = leafOf('access.denied', {
    ...{ actor: 'anonymous', since: '2026-01-01T00:00:00Z', count: 2, codes: { signatureMissing: 2 } },
  });
  const [first, second] = factsOf(denied, leafOf('agreement.concluded', AGREED));
  expect(first).toMatchObject({ actors: ['anonymous'], outcome: 'refused', text: 'signatureMissing' });
  expect(second).toMatchObject({ organisations: ['clinic-a', 'lab'], dataSets: [AGREED.dataSet] });
});

test('policies that have decided, as a list or counted', () => {
  const reader = new EntryFactsReader();
  const denied = leafOf('access.denied', {
    ...{ actor: 'others', since: '2026-01-01T00:00:00Z', count: 2, codes: { roleRefused: 2 } },
  });
  // Of a later version of the catalogue: it has passed nobody's check here.
  const withPolicies = (policies: unknown) => ({ ...denied, data: { ...denied.data, policies } });
  expect(reader.read(0, withPolicies({ 'p-1': 2, 'p-2': 1 })).policies).toEqual(['p-1', 'p-2']);
  expect(reader.read(0, withPolicies(['p-1'])).policies).toEqual(['p-1']);
  expect(reader.read(0, denied).policies).toEqual([]);
});
