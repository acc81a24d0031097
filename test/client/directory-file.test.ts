import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { directoryFile } from '../../client/directory-file.ts';
import type { PinnedFederation } from '../../protocol/admission.ts';
import type { Directory } from '../../schemas/directory.ts';
import { directoryOf, organisationOf, pinnedFederation } from '../fixtures/directory-maker.ts';

let folder: string;
let federation: PinnedFederation;
let directory: Directory;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  federation = await pinnedFederation();
  directory = await directoryOf([await organisationOf('clinic', ['a', 'b'])]);
});
afterAll(() => rm(folder, { recursive: true }));

test('what is pinned lies beside the identity, for its owner alone, and is there again', async () => {
  const pin = directoryFile(join(folder, 'identity.json'), federation);
  expect(await pin.read()).toBeUndefined();
  await pin.write(directory);
  expect(await pin.read()).toEqual(directory);
  expect((await stat(join(folder, 'identity.json.directory'))).mode & 0o777).toBe(0o600);
});

test('one that was changed, or belongs to another federation, is not taken for what was pinned', async () => {
  const file = join(folder, 'identity.json.directory');
  const pin = directoryFile(join(folder, 'identity.json'), federation);
  await pin.write(directory);
  await expect(pin.read()).resolves.toBeDefined();
  const other = { ...federation, federationId: 'fed-fedcba9876543210' };
  const unreadable = { code: 'directoryUnreadable', detail: { file } };
  await expect(directoryFile(join(folder, 'identity.json'), other).read()).rejects.toMatchObject(unreadable);
  const text = await readFile(file, 'utf8');
  for (const [from, to] of [
    ['"version": 1', '"version": 2'],
    ['clinic', 'clonic'],
    ['{', ''],
  ] as const) {
    await writeFile(file, text.replace(from, to));
    await expect(pin.read()).rejects.toMatchObject(unreadable);
  }
});
