// covers: server/read-records.ts
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { exportFolder } from '../../client/audit/export-folder.ts';
import { signCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { formatWitnessPolicy, majorityPolicy } from '../../protocol/audit/witness-policy.ts';
import { canonicalSha256 } from '../../protocol/canonical.ts';
import { parseJson } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { SignedRecord } from '../../schemas/secagg.ts';
import { openAuditExportSource } from '../../server/audit-export-source.ts';
import { openFileBlobStore } from '../../server/store/file-blob-store.ts';
import { hanse } from '../fixtures/command-line.ts';
import { verifiedFolder } from '../fixtures/exported-folder.ts';
import { nodeOf, TestFederation } from '../fixtures/federation.ts';
import { loggedDataDir, type OpenDataDir, openedDataDir } from '../fixtures/logged-data-dir.ts';
import { beginJob, playRound, SIZE } from '../fixtures/secure-round.ts';
import { cosigned, noteKey } from '../protocol/audit/notes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-export-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

let dataDir: OpenDataDir;
let federation: TestFederation;
let jobId: string;
let plainId: string;
/** Names of masked updates, and of those that are not. */
const updates: string[] = [];

beforeAll(async () => {
  const { signer } = await nodeOf('coordinator', 'operator');
  dataDir = await openedDataDir(signer);
  const { store } = dataDir;
  const blobs = await openFileBlobStore(join(dataDir.path, 'blobs'));
  federation = await TestFederation.open({ participants: SIZE, store, blobs });
  const untilTasks = () =>
    vi.waitFor(() => {
      for (const node of federation.participants) expect(federation.tasksOf(node)).not.toEqual([]);
    });
  const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.9 } as const;
  const runner = await beginJob(federation, { strategy });
  ({ jobId } = runner);
  for (const dropped of [undefined, 1]) {
    await untilTasks();
    await playRound(federation, dropped);
  }
  await vi.waitFor(() => expect(federation.coordinator.job(jobId).state.phase).toBe('finished'));
  ({ jobId: plainId } = await federation.createJob({ cohort: { size: SIZE, minimum: 2 } }));
  const events = await store.read(`job/${jobId}`);
  for (const { type, data } of events)
    if (type === 'updateAccepted') updates.push((data as { sha256: string }).sha256);
});
afterAll(async () => {
  await federation.coordinator.close();
  await dataDir.close();
  rmSync(dataDir.path, { recursive: true });
});
const exported = (to: string, ...words: string[]) =>
  hanse(['audit', 'export', to, '--data-dir', dataDir.path, '--json', ...words]);

test('all that entries name by its hash is in the folder, each under its hash, while the coordinator runs', async () => {
  const to = join(folder, 'log');
  expect(await exported(to)).toMatchObject({ exitCode: 0, json: { missing: 0 } });
  const entries = (await verifiedFolder(to)).map((entry) => decodeLeaf(entry));
  const content = (sha256: string) => readFileSync(join(to, 'content', sha256));
  const named = new Set(readdirSync(join(to, 'content')));
  for (const sha256 of named) expect(createHash('sha256').update(content(sha256)).digest('hex')).toBe(sha256);
  let rounds = 0;
  for (const { type, data } of entries) {
    const said = data as Record<string, string>;
    if (type === 'hanse.job.created') {
      const manifest = JSON.parse(content(said.manifestSha256 as string).toString());
      expect(await canonicalSha256(manifest)).toBe(said.manifestSha256);
      expect(named).toContain(manifest.initialModel);
    }
    if (type !== 'hanse.round.aggregated') continue;
    rounds += 1;
    for (const name of ['model', 'sum', 'record']) expect(named).toContain(said[name]);
    const { record } = parseJson(SignedRecord, content(said.record as string).toString(), 'record');
    expect(named).toContain(record.strategyState);
    for (const { sha256 } of record.updates) expect(named).toContain(sha256);
  }
  expect(rounds).toBe(2);
});

test('of one job alone where that is asked for, and none of a job that is not known', async () => {
  const [all, one, other] = [join(folder, 'all'), join(folder, 'one'), join(folder, 'other')];
  for (const [to, ...words] of [[all], [one, '--job', jobId], [other, '--job', plainId]] as const)
    expect((await exported(to, ...words)).exitCode).toBe(0);
  const [inAll, inOne, inOther] = [all, one, other].map((to) => readdirSync(join(to, 'content')));
  expect(inOther).toHaveLength(2); // its manifest and its model
  expect(new Set([...(inOne ?? []), ...(inOther ?? [])])).toEqual(new Set(inAll));
  expect(inOne?.length).toBeLessThan(inAll?.length ?? 0);
  const unknown = await exported(join(folder, 'none'), '--job', 'job-ffffffffffffffff');
  expect(unknown).toMatchObject({ exitCode: 1, json: { problem: { code: 'jobUnknown' } } });
  expect(existsSync(join(folder, 'none'))).toBe(false);
});

