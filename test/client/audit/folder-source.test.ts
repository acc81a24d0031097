// covers: client/audit/verify-export.ts, client/commands/audit-verify.ts
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FolderSource } from '../../../client/audit/folder-source.ts';
import { toHex, utf8 } from '../../../protocol/bytes.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { exportFederation } from '../../fixtures/exported-federation.ts';
import { type ExportFiles, exportOf, writeExport } from '../../fixtures/exported-log.ts';
import { TestFederation } from '../../fixtures/federation.ts';
import { hashOf } from '../../fixtures/vector-files.ts';
import { noteKey } from '../../protocol/audit/notes.ts';

const entries = Array.from({ length: 3 }, (_, at) => utf8(`entry ${at}`));
const CONTENT = utf8('what an entry names');
let root: string;
let folder: string;
let files: ExportFiles;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'hanse-export-'));
  folder = join(root, 'exported');
  mkdirSync(folder);
  files = await exportOf(entries, { content: [CONTENT] });
  writeExport(folder, files);
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (path: string) => join(folder, path);
const strays = async () => {
  const found: string[] = [];
  for await (const { code } of (await FolderSource.open(folder)).strays()) found.push(code);
  return found;
};

async function verify(...options: string[]) {
  const { exitCode, json } = await hanse(['audit', 'verify', folder, '--tree', ...options, '--json']);
  const { findings, problem } = json as { findings?: { code: string }[]; problem?: { code: string } };
  return { exitCode, codes: (findings ?? (problem ? [problem] : [])).map(({ code }) => code) };
}

test('what is in the folder is read, and nothing else belongs there', async () => {
  const source = await FolderSource.open(folder);
  expect(await source.tile({ level: 0, index: 0, width: 3 })).toEqual(files.get('tile/0/000.p/3'));
  expect(await source.content(hashOf(CONTENT), 100)).toEqual(CONTENT);
  expect(await source.content('00'.repeat(32), 100)).toBeUndefined();
  expect(await strays()).toEqual([]);
  for (const path of ['notes', 'tile/0/0', 'tile/x001/000', 'content/..', 'content/AB', 'tile/7/000']) {
    if (path.endsWith('..')) continue;
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(at(path), '');
  }
  expect(await strays()).toEqual(Array(5).fill('exportMalformed'));
});

test('content that nobody asks for has the hash of its name all the same', async () => {
  writeFileSync(at(`content/${hashOf(CONTENT)}`), 'another');
  expect(await strays()).toEqual(['hashMismatch']);
});

test('links are not followed, whatever they point to', async () => {
  renameSync(at('tile'), join(root, 'tile'));
  symlinkSync(join(root, 'tile'), at('tile'));
  const linked = await FolderSource.open(folder);
  await expect(linked.tile({ level: 0, index: 0, width: 3 })).rejects.toMatchObject({
    code: 'exportMalformed',
  });
  expect(await strays()).toEqual(['exportMalformed']);
  rmSync(at('log.vkey'));
  symlinkSync('/dev/zero', at('log.vkey'));
  await expect(linked.text('log.vkey')).rejects.toMatchObject({ code: 'exportMalformed' });
});

test('a file that is larger than it may be is not read', async () => {
  const source = await FolderSource.open(folder);
  const name = hashOf(CONTENT);
  expect(await source.content(name, CONTENT.length)).toEqual(CONTENT);
  await expect(source.content(name, CONTENT.length - 1)).rejects.toMatchObject({ code: 'exportMalformed' });
  truncateSync(at('log.vkey'), 2 ** 40);
  await expect(source.text('log.vkey')).rejects.toMatchObject({ code: 'exportMalformed' });
});

test('hanse audit verify says what it finds, and by whose word', async () => {
  const told = await hanse(['audit', 'verify', folder, '--tree']);
  expect(told).toMatchObject({ exitCode: 0 });
  expect(told.out).toContain('3 entries');
  expect(told.out).toContain('by its own word');
  expect(told.out).toContain('verified: true');
  const { json } = await hanse(['audit', 'verify', folder, '--tree', '--json']);
  expect(json).toMatchObject({ verified: true, size: 3, findings: [], jobs: [], key: 'folder' });

  writeFileSync(at('tile/entries/000.p/3'), files.get('tile/entries/000.p/3')?.map((byte) => byte ^ 1) ?? '');
  const wrong = await hanse(['audit', 'verify', folder, '--tree']);
  expect(wrong.exitCode).toBe(1);
  expect(wrong.out).toContain('leaf 0: ');
  expect(wrong.out).toContain('verified: false');
});

