/**
 * What a member may store that no job names.
 */
import { beforeEach, expect, test } from 'vitest';
import { HanseError } from '../../protocol/problem.ts';
import { UnnamedContent } from '../../server/unnamed-content.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { type Node, TestFederation } from '../fixtures/federation.ts';
import { FORWARD_GRAPH, INITIAL_MODEL } from '../fixtures/manifest.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const LIMITS = { unnamedBytes: 100, unnamedCountsMs: 1000 };
const quota = expect.objectContaining({ code: 'contentQuota' });

let clock: VirtualClock;
let named: Set<string>;
let content: UnnamedContent;
beforeEach(() => {
  clock = new VirtualClock();
  named = new Set();
  content = new UnnamedContent(clock, LIMITS, (sha256) => named.has(sha256));
});

const store = (sha256: string, size: number, bytes = size, owner = 'a') =>
  content.storing(owner, sha256, bytes, async () => ({ size }));

/** Content that is being sent, until it fails. */
function underWay(sha256: string, bytes: number) {
  let reject = (_: HanseError) => {};
  const stored = new Promise<{ size: number }>((_, no) => (reject = no));
  const outcome = content.storing('a', sha256, bytes, () => stored);
  return { outcome, fail: () => reject(new HanseError('storageFull', { path: '' })) };
}

test('counts what no job names, of each member for itself, and for a while', async () => {
  await store('x', 60);
  await expect(store('y', 41)).rejects.toEqual(quota);
  await store('y', 40);
  await store('z', 100, 100, 'b');
  await expect(store('w', 1)).rejects.toEqual(quota);
  named.add('y');
  await store('w', 40);
  await store('y', 500); // a job names it
  await clock.advance(1000);
  await store('v', 100);
});

test('the same content counts once, and as much as it was', async () => {
  await store('x', 60, 100);
  await store('x', 60);
  await store('y', 40);
  await expect(store('w', 1)).rejects.toEqual(quota);
});

test('counts what is on its way, and nothing of what was refused', async () => {
  const slow = underWay('x', 90);
  expect(() => content.check('a', 'y', 11)).toThrow(quota);
  slow.fail();
  await expect(slow.outcome).rejects.toMatchObject({ code: 'storageFull' });
  content.check('a', 'y', 100);
});

test('a copy that breaks off takes nothing from the count of one that was stored meanwhile', async () => {
  const slow = underWay('x', 50);
  await store('x', 50);
  slow.fail();
  await expect(slow.outcome).rejects.toMatchObject({ code: 'storageFull' });
  await expect(store('y', 51)).rejects.toEqual(quota);
  await store('y', 50);
});

test('of copies that are on their way each has its place; none is left when all break off', async () => {
  const copies = [underWay('x', 50), underWay('x', 50)];
  expect(() => content.check('a', 'x', 1)).toThrow(quota);
  expect(() => content.check('a', 'y', 1)).toThrow(quota);
  for (const copy of copies) copy.fail();
  await Promise.allSettled(copies.map(({ outcome }) => outcome));
  content.check('a', 'y', 100);
});

test('over the routes: in one piece and in chunks, until a job names it', async () => {
  const unnamedBytes = FORWARD_GRAPH.length + INITIAL_MODEL.length;
  const federation = await TestFederation.open({ settings: { unnamedBytes } });
  const { researcher, operator } = federation;
  const put = (body: Uint8Array, node: Node = researcher) =>
    federation.call('putBlob', node, { params: { sha256: hashOf(body) }, body });
  const open = (body: Uint8Array) =>
    federation.call('openUpload', researcher, {
      body: { target: { type: 'blob' }, sha256: hashOf(body), bytes: body.length },
    });
  const more = new Uint8Array(unnamedBytes).fill(7);
  await put(FORWARD_GRAPH);
  await put(INITIAL_MODEL);
  await expect(put(more)).rejects.toEqual(quota);
  await expect(open(more)).rejects.toEqual(quota);
  await put(more, operator);
  await federation.createJob();
  await open(more);
  await put(more);
});
