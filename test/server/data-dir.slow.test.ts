import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DataDir, openDataDir } from '../../server/data-dir.ts';

// Between processes, and after a kill: test/e2e/store-kill.test.ts.

let parent: string;
let path: string;
const opened: DataDir[] = [];
const open = (options = { create: true }) => {
  const dataDir = openDataDir(path, options);
  opened.push(dataDir);
  return dataDir;
};
const bytes = (text: string) => new TextEncoder().encode(text);
const mode = (file: string) => statSync(file).mode & 0o777;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'hanse-data-'));
  path = join(parent, 'deep', 'data');
});
afterEach(() => {
  for (const dataDir of opened.splice(0)) dataDir.release();
  rmSync(parent, { recursive: true });
});

test('its folders are private and its paths absolute', () => {
  const dataDir = open();
  expect(dataDir).toMatchObject({
    path,
    database: join(path, 'hanse.sqlite'),
    blobs: join(path, 'blobs'),
    keys: join(path, 'keys'),
  });
  for (const folder of [path, dataDir.blobs, dataDir.uploads, dataDir.keys]) expect(mode(folder)).toBe(0o700);
});

test('is created only where that is wanted', () => {
  const missing = expect.objectContaining({ code: 'dataFileMissing', detail: { file: path } });
  expect(() => open({ create: false })).toThrow(missing);
  mkdirSync(path, { recursive: true });
  expect(() => open({ create: false })).toThrow(missing);
  expect(readdirSync(path)).toEqual([]);
  open().release();
  expect(open({ create: false }).path).toBe(path);
});

test.skipIf(process.platform !== 'linux')('a place that has no folders to make is refused', () => {
  path = '/proc/hanse/data';
  expect(() => open()).toThrow(expect.objectContaining({ code: 'storageFailed' }));
});

test('one holder at a time, named by its process id', () => {
  const first = open();
  expect(() => open()).toThrow(
    expect.objectContaining({ code: 'dataDirInUse', detail: { path, pid: process.pid } }),
  );
  first.release();
  first.release();
  expect(open().path).toBe(path);
});

test('the traces of a dead process do not matter, even if its id is in use again', () => {
  open().release();
  for (const pid of [999_999_999, process.pid, 1]) {
    writeFileSync(join(path, 'pid'), `${pid}\n`);
    open().release();
  }
  open();
  writeFileSync(join(path, 'pid'), 'nonsense');
  expect(() => open()).toThrow(expect.objectContaining({ detail: { path, pid: 0 } }));
});

test('private files are replaced whole, with mode 600', () => {
  const dataDir = open();
  expect(dataDir.readPrivateFile('keys/coordinator.json')).toBeUndefined();
  // A kill in an earlier write left a part behind, readable for everyone.
  const beside = join(path, 'keys', 'coordinator.json~');
  writeFileSync(beside, 'ha');
  chmodSync(beside, 0o644);
  for (const text of ['first', 'second, longer', '']) {
    dataDir.writePrivateFile('keys/coordinator.json', bytes(text));
    expect(dataDir.readPrivateFile('keys/coordinator.json')).toEqual(bytes(text));
    expect(mode(join(dataDir.keys, 'coordinator.json'))).toBe(0o600);
  }
  expect(readdirSync(dataDir.keys)).toEqual(['coordinator.json']);
  dataDir.writePrivateFile('settings.json', bytes('{}'));
  expect(mode(join(path, 'settings.json'))).toBe(0o600);
});

test('names lead nowhere else', () => {
  const dataDir = open();
  for (const name of [
    '',
    '../x',
    'keys/../x',
    'keys/',
    '/etc/x',
    'a/b',
    '.hidden',
    'a~',
    'A',
    'a\0',
    'a\n',
  ]) {
    const refused = expect.objectContaining({ code: 'invalidFormat' });
    expect(() => dataDir.writePrivateFile(name, bytes('')), name).toThrow(refused);
    expect(() => dataDir.readPrivateFile(name), name).toThrow(refused);
  }
  for (const name of ['a-1.b', 'locks', 'keys/pid']) dataDir.writePrivateFile(name, bytes(''));
});

test('a path that cannot be a folder is storageFailed', () => {
  writeFileSync(join(parent, 'file'), '');
  expect(() => openDataDir(join(parent, 'file', 'data'), { create: true })).toThrow(
    expect.objectContaining({ code: 'storageFailed' }),
  );
  open();
});
