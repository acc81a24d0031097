// covers: client/audit/folder-writer.ts, client/commands/audit-export.ts, protocol/audit/named-content.ts
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exportFolder } from '../../../client/audit/export-folder.ts';
import { contentPath, FolderWriter } from '../../../client/audit/folder-writer.ts';
import type { ExportSource } from '../../../protocol/audit/export-source.ts';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import { isOf } from '../../../protocol/audit/salted-field.ts';
import { newTiles, tilePath } from '../../../protocol/audit/tile.ts';
import { formatWitnessPolicy, parseWitnessPolicy } from '../../../protocol/audit/witness-policy.ts';
import { fromHex, toHex } from '../../../protocol/bytes.ts';
import type { Salted } from '../../../schemas/audit-event.ts';
import { openAuditExportSource } from '../../../server/audit-export-source.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { verifiedFolder } from '../../fixtures/exported-folder.ts';
import { loggedDataDir, type OpenDataDir } from '../../fixtures/logged-data-dir.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-export-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const refusal = (code: string) => expect.objectContaining({ code });
const QUIET = { progress: () => {}, note: () => {}, signal: new AbortController().signal };
const filesOf = (path: string) =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .sort();

describe.each([0, 1, 255, 256, 257, 600])('a log of %d entries', (size) => {
  let dataDir: OpenDataDir;
  beforeAll(async () => {
    dataDir = await loggedDataDir(size);
  });
  afterAll(async () => {
    await dataDir.close();
    rmSync(dataDir.path, { recursive: true });
  });

  test('is verified out of the files of its folder, which has nothing else', async () => {
    const to = join(folder, 'a', 'log');
    const words = ['audit', 'export', to, '--data-dir', dataDir.path, '--no-content'];
    const { exitCode, json } = await hanse([...words, '--json']);
    expect(exitCode).toBe(0);
    const { root } = dataDir.log.checkpoint;
    const tiles = [...newTiles(0, size)].map(tilePath);
    expect(json).toMatchObject({ folder: to, size, root: toHex(root), tiles: tiles.length });
    expect(json).toMatchObject({ content: 0, missing: 0 });
    expect(await verifiedFolder(to)).toHaveLength(size);
    const files = filesOf(to);
    expect(files).toEqual(['checkpoint', 'log.vkey', 'witness-policy', ...tiles].sort());
    const bytes = files.reduce((sum, name) => sum + statSync(join(to, name)).size, 0);
    expect(json).toMatchObject({ bytes });
    expect(readFileSync(join(to, 'checkpoint'), 'utf8')).toBe(dataDir.log.note);
    const policy = await parseWitnessPolicy(readFileSync(join(to, 'witness-policy'), 'utf8'));
    expect(policy).toMatchObject({ quorum: 'none', witnesses: [] });
    expect(formatWitnessPolicy(policy)).toContain(readFileSync(join(to, 'log.vkey'), 'utf8').trim());
  });

  test('goes with its salts only where that is asked for', async () => {
    const to = join(folder, 'log');
    const words = ['audit', 'export', to, '--data-dir', dataDir.path, '--no-content', '--salts'];
    expect((await hanse(words)).exitCode).toBe(0);
    const entries = await verifiedFolder(to);
    const lines = readFileSync(join(to, 'salts.jsonl'), 'utf8').split('\n').slice(0, -1);
    expect(statSync(join(to, 'salts.jsonl')).mode & 0o777).toBe(0o600);
    expect(lines.length).toBe(entries.filter((entry) => Buffer.from(entry).includes('salted')).length);
    for (const line of lines) {
      const { index, pointer, salt, value } = JSON.parse(line);
      expect(pointer).toBe('/data/node');
      const { node } = decodeLeaf(entries[index] as Uint8Array).data as { node: Salted };
      expect(await isOf(node, { salt: fromHex(salt) as Uint8Array, value })).toBe(true);
    }
  });
});

