import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { utf8 } from '../../protocol/bytes.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import { parseJson } from '../../protocol/parse.ts';
import { signRecord } from '../../protocol/secagg/record.ts';
import { type RoundRecord, SignedRecord } from '../../schemas/secagg.ts';
import type { BlobStore } from '../../server/store/blob-store.ts';
import { openFileBlobStore } from '../../server/store/file-blob-store.ts';
import { openSqliteStore } from '../../server/store/sqlite-store.ts';
import { verifyDataDir, verifyKept } from '../../server/stored-round.ts';
import { hanse } from '../fixtures/command-line.ts';
import { nodeOf, TestFederation } from '../fixtures/federation.ts';
import { beginJob, playRound, SIZE } from '../fixtures/secure-round.ts';

let dataDir: string;
let blobs: BlobStore;
let federation: TestFederation;
let jobId: string;

/** A coordinator on a disk that runs all the time: two rounds of a strategy that remembers, one drops out of the second. */
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hanse-stored-'));
  blobs = await openFileBlobStore(join(dataDir, 'blobs'));
  const store = openSqliteStore(join(dataDir, 'hanse.sqlite'));
  federation = await TestFederation.open({ participants: SIZE, store, blobs });
  const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.9 } as const;
  ({ jobId } = await beginJob(federation, { strategy }));
  await untilTasks();
  await playRound(federation);
  await untilTasks();
  await playRound(federation, 1);
  await vi.waitFor(() => expect(federation.coordinator.job(jobId).state.phase).toBe('finished'));
});

afterAll(async () => {
  await federation.coordinator.close();
  await rm(dataDir, { recursive: true });
});

/** The disk answers when it will. */
async function untilTasks(): Promise<void> {
  await vi.waitFor(() => {
    for (const node of federation.participants) expect(federation.tasksOf(node)).not.toEqual([]);
  });
}

const summaryOf = (round: number) => federation.coordinator.job(jobId).state.history[round - 1];

async function recordOf(round: number): Promise<RoundRecord> {
  const bytes = await blobs.read(summaryOf(round)?.secure?.record ?? '');
  return parseJson(SignedRecord, new TextDecoder().decode(bytes), 'record').record;
}

test('sum and model of a round are made again from what is kept, while the coordinator runs', async () => {
  const before = new Set(await readdir(join(dataDir, 'blobs'), { recursive: true }));
  for (const [round, survivors] of [
    [1, SIZE],
    [2, SIZE - 1],
  ] as const) {
    const { sum, nextModel: model } = await recordOf(round);
    expect(model).toBe(summaryOf(round)?.model);
    const expected = { jobId, round, attempt: 1, sum, model, survivors, recomputed: true };
    await expect(verifyDataDir(dataDir, jobId, round)).resolves.toEqual(expected);
    const words = ['round', 'verify', jobId, String(round), '--data-dir', dataDir];
    await expect(hanse([...words, '--json'])).resolves.toMatchObject({ exitCode: 0, json: expected });
    expect((await hanse(words)).out).toContain(
      `the sum of ${survivors} kept updates, made again, is the one`,
    );
  }
  // Nothing is written. The coordinator, which runs, may remove what it keeps no longer.
  const after = await readdir(join(dataDir, 'blobs'), { recursive: true });
  expect(after.filter((path) => !before.has(path))).toEqual([]);
});

test('what is not there is said by name', async () => {
  const codes = async (path: string, job: string, round: number) =>
    verifyDataDir(path, job, round).then(
      () => 'verified',
      (error: { code: string }) => error.code,
    );
  expect(await codes(dataDir, jobId, 1)).toBe('verified');
  expect(await codes(dataDir, jobId, 3)).toBe('roundUnknown');
  expect(await codes(dataDir, 'job-0000000000000000', 1)).toBe('jobUnknown');
  expect(await codes(join(dataDir, 'blobs'), jobId, 1)).toBe('dataDirMissing');
  const { jobId: plain } = await federation.createJob({ cohort: { size: SIZE, minimum: 2 } });
  expect(await codes(dataDir, plain, 1)).toBe('roundPlain');
});

describe('content that is not what it was', () => {
  /** What lies on the disk, some of it replaced or gone. */
  const kept = (replaced: ReadonlyMap<string, Uint8Array | undefined>) => ({
    store: federation.store,
    blobs: {
      has: async (sha256: string) => {
        if (!replaced.has(sha256)) return blobs.has(sha256);
        const content = replaced.get(sha256);
        return content && { size: content.length };
      },
      read: async (sha256: string) => replaced.get(sha256) ?? blobs.read(sha256),
    },
  });
  const verified = (replaced: ReadonlyMap<string, Uint8Array | undefined>) =>
    verifyKept(kept(replaced), jobId, 2);

  test('nothing replaced is verified', async () => {
    await expect(verified(new Map())).resolves.toMatchObject({ recomputed: true });
  });

  test('updates that were removed: not recomputable, and how many', async () => {
    const { updates } = await recordOf(2);
    const gone = new Map(updates.slice(1).map(({ sha256 }) => [sha256, undefined]));
    await expect(verified(gone)).rejects.toMatchObject({
      code: 'notRecomputable',
      detail: { round: 2, removed: SIZE - 2 },
    });
  });

  test('a flipped bit of an update', async () => {
    const { updates } = await recordOf(2);
    const [, { sha256 } = { sha256: '' }] = updates;
    const flipped = await blobs.read(sha256);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    await expect(verified(new Map([[sha256, flipped]]))).rejects.toMatchObject({ code: 'hashMismatch' });
    // On the disk the store itself sees it.
    const file = join(dataDir, 'blobs', sha256.slice(0, 2), sha256.slice(2));
    const whole = await blobs.read(sha256);
    await writeFile(file, flipped);
    await expect(verifyDataDir(dataDir, jobId, 2)).rejects.toMatchObject({ code: 'storageCorrupt' });
    await writeFile(file, whole);
    await expect(verifyDataDir(dataDir, jobId, 2)).resolves.toMatchObject({ recomputed: true });
  });

  test('a record that the coordinator has signed over a wrong secret, or another sum', async () => {
    const record = await recordOf(2);
    const { signer } = await nodeOf('coordinator', 'operator');
    const signed = async (lie: Partial<RoundRecord>) => {
      const bytes = utf8(canonicalJson(await signRecord({ ...record, ...lie }, signer)));
      return new Map([[summaryOf(2)?.secure?.record ?? '', bytes]]);
    };
    await expect(verified(await signed({}))).resolves.toMatchObject({ recomputed: true });
    const [first = '', ...others] = record.revealed;
    const wrong = `${first.startsWith('00') ? '11' : '00'}${first.slice(2)}`;
    const { sum } = await recordOf(1);
    for (const lie of [{ revealed: [wrong, ...others] }, { sum }])
      await expect(verified(await signed(lie))).rejects.toMatchObject({ code: 'recordInvalid' });
    await expect(verified(await signed({ nextModel: '11'.repeat(32) }))).rejects.toMatchObject({
      code: 'modelChainBroken',
    });
  });
});
