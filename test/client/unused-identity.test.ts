import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveControl } from '../../client/control-socket.ts';
import { lockIdentity } from '../../client/identity-lock.ts';
import { whileUnused } from '../../client/unused-identity.ts';

const nodeId = `${process.pid}`.padStart(32, 'c');
let folder: string;
let file: string;
const inUse = {
  code: 'identityInUse',
  detail: {
    get file() {
      return file;
    },
  },
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-unused-'));
  file = join(folder, 'identity.json');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('nothing is changed while a node holds the key, nor does one start meanwhile', async () => {
  const changes: number[] = [];
  const node = await lockIdentity(nodeId, file);
  const change = (n: number) => whileUnused(file, nodeId, async () => void changes.push(n));
  await expect(change(1)).rejects.toMatchObject(inUse);
  await node.release();
  await whileUnused(file, nodeId, () => expect(lockIdentity(nodeId, file)).rejects.toMatchObject(inUse));
  await change(2);
  expect(changes).toEqual([2]);
});

test('nor while a node still works with the key that this one has replaced', async () => {
  const control = await serveControl(file, async () => ({}));
  await expect(whileUnused(file, nodeId, async () => 1)).rejects.toMatchObject(inUse);
  await control.close();
  expect(await whileUnused(file, nodeId, async () => 1)).toBe(1);
});

test('what fails leaves nothing locked', async () => {
  const planted = new Error('planted');
  await expect(whileUnused(file, nodeId, () => Promise.reject(planted))).rejects.toBe(planted);
  expect(await whileUnused(file, nodeId, async () => 1)).toBe(1);
});
