import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { readCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { decodeBundle } from '../../protocol/audit/entry-bundle.ts';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { parseVerifierKey } from '../../protocol/audit/verifier-key.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { CoordinatorKeys } from '../../server/coordinator-keys.ts';
import { type DataDir, openDataDir } from '../../server/data-dir.ts';
import { Federation } from '../../server/federation.ts';
import { openRecords, type Records } from '../../server/records.ts';
import { openSqliteStore } from '../../server/store/sqlite-store.ts';

let folder: string;
let dataDir: DataDir;
let keys: CoordinatorKeys;
let opened: Records[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-records-'));
  dataDir = openDataDir(join(folder, 'data'), { create: true });
  keys = await CoordinatorKeys.open(dataDir);
});
afterEach(async () => {
  for (const { store } of opened) await store.close();
  opened = [];
  dataDir.release();
  rmSync(folder, { recursive: true });
});

async function open(): Promise<Records> {
  const records = await openRecords(dataDir, keys, primitives.random);
  opened.push(records);
  return records;
}

async function close(records: Records): Promise<void> {
  opened = opened.filter((one) => one !== records);
  await records.store.close();
}

/** A federation of its own, with its operator. */
const found = ({ store }: Records) =>
  Federation.open(
    store,
    { coordinator: keys.signer, operator: keys.operatorKey },
    { clock: systemClock, random: primitives.random },
  );

async function typesIn({ log }: Records): Promise<string[]> {
  const bundle = await log.tile({ level: 'entries', index: 0, width: log.size });
  return decodeBundle(bundle, log.size).map((entry) => decodeLeaf(entry).type);
}

test('what founds a federation is in the log, under a checkpoint that the key beside it verifies', async () => {
  const records = await open();
  await found(records);
  expect(await typesIn(records)).toEqual([
    'hanse.federation.created',
    'hanse.member.enrolled',
    'hanse.directory.issued',
  ]);
  const vkey = readFileSync(join(dataDir.keys, 'audit.vkey'), 'utf8');
  const key = await parseVerifierKey(vkey.trim());
  expect(await readCheckpoint(records.log.note, key)).toMatchObject({ size: 3 });
  expect(key.name).toMatch(/^hanse\/coordinator\/[0-9a-f]{16}$/);
  expect(key.publicKey).not.toEqual(keys.signer.publicKey);
});

test('a new start goes on with the same log, and logs what was stored and not logged', async () => {
  const first = await open();
  await found(first);
  const { note } = first.log;
  await close(first);
  const second = await open();
  expect(second.log.note).toBe(note);
  await close(second);
  // As a process that was killed between the two has left it.
  const store = openSqliteStore(dataDir.database);
  const invite = {
    tokenSha256: '0'.repeat(64),
    ...{ role: 'researcher', organisationId: 'a.example', needsApproval: false, by: '0'.repeat(32) },
    expiresAt: '2026-01-01T00:00:00.000Z',
  };
  const [{ length = 0 } = {}] = await store.streams('federation');
  await store.append('federation', length, [{ type: 'inviteCreated', version: 1, data: invite }], new Date());
  await store.close();
  const third = await open();
  expect((await typesIn(third)).slice(3)).toEqual(['hanse.member.invited']);
});

test('what is noted is in the log before its file is closed, and is no event of the store', async () => {
  const records = await open();
  await found(records);
  const noted = records.notes.record({ type: 'admin.stopped', data: { software: 'x', origin: 'y' } });
  await close(records);
  await noted;
  const again = await open();
  expect((await typesIn(again)).slice(3)).toEqual(['hanse.admin.stopped']);
  expect(await again.store.streams('notes')).toEqual([]);
});

describe('a start is refused', () => {
  beforeEach(async () => {
    const records = await open();
    await close(records);
    copyFileSync(dataDir.database, join(folder, 'earlier'));
    const again = await open();
    await found(again);
    await close(again);
  });
  const refusal = expect.objectContaining({ code: 'storageCorrupt' });

  test('where nobody touched anything, it is not', async () => {
    expect((await open()).log.size).toBe(3);
  });

  test('where the log is lost: another one in its place would be a second history', async () => {
    for (const name of readdirSync(dataDir.path))
      if (name.startsWith('audit.sqlite')) rmSync(join(dataDir.path, name));
    await expect(open()).rejects.toThrow(refusal);
  });

  test('where it is that of another coordinator', async () => {
    const other = openDataDir(join(folder, 'other'), { create: true });
    const { logKey, signer } = await CoordinatorKeys.open(other);
    other.release();
    await expect(openRecords(dataDir, { logKey, signer }, primitives.random)).rejects.toThrow(refusal);
  });

  test('where the store was put back to an older copy than the log', async () => {
    for (const name of readdirSync(dataDir.path))
      if (name.startsWith('hanse.sqlite')) rmSync(join(dataDir.path, name));
    copyFileSync(join(folder, 'earlier'), dataDir.database);
    await expect(open()).rejects.toThrow(refusal);
  });
});