describe('a folder', () => {
  let dataDir: OpenDataDir;
  beforeAll(async () => {
    dataDir = await loggedDataDir(300);
  });
  afterAll(async () => {
    await dataDir.close();
    rmSync(dataDir.path, { recursive: true });
  });
  const write = async (to: string, overrides: object = {}) => {
    const source = openAuditExportSource(dataDir.path);
    const options = { content: true, salts: false, ...QUIET };
    return exportFolder({ ...source, ...overrides }, to, options).finally(() => source.close());
  };

  test('that is there and empty will do; one that has files, or is a file, is left as it is', async () => {
    const to = join(folder, 'log');
    mkdirSync(to);
    await write(to);
    await verifiedFolder(to);
    const before = filesOf(to);
    await expect(write(to)).rejects.toThrow(refusal('folderNotEmpty'));
    expect(filesOf(to)).toEqual(before);
    writeFileSync(join(folder, 'file'), 'kept');
    await expect(write(join(folder, 'file'))).rejects.toThrow(refusal('folderNotEmpty'));
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('kept');
    await expect(write(join(folder, 'file', 'log'))).rejects.toThrow(refusal('storageFailed'));
  });

  test('of which the export is stopped, wherever, has no checkpoint', async () => {
    const steps = [...newTiles(0, 300)].length;
    for (let step = 0; step <= steps; step += 1) {
      let calls = 0;
      const to = join(folder, String(step));
      const source = openAuditExportSource(dataDir.path);
      const tile: ExportSource['tile'] = async (one) => {
        if (calls++ === step) throw new Error('killed');
        return source.tile(one);
      };
      const written = write(to, { tile }).finally(() => source.close());
      if (step === steps) await verifiedFolder((await written).folder);
      else {
        await expect(written).rejects.toThrow('killed');
        expect(existsSync(join(to, 'checkpoint'))).toBe(false);
      }
    }
  });

  test('where the command is asked to stop says so', async () => {
    const stop = new AbortController();
    stop.abort();
    const words = ['audit', 'export', join(folder, 'log'), '--data-dir', dataDir.path, '--json'];
    const outcome = await hanse(words, { stop });
    expect(outcome).toMatchObject({ exitCode: 1, json: { problem: { code: 'interrupted' } } });
    expect(existsSync(join(folder, 'log', 'checkpoint'))).toBe(false);
  });

  test('is made of data directories with a log alone', async () => {
    const words = ['audit', 'export', join(folder, 'log'), '--data-dir', folder, '--json'];
    expect((await hanse(words)).json).toMatchObject({
      problem: {
        code: 'dataDirMissing',
        detail: expect.stringContaining(`folder ${folder}; lacks hanse.sqlite`),
      },
    });
    const bad = ['audit', 'export', join(folder, 'log'), '--job', '../x'];
    expect((await hanse(bad)).exitCode).toBe(2);
  });

  test('has no file outside of it, whatever paths say', async () => {
    const writer = await FolderWriter.create(join(folder, 'log'));
    for (const path of ['../a', 'a/../../b', '/a', 'a//b', '', '.', 'content/..', 'a\0', 'A', 'a/']) {
      await expect(writer.write(path, []), path).rejects.toThrow(RangeError);
      expect(() => writer.has(path), path).toThrow(RangeError);
    }
    for (const hash of ['', '0'.repeat(63), 'A'.repeat(64), `../${'0'.repeat(61)}`])
      expect(() => contentPath(hash)).toThrow(RangeError);
    await writer.write('tile/0/x001/000.p/17', [new Uint8Array(3)]);
    expect(filesOf(folder)).toEqual(['log/tile/0/x001/000.p/17']);
    expect(writer.bytes).toBe(3);
  });

  test('has content under no hash but its own', async () => {
    const writer = await FolderWriter.create(join(folder, 'log'));
    const sha256 = createHash('sha256').update('abc').digest('hex');
    await expect(writer.writeContent(sha256, [Buffer.from('abd')])).rejects.toThrow(refusal('hashMismatch'));
    expect(filesOf(folder)).toEqual([]);
    expect(writer.bytes).toBe(0);
    await writer.writeContent(sha256, [Buffer.from('a'), Buffer.from('bc')]);
    expect(filesOf(folder)).toEqual([`log/content/${sha256}`]);
    expect(writer.bytes).toBe(3);
  });
});
