import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeStateFile } from '../../client/node-state-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-state-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('what was written is read, by its owner alone; a new node is not paused', async () => {
  const file = nodeStateFile(join(folder, 'identity.json'));
  expect(await file.read()).toEqual({ version: 1, paused: false, jobs: {} });
  const spent = { name: 'a', milliseconds: 0.5, steps: 2, rounds: 1, bytesUp: 3, bytesDown: 4 };
  const state = { version: 1, paused: true, jobs: { 'job-a': spent } } as const;
  await file.write(state);
  expect(await file.read()).toEqual(state);
  const path = join(folder, 'identity.json.state');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await chmod(path, 0o644);
  await expect(file.read()).rejects.toMatchObject({ code: 'storageCorrupt' });
});

test('whether a node is paused is not guessed', async () => {
  const path = join(folder, 'damaged.json.state');
  await writeFile(path, '{"version":1,"paused":', { mode: 0o600 });
  await expect(nodeStateFile(join(folder, 'damaged.json')).read()).rejects.toMatchObject({
    code: 'storageCorrupt',
    detail: { path },
  });
  await expect(
    nodeStateFile(join(path, 'below')).write({ version: 1, paused: true, jobs: {} }),
  ).rejects.toMatchObject({ code: 'storageFailed' });
});
