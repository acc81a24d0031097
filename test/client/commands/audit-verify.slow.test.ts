/**
 * What a coordinator has logged and kept, exported by one command and verified by others; and with any file changed by one bit.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { AuditReport } from '../../../schemas/audit-report.ts';
import { openFileBlobStore } from '../../../server/store/file-blob-store.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { nodeOf, TestFederation } from '../../fixtures/federation.ts';
import { type OpenDataDir, openedDataDir } from '../../fixtures/logged-data-dir.ts';
import { beginJob, playRound, SIZE } from '../../fixtures/secure-round.ts';

const VERIFIER = fileURLToPath(new URL('../../verifier/verify_log.py', import.meta.url));
const python = (...words: string[]) => spawnSync('python3', [VERIFIER, ...words], { encoding: 'utf8' });
const hasPython = python().status === 2;

let root: string;
let dataDir: OpenDataDir;
let federation: TestFederation;
let jobId: string;
let folder: string;
let size: number;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hanse-verify-'));
  folder = join(root, 'exported');
  const { signer } = await nodeOf('coordinator', 'operator');
  dataDir = await openedDataDir(signer);
  const blobs = await openFileBlobStore(join(dataDir.path, 'blobs'));
  federation = await TestFederation.open({ participants: SIZE, store: dataDir.store, blobs });
  const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.9 } as const;
  ({ jobId } = await beginJob(federation, { strategy }));
  for (const dropped of [undefined, 1]) {
    await vi.waitFor(() => {
      for (const node of federation.participants) expect(federation.tasksOf(node)).not.toEqual([]);
    });
    await playRound(federation, dropped);
  }
  await vi.waitFor(() => expect(federation.coordinator.job(jobId).state.phase).toBe('finished'));
  const exported = await hanse(['audit', 'export', folder, '--data-dir', dataDir.path, '--salts', '--json']);
  ({ size } = exported.json as { size: number });
});
afterAll(async () => {
  await federation.coordinator.close();
  await dataDir.close();
  for (const path of [root, dataDir.path]) rmSync(path, { recursive: true });
});

async function verify(...options: string[]) {
  const { exitCode, json } = await hanse(['audit', 'verify', folder, ...options, '--json']);
  return { exitCode, report: json as AuditReport };
}

test('what was exported is verified, and its job made again', async () => {
  const { exitCode, report } = await verify();
  expect(report).toMatchObject({ verified: true, size, findings: [] });
  expect(report.jobs[0]?.rounds.map(({ recomputed }) => recomputed)).toEqual([true, true]);
  expect(exitCode).toBe(0);
  await expect(hanse(['audit', 'replay', folder, '--job', jobId, '--json'])).resolves.toMatchObject({
    exitCode: 0,
    json: { replayed: true, model: federation.coordinator.job(jobId).state.model },
  });
  if (!hasPython) return;
  expect(python(folder).stdout).toContain('2 released, 2 records checked, 2 models made again\nverified\n');
});

test('of receipts it says how many were looked for, and what to do where one has no entry', async () => {
  const file = join(root, 'receipts');
  const events = await dataDir.store.read(`job/${jobId}`);
  const receipts = events.flatMap(({ type, data }) => {
    const { round, attempt, sha256, bytes } = data as Record<string, number | string>;
    return type === 'updateAccepted' ? [{ jobId, round, attempt, sha256, bytes }] : [];
  });
  const told = async (lines: readonly object[]) => {
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return hanse(['audit', 'verify', folder, '--receipts', file]);
  };
  const all = await told(receipts);
  expect(all.out).toContain(`${receipts.length} receipts: the log tells of each update`);
  expect(all).toMatchObject({ exitCode: 0 });
  expect(all.out).toContain('2 rounds released, 2 of the sums made again');
  expect((await told([])).out).toContain('no receipts: the file has none');
  const missing = await told([{ ...receipts[0], sha256: 'ab'.repeat(32) }]);
  expect(missing.out).toContain('1 receipt: the log tells nothing of 1 of these updates');
  expect(missing.out).toContain('remedy of receiptMissing: ');
  expect(missing).toMatchObject({ exitCode: 1 });
  const none = await told([receipts[0] as object, { no: 'receipt' }]);
  expect(none.err).toContain(`${file}; expected a receipt in each line: line 2 is none`);
});

test('one bit of any file of it is enough to be refused, by both verifiers', async () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  expect(files.length).toBeGreaterThan(20);
  for (const path of files) {
    const file = join(folder, path);
    const bytes = readFileSync(file);
    const changed = Buffer.from(bytes);
    const at = Math.floor(bytes.length / 3);
    changed.writeUInt8(changed.readUInt8(at) ^ 4, at);
    writeFileSync(file, changed);
    const { exitCode, report } = await verify();
    expect({ path, exitCode, verified: report.verified }).toEqual({ path, exitCode: 1, verified: false });
    if (path.startsWith('tile')) expect(report.findings[0]?.leaf).toBeLessThan(size);
    // Salts are no business of the short one.
    if (hasPython && !path.startsWith('salts')) expect(python(folder).stdout, path).toContain('not verified');
    writeFileSync(file, bytes);
  }
  await expect(verify()).resolves.toMatchObject({ exitCode: 0 });
});

test('an export without content is verified as far as it goes, if that is what was asked', async () => {
  const small = join(root, 'small');
  await hanse(['audit', 'export', small, '--data-dir', dataDir.path, '--no-content']);
  const words = ['audit', 'verify', small, '--json'];
  await expect(hanse([...words, '--no-content'])).resolves.toMatchObject({
    exitCode: 0,
    json: { verified: true, size, jobs: [] },
  });
  await expect(hanse(words)).resolves.toMatchObject({
    exitCode: 1,
    json: { findings: [{ code: 'contentMissing' }] },
  });
});
