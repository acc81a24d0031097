import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { letterFile } from '../../client/letter-log.ts';

const ONE = { letterId: 'a'.repeat(32), expiresAt: '2026-01-01T00:00:00.000Z' };
let folder: string;
let identity: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  identity = join(folder, 'identity.json');
});
afterEach(() => rm(folder, { recursive: true }));

test('what was written is read again, by its owner alone; at first there is nothing', async () => {
  const log = letterFile(identity);
  expect(await log.read()).toEqual([]);
  await log.write([ONE]);
  expect(await letterFile(identity).read()).toEqual([ONE]);
  expect((await stat(`${identity}.letters`)).mode & 0o777).toBe(0o600);
  await log.write([]);
  expect(await log.read()).toEqual([]);
});

test('a file that was not written like this is not guessed at', async () => {
  const log = letterFile(identity);
  await log.write([ONE]);
  const text = await readFile(`${identity}.letters`, 'utf8');
  for (const damaged of ['', text.slice(0, -5), text.replace('"version": 1', '"version": 2')]) {
    await writeFile(`${identity}.letters`, damaged);
    await expect(log.read()).rejects.toMatchObject({ code: 'storageCorrupt' });
  }
  await writeFile(`${identity}.letters`, text);
  expect(await log.read()).toEqual([ONE]);
  await chmod(`${identity}.letters`, 0o644);
  await expect(log.read()).rejects.toMatchObject({ code: 'storageCorrupt' });
});
