import { describe, expect, test } from 'vitest';
import { concatBytes, utf8 } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { OutgoingBody, Select } from '../../server/handler-types.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import type { BlobStore } from '../../server/store/blob-store.ts';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { TestFederation } from '../fixtures/federation.ts';
import { beginJob, playRound, SIZE } from '../fixtures/secure-round.ts';
import { hashOf } from '../fixtures/vector-files.ts';

// The differences themselves: model-deltas.test.ts. Bad input over HTTP: app.test.ts.

const GRAPH = utf8('a graph of its own');
const sha256 = hashOf(GRAPH);
const problem = (code: string) => expect.objectContaining({ code });
const put = (federation: TestFederation, body: Uint8Array, named = hashOf(body)) =>
  federation.call('putBlob', federation.researcher, { params: { sha256: named }, body });
const nameIn = (federation: TestFederation) =>
  federation.createJob({ graph: { forward: sha256, trainStep: sha256 } });

function get(federation: TestFederation, select?: Select): Promise<OutgoingBody> {
  const request = { params: { sha256 }, ...(select && { select }) };
  return federation.call('getBlob', federation.researcher, request) as Promise<OutgoingBody>;
}

async function bytesOf({ source }: OutgoingBody): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return concatBytes(...pieces);
}

test('an upload comes back as it was, once a job names it, and is counted', async () => {
  const federation = await TestFederation.open();
  expect(await put(federation, GRAPH)).toEqual({ sha256, bytes: GRAPH.length });
  await expect(get(federation)).rejects.toEqual(problem('blobUnknown'));
  const { jobId } = await nameIn(federation);
  const answer = await get(federation);
  expect(answer).toMatchObject({ sha256, length: GRAPH.length, selection: { type: 'whole' } });
  expect(await bytesOf(answer)).toEqual(GRAPH);
  expect(federation.coordinator.readable.bytesDown(jobId)).toBe(GRAPH.length);
});

test('what is too large or has another hash is refused, and not kept', async () => {
  const federation = await TestFederation.open({ settings: { blobLimitBytes: GRAPH.length } });
  await expect(put(federation, utf8('another'), sha256)).rejects.toEqual(problem('hashMismatch'));
  await expect(put(federation, utf8(`${'x'.repeat(GRAPH.length)}.`))).rejects.toEqual(
    problem('bodyTooLarge'),
  );
  await expect(put(federation, GRAPH)).resolves.toMatchObject({ sha256 });
  const kept: string[] = [];
  for await (const name of federation.blobs.list()) kept.push(name);
  expect(kept).toEqual([sha256]);
});

test('a part is what was asked for; nothing where the caller has it already', async () => {
  const federation = await TestFederation.open();
  await put(federation, GRAPH);
  const { jobId } = await nameIn(federation);
  const part = await get(federation, () => ({ type: 'part', range: { start: 2, end: 7 } }));
  expect(await bytesOf(part)).toEqual(GRAPH.subarray(2, 7));
  expect(part).toMatchObject({ sha256, length: GRAPH.length });
  const known = await get(federation, () => ({ type: 'notModified' }));
  expect(await bytesOf(known)).toHaveLength(0);
  expect(federation.coordinator.readable.bytesDown(jobId)).toBe(5);
});

describe('content that is too large to be verified before the answer begins', () => {
  /** A store in which the graph counts as large, and can be damaged. */
  function storeWith(damage: { isThere: boolean; reads: number }): BlobStore {
    const beneath = memoryBlobStore();
    return {
      put: (source, options) => beneath.put(source, options),
      read: (name) => beneath.read(name),
      delete: (name) => beneath.delete(name),
      list: () => beneath.list(),
      sweepTemporary: () => beneath.sweepTemporary(),
      has: async (name) => (name === sha256 ? { size: 2 ** 27 } : beneath.has(name)),
      async *stream(name, range) {
        damage.reads += 1;
        yield* beneath.stream(name, range);
        if (damage.isThere) throw new HanseError('storageCorrupt', { path: name, reason: 'damaged' });
      },
    };
  }

  test('is verified first from when an answer has broken off until it is whole again', async () => {
    const damage = { isThere: false, reads: 0 };
    const federation = await TestFederation.open({ blobs: storeWith(damage) });
    await put(federation, GRAPH);
    await nameIn(federation);
    damage.reads = 0;
    expect(await bytesOf(await get(federation))).toEqual(GRAPH);
    expect(damage.reads).toBe(1);

    damage.isThere = true;
    const broken = await get(federation);
    await expect(bytesOf(broken)).rejects.toEqual(problem('storageCorrupt'));
    expect(federation.reported).toEqual([problem('storageCorrupt')]);
    await expect(get(federation)).rejects.toEqual(problem('storageCorrupt'));

    damage.isThere = false;
    damage.reads = 0;
    for (let i = 0; i < 2; i += 1) expect(await bytesOf(await get(federation))).toEqual(GRAPH);
    expect(damage.reads).toBe(3); // once more, to verify it
  });
});

test('the state of the strategy may be fetched of a secure job, where who joins makes the next model with it', async () => {
  const federation = await TestFederation.open({ participants: SIZE });
  const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.9 } as const;
  const stateOf = ({ state }: JobRunner) =>
    federation.call('getBlob', federation.researcher, { params: { sha256: state.strategyState ?? '' } });
  const secure = await beginJob(federation, { strategy, rounds: 1 });
  await playRound(federation);
  await expect(stateOf(secure)).resolves.toMatchObject({ sha256: secure.state.strategyState });
  const plain = await federation.createJob({ strategy, cohort: { size: SIZE, minimum: SIZE } });
  await federation.workAll();
  expect(plain.state.strategyState).not.toBe(secure.state.strategyState);
  await expect(stateOf(plain)).rejects.toEqual(problem('blobUnknown'));
});