test('what is gone is absent and counted; what is damaged is left out, and said', async () => {
  const whole = await exported(join(folder, 'whole'));
  const [gone, damaged] = updates as [string, string];
  const source = openAuditExportSource(dataDir.path);
  const notes: string[] = [];
  async function* content(sha256: string) {
    if (sha256 === gone) throw new HanseError('blobUnknown', { sha256 });
    for await (const piece of source.content(sha256)) yield sha256 === damaged ? piece.slice(1) : piece;
  }
  const result = await exportFolder({ ...source, content }, join(folder, 'log'), {
    ...{ content: true, salts: false, progress: () => {}, signal: new AbortController().signal },
    note: (line) => notes.push(line),
  }).finally(() => source.close());
  const { content: written } = whole.json as { content: number };
  expect(result).toMatchObject({ missing: 2, content: written - 2 });
  expect(notes).toEqual([expect.stringContaining(damaged)]);
  const names = readdirSync(join(folder, 'log', 'content'));
  expect(names).not.toContain(gone);
  expect(names.filter((name) => name.startsWith(damaged))).toEqual([]);
  await verifiedFolder(join(folder, 'log'));
});

test('updates that are not masked are in no folder', async () => {
  for (const node of federation.participants) {
    await vi.waitFor(() => expect(federation.tasksOf(node)).not.toEqual([]));
    await federation.work(node);
  }
  await vi.waitFor(() => expect(federation.coordinator.job(plainId).state.history).not.toEqual([]));
  const accepted = (await dataDir.store.read(`job/${plainId}`))
    .filter(({ type }) => type === 'updateAccepted')
    .map(({ data }) => (data as { sha256: string }).sha256);
  expect(accepted.length).toBeGreaterThan(0);
  const to = join(folder, 'log');
  await exported(to);
  const names = readdirSync(join(to, 'content'));
  expect(names.filter((name) => accepted.includes(name))).toEqual([]);
  const { model } = federation.coordinator.job(plainId).state.history[0] as { model: string };
  expect(names).toContain(model);
});

test('a log of which something is missing is not exported as if it were whole', async () => {
  for (const sql of [
    'DELETE FROM entries WHERE place = 3',
    'DELETE FROM hashes WHERE level = 0 AND place = 3',
  ]) {
    const cut = await loggedDataDir(10);
    const to = join(folder, String(sql.length));
    const words = ['audit', 'export', '--data-dir', cut.path, '--json'];
    expect((await hanse([...words, `${to}-before`])).exitCode).toBe(0);
    const db = new Database(join(cut.path, 'audit.sqlite'));
    db.exec(sql);
    db.close();
    const after = await hanse([...words, to]);
    expect(after).toMatchObject({ exitCode: 1, json: { problem: { code: 'storageCorrupt' } } });
    expect(existsSync(join(to, 'checkpoint'))).toBe(false);
    await cut.close();
    rmSync(cut.path, { recursive: true });
  }
});

test('a log that was tampered with is exported as it is: whoever verifies it finds it out', async () => {
  const tampered = await loggedDataDir(10);
  const words = ['audit', 'export', '--data-dir', tampered.path];
  const sound = join(folder, 'sound');
  expect((await hanse([...words, sound])).exitCode).toBe(0);
  expect(await verifiedFolder(sound)).toHaveLength(10);
  const db = new Database(join(tampered.path, 'audit.sqlite'));
  // Of a kind that names content, so that it is looked into.
  const entry = Buffer.from('{"type":"hanse.job.created"}');
  db.prepare('UPDATE entries SET entry = ? WHERE place = 3').run(entry);
  db.close();
  const to = join(folder, 'tampered');
  const { exitCode, err } = await hanse([...words, to]);
  await tampered.close();
  rmSync(tampered.path, { recursive: true });
  expect(exitCode).toBe(0);
  expect(err).toContain('entry 3 is no event that is known');
  await expect(verifiedFolder(to)).rejects.toThrow();
});

test('goes up to what witnesses have cosigned, with the policy that counted them; to the newest where that is asked for', async () => {
  const { log, logKey } = dataDir;
  const before = openAuditExportSource(dataDir.path);
  expect([await before.checkpoint(), await before.policy()]).toEqual([
    log.note,
    expect.stringMatching(/\nquorum none\n$/),
  ]);
  await before.close();
  // A checkpoint of before, as if nobody had cosigned one since.
  const size = log.size - 3;
  const older = await signCheckpoint({ size, root: await log.rootAt(size) }, logKey.key, logKey.signer);
  const witness = await noteKey('org/node', 'cosignature', 4);
  const checkpoint = await cosigned(older, [witness]);
  const policy = formatWitnessPolicy(majorityPolicy(logKey.key, [{ name: 'org/node', key: witness.key }]));
  const file = join(dataDir.path, 'audit.witnessed');
  writeFileSync(file, JSON.stringify({ checkpoint, policy }));
  try {
    for (const [newest, expected] of [
      [false, checkpoint],
      [true, log.note],
    ] as const) {
      const source = openAuditExportSource(dataDir.path, { newest });
      expect([await source.checkpoint(), await source.policy()]).toEqual([expected, policy]);
      await source.close();
    }
    const [witnessed, newest] = [join(folder, 'witnessed'), join(folder, 'newest')];
    expect(await exported(witnessed)).toMatchObject({ json: { size } });
    await verifiedFolder(witnessed);
    expect(await exported(newest, '--newest')).toMatchObject({ json: { size: log.size } });
    const verified = (to: string) => hanse(['audit', 'verify', to, '--json']);
    expect(await verified(witnessed)).toMatchObject({ json: { witnesses: { cosigned: 1, needed: 1 } } });
    expect(await verified(newest)).toMatchObject({
      exitCode: 1,
      json: { findings: expect.arrayContaining([expect.objectContaining({ code: 'quorumMissing' })]) },
    });
  } finally {
    rmSync(file);
  }
});
