import { beforeEach, expect, test } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { seededRandom } from '../../protocol/random.ts';
import { Federation } from '../../server/federation.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import type { Store } from '../../server/store/store.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { faultyStore } from '../fixtures/faulty-stores.ts';
import { admissionOf, type Node, nodeOf } from '../fixtures/federation.ts';

let store: Store;
let clock: VirtualClock;
let operator: Node;
const random = seededRandom(new Uint8Array(32));
const problem = (code: string) => expect.objectContaining({ code });

beforeEach(async () => {
  store = memoryStore();
  clock = new VirtualClock();
  operator = await nodeOf('operator', 'operator');
});

async function open(
  options: { store?: Store; operator?: Node; coordinator?: string; expectedId?: string } = {},
) {
  const { signer } = await nodeOf(options.coordinator ?? 'coordinator', 'operator');
  const keys = {
    coordinator: signer,
    operator: (options.operator ?? operator).signer.publicKey,
  };
  return Federation.open(options.store ?? store, keys, { clock, random }, options.expectedId);
}

const invite = (federation: Federation) =>
  federation.invite({ role: 'participant', organisationId: 'hansa', lifetimeSeconds: 60 }, operator.nodeId);

const enrolment = async (federation: Federation, node: Node, token: string, name = 'a node') => ({
  token,
  publicKey: toHex(node.signer.publicKey),
  name,
  admission: await admissionOf(node, federation.id),
});

/** The request of this node, as the coordinator gets it. */
const enrol = async (federation: Federation, node: Node, token: string) =>
  federation.enrol(await enrolment(federation, node, token));

test('is founded once, with its operator; opened again it is the same', async () => {
  const founded = await open();
  expect(founded.id).toMatch(/^fed-[0-9a-f]{16}$/);
  expect([...founded.members()]).toMatchObject([{ nodeId: operator.nodeId, role: 'operator' }]);
  const again = await open();
  expect(again.id).toBe(founded.id);
  expect([...again.members()]).toEqual([...founded.members()]);
  expect(await store.read('federation')).toHaveLength(3);
});

test('of another coordinator is refused', async () => {
  await open();
  await expect(open({ coordinator: 'another' })).rejects.toEqual(problem('storageCorrupt'));
  await expect(open()).resolves.toBeDefined();
});

test('where there has been one, an empty store founds no other, and that of another is refused', async () => {
  const { id } = await open();
  expect((await open({ expectedId: id })).id).toBe(id);
  await expect(open({ expectedId: 'fed-0000000000000000' })).rejects.toEqual(problem('storageCorrupt'));
  const empty = memoryStore();
  await expect(open({ store: empty, expectedId: id })).rejects.toEqual(problem('storageCorrupt'));
  expect(await empty.streams('')).toEqual([]);
});

test('a stream that cannot have been written like this is refused', async () => {
  const federation = await open();
  const { token } = await invite(federation);
  await enrol(federation, await nodeOf('node', 'participant'), token);
  const records = await store.read('federation');
  const copyOf = async (kept: readonly number[]) => {
    const copy = memoryStore();
    for (const [i, which] of kept.entries()) {
      const { type, version, data, at } = records[which] as (typeof records)[number];
      await copy.append('federation', i, [{ type, version, data }], new Date(at));
    }
    return open({ store: copy });
  };
  expect([...(await copyOf([0, 1, 2, 3, 4, 5])).members()]).toHaveLength(2);
  for (const damaged of [
    [1, 2, 3, 4, 5],
    [0, 0, 1, 2, 3, 4, 5],
    [0, 1, 2, 4, 5],
    [0, 1, 2, 4, 3, 5],
    [0, 1, 2, 3, 4, 4, 5],
    // The directory is not that of the members, or not the next version.
    [0, 1, 2, 3, 4],
    [0, 1, 3, 4, 5],
    [0, 1, 2, 3, 4, 5, 5],
    [0, 1, 2, 3, 5],
  ])
    await expect(copyOf(damaged)).rejects.toEqual(problem('storageCorrupt'));
});

test('whoever starts the coordinator is an operator, even if an earlier key was lost', async () => {
  const { id } = await open();
  const other = await nodeOf('new operator', 'operator');
  const again = await open({ operator: other });
  expect(again.id).toBe(id);
  expect(again.member(other.nodeId)).toMatchObject({ role: 'operator' });
  expect(again.member(operator.nodeId)).toMatchObject({ role: 'operator' });
});

test('an invite enrols one node, with the role and organisation that it names', async () => {
  const federation = await open();
  const [first, second] = [await nodeOf('first', 'participant'), await nodeOf('second', 'participant')];
  const { token } = await invite(federation);
  const enrolled = await enrol(federation, first, token);
  expect(enrolled).toEqual({
    federationId: federation.id,
    nodeId: first.nodeId,
    organisationId: 'hansa',
    role: 'participant',
  });
  await expect(enrol(federation, second, token)).rejects.toEqual(problem('inviteSpent'));
  // The answer may have been lost: the same node is told again, even when the invite has expired meanwhile.
  await clock.advance(3_600_000);
  expect(await enrol(federation, first, token)).toEqual(enrolled);
  expect([...federation.members()]).toHaveLength(2);
});

