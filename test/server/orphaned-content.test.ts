import { beforeEach, expect, test } from 'vitest';
import type { AuditNote } from '../../server/audit-notes.ts';
import { ORPHAN_GRACE_MS, OrphanedContent } from '../../server/orphaned-content.ts';
import type { BlobStore } from '../../server/store/blob-store.ts';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type Node, TestFederation } from '../fixtures/federation.ts';
import { CODEC, FORWARD_GRAPH, INITIAL_MODEL } from '../fixtures/manifest.ts';
import { allSend, partiesOf, secureJob } from '../fixtures/secure-party.ts';
import { hashOf, modelFile, updateFile } from '../fixtures/vector-files.ts';

let federation: TestFederation;
beforeEach(async () => {
  federation = await TestFederation.open();
});

async function names(blobs: BlobStore): Promise<string[]> {
  const all: string[] = [];
  for await (const name of blobs.list()) all.push(name);
  return all.sort();
}

async function stored(...contents: Uint8Array[]): Promise<string[]> {
  for (const content of contents) await federation.blobs.put(content, { limitBytes: content.length });
  return contents.map(hashOf);
}

test('what no job names is removed in time, updates, models and graphs alike; whatever a job refers to stays', async () => {
  const [first, second, third] = federation.participants as [Node, Node, Node];
  await federation.appear();
  const runner = await federation.createJob({ rounds: 2 });
  await atRest();
  for (const node of federation.participants) await federation.work(node);
  await federation.work(first);
  // Released rounds, the current one, and an attempt that came to nothing: all of them refer to their updates.
  const referred = [
    ...federation.participants.map((node) => federation.updateOf(node, 1)),
    federation.updateOf(first, 2),
  ];
  const kept = [...(await stored(...referred, FORWARD_GRAPH, INITIAL_MODEL)), runner.state.model];
  // One sent for a round that is over, one whose event was never written, one of another size.
  const late = federation.updateOf(second, 7);
  const orphans = await stored(
    late,
    federation.updateOf(third, 2),
    updateFile([1, 2, 3], 1, { ...CODEC, width: 16, grid: 1 / 4000 }),
    // Sent for a job that nobody has created.
    modelFile([1, 2]),
    new Uint8Array(100).fill(1),
  );
  expect(await names(federation.blobs)).toEqual([...kept, ...orphans].sort());

  // They stay for a while after they were first found: the database may turn out to be an old copy.
  for (const wait of [0, ORPHAN_GRACE_MS - 1]) {
    await federation.clock.advance(wait);
    await federation.reopen();
    expect(await names(federation.blobs)).toEqual([...kept, ...orphans].sort());
  }
  await federation.clock.advance(1);
  await federation.reopen();
  expect(await names(federation.blobs)).toEqual([...kept].sort());
  await federation.appear();
  await federation.workAll();
  expect(federation.coordinator.jobs()[0]?.state).toMatchObject({ phase: 'finished' });
  expect(federation.reported).toEqual([]);
});

test('shares and answers of a secure attempt go once it is over, and no sooner; its updates, sum and record stay', async () => {
  await federation.appear();
  const lasting = { suite: 1, colluders: 0, answerSeconds: 604_800 } as const;
  const created = await federation.createJob(secureJob(3, { secureAggregation: lasting }));
  await federation.appear();
  const parties = partiesOf(federation);
  const stateOf = () => federation.coordinator.job(created.jobId).state;
  const later = async () => {
    for (const wait of [0, ORPHAN_GRACE_MS]) {
      await federation.clock.advance(wait);
      await federation.reopen();
    }
  };
  for (const message of ['advertise', 'share', 'upload', 'consent'] as const) await allSend(parties, message);
  await allSend(parties.slice(0, 2), 'answer');
  const { shares, answers } = stateOf().secure ?? {};
  const transient = [...(shares?.values() ?? []), ...(answers?.values() ?? [])].map(({ sha256 }) => sha256);
  expect(transient).toHaveLength(3 + 2);
  await later();
  for (const name of transient) expect(await names(federation.blobs)).toContain(name);
  await allSend(parties.slice(2), 'answer');
  expect(stateOf().phase).toBe('finished');
  await later();
  const after = await names(federation.blobs);
  const last = hashOf(parties[2]?.answered ?? new Uint8Array());
  for (const name of [...transient, last]) expect(after).not.toContain(name);
  const { record, sum } = stateOf().history[0]?.secure ?? {};
  for (const name of [record, sum, ...parties.map(({ masked }) => hashOf(masked?.body ?? new Uint8Array()))])
    expect(after).toContain(name);
});

