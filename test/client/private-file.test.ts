import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPrivately, unlessMissing, writePrivately } from '../../client/private-file.ts';
import { HanseError } from '../../protocol/problem.ts';

const Form = Type.Object({ word: Type.String() }, { additionalProperties: false });
const unusable = (reason: string, cause?: unknown) =>
  new HanseError('identityUnreadable', { file: 'it', reason }, { cause });
const read = (file: string) => readPrivately(Form, file, 'a word', unusable);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('what is written is read again, by its owner alone, and replaces what was there', async () => {
  const file = join(folder, 'deep', 'word.json');
  await writePrivately(file, { word: 'first' }, unusable);
  await writePrivately(file, { word: 'second' }, unusable);
  expect(await read(file)).toEqual({ word: 'second' });
  expect([(await stat(file)).mode & 0o777, await readdir(join(folder, 'deep'))]).toEqual([
    0o600,
    ['word.json'],
  ]);
});

test('a file that others can read, that has another form or cannot be written, is unusable', async () => {
  const file = join(folder, 'spoilt.json');
  await writePrivately(file, { word: 'SECRET' }, unusable);
  await chmod(file, 0o604);
  await expect(read(file)).rejects.toMatchObject({ detail: { reason: 'others may read it: mode 604' } });
  await chmod(file, 0o600);
  await expect(read(file)).resolves.toBeDefined();
  await writeFile(file, '{"word":"SECRET"');
  const error = await read(file).catch((problem: HanseError) => problem);
  expect(error).toMatchObject({ detail: { reason: 'it is not a word' } });
  expect(JSON.stringify(error)).not.toContain('SECRET');
  await expect(writePrivately(join(file, 'below.json'), {}, unusable)).rejects.toMatchObject({
    detail: { reason: expect.stringContaining('it cannot be written') },
  });
  expect(await readFile(file, 'utf8')).toBe('{"word":"SECRET"');
});

test('a file that is not there is told from one that cannot be used', async () => {
  await expect(read(join(folder, 'none.json')).catch(unlessMissing)).resolves.toBeUndefined();
  await writeFile(join(folder, 'open.json'), '{}', { mode: 0o644 });
  await expect(read(join(folder, 'open.json')).catch(unlessMissing)).rejects.toMatchObject({
    code: 'identityUnreadable',
  });
});