test('of nodes that use one invite at once, one becomes a member', async () => {
  const federation = await open();
  const { token } = await invite(federation);
  const nodes = await Promise.all([0, 1, 2, 3].map((i) => nodeOf(`node ${i}`, 'participant')));
  const results = await Promise.allSettled(nodes.map((node) => enrol(federation, node, token)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect([...federation.members()]).toHaveLength(2);
});

test('an invite is good until its end, and only in its own federation', async () => {
  const federation = await open();
  const node = await nodeOf('node', 'participant');
  const [early, late] = [await invite(federation), await invite(federation)];
  await expect(enrol(federation, node, 'A'.repeat(43))).rejects.toEqual(problem('inviteUnknown'));
  await clock.advance(59_999);
  await expect(enrol(federation, node, early.token)).resolves.toBeDefined();
  await clock.advance(1);
  const other = await nodeOf('other', 'participant');
  await expect(enrol(federation, other, late.token)).rejects.toEqual(problem('inviteExpired'));
});

test('the token of an invite is stored nowhere', async () => {
  const federation = await open();
  const { token } = await invite(federation);
  const text = JSON.stringify(await store.read('federation'));
  expect(text).toContain('inviteCreated');
  expect(text).not.toContain(token);
});

test('what a node reports of itself is kept once', async () => {
  const federation = await open();
  const capabilities = { software: 'x', provider: 'wasm', providerReason: '', dataSets: [] } as const;
  const report = () =>
    federation.reportCapabilities(operator.nodeId, { ...capabilities, dataSets: [...capabilities.dataSets] });
  await report();
  await report();
  expect(federation.member(operator.nodeId)?.capabilities).toEqual(capabilities);
  expect(await store.read('federation')).toHaveLength(4);
});

test('a privacy ledger that does not go on from what was told of it is refused, also after a restart', async () => {
  const body = { software: 'x', provider: 'wasm', providerReason: '' } as const;
  const jobId = 'job-0123456789abcdef';
  const reportTo =
    (federation: Federation) =>
    (count: number, digit = 'a', accepted = new Map<string, number>()) => {
      const ledger = { head: { count, hash: digit.repeat(64) }, draws: [{ jobId, draws: 2 }] };
      return federation.reportCapabilities(operator.nodeId, { ...body, dataSets: [], ledger }, accepted);
    };
  const report = reportTo(await open());
  await report(5);
  await report(5);
  await report(7, 'b', new Map([[jobId, 2]]));
  const again = await open();
  // Not to be forgotten by leaving it away once.
  await again.reportCapabilities(operator.nodeId, { ...body, dataSets: [] });
  const { length } = await store.read('federation');
  await expect(reportTo(again)(5)).rejects.toEqual(problem('ledgerForked'));
  await expect(reportTo(again)(7, 'c')).rejects.toEqual(problem('ledgerForked'));
  await expect(reportTo(again)(8, 'c', new Map([[jobId, 3]]))).rejects.toEqual(problem('ledgerForked'));
  expect(await store.read('federation')).toHaveLength(length);
  await reportTo(again)(8, 'c', new Map([[jobId, 2]]));
});

test('a node that is started again and again, and measures the same, changes nothing', async () => {
  const federation = await open();
  const body = { software: 'x', provider: 'wasm', providerReason: '', dataSets: [] } as const;
  const began = () => federation.reportCapabilities(operator.nodeId, { ...body, dataSets: [] });
  const steps = [{ jobId: 'job-0123456789abcdef', milliseconds: 3 }];
  const measured = () => federation.reportCapabilities(operator.nodeId, { ...body, dataSets: [], steps });
  await began();
  const { length: before } = await store.read('federation');
  for (let start = 0; start < 30; start += 1) {
    await measured();
    await began();
  }
  expect(await store.read('federation')).toHaveLength(before + 1);
  expect(federation.member(operator.nodeId)?.capabilities?.steps).toEqual(steps);
  await federation.reportCapabilities(operator.nodeId, { ...body, software: 'y', dataSets: [] });
  expect(federation.member(operator.nodeId)?.capabilities).toEqual({ ...body, software: 'y' });
});

test('what a node reports again and again does not fill the records for ever', async () => {
  const federation = await open();
  const report = (software: string) =>
    federation.reportCapabilities(operator.nodeId, {
      software,
      provider: 'wasm',
      providerReason: '',
      dataSets: [],
    });
  const results = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => report(`x ${i}`)));
  const refused = results.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(30);
  await expect(report('y')).rejects.toEqual(problem('overloaded'));
  expect(await store.read('federation')).toHaveLength(23);
  expect(federation.member(operator.nodeId)?.capabilities?.software).toBe('x 19');
  await report('x 19');
  await clock.advance(900_000);
  await report('y');
  expect(federation.member(operator.nodeId)?.capabilities?.software).toBe('y');
});

test('an enrolment that cannot be stored makes no member', async () => {
  const faulty = faultyStore(store);
  const federation = await open({ store: faulty });
  const node = await nodeOf('node', 'participant');
  const { token } = await invite(federation);
  faulty.fault = () => 'full';
  await expect(enrol(federation, node, token)).rejects.toEqual(problem('storageFull'));
  expect(federation.member(node.nodeId)).toBeUndefined();
  faulty.fault = () => undefined;
  await expect(enrol(federation, node, token)).resolves.toBeDefined();
  expect(federation.member(node.nodeId)).toBeDefined();
});
