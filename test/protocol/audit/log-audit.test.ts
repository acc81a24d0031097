// covers: protocol/audit/verify-audit.ts, schemas/update-receipt.ts
import { beforeAll, expect, test } from 'vitest';
import { Findings } from '../../../protocol/audit/findings.ts';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import { LogAudit, type LogAuditOptions } from '../../../protocol/audit/log-audit.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { canonicalJson } from '../../../protocol/canonical.ts';
import type { AuditEvent } from '../../../schemas/audit-event.ts';
import type { UpdateReceipt } from '../../../schemas/update-receipt.ts';
import { entriesOfFederation, logKeyOfFederation, NOTHING } from '../../fixtures/exported-federation.ts';
import { TestFederation } from '../../fixtures/federation.ts';

let events: AuditEvent[];
let origin: string;
let jobId: string;

/** Two plain rounds. */
beforeAll(async () => {
  const federation = await TestFederation.open();
  await federation.appear();
  ({ jobId } = await federation.createJob({ rounds: 2 }));
  await federation.appear();
  await federation.workAll();
  events = (await entriesOfFederation(federation)).map(decodeLeaf);
  origin = (await logKeyOfFederation()).key.name;
});

function found(some: readonly (AuditEvent | Uint8Array)[], options?: LogAuditOptions, of = origin) {
  const findings = new Findings();
  const audit = new LogAudit(of, findings, options);
  for (const [leaf, event] of some.entries())
    audit.add(leaf, event instanceof Uint8Array ? event : utf8(canonicalJson(event)));
  audit.end();
  return findings.all.map(({ code, leaf }) => (leaf === undefined ? [code] : [code, leaf]));
}

const indexOf = (type: string, nth = 0) =>
  events.flatMap((event, at) => (event.type === `hanse.${type}` ? [at] : []))[nth] as number;
const withData = (event: AuditEvent | undefined, data: object) =>
  ({ ...event, data: { ...event?.data, ...data } }) as AuditEvent;
const replaced = (at: number, event: AuditEvent | Uint8Array | undefined) =>
  events.map((one, i) => (i === at ? (event ?? one) : one));

test('a log whose entries agree is found to', () => {
  expect(found(events)).toEqual([]);
  const audit = new LogAudit(origin, new Findings());
  for (const [leaf, event] of events.entries()) audit.add(leaf, utf8(canonicalJson(event)));
  const job = audit.jobs.get(jobId);
  expect(job).toMatchObject({ jobId, leaf: indexOf('job.created'), released: 2 });
  expect([...(job?.attempts.keys() ?? [])]).toEqual(['1/1', '2/1']);
  expect(job?.attempts.get('1/1')?.accepted.length).toBe(3);
});

test('an entry that is none is told, with its index', () => {
  const [first] = events;
  for (const bytes of [
    utf8('{}'),
    Uint8Array.of(0xff),
    utf8(` ${canonicalJson(first)}`),
    utf8(canonicalJson({ ...first, type: 'hanse.round.invented' })),
  ])
    expect(found([...events, bytes])).toEqual([['leafMalformed', events.length]]);
});

test('an event that comes twice, or out of the order of its stream', () => {
  const last = events.length - 1;
  expect(found([...events, events[last] as AuditEvent])).toEqual([['leafContradicts', last + 1]]);
  // One that contradicts nothing else.
  expect(found([...events, events[indexOf('member.enrolled')] as AuditEvent])).toEqual([
    ['leafContradicts', last + 1],
  ]);
  const [a, b] = [indexOf('round.updateAccepted'), indexOf('round.updateAccepted', 1)];
  const swapped = events.map((event, i) => (i === a ? events[b] : i === b ? events[a] : event));
  expect(found(swapped as AuditEvent[])).toEqual([['leafContradicts', b]]);
  for (const id of [
    'federation',
    'federation/',
    'federation/01',
    'federation/-1',
    '/1',
    'federation/99999999999999999',
  ])
    expect(found(replaced(1, { ...(events[1] as AuditEvent), id }))).toContainEqual(['leafContradicts', 1]);
});

test('times are the word of the coordinator: a clock that was set back contradicts nothing, another order does', () => {
  const skewed = events.map((event, at) => ({ ...event, time: `20${90 - (at % 60)}-01-01T00:00:00.000Z` }));
  expect(found(skewed)).toEqual([]);
  const at = indexOf('round.opened');
  const swapped = [...skewed.slice(0, at), ...skewed.slice(at, at + 2).reverse(), ...skewed.slice(at + 2)];
  expect(found(swapped)).not.toEqual([]);
  expect(found(replaced(at, { ...(events[at] as AuditEvent), time: 'yesterday' }))).toContainEqual([
    'leafMalformed',
    at,
  ]);
});

