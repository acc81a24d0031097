import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeOrganisationKey, readOrganisationKey } from '../../client/organisation-key.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-'));
});
afterAll(() => rm(folder, { recursive: true }));
const unreadable = { code: 'organisationKeyUnreadable' };

test('a key that is made is on disk, for its owner alone, and is never made again in its place', async () => {
  const file = join(folder, 'deep', 'clinic.key');
  const made = await makeOrganisationKey(file);
  expect((await readOrganisationKey(file)).publicKey).toEqual(made.publicKey);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const before = await readFile(file);
  await expect(makeOrganisationKey(file)).rejects.toMatchObject(unreadable);
  expect(await readFile(file)).toEqual(before);
  const other = await makeOrganisationKey(join(folder, 'other.key'));
  expect(other.publicKey).not.toEqual(made.publicKey);
});

test('one that others can read, that is something else or not there, is refused', async () => {
  const file = join(folder, 'spoilt.key');
  await makeOrganisationKey(file);
  await chmod(file, 0o640);
  await expect(readOrganisationKey(file)).rejects.toMatchObject(unreadable);
  await chmod(file, 0o600);
  await expect(readOrganisationKey(file)).resolves.toBeDefined();
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('organisationKey', 'identity'));
  await expect(readOrganisationKey(file)).rejects.toMatchObject(unreadable);
  await expect(readOrganisationKey(join(folder, 'none.key'))).rejects.toMatchObject(unreadable);
});