test('an update whose event cannot be written leaves content behind, which a later start removes', async () => {
  const [first] = federation.participants as [Node];
  await federation.appear();
  const { jobId } = await federation.createJob();
  await atRest();
  const params = { jobId, round: '1', attempt: '1' };
  const [one, other] = [federation.updateOf(first, 1), federation.updateOf(first, 2)];
  const put = (body: Uint8Array) => federation.call('putUpdate', first, { params, body });
  federation.store.fault = () => 'full';
  await expect(put(other)).rejects.toMatchObject({ code: 'storageFull' });
  federation.store.fault = () => undefined;
  await put(one);
  expect(await federation.blobs.has(hashOf(other))).toBeDefined();
  await federation.reopen();
  expect(await federation.blobs.has(hashOf(other))).toBeDefined();
  await federation.clock.advance(ORPHAN_GRACE_MS);
  await federation.reopen();
  expect(await federation.blobs.has(hashOf(other))).toBeUndefined();
  expect(await federation.blobs.has(hashOf(one))).toBeDefined();
});

test('what a start has found is forgotten once it belongs to a round', async () => {
  const store = memoryStore();
  const blobs = memoryBlobStore();
  const update = updateFile([0.1], 1, CODEC);
  await blobs.put(update, { limitBytes: update.length });
  const at = (ms: number) => new OrphanedContent(store).remove(blobs, new Date(ms));
  const accepted = {
    round: 1,
    attempt: 1,
    node: '1'.repeat(32),
    sha256: hashOf(update),
    bytes: update.length,
  };
  expect(await at(0)).toBe(0);
  await store.append('job/x', 0, [{ type: 'updateAccepted', version: 1, data: accepted }], new Date(0));
  expect(await at(ORPHAN_GRACE_MS)).toBe(0);
  // The same blobs with a database that has never heard of that round, as an old copy would not have.
  const older = memoryStore();
  for (const { type, version, data } of await store.read('orphans'))
    await older.append(
      'orphans',
      (await older.read('orphans')).length,
      [{ type, version, data }],
      new Date(0),
    );
  expect(await new OrphanedContent(older).remove(blobs, new Date(ORPHAN_GRACE_MS))).toBe(0);
  expect(await new OrphanedContent(older).remove(blobs, new Date(2 * ORPHAN_GRACE_MS))).toBe(1);
});

test('what a member stores again stays for a week from then, also if it was found long ago', async () => {
  const { researcher } = federation;
  const put = (body: Uint8Array) =>
    federation.call('putBlob', researcher, { params: { sha256: hashOf(body) }, body });
  const unused = new Uint8Array(100).fill(1);
  await stored(FORWARD_GRAPH, INITIAL_MODEL, unused);
  await federation.reopen();
  await federation.clock.advance(ORPHAN_GRACE_MS);
  await Promise.all([put(FORWARD_GRAPH), put(INITIAL_MODEL), put(INITIAL_MODEL)]);
  await federation.reopen();
  expect(await names(federation.blobs)).toEqual([hashOf(FORWARD_GRAPH), hashOf(INITIAL_MODEL)].sort());
  const body = federation.manifest();
  await federation.clock.advance(ORPHAN_GRACE_MS - 1);
  await put(INITIAL_MODEL);
  await federation.clock.advance(1);
  await federation.reopen();
  expect(await names(federation.blobs)).toEqual([hashOf(INITIAL_MODEL)]);
  await put(FORWARD_GRAPH);
  await federation.call('createJob', researcher, { body });
});

test('the log tells how many were removed', async () => {
  const noted: AuditNote[] = [];
  const notes = { record: async (note: AuditNote) => void noted.push(note) };
  const own = await TestFederation.open({ participants: 0, notes });
  const file = updateFile([0.1], 1, CODEC);
  await own.blobs.put(file, { limitBytes: file.length });
  await own.reopen();
  expect(noted).toEqual([]);
  await own.clock.advance(ORPHAN_GRACE_MS);
  const until = new Date(own.clock.now() - ORPHAN_GRACE_MS).toISOString();
  await own.reopen();
  expect(noted).toEqual([{ type: 'retention.enforced', data: { what: 'orphans', count: 1, until } }]);
});