test('an event of another coordinator, or in the stream of another job', () => {
  const other = `urn:hanse:coordinator:${'0'.repeat(64)}`;
  expect(found(replaced(3, { ...(events[3] as AuditEvent), source: other }))).toEqual([
    ['leafContradicts', 3],
  ]);
  expect(found(events, {}, 'hanse/coordinator/0000000000000000')).toHaveLength(
    100 < events.length ? 100 : events.length,
  );
  expect(found(events, {}, 'a.log/of-others')).toEqual([]);
  const at = indexOf('round.opened');
  const id = `job/job-0000000000000000/${events[at]?.id.split('/').at(-1)}`;
  expect(found(replaced(at, { ...(events[at] as AuditEvent), id }))).toContainEqual(['leafContradicts', at]);
  const of = { coordinatorKey: '0'.repeat(64) };
  expect(found(replaced(0, withData(events[0], of)))).toEqual([['leafContradicts', 0]]);
});

test('a job that nobody has created, or that was created twice', () => {
  const at = indexOf('job.created');
  expect(found(events.filter((_, i) => i !== at))).toContainEqual(['leafContradicts', at]);
  const again = { ...(events[at] as AuditEvent), id: `job/${jobId}/9999` };
  expect(found([...events, again])).toEqual([['leafContradicts', events.length]]);
});

test('a model that is released is the one that was aggregated, once and in turn', () => {
  const at = indexOf('round.released');
  expect(found(replaced(at, withData(events[at], { model: NOTHING })))).toContainEqual([
    'leafContradicts',
    at,
  ]);
  expect(found(replaced(at, withData(events[at], { attempt: 2 })))).toContainEqual(['leafContradicts', at]);
  const aggregated = indexOf('round.aggregated');
  expect(found(replaced(aggregated, withData(events[aggregated], { model: NOTHING })))).toContainEqual([
    'leafContradicts',
    at,
  ]);
  const later = (type: string, place: number) =>
    ({ ...(events[indexOf(type)] as AuditEvent), id: `job/${jobId}/${9990 + place}` }) as AuditEvent;
  for (const type of ['round.released', 'round.aggregated', 'round.opened', 'round.updateAccepted'])
    expect(found([...events, later(type, 0)]), type).toEqual([['leafContradicts', events.length]]);
  expect(found(events.filter((_, i) => i !== indexOf('round.opened'))).length).toBeGreaterThan(0);
});

test('notes are numbered without gaps, in a stream of their own', () => {
  const note = (number: number, more: object = {}) =>
    ({
      ...(events[0] as AuditEvent),
      ...{ id: `notes/${number}`, type: 'hanse.admin.started', data: { software: 'x', origin } },
      ...more,
    }) as AuditEvent;
  const size = events.length;
  const [first, ...rest] = events as [AuditEvent, ...AuditEvent[]];
  expect(found([first, note(1), ...rest, note(2), note(3)])).toEqual([]);
  for (const numbers of [[2], [0], [1, 3], [1, 1], [2, 1]])
    expect(found([...events, ...numbers.map((number) => note(number))]), `${numbers}`).toContainEqual([
      'leafContradicts',
      size + numbers.findIndex((number, at) => number !== at + 1),
    ]);
  // One that cannot be read may have been the second.
  expect(found([...events, note(1), utf8('{}'), note(3)])).toEqual([['leafMalformed', size + 1]]);
  expect(found([...events, note(1), utf8('{}'), note(4)])).toContainEqual(['leafContradicts', size + 2]);
  const id = 'federation/9999';
  expect(found([...events, note(1, { id })])).toEqual([['leafContradicts', size]]);
  const event = { ...(events[indexOf('member.enrolled')] as AuditEvent), id: 'notes/1' };
  expect(found([...events, event])).toEqual([['leafContradicts', size]]);
});

test('each receipt has its entry', () => {
  const {
    prov: _prov,
    node: _node,
    ...said
  } = (events[indexOf('round.updateAccepted')]?.data ?? {}) as UpdateReceipt & {
    prov: unknown;
    node: unknown;
  };
  const receipt: UpdateReceipt = said;
  expect(found(events, { receipts: [receipt] })).toEqual([]);
  for (const lie of [{ sha256: NOTHING }, { round: 3 }, { attempt: 2 }, { bytes: receipt.bytes + 1 }])
    expect(found(events, { receipts: [receipt, { ...receipt, ...lie }] })).toEqual([['receiptMissing']]);
});
