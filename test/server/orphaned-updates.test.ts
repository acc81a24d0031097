import { beforeEach, expect, test } from 'vitest';
import type { BlobStore } from '../../server/store/blob-store.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type Node, TestFederation } from '../fixtures/federation.ts';
import { CODEC, FORWARD_GRAPH, INITIAL_MODEL } from '../fixtures/manifest.ts';
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

test('a start removes updates of no round; whatever a job refers to, and whatever is no update, stays', async () => {
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
  const kept = [
    ...(await stored(...referred, FORWARD_GRAPH, INITIAL_MODEL)),
    ...(await stored(modelFile([1, 2]), new Uint8Array(0), new Uint8Array(64), new Uint8Array(100).fill(1))),
    runner.state.model,
  ];
  // One sent for a round that is over, one whose event was never written, one of another size.
  const late = federation.updateOf(second, 7);
  const orphans = await stored(
    late,
    federation.updateOf(third, 2),
    updateFile([1, 2, 3], 1, { ...CODEC, width: 16, grid: 1 / 4000 }),
  );
  expect(await names(federation.blobs)).toEqual([...kept, ...orphans].sort());

  await federation.reopen();
  expect(await names(federation.blobs)).toEqual([...kept].sort());
  await federation.appear();
  await federation.workAll();
  expect(federation.coordinator.jobs()[0]?.state).toMatchObject({ phase: 'finished' });
  expect(federation.reported).toEqual([]);
});

test('a conflicting update leaves content behind, which the next start removes', async () => {
  const [first] = federation.participants as [Node];
  await federation.appear();
  const { jobId } = await federation.createJob();
  await atRest();
  const params = { jobId, round: '1', attempt: '1' };
  const [one, other] = [federation.updateOf(first, 1), federation.updateOf(first, 2)];
  const results = await Promise.allSettled(
    [one, other].map((body) => federation.call('putUpdate', first, { params, body })),
  );
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(await federation.blobs.has(hashOf(other))).toBeDefined();
  await federation.reopen();
  expect(await federation.blobs.has(hashOf(other))).toBeUndefined();
  expect(await federation.blobs.has(hashOf(one))).toBeDefined();
});