test('by pinned keys, and from an older checkpoint on', async () => {
  const [key = ''] = new TextDecoder().decode(files.get('log.vkey')).split('\n');
  const file = (name: string, content: Uint8Array | string) => {
    writeFileSync(join(root, name), content);
    return join(root, name);
  };
  expect(await verify('--key', key)).toEqual({ exitCode: 0, codes: [] });
  expect(await verify('--key', at('log.vkey'))).toEqual({ exitCode: 0, codes: [] });
  const others = await exportOf(entries, { by: await noteKey('another') });
  expect(await verify('--key', file('other.vkey', others.get('log.vkey') ?? ''))).toEqual({
    exitCode: 1,
    codes: ['originUnknown'],
  });
  expect(await verify('--key', file('bad.vkey', 'nothing'))).toMatchObject({ codes: ['verifierKeyInvalid'] });
  expect(await verify('--key', join(root, 'none'))).toMatchObject({ codes: ['dataFileMissing'] });

  const witness = await noteKey('w', 'cosignature', 7);
  const seen = await exportOf(entries, { witnesses: [witness] });
  const policy = file('policy', seen.get('witness-policy') ?? '');
  expect(await verify('--policy', policy)).toEqual({ exitCode: 1, codes: ['quorumMissing'] });
  writeFileSync(at('checkpoint'), seen.get('checkpoint') ?? '');
  expect(await verify('--policy', policy)).toEqual({ exitCode: 0, codes: [] });

  const older = await exportOf(entries.slice(0, 2));
  const forked = await exportOf([...entries.slice(0, 1), utf8('another')]);
  expect(await verify('--since', file('old', older.get('checkpoint') ?? ''))).toMatchObject({ codes: [] });
  expect(await verify('--since', file('fork', forked.get('checkpoint') ?? ''))).toEqual({
    exitCode: 1,
    codes: ['logForked'],
  });
});

test('what rounds name is looked for, unless the log was exported without it', async () => {
  const federation = await TestFederation.open();
  await federation.appear();
  const { jobId } = await federation.createJob();
  await federation.appear();
  await federation.workAll();
  const some = await exportFederation(federation, [jobId]);
  rmSync(folder, { recursive: true });
  writeExport(folder, some);
  const codes = async (...words: string[]) => {
    const { json } = await hanse(['audit', 'verify', folder, ...words, '--json']);
    return (json as { findings: { code: string }[] }).findings.map(({ code }) => code);
  };
  expect(await codes()).toEqual([]);
  rmSync(at('content'), { recursive: true });
  expect(await codes()).toEqual(['contentMissing']);
  expect(await codes('--job', jobId)).toEqual(['contentMissing']);
  expect(await codes('--no-content')).toEqual([]);
});

test('salts that were handed over open the fields that they name', async () => {
  const federation = await TestFederation.open();
  const salts: string[] = [];
  const some = await exportFederation(federation, [], (index, { pointer, salt, value }) =>
    salts.push(JSON.stringify({ index, pointer, salt: toHex(salt), value })),
  );
  rmSync(folder, { recursive: true });
  writeExport(folder, some);
  const codes = async (lines: readonly string[]) => {
    writeFileSync(at('salts.jsonl'), lines.map((line) => `${line}\n`).join(''));
    const { json } = await hanse(['audit', 'verify', folder, '--json']);
    return (json as { findings: { code: string }[] }).findings.map(({ code }) => code);
  };
  expect(salts.length).toBeGreaterThan(1);
  expect(await codes(salts)).toEqual([]);
  expect(await codes(salts.slice(1))).toEqual([]);
  expect(await codes([...salts].reverse())).toContain('saltMismatch');
  expect(await codes([...salts, '{'])).toEqual(['invalidFormat']);
});

test('a folder that is none, or lacks the least there has to be', async () => {
  expect(await verify()).toEqual({ exitCode: 0, codes: [] });
  rmSync(at('witness-policy'));
  expect(await verify()).toEqual({ exitCode: 0, codes: [] });
  writeFileSync(at('log.vkey'), Uint8Array.of(0xff));
  expect(await verify()).toEqual({ exitCode: 1, codes: ['exportMalformed'] });
  rmSync(at('log.vkey'));
  expect(await verify()).toEqual({ exitCode: 1, codes: ['exportMalformed'] });
  rmSync(at('checkpoint'));
  expect(await verify()).toEqual({ exitCode: 1, codes: ['exportMalformed'] });
  rmSync(folder, { recursive: true });
  expect(await verify()).toEqual({ exitCode: 1, codes: ['dataFileMissing'] });
});
